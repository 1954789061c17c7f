"""Random schemas: what pg_dump says of one, taken as a spec, authored and applied, gives that schema again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from checks.revisions.style import Pattern
from checks.schema.difference import compare
from safemig.migrations.writer import author
from safemig.plan_document.document import parse
from safemig.postgres.server import find_binaries
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import desire, of_revision, take

NAMES = (
    "id",
    "slug",
    "Mixed Case",
    "order",
    "naïve",
    "a_rather_long_name_that_goes_on_and_on",
    "x:y",
    "per%cent",
    'q"t',
)
# Type, a default that fits, an expression of it, and whether PostgreSQL can sort it.
TYPES = {
    "integer": ("7", "({0} + 1)"),
    "bigint": ("-9000000000", "abs({0})"),
    "smallint": ("1", "({0} % 3)"),
    "numeric(8,2)": ("1.50", "round({0})"),
    "text": ("'it''s \\ 10:30 100%'", "lower({0})"),
    "varchar(40)": ("'a'", "upper({0}::text)"),
    'text COLLATE "C"': ("''", "({0} || ';')"),
    "boolean": ("true", "(NOT {0})"),
    "date": ("'2026-01-31'", "({0} + 1)"),
    "timestamptz": ("now()", "({0} + '1 day'::interval)"),
    "uuid": ("gen_random_uuid()", "{0}"),
    "text[]": ("'{a,\"b c\"}'", "cardinality({0})"),
    "interval": ("'1 day 02:00:00'", "({0} * 2)"),
    "public.mood": ("'so:so'", "({0} > 'bad')"),
    "public.positive": ("3", "({0} * 2)"),
}
FIXED = """CREATE TYPE public.mood AS ENUM ('good', 'so:so', 'bad');
CREATE DOMAIN public.positive AS integer CONSTRAINT above CHECK (VALUE > 0);
"""


@dataclass(frozen=True)
class Column:
    """A column, and what hangs on it."""

    name: str
    type: str
    default: bool
    not_null: bool
    comment: str
    check: bool
    index: str


columns = st.builds(
    Column,
    st.sampled_from(NAMES),
    st.sampled_from(sorted(TYPES)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "", "what: it is", "it's 100 %", "two\nlines; -- and $$ more"]),
    st.booleans(),
    st.sampled_from(["", "", "plain", "unique", "desc", "expression", "partial"]),
)
tables = st.lists(columns, min_size=1, max_size=6, unique_by=lambda column: column.name)
keys = st.sampled_from(["", "PRIMARY KEY", "GENERATED ALWAYS AS IDENTITY", "serial"])
schemas = st.lists(st.tuples(tables, keys, st.booleans()), min_size=1, max_size=3)


def _ddl(schema: list[tuple[list[Column], str, bool]]) -> str:
    parts = [FIXED]
    for number, (found, key, refers) in enumerate(schema):
        table = f'public."t {number}"' if number else "public.t0"
        lines = [_line(column) for column in found]
        if key == "serial":
            lines.append("key serial PRIMARY KEY")
        elif key:
            lines.append(f"key integer {key}" + ("" if key == "PRIMARY KEY" else " UNIQUE"))
        if refers and number and schema[0][1] in ("PRIMARY KEY", "serial"):
            lines.append("parent integer REFERENCES public.t0 (key) ON DELETE CASCADE DEFERRABLE")
        lines += [f"CHECK ({_quoted(one.name)} IS NOT NULL OR true)" for one in found if one.check]
        parts.append(f"CREATE TABLE {table} ({', '.join(lines)});")
        parts += [text for column in found for text in _hanging(table, number, column)]
    return "\n".join(parts)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _line(column: Column) -> str:
    default = f" DEFAULT {TYPES[column.type][0]}" if column.default else ""
    return f"{_quoted(column.name)} {column.type}{default}{' NOT NULL' if column.not_null else ''}"


def _hanging(table: str, number: int, column: Column) -> Iterator[str]:
    name = _quoted(column.name)
    if column.comment:
        yield f"COMMENT ON COLUMN {table}.{name} IS '{column.comment.replace(chr(39), chr(39) * 2)}';"
    expression = TYPES[column.type][1].format(name)
    what = {
        "plain": f"({name})",
        "unique": f"({name})",
        "desc": f"({name} DESC NULLS LAST)",
        "expression": f"(({expression}))"
        if "cardinality" in expression or "interval" not in expression
        else f"({name})",
        "partial": f"({name}) WHERE {name} IS NOT NULL",
    }.get(column.index)
    if what:
        unique = "UNIQUE " if column.index == "unique" else ""
        yield f"CREATE {unique}INDEX {_quoted(f'ix {number} {column.name}')} ON {table} {what};"


def _dump(dsn: str) -> str:
    """What pg_dump says, without the settings of its session and psql's own commands."""
    line = [str(find_binaries().bin / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", "-d", dsn]
    password = conninfo_to_dict(dsn).get("password", "")
    done = subprocess.run(line, capture_output=True, text=True, check=True, env={"PGPASSWORD": str(password)})
    dropped = ("SET ", "SELECT pg_catalog.set_config", "\\")
    return "\n".join(text for text in done.stdout.split("\n") if not text.startswith(dropped))


@pytest.mark.slow
def test_what_pg_dump_says_gives_the_schema_again(postgres_server: str, tmp_path: Path) -> None:
    counter = iter(range(10_000))

    @contextmanager
    def database() -> Iterator[str]:
        name = f"roundtrip_{next(counter)}"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
            try:
                yield make_conninfo(postgres_server, dbname=name)
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    # Without shrinking: an example takes seconds, and says by itself what is wrong.
    phases = (Phase.generate,)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=phases)
    @given(schemas)
    def holds(schema: list[tuple[list[Column], str, bool]]) -> None:
        with database() as dsn:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(_ddl(schema).encode())
            original, text = take(dsn), _dump(dsn)
        document = parse(f"# Schema\n\n````sql\n{text}\n````\n".encode(), "plan.md")
        found = wanted(document, document.phases[0], [])
        assert found is not None
        assert found.problems == ()
        moment = "2026-03-04T05:06:07+00:00"
        file = author(Pattern(), versions=tmp_path, down=(), wanted=found, message="all", moment=moment)
        desired = desire("", found, database, revision=of_revision(file.text, file.path.name))
        assert compare(original, desired.wanted) == ()

    holds()
