"""Names, literals and comments as SQL writes them, from what a snapshot holds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from checks.evidence import Json
from safemig.sql.identifiers import quote_if_needed

Attributes = Mapping[str, Json]
PART = re.compile(r'"(?:[^"]|"")*"|[^.]+')


def owner(name: str) -> str:
    """The table of a column, constraint or trigger as SQL writes it."""
    return ".".join(map(quoted, PART.findall(name)[:-1]))


def last(name: str) -> str:
    """The object's own name as SQL writes it."""
    return quoted(PART.findall(name)[-1])


def dotted(name: str) -> str:
    """A snapshot's name as SQL writes it."""
    return ".".join(map(quoted, PART.findall(name)))


def quoted(part: str) -> str:
    """One part of a name as SQL writes it; one that is quoted already stays."""
    return part if part.startswith('"') else quote_if_needed(part)


def listed(attributes: Attributes, name: str) -> list[str]:
    """An attribute that is a list, [] where it is not there."""
    value = attributes.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def materialized(attributes: Attributes) -> str:
    """The word before VIEW."""
    return "MATERIALIZED " if attributes.get("materialized") else ""


def comment(key: str, attributes: Attributes) -> str:
    """COMMENT ON that object, with what its attributes say; NULL takes it away."""
    kind, _, name = key.partition(" ")
    said = attributes.get("comment")
    text = "NULL" if said is None else literal(str(said))
    if kind in ("constraint", "trigger", "policy", "rule"):
        return f"COMMENT ON {kind.upper()} {last(name)} ON {owner(name)} IS {text};"
    word = {"enum": "TYPE", "view": f"{materialized(attributes)}VIEW"}.get(kind, kind.upper())
    target = name if kind in ("function", "procedure", "aggregate") else dotted(name)
    return f"COMMENT ON {word} {target} IS {text};"
