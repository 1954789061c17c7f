"""The way back from replaced or dropped functions, views and triggers: as the schema before has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from checks.schema.difference import compare
from checks.schema.snapshot import Snapshot
from safemig.migrations.change import Wanted
from safemig.postgres.ddl import dependencies
from safemig.postgres.ddl.tables import mend
from safemig.sql.text import Statement, statements

# Nothing but their definition is lost: no rows, as with a table or a materialised view.
_KINDS = ("function", "procedure", "view", "trigger", "rule")


@dataclass(frozen=True)
class PutBack:
    """``ways`` are the SQL by the 0-based number of the statement that it takes back, ``anew`` the keys of objects
    that it has to make anew, so that privileges given on them are gone."""

    ways: Mapping[int, str] = field(default_factory=dict)
    anew: tuple[str, ...] = ()


def needed(wanted: Wanted) -> bool:
    """Whether a downgrade is to be derived for a statement whose way back only the schema before it tells."""
    return wanted.kind == "sql" and not wanted.downgrade.strip() and any(map(_replaces, statements(wanted.upgrade)))


def ways_back(wanted: Wanted, before: Snapshot, run: Callable[[Wanted], Snapshot]) -> PutBack:
    """How each replacing or dropping statement is taken back, where the schemas around it tell that.

    ``run`` makes a change of one statement and gives the schema after it; ``before`` is the schema before all.
    """
    ways, anew = dict[int, str](), list[str]()
    for number, statement in enumerate(statements(wanted.upgrade)):
        after = run(_alone(wanted, statement))
        way = _way(before, after) if _replaces(statement) else None
        if way is not None:
            ways[number] = way[0]
            anew += way[1]
        before = after
    return PutBack(ways, tuple(dict.fromkeys(anew)))


def _replaces(statement: Statement) -> bool:
    words = [token.upper for token in statement.tokens[:5]]
    if words[:3] == ["CREATE", "OR", "REPLACE"]:
        kind = words[4:5] if words[3:4] in (["RECURSIVE"], ["CONSTRAINT"]) else words[3:4]
    else:
        kind = words[1:2] if words[:1] == ["DROP"] else []
    return any(word.lower() in _KINDS for word in kind)


def _alone(wanted: Wanted, statement: Statement) -> Wanted:
    """The statement by itself, at its own line of the upgrade."""
    code = wanted.upgrade[statement.tokens[0].start : statement.tokens[-1].end]
    return replace(wanted, upgrade="\n" * (statement.line - 1) + code)


def _way(before: Snapshot, after: Snapshot) -> tuple[str, tuple[str, ...]] | None:
    """The SQL from ``after`` to ``before`` and what it makes anew; None where no such SQL is known."""
    differences = dependencies.ordered(compare(before, after, ignore=frozenset()), before, after)
    sql, anew = list[str](), list[str]()
    for one in differences:
        found = mend(one, before, after)
        kind = one.key.partition(" ")[0]
        if kind not in _KINDS or found is None or _materialized(one.key, before):
            return None
        sql.append(found.sql)
        made = one.aspect == "missing" or (found.destructive and one.aspect != "unexpected")
        anew += [one.key] if made and kind not in ("trigger", "rule") else []
    return "\n".join(dict.fromkeys(sql)), tuple(anew)


def _materialized(key: str, schema: Snapshot) -> bool:
    return bool(schema.objects.get(key, {}).get("materialized"))
