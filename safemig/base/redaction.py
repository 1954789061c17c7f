"""Free text without its secrets: for everything that reaches a file, an event or a screen.

By position always: a password in a URL, the value of a key named like a secret, an Authorization header, a private key.
By value only where the value cannot be a name: ``postgres`` or ``course_db`` as a password would destroy table names,
image tags and digests all over a log. What stands in a secret's place is ``***``; redacting twice changes nothing.
Every pattern starts at a literal and is bounded, so the time grows linearly with the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

MARK = "***"
_SHORTEST = 12

# A key is secret by how it ends; what stands before (DB_, POSTGRES_, x-) does not matter and is not looked at.
_KEY = (
    r"(?:password|passwd|passphrase|_pass|_pwd|(?<![a-z])pwd|_pw|(?<![a-z])pw|(?<![a-z])(?-i:pass)"
    r"|secret|secret_?key(?:_base)?|token"
    r"|(?:api|access|private|secret|encryption|signing|auth)[-_]?key|credentials?)"
)
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|\\\"(?:[^\"\\\n]|\\[^\"\n])*\\\"|'(?:[^'\\\n]|\\.|'')*'"
_KEYED = (
    r"(?i)"
    rf"(?P<key>{_KEY}[0-9]{{0,4}}\\?[\"']?(?:[ \t]{{1,8}}=(?![=~>])[ \t]{{0,8}}|=(?![=~>])(?:[ \t]{{1,8}}(?=[\"']))?"
    rf"|[ \t]{{1,8}}(?::{{1,3}}|\?|\+)=[ \t]{{0,8}}|[ \t]{{0,8}}=>[ \t]{{0,8}}"
    rf"|[ \t]{{0,8}}:(?![:/=])[ \t]{{0,8}}))(?P<value>{_QUOTED}|(?:\\[ ]|\S)+)"
)
# A line that is one assignment or one pair: its value goes to the end of the line, blanks included.
_WHOLE_LINE = (
    r"(?im)"
    rf"^(?P<key>[ \t]{{0,40}}(?:- )?(?:(?:export|override)[ \t]{{1,8}})?[\"']?[\w.-]{{0,60}}?{_KEY}[0-9]{{0,4}}[\"']?"
    r"(?:[ \t]{0,8}(?::{1,3}|\?|\+)=[ \t]{0,8}|:[ \t]{1,8}))(?P<value>[^\s\"'|>&*{\[][^\r\n]*)"
)
# {"name": "DB_PASSWORD", "value": "…"}, `- name: DB_PASSWORD` above `value: …`, <input name="password" value="…">.
_PAIR = (
    r"(?i)"
    rf"(?P<key>\b(?:name|key|type|id)\\?[\"']?[ \t]{{0,8}}[:=][ \t]{{0,8}}\\?[\"']?[\w.-]{{0,60}}?{_KEY}"
    r"[0-9]{0,4}\\?[\"']?,?\s{0,40}(?:[\w-]{1,20}=\"[^\"<>\n]{0,80}\"\s{1,8}){0,4}"
    rf"\\?[\"']?value\\?[\"']?[ \t]{{0,8}}[:=][ \t]{{0,8}})(?P<value>{_QUOTED}|[^\s>]+)"
)
# <password>…</password>, and <th>SECRET_KEY</th><td>…</td> of an error page.
_ELEMENT = (
    r"(?i)"
    rf"(?P<key>[<:>][\w.-]{{0,60}}?{_KEY}[0-9]{{0,4}}(?:</t[dh]>\s{{0,40}}<t[dh][^<>]{{0,100}}>(?:<[a-z]{{1,8}}>)?|>))"
    r"(?P<value>[^<\n]+)(?=<)"
)
_KEY_PATTERNS = (("value", _PAIR), ("</", _ELEMENT), ("", _WHOLE_LINE), ("", _KEYED))
_COUNT = r"[0-9]{1,4}(?!\w)"
# The name of a secret is none: ${NAME}, $(NAME), $NAME, %(name)s, env:NAME, <name>.
_REFERENCE = r"\\?[\"']?(?:\$\{\w+\}|\$\(\w+\)|\${1,2}[A-Z_][A-Z0-9_]*|%\(\w+\)s|env:\w+|<[\w-]+>)[\\\"',;)}\]]{0,8}"
_ANNOTATION = r"(?:str|bytes|int|bool|float|None|null|SecretStr)(?:[ \t]*[|=].*)?|(?:Optional|Mapped|Annotated)\[.*"
# A call that makes the value, in code: token = mapped_column(String(40)).
_CALL = r"[A-Za-z_][\w.]{0,60}\((?![\"']).*|(?:\w{1,20}\.)?(?:mapped_column|Column)\(.*"
# PWD is the shell's word for the present folder.
_FOLDER = r"(?:OLD)?PWD=/"

_DATABASE = r"(?:postgres(?:ql)?|mysql|mariadb|redis|rediss|amqps?|mongodb|cockroachdb|mssql|oracle)(?:\+\w{1,20})?"
# Without one of its hints (lower case) in the text a pattern cannot match: a plain search is some hundred times faster.
# Compiled when the first hint is met: all of them take 12 ms, and every command's supervisor loads this module.
_KEY_HINTS = ("pw", "secret", "token", "key", "credential")
_PASS = r"pass(?!ed)"  # not each PASSED of a test run
_PATTERNS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("-----begin",),
        (
            r"(?P<keep>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)(?:[^-]|-(?!----))*"
            r"(?P<end>-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
        ),
        rf"\g<keep>{MARK}\g<end>",
    ),
    # scheme://user:SECRET@ and, for databases, a password with slashes in it (bounded, or many URLs cost their square).
    (("://",), r"(?P<keep>://[^\s/:@'\"]{0,200}:)[^\s'\"/]{1,500}@", rf"\g<keep>{MARK}@"),
    (
        ("://",),
        rf"(?P<keep>{_DATABASE}://[^\s/:@'\"]{{0,200}}:)(?!\d{{1,5}}/)[^\s'\"]{{1,200}}?@",
        rf"\g<keep>{MARK}@",
    ),
    # https://TOKEN@host, with or without a password beside it; a digit tells a token from a person's name.
    (
        ("http",),
        r"(?i)(?P<keep>\bhttps?://)(?=[^\s/:@'\"]{0,200}[0-9])[^\s/:@'\"]{8,200}(?=(?::[^\s/:@'\"]{0,200})?@)",
        rf"\g<keep>{MARK}",
    ),
    (
        ("password", "identified"),
        r"(?i)(?P<keep>\b(?:password|(?<!revision )identified[ \t]{1,8}by)[ \t]{1,8})(?:E|U&)?'(?:[^'\\\n]|\\.|'')*'",
        rf"\g<keep>'{MARK}'",
    ),
    (
        ("password",),
        r"(?i)(?P<keep>\bpassword[ \t]{1,8})\$(?P<tag>[a-z_]{0,20})\$[^$\n]{1,500}\$(?P=tag)\$",
        rf"\g<keep>'{MARK}'",
    ),
    (
        ("authorization",),
        r"(?i)(?P<keep>authorization\\?[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\?[\"']?)[^\s\"'][^\"'\r\n]*",
        rf"\g<keep>{MARK}",
    ),
    (
        ("cookie:",),
        r"(?i)(?P<keep>(?:set-)?cookie:[ \t]{0,8})[^\s\"'][^\"'\r\n]*",
        rf"\g<keep>{MARK}",
    ),
    (("bearer",), r"(?i)(?P<keep>\bbearer[ \t]{1,8})[\w.~+/=-]{16,}", rf"\g<keep>{MARK}"),
    (
        ("--",),
        (
            r"(?i)(?P<keep>--[a-z0-9-]{0,30}(?:password|passwd|passphrase|secret|token|api-key|access-key)[ \t]{1,8})"
            rf"(?![-*])(?:{_QUOTED}|\S+)"
        ),
        rf"\g<keep>{MARK}",
    ),
    # -p is a port, a folder or a project everywhere but here.
    (
        ("docker login", "sshpass", "mysql", "mariadb"),
        (
            r"(?P<keep>\b(?:docker login|sshpass|mysql|mysqldump|mariadb)\b[^\n|;&]{0,200}?[ \t]-p[ \t]?)"
            rf"(?![-* \t])(?:{_QUOTED}|\S+)"
        ),
        rf"\g<keep>{MARK}",
    ),
    (
        ("curl", "wget", "http"),
        (
            r"(?P<keep>\b(?:curl|wget|http)\b[^\n|;&]{0,200}?[ \t](?:-u|--user)[ \t]{0,4}[\"']?[^\s:\"']{1,100}:)"
            r"[^\s\"']+"
        ),
        rf"\g<keep>{MARK}",
    ),
    # Tokens whose form says what they are.
    (
        ("gh", "glpat-", "xox", "sk-", "k_live_", "k_test_", "akia", "asia", "aiza", "npm_", "pypi-", "eyj"),
        (
            r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}"
            r"|[rs]k_(?:live|test)_\w{16,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}"
            r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5,})"
        ),
        MARK,
    ),
)


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """``text`` with ``***`` in place of every secret that its position gives away, and of those ``secrets`` that cannot
    be a name (at least 12 characters, of mixed kinds). Never raises; linear in the length of the text."""
    values = _values(frozenset(secrets))
    # A replacement can bring a position to light that another one hid; in practice the second round changes nothing.
    for _ in range(4):
        before = text
        for value in values:
            text = text.replace(value, MARK)
        lower = text.lower()
        if any(hint in lower for hint in _KEY_HINTS) or re.search(_PASS, lower):
            for hint, pattern in _KEY_PATTERNS:
                if hint in lower:
                    text = re.sub(pattern, _keyed, text)
        for hints, pattern, replacement in _PATTERNS:
            if any(hint in lower for hint in hints):
                text = re.sub(pattern, replacement, text)
        if text == before:
            break
    return text


def hide(text: str, secrets: Collection[str]) -> str:
    """``text`` with ``***`` in place of those ``secrets`` alone, wherever they stand."""
    for value in _values(frozenset(secrets)):
        text = text.replace(value, MARK)
    return text


def may_come_from(redacted: str, text: str) -> bool:
    """Whether ``redacted`` may be ``text`` with its secrets hidden: all that is not hidden in it is the same."""
    parts = redacted.split(MARK)
    return redacted == text or (len(parts) > 1 and bool(re.fullmatch(r"[^\n]+?".join(map(re.escape, parts)), text)))


def cannot_be_a_name(value: str) -> bool:
    """Whether a secret is long and mixed enough to be looked for by its value without destroying names."""
    if len(value) < _SHORTEST or MARK in value:
        return False
    if re.search(r"[^\w.:/ -]", value, re.ASCII):
        return True
    return all(re.search(kind, value) for kind in ("[a-z]", "[A-Z]", "[0-9]"))


@lru_cache(maxsize=8)
def _values(secrets: frozenset[str]) -> tuple[str, ...]:
    """What is looked for, the longest first: each value as it is, in a URL, in JSON, in SQL and in HTML."""
    strange = {value for value in secrets if cannot_be_a_name(value)}
    if not strange:
        return ()
    import html
    import json
    from urllib.parse import quote

    forms = {
        form
        for value in strange
        for form in (
            value,
            quote(value, safe=""),
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
            value.replace("\\", "\\\\"),
            value.replace("'", "''"),
            html.escape(value),
        )
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _keyed(found: re.Match[str]) -> str:
    key, value = found["key"], found["value"]
    bare = value.strip("\\\"',;)}]")
    if not bare or bare == MARK or re.fullmatch(_REFERENCE, value) or re.match(_FOLDER, found[0]):
        return found[0]
    if re.search(r"\bpass\W", key) and re.match(_COUNT, bare):
        return found[0]  # "pass: 3", a count of tests
    if key.endswith((" = ", ":= ", "+= ")) and re.fullmatch(_CALL, value):
        return found[0]
    if ":" in key and re.fullmatch(_ANNOTATION, bare):
        return found[0]
    start = re.match(r"\\?[\"']", value)
    if start and value.endswith(start[0]) and len(value) > len(start[0]):
        return f"{key}{start[0]}{MARK}{start[0]}"
    return f"{key}{MARK}"
