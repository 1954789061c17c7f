"""The order in which differences are mended: what others need is made first, and dropped last."""

from __future__ import annotations

from collections.abc import Sequence

from checks.schema.difference import Difference, table_of
from checks.schema.snapshot import Snapshot
from safemig.postgres.ddl.names import listed

# What hangs on others goes first when it is not wanted, and comes last when it is missing.
_HANGING = ("policy", "trigger", "rule", "view", "statistics", "index", "constraint")
_MADE = (
    "schema", "extension", "enum", "domain", "type", "sequence", "function", "procedure", "aggregate", "table",
    "column", "constraint", "index", "view", "statistics", "trigger", "policy", "rule",
)  # fmt: skip


def ordered(differences: Sequence[Difference], wanted: Snapshot, found: Snapshot) -> tuple[Difference, ...]:
    """The differences as their SQL is to be run: drops of what hangs on others, what is missing, drops of the rest."""
    missing = {difference.key for difference in differences if difference.aspect == "missing"}
    unexpected = {difference.key for difference in differences if difference.aspect == "unexpected"}

    def rank(one: Difference) -> tuple[int, int, int, str]:
        kind = one.key.partition(" ")[0]
        if one.aspect == "unexpected":
            below = -_depth(one.key, found, unexpected, ()) - _foreign(one.found)
            return (
                (0, _HANGING.index(kind), below, one.key)
                if kind in _HANGING
                else (2, -_MADE.index(kind), below, one.key)
            )
        place = 2 * _MADE.index(kind)
        if kind == "view" and one.aspect != "missing":
            place = 2 * _MADE.index("index") - 1  # the indexes of a materialised view follow
        return 1, place, _depth(one.key, wanted, missing, ()) + _foreign(one.wanted), one.key

    return tuple(sorted(differences, key=rank))


def _foreign(attributes: object) -> int:
    """1 for what needs its like: a foreign key its key, the index of a partitioned table those of the partitions."""
    definition = str(attributes.get("definition") if isinstance(attributes, dict) else "")
    return int(definition.startswith("FOREIGN KEY") or " ON ONLY " in definition)


def _depth(key: str, wanted: Snapshot, missing: set[str], above: tuple[str, ...]) -> int:
    """How many tables or views of ``missing`` a missing one needs one below the other: parents, what it refers to."""
    if key not in missing or key in above or not key.startswith(("table ", "view ")):
        return 0
    kind, _, name = key.partition(" ")
    own = wanted.objects[key]
    said = [str(own.get("definition", "")), *(f" {one} " for one in listed(own, "inherits"))]
    if kind == "table":
        said += [
            f"{value.get('definition', '')} " for other, value in wanted.objects.items()
            if other.startswith("constraint ") and table_of(other, value) == name
        ]  # fmt: skip
    needed = [
        one for one in missing
        if one != key and one.startswith(("table ", "view ")) and any(one.partition(" ")[2] in text for text in said)
    ]  # fmt: skip
    return 1 + max((_depth(one, wanted, missing, (*above, key)) for one in needed), default=0)
