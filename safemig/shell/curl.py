"""What a ``curl`` command line asks, sends and saves.

Reading an address is a look. What is sent to this machine is a write. What leaves the machine (data, a file, text that
nobody knows beforehand, a method that changes something) cannot be taken back, and counts as unknown.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from safemig.shell.options import Known, Parsed
from safemig.shell.outcome import Effects, Words, destroys, reads, unknown, worst, writes
from safemig.shell.paths import overwrite, visible
from safemig.shell.quoting import HOLE

_SENDS = ("-d", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--data-ascii", "--json", "-F", "--form")
_OPTIONS = Known(
    "-s -S -f -L -i -I -v -k -g -G -4 -6 -# -N --silent --show-error --fail --location --include --head --verbose"
    " --insecure --get --compressed --fail-with-body --fail-early --retry-connrefused --retry-all-errors --no-buffer"
    " --no-progress-meter --http1.1 --version -H= --header= -m= --max-time= --connect-timeout= --retry= --retry-delay="
    " --retry-max-time= -A= --user-agent= -w= --write-out= -u= --user= -X= --request= -o= --output= -e= --referer="
    f" -b= --cookie= --url= {' '.join(f'{name}=' for name in _SENDS)}"
)
_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WRITING = frozenset({"POST", "PUT", "PATCH"})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
_HOST = re.compile(r"[\w.-]+|[0-9a-f:]+")


def curl(args: Words) -> Effects:
    found = _OPTIONS.parse(args)
    if found is None:
        return unknown(("curl", *args))
    if found.has("--version"):
        return reads()
    addresses = (*found.operands, *found.values("--url"))
    places = [_host(address) for address in addresses]
    values = [value for name, value in found.options if name not in ("-o", "--output", *_SENDS)]
    # "@file" makes curl read a file there, and "%output{file}" writes one.
    if None in places or any(value.startswith("@") or "%output{" in value for value in values):
        return unknown(("curl", *args))
    if found.has("-b", "--cookie") and not all("=" in value for value in found.values("-b", "--cookie")):
        return unknown(("curl", *args))
    local = all(place in _LOCAL for place in places)
    if not local and any(HOLE in word for word in (*addresses, *values, *found.values(*_SENDS))):
        return destroys("network", "curl sends text that is not known beforehand to another machine")
    saved = [overwrite(path, "curl") for path in found.values("-o", "--output") if path != "-"]
    return worst([_sent(found, local), *saved])


def _sent(found: Parsed, local: bool) -> Effects:
    methods = [value.upper() for value in found.values("-X", "--request")]
    if any(method not in _METHODS | _WRITING for method in methods):
        return destroys("service data", f"curl sends {methods[-1].replace(HOLE, 'an unknown method')}")
    sent = found.values(*_SENDS)
    if not sent and not _WRITING & set(methods):
        return reads()
    if not local:
        return destroys("network", "curl sends data to another machine")
    # "@file", "name@file" and, in a form, "name=<file" send what a file holds.
    files = [part.group(1) for value in sent if (part := re.match(r"[^=]*?(?:=[@<]|@)([^;]*)", value))]
    # A form may name several files, quoted ones, and further ones behind a semicolon.
    odd = any(re.search(r'[@<][^;]*[",\\]|;.*[@<]', value) for value in found.values("-F", "--form"))
    # "-" is what stands on standard input: the command before it is judged on its own.
    if odd or not all(path == "-" or visible(path) for path in files):
        return destroys("network", "curl sends a file that is hidden or outside the project")
    return writes("service data", "curl sends data to a service")


def _host(address: str) -> str | None:
    """The machine that an address names; None where that cannot be told."""
    if "\\" in address:
        return None
    try:
        place = urlsplit(address if "://" in address else f"http://{address}")
        host = place.hostname
    except ValueError:
        return None
    if place.scheme not in ("http", "https") or not host or not _HOST.fullmatch(host):
        return None
    return host
