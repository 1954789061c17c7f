"""A CREATE of tables that are there, taken all the way: authored, proved, run with rows in the tables, compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from checks.revisions.style import Pattern
from checks.schema.difference import compare
from safemig.migrations import evaluator
from safemig.migrations.change import Wanted
from safemig.migrations.online.forms import gentle
from safemig.migrations.reconcile.tables import Restated
from safemig.migrations.writer import author, with_downgrade
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import desire, engine, of_revision, restated, take
from tests.conftest import fresh_database

MOMENT = "2026-03-04T05:06:07+00:00"


def spec(code: str, language: str = "sql") -> Wanted:
    """What a spec with that one block asks for."""
    document = parse(f"# P\n```{language}\n{code}\n```\n".encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    return found


@dataclass(frozen=True)
class Reached:
    """The database after the change, the revision's text, and what was said of it; ``again`` is the second look."""

    dsn: str
    text: str
    first: Restated
    again: Restated


@contextmanager
def reached(server: str, base: str, code: str, language: str = "sql", rows: str = "SELECT 1") -> Iterator[Reached]:
    """A database with ``base`` and ``rows`` in which the authored revision went up, down and up.

    ``desire`` has proved it on empty tables before; the schema afterwards is the desired one. ``base`` is given to it
    as a dump of the schema.
    """
    asked = spec(code, language)

    def scratch() -> AbstractContextManager[str]:
        return fresh_database(server)

    found = restated(base, asked, scratch)
    assert not found.wanted.problems, found.wanted.problems
    full, _ = gentle(with_downgrade(found.wanted), set(found.wanted.touched) - set(found.wanted.tables))
    made = author(Pattern(), versions=Path("v"), down=("a",), wanted=full, message="change", moment=MOMENT)
    revision = of_revision(made.text, "revision.py")
    desired = desire(base, asked, scratch, revision=revision)
    with fresh_database(server) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(base.encode())
            connection.execute(rows.encode())
        for side in ("up", "down", "up"):
            with engine(dsn) as target, target.connect() as connected:
                evaluator.apply(revision, connected, side="down" if side == "down" else "up")
        after = take(dsn)
        moved = [one for one in compare(desired.wanted, after) if one.aspect == "column order"]
        assert [one for one in compare(desired.wanted, after) if one not in moved] == []
        assert {one.key for one in moved} <= found.moved
        again = restated(base, asked, scratch, pending=[revision])
        yield Reached(dsn, made.text, found, again)
