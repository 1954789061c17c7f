"""Names of PostgreSQL's objects: quoted, taken apart and put together in one place."""

from __future__ import annotations

import re
from functools import cache

MAX_BYTES = 63  # NAMEDATALEN - 1; PostgreSQL cuts longer names
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))\s*')


def quote(name: str) -> str:
    """The name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def quote_if_needed(name: str) -> str:
    """The name as PostgreSQL prints it: quoted only where it would otherwise be read as something else."""
    return name if _PLAIN.fullmatch(name) and not _is_reserved(name) else quote(name)


@cache
def _is_reserved(name: str) -> bool:
    """Whether the bare word cannot stand as a name; PostgreSQL's own parser says so."""
    from safemig.sql.parser import parse

    return bool(parse(f"CREATE TABLE {name} ({name} int)").error)


def qualify(*parts: str) -> str:
    """The quoted name of an object in its schema; empty parts are left out."""
    return ".".join(quote(part) for part in parts if part)


def qualify_if_needed(*parts: str) -> str:
    """The name of an object in its schema as PostgreSQL prints it; empty parts are left out."""
    return ".".join(quote_if_needed(part) for part in parts if part)


def unquote(part: str) -> str:
    """The name that one part of a printed name stands for; a part without quotes stays as it is."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def quote_dotted(name: str) -> str:
    """A plain name with its schema, whose parts hold no dots, in double quotes: ``"public"."users"``."""
    return qualify(*name.split("."))


def split(text: str) -> tuple[str, ...]:
    """The parts of a written name as PostgreSQL folds them: ``App."Order"`` is ("app", "Order").

    () for a text that is no such name.
    """
    parts: list[str] = []
    at = 0
    while match := _PART.match(text, at):
        parts.append(match[1].replace('""', '"') if match[1] is not None else match[2].lower())
        at = match.end()
        if at == len(text):
            return tuple(parts)
        if text[at] != ".":
            return ()
        at += 1
    return ()


def cut(name: str) -> str:
    """The name as far as PostgreSQL keeps it: 63 bytes, whole characters."""
    raw = name.encode()
    return name if len(raw) <= MAX_BYTES else raw[:MAX_BYTES].decode(errors="ignore")
