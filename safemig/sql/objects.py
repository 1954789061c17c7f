"""What statements of SQL make, change and drop: the objects and the tables that they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from safemig.sql.text import Statement, Token, qualified, statements


@dataclass(frozen=True)
class Objects:
    """What some statements are about, in the terms of ``Piece``."""

    keys: frozenset[str] = frozenset()
    created: tuple[str, ...] = ()
    tables: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    drops_only: bool = False


DDL = ("CREATE", "ALTER", "DROP", "COMMENT")


PRIVILEGES = ("GRANT", "REVOKE")


_TRANSACTION = ("BEGIN", "COMMIT", "START", "END")


RELATIONS = (
    "TABLE", "INDEX", "VIEW", "TYPE", "SEQUENCE", "FUNCTION", "TRIGGER", "EXTENSION", "SCHEMA", "DOMAIN", "POLICY",
)  # fmt: skip


_MODIFIERS = (
    "OR", "REPLACE", "TEMP", "TEMPORARY", "GLOBAL", "LOCAL", "UNLOGGED", "UNIQUE", "MATERIALIZED", "FOREIGN",
    "RECURSIVE", "CONSTRAINT", "EVENT", "ON",
)  # fmt: skip


def objects_of(text: str) -> Objects:
    """What the statements are about."""
    keys: set[str] = set()
    created: list[str] = []
    tables: set[str] = set()
    names: set[str] = set()
    own = own_statements(text)
    for statement in own:
        kind, name, table = _target(statement)
        drop = "drop " if statement.head == "DROP" else ""
        if kind:
            keys.add(f"{drop}{kind} {name}")
        tables |= {table} - {""}
        if statement.head == "CREATE" and kind == "table":
            created.append(name)
        if kind == "index" and statement.head == "CREATE":
            names |= {name} - {""}
        names |= set(_constraints(statement.tokens))
    drops_only = bool(own) and all(_is_drop(statement) for statement in own)
    return Objects(frozenset(keys), tuple(dict.fromkeys(created)), frozenset(tables), frozenset(names), drops_only)


def own_statements(text: str) -> tuple[Statement, ...]:
    return tuple(statement for statement in statements(text) if not is_transaction(statement))


def is_transaction(statement: Statement) -> bool:
    return statement.head in _TRANSACTION and len(statement.tokens) <= 2


def _target(statement: Statement) -> tuple[str, str, str]:
    """Kind and name of the object a statement makes, changes or drops, and the table it touches."""
    own = statement.tokens
    if statement.head in PRIVILEGES:
        return statement.head.lower(), " ".join(token.text for token in own), ""
    if statement.head not in DDL:
        return "", "", ""
    # What is made stands first behind its modifiers: CREATE PUBLICATION … FOR TABLE makes no table.
    at = next((place for place, token in enumerate(own[:8]) if place and token.upper not in _MODIFIERS), None)
    if at is None or own[at].upper not in RELATIONS:
        return statement.head.lower(), " ".join(token.text for token in own[:6]), ""
    kind = own[at].upper.lower()
    at = _behind(own, at + 1, ("IF", "NOT", "EXISTS", "CONCURRENTLY", "ONLY"))
    name, at = ("", at) if own[at : at + 1] and own[at].upper == "ON" else qualified(own, at)
    if kind == "table" and statement.head == "ALTER":
        change = " ".join(token.text for token in own[at:])
        return "alter", f"{name} {change}", name
    if kind in ("index", "trigger", "policy"):
        on = next((place for place, token in enumerate(own) if place >= at and token.upper == "ON"), len(own))
        return kind, name, qualified(own, _behind(own, on + 1, ("ONLY",)))[0]
    return kind, name, name if kind == "table" else ""


def _behind(own: Sequence[Token], at: int, words: Collection[str]) -> int:
    """The first place from that one on where none of the words stands."""
    while at < len(own) and own[at].upper in words:
        at += 1
    return at


def _constraints(own: tuple[Token, ...]) -> Iterable[str]:
    for before, token in pairwise(own):
        if before.upper == "CONSTRAINT" and token.name and token.upper not in ("IF", "TRIGGER"):
            yield token.name


def _is_drop(statement: Statement) -> bool:
    """Whether it takes something away: DROP, ALTER … DROP, ALTER TABLE … DISABLE, COMMENT … IS NULL."""
    words = [token.upper for token in statement.tokens]
    if statement.head == "COMMENT":
        return words[-2:] == ["IS", "NULL"]
    taking = statement.head == "ALTER" and ("DROP" in words or "DISABLE" in words or words[-5:-3] == ["NO", "FORCE"])
    return statement.head == "DROP" or taking
