"""A phase about models: the edits and their check as facts, and the comparison of models and database afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.evidence import Evidence, Json, now, unseen
from checks.schema.difference import Difference, compare, table_of
from safemig.engine import observation
from safemig.engine.command import output_of, require_success, run_command, tail
from safemig.engine.session import Session
from safemig.migrations.change import Wanted
from safemig.orm import check
from safemig.orm.reader import may_support_models
from safemig.planning.collect.models import python_files
from safemig.planning.plan import Step

if TYPE_CHECKING:
    from checks.schema.snapshot import Snapshot

KIND = "models"
_LONGEST = 256 * 1024  # bytes of the import's output that are read


async def check_models(s: Session, step: Step) -> None:
    """The models are imported and their mappers configured; then each is compared with its table in the database."""
    require_success(s, step, await run_command(s, step))
    if s.known(step.id, "after", KIND):
        return
    loaded, created = check.told(s.clean(tail(output_of(s, step), _LONGEST)))
    began = now()
    seen = await _compared(s, began, loaded, created)
    s.observe(step.id, "after", seen)
    if not seen.seen:
        s.note(f"models and database could not be compared: {seen.reason}", step.id, "warning")
        return
    differences = seen.data["differences"]
    for one in differences if isinstance(differences, list) else []:
        if isinstance(one, dict):
            words = f"{one['object']}, {one['aspect']}: models say {one['models']}, the database has {one['database']}"
            s.note(f"models and database disagree on {words}", step.id, "warning")


async def _compared(s: Session, began: str, loaded: str, created: str) -> Evidence:
    """The tables that the models would make, made on a throwaway server, against those that are there.

    ``created`` is what SQLAlchemy itself would create for them; without it the models' files are read.
    """
    import psycopg

    from checks.schema.snapshot import TableHeld
    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import desire_applied

    repeat = "the models' tables on a throwaway server, compared with pg_dump --schema-only"
    subject = ", ".join(s.facts.models_tables) or s.facts.service
    found: list[Json] = []
    try:
        present = await observation.snapshot_now(s)
        wanted, unread = _wanted(s, created, present, found)
        if unread:
            return unseen(KIND, subject, repeat, "; ".join(unread), began)
        dump = await s.look(s.runtime.dump_schema)
        for one in wanted:
            made = await s.look(lambda one=one: desire_applied(dump, one, s.runtime.scratch))  # type: ignore[misc]
            tables = set(one.tables) | {f"public.{table}" for table in one.tables}
            for difference in compare(made.wanted, present, open_names=made.open_names):
                if _is_about(difference, tables):
                    found.append(_plain(difference))
    except (psycopg.Error, Unreachable, TableHeld, SpecFails, ScratchFails) as error:
        return unseen(KIND, subject, repeat, s.clean(str(error)), began)
    data: dict[str, Json] = {"tables": [*s.facts.models_tables], "loaded": [loaded], "differences": found}
    return Evidence(KIND, subject, True, began, now(), repeat, data)


def _wanted(
    s: Session, created: str, present: Snapshot, found: list[Json]
) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """The models' tables as operations, and what could not be read; differing labels of enum types go to ``found``."""
    tables = s.facts.models_tables
    if not tables:
        return (), ()
    labels = {
        key.removeprefix("enum "): [str(label) for label in listed]
        for key, value in present.objects.items()
        if key.startswith("enum ") and isinstance(listed := value.get("labels"), list)
    }
    wanted, enums = check.of_statements(created, labels)
    if not {_last(table) for table in tables} <= {_last(table) for table in wanted.tables}:
        texts = {path: text for path, text in python_files(s.project).items() if may_support_models(path, text)}
        return check.tables_of(texts, tables)
    for name, mine in enums.items():
        if list(mine) != labels[name]:
            both: dict[str, Json] = {"models": ", ".join(mine), "database": ", ".join(labels[name])}
            found.append({"object": f"enum {name}", "aspect": "labels", **both})
    return (wanted,), ()


def _last(table: str) -> str:
    """The table's name without its schema, which the metadata may give."""
    return table.rpartition(".")[2]


def _is_about(difference: Difference, tables: set[str]) -> bool:
    attributes = difference.wanted if isinstance(difference.wanted, dict) else difference.found
    table = table_of(difference.key, attributes if isinstance(attributes, dict) else {})
    name = difference.key.partition(" ")[2]
    return table in tables or name in tables or (difference.key.startswith("index ") and not table)


def _plain(difference: Difference) -> dict[str, Json]:
    return {
        "object": difference.key,
        "aspect": {"missing": "only in the models", "unexpected": "only in the database"}.get(
            difference.aspect, difference.aspect
        ),
        "models": _shown(difference.wanted),
        "database": _shown(difference.found),
    }


def _shown(value: Json) -> str:
    if value is None:
        return "nothing"
    return str(value.get("definition") or value.get("type") or value) if isinstance(value, dict) else str(value)
