"""Names, literals and comments as SQL writes them, from what a snapshot holds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from checks.evidence import Json

Attributes = Mapping[str, Json]
PART = re.compile(r'"(?:[^"]|"")*"|[^.]+')
# Names that mean something else when they stand bare.
RESERVED = frozenset({
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary",
    "both", "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create",
    "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end",
    "except", "false", "fetch", "for", "foreign", "freeze", "from", "full", "grant", "group", "having", "ilike",
    "in", "initially", "inner", "intersect", "into", "is", "isnull", "join", "lateral", "leading", "left",
    "like", "limit", "localtime", "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only",
    "or", "order", "outer", "overlaps", "placing", "primary", "references", "returning", "right", "select",
    "session_user", "similar", "some", "symmetric", "system_user", "table", "tablesample", "then", "to",
    "trailing", "true", "union", "unique", "user", "using", "variadic", "verbose", "when", "where", "window",
    "with",
})  # fmt: skip


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
    if part.startswith('"') or (re.fullmatch(r"[a-z_][a-z0-9_$]*", part) and part not in RESERVED):
        return part
    return '"' + part.replace('"', '""') + '"'


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
