"""Changes of generated columns: PostgreSQL 15 gives a column no other expression, it is made anew with all on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from checks.evidence import Json
from checks.schema.difference import canonical, table_of
from checks.schema.snapshot import Snapshot
from safemig.postgres.ddl import tables
from safemig.postgres.ddl.names import last, owner

Attributes = Mapping[str, Json]


_UNIQUE = re.compile("CREATE UNIQUE|UNIQUE|PRIMARY|EXCLUDE")


class OpenPoint(Exception):
    """The change would lose something, or cannot be made alone; says what the person is to write into the spec."""


@dataclass(frozen=True)
class Hanging:
    """The keys of what goes with a column that is dropped; ``refused`` is why PostgreSQL does not drop it, or ""."""

    keys: tuple[str, ...] = ()
    refused: str = ""


def aspect(left: Attributes, right: Attributes) -> str:
    """Under which aspect the change of a generated column is said, once; "" where its expression does not change."""
    differ = [name for name in ("generated", "generation") if canonical(left.get(name)) != canonical(right.get(name))]
    return differ[0] if differ else ""


def lead(key: str, left: Attributes, present: Snapshot, hanging: Hanging) -> tuple[str, str, str]:
    """The statements that lead to ``left``, those that lead back, and what to say of it.

    Raises OpenPoint where values would be lost, or where something hangs on the column that is not made again here.
    """
    name, right = key.partition(" ")[2], present.objects[key]
    drop = f"ALTER TABLE {owner(name)} DROP COLUMN {last(name)};"
    if "generated" not in right:
        raise OpenPoint(
            f"{_short(name)} holds values of its own, which are lost when PostgreSQL generates it; where that is "
            f"meant, write into the spec, with a downgrade: {drop} {_made(key, left)}"
        )
    _refuse(key, present, hanging)
    anew = [drop, _made(key, right), *(tables.create(key, present) for key in hanging.keys)]
    if "generated" not in left:
        up = f"ALTER TABLE {owner(name)} ALTER COLUMN {last(name)} DROP EXPRESSION;"
        return up, "\n".join(anew), f"{_short(name)} keeps its values; the way back {_WHAT}"
    wanted = {**left, **({"comment": right["comment"]} if "comment" in right and "comment" not in left else {})}
    up = "\n".join([drop, _made(key, wanted), *anew[2:]])
    return up, "\n".join(anew), f"{_short(name)} gets another expression, which {_WHAT}"


_WHAT = (
    "makes the column anew with its indexes and constraints: every value is computed again while nobody may read or "
    "write the table, the column then stands last, and privileges on it alone have to be granted again"
)


def _short(name: str) -> str:
    return name.removeprefix("public.")


def _made(key: str, attributes: Attributes) -> str:
    return tables.create(key, Snapshot(0, {key: attributes}))


def _refuse(key: str, present: Snapshot, hanging: Hanging) -> None:
    name, right = _short(key.partition(" ")[2]), present.objects[key]
    why = hanging.refused
    table = table_of(key, {})
    others = [key for key in hanging.keys if table_of(key, present.objects[key]) != table]
    unmade = [key for key in hanging.keys if not tables.create(key, present)]
    if others or unmade:
        why = why or f"{(others or unmade)[0]} goes with it"
    unique = [key for key in hanging.keys if _UNIQUE.match(str(present.objects[key].get("definition", "")))]
    if unique:
        # Made again without holding locks, it would be missing for a while.
        why = why or f"{_short(unique[0].partition(' ')[2])} keeps values from being there twice, and would go with it"
    if {"storage", "options", "inherited"} & set(right):
        why = why or "it is inherited or has storage options of its own"
    if why:
        raise OpenPoint(
            f"another expression for {name} means to make it anew, and that is not done here: {why}; write the "
            "statements into the spec, with a downgrade"
        )
