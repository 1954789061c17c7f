"""``.env`` files and ${…} in compose files, by Docker Compose's rules. Values stay in memory of the caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from safemig.base.files import content

_SIZE = 262_144
_VALUE_SIZE = 65_536
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][\w.\-]*)\s*(?:=|:\s)\s*(.*)$")
_NAME = re.compile(r"[A-Za-z_]\w*")
_SECRET = re.compile(
    r"pass|pwd|secret|token|credential|private|auth|dsn|salt|signing|cookie|(?:^|_)(?:key|pw|cert)s?(?:$|_)", re.I
)
_URL = re.compile(r"^[A-Za-z][\w+.\-]*://")


def read_env_file(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of an env file; {} when there is none. OSError when it exists and cannot be read."""
    if not path.exists():
        return {}
    return parse_env(content(path, _SIZE).decode("utf-8", "replace"), environ)


def parse_env(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """KEY=VALUE lines with quotes, comments and ${…}; earlier lines and ``environ`` may be referred to."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        matched = _LINE.match(line)
        if matched is None:
            continue
        value = matched.group(2).strip()
        if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
            quote_mark = value[0]
            value = value[1 : value.find(quote_mark, 1)]
            literal = quote_mark == "'"
        else:
            value = re.sub(r"(^|\s)#.*$", "", value).strip()
            literal = False
        found[matched.group(1)] = value if literal else interpolate(value, {**found, **environ})[0]
    return found


def interpolate(text: str, values: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """``text`` with $NAME, ${NAME}, ${NAME:-word}, ${NAME:+word}, ${NAME:?word} and $$ replaced.

    The second part names the variables that have no value (they become "", as in compose) or that are required
    and missing ("NAME: word").
    """
    missing: list[str] = []
    return _interpolate(text[:_VALUE_SIZE], values, missing, 0), tuple(missing)


def _interpolate(text: str, values: Mapping[str, str], missing: list[str], depth: int) -> str:
    out: list[str] = []
    place = 0
    while place < len(text):
        dollar = text.find("$", place)
        if dollar < 0 or dollar + 1 >= len(text):
            break
        out.append(text[place:dollar])
        following = text[dollar + 1]
        named = _NAME.match(text, dollar + 1)
        if following == "$":
            out.append("$")
            place = dollar + 2
        elif following == "{" and (end := _closing(text, dollar + 2)) > 0:
            out.append(_braced(text[dollar + 2 : end], values, missing, depth))
            place = end + 1
        elif named:
            out.append(_plain(named.group(), values, missing))
            place = named.end()
        else:
            out.append("$")
            place = dollar + 1
    return ("".join(out) + text[place:])[:_VALUE_SIZE]


def _closing(text: str, start: int) -> int:
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return -1


def _plain(name: str, values: Mapping[str, str], missing: list[str]) -> str:
    if name not in values:
        missing.append(name)
    return values.get(name, "")


def _braced(inside: str, values: Mapping[str, str], missing: list[str], depth: int) -> str:
    match = re.match(r"([A-Za-z_]\w*)(?:(:?[-?+])(.*))?$", inside, re.DOTALL)
    if match is None or depth > 10:
        return "${" + inside + "}"
    name, operator, word = match.group(1), match.group(2) or "", match.group(3) or ""
    value = values.get(name)
    has = bool(value) if operator.startswith(":") else value is not None
    if operator.endswith("-"):
        return value if has and value is not None else _interpolate(word, values, missing, depth + 1)
    if operator.endswith("+"):
        return _interpolate(word, values, missing, depth + 1) if has else ""
    if operator.endswith("?") and not has:
        missing.append(f"{name}: {word}" if word else name)
        return ""
    return _plain(name, values, missing)


def is_secret_name(name: str) -> bool:
    """Whether a variable of that name may hold a secret: judged by position, doubt counts as secret."""
    return _SECRET.search(name) is not None


def without_secret(name: str, value: str) -> str | None:
    """``value`` as it may be shown: URLs without their password, None where the name says that it is a secret."""
    if _URL.match(value):
        return without_password(value)
    return None if is_secret_name(name) else value


def without_password(url: str) -> str | None:
    """The URL without password and without query values; None when it cannot be taken apart safely."""
    try:
        parts = urlsplit(url)
        user, host = parts.username, parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if "@" in host or "@" in parts.path or any(c.isspace() for c in url):
        return None
    place = f"{quote(user, safe='%')}@{host}{port}" if user else f"{host}{port}"
    return f"{parts.scheme}://{place}{parts.path}"
