"""What `safemig verify` says of each difference: the spec's line, the definition, the SQL that mends it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from checks.evidence import Json
from checks.schema.difference import compare
from safemig.cli.verify import exit_code, place_of, reprinted, shown_difference
from safemig.engine.baseline import mismatches
from safemig.plan_document.document import parse
from safemig.postgres.binaries import find_binaries
from safemig.postgres.server import throwaway
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import desire, take
from safemig.sandbox.restore import load

SPEC = """# P
```python
op.create_table(
    "rating",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("stars", sa.SmallInteger(), server_default="3", nullable=False),
    sa.CheckConstraint("stars > 0"),
)
op.create_index("ix_stars", "rating", ["stars"])
```
"""


def test_each_difference_has_its_line_its_definition_and_its_sql(dsn: str) -> None:
    @contextmanager
    def scratch() -> Iterator[str]:
        yield dsn

    document = parse(SPEC.encode(), "plan.md")
    spec = wanted(document, document.phases[0], [])
    assert spec is not None
    desired = desire("", spec, scratch)
    assert place_of("column public.rating.stars", desired.wanted, spec) == ("plan.md", 6)
    assert place_of("index public.ix_stars", desired.wanted, spec) == ("plan.md", 9)
    assert place_of("constraint public.rating.rating_stars_check", desired.wanted, spec) == ("plan.md", 4)
    assert place_of("table public.other", desired.wanted, spec) is None
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(b"DROP INDEX ix_stars; ALTER TABLE rating ALTER stars DROP DEFAULT, ADD more text NOT NULL")
    found = take(dsn)
    shown = [shown_difference(one, desired.wanted, found, spec) for one in compare(desired.wanted, found)]
    assert [(one["object"], one["spec"], one["definition"], one["sql"], one["destructive"]) for one in shown] == [
        (
            "column public.rating.more",
            None,
            "more text NOT NULL",
            "ALTER TABLE public.rating DROP COLUMN more;",
            True,
        ),
        (
            "column public.rating.stars",
            "plan.md:6",
            "stars smallint NOT NULL",
            "ALTER TABLE public.rating ALTER COLUMN stars SET DEFAULT '3'::smallint;",
            False,
        ),
        (
            "index public.ix_stars",
            "plan.md:9",
            None,
            "CREATE INDEX ix_stars ON public.rating USING btree (stars);",
            False,
        ),
    ]


def test_what_another_major_only_prints_otherwise_is_no_difference() -> None:
    majors = {one.major: one for one in (find_binaries(), *(find_binaries(major) for major in range(13, 19)))}
    if len(majors) < 2:
        pytest.skip("this machine has one major of PostgreSQL only")
    old, new = majors[min(majors)], majors[max(majors)]
    schema = "CREATE TABLE public.t (id int, v varchar(3));"
    schema += "CREATE VIEW public.v AS SELECT id FROM public.t WHERE v IN ('a', 'b');"
    with throwaway(old) as there, throwaway(new) as here, throwaway(new) as again:
        with psycopg.connect(there, autocommit=True) as connection:
            connection.execute(schema.encode())
            connection.execute("CREATE DATABASE back")
        dump = subprocess.run(
            [str(new.bin / "pg_dump"), "--schema-only", there], capture_output=True, text=True, check=True
        ).stdout

        @contextmanager
        def scratch() -> Iterator[str]:
            yield here

        with psycopg.connect(again, autocommit=True) as connection:
            connection.execute(schema.encode())
        copy, found, wanted_there = reprinted(dump, scratch), take(there), take(again)
        assert [one.key for one in compare(wanted_there, found)] == ["view public.v"]
        assert mismatches(copy, found, wanted_there, found, frozenset()) == ()
        assert compare(take(load(dump, make_conninfo(there, dbname="back"))), found) == ()  # of a newer pg_dump


@pytest.mark.parametrize(
    ("matches", "known", "differences", "code"),
    [
        (True, True, [], 0),
        (True, True, [{"object": "table x"}], 5),
        (True, False, [], 5),  # nobody knows: that is not proved
        (False, True, [], 1),
        (None, True, [], 1),
    ],
)
def test_the_exit_code_is_0_only_for_what_was_looked_at(
    matches: bool | None, known: bool, differences: list[Json], code: int
) -> None:
    drift: dict[str, Json] = {"known": known, "reason": "", "differences": differences}
    assert exit_code({"matches_spec": matches, "drift": drift}) == code
