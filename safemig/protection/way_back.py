"""The statements that take back what a change has committed before it failed."""

from __future__ import annotations

from collections.abc import Sequence

from checks.schema.difference import Difference
from safemig.postgres.ddl.names import dotted, last, owner

# What hangs on others goes first.
_ORDER = ("policy", "trigger", "view", "constraint", "index", "column", "table", "sequence", "enum")


def way_back(made: Sequence[Difference]) -> tuple[str, ...] | None:
    """For objects that came since; None where something was changed or taken away, which no DROP gives back."""
    kinds = [one.key.partition(" ")[0] for one in made]
    if not made or any(one.aspect != "unexpected" for one in made) or not set(kinds) <= set(_ORDER):
        return None
    ranked = sorted(zip(kinds, made, strict=True), key=lambda pair: _ORDER.index(pair[0]))
    return tuple(_drop(kind, one.key.partition(" ")[2], one) for kind, one in ranked)


def _drop(kind: str, name: str, one: Difference) -> str:
    match kind:
        case "column":
            return f"ALTER TABLE {owner(name)} DROP COLUMN IF EXISTS {last(name)};"
        case "constraint":
            return f"ALTER TABLE {owner(name)} DROP CONSTRAINT IF EXISTS {last(name)};"
        case "policy" | "trigger":
            return f"DROP {kind.upper()} IF EXISTS {last(name)} ON {owner(name)};"
        case "index":
            return f"DROP INDEX CONCURRENTLY IF EXISTS {dotted(name)};"
        case "view" if isinstance(one.found, dict) and one.found.get("materialized"):
            return f"DROP MATERIALIZED VIEW IF EXISTS {dotted(name)};"
    word = {"enum": "TYPE"}.get(kind, kind.upper())
    return f"DROP {word} IF EXISTS {dotted(name)};"
