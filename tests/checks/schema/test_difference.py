"""The difference of two snapshots."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.evidence import Json
from checks.schema.difference import Difference, canonical, compare
from checks.schema.snapshot import Snapshot, take

RATING = """
CREATE TABLE course (id serial PRIMARY KEY);
CREATE TABLE rating (id serial PRIMARY KEY, course_id int NOT NULL REFERENCES course (id), stars int NOT NULL,
  CONSTRAINT ck_stars CHECK (stars BETWEEN 1 AND 5), CONSTRAINT uq_once UNIQUE (course_id, stars));
CREATE INDEX ix_stars ON rating (stars);
"""


def snapshot_of(dsn: str, ddl: str) -> Snapshot:
    """The schema after ``ddl``, in a database that is emptied first."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public, app CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(ddl.encode())
        return take(connection)


def said(differences: tuple[Difference, ...]) -> list[tuple[str, str]]:
    return [(difference.key, difference.aspect) for difference in differences]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("", []),
        ("DROP TABLE rating", [("table public.rating", "missing")]),
        ("CREATE TABLE more (id serial PRIMARY KEY)", [("table public.more", "unexpected")]),
        ("ALTER TABLE rating DROP CONSTRAINT ck_stars", [("constraint public.rating.ck_stars", "missing")]),
        ("DROP INDEX ix_stars", [("index public.ix_stars", "missing")]),
        (
            "ALTER INDEX ix_stars RENAME TO ix_other",
            [("index public.ix_other", "unexpected"), ("index public.ix_stars", "missing")],
        ),
        (
            "DROP INDEX ix_stars; CREATE INDEX ix_stars ON rating (stars DESC)",
            [("index public.ix_stars", "definition")],
        ),
        (
            "ALTER TABLE rating DROP CONSTRAINT ck_stars, ADD CONSTRAINT ck_stars CHECK (stars BETWEEN 1 AND 6)",
            [("constraint public.rating.ck_stars", "definition")],
        ),
        (
            "ALTER TABLE rating ALTER stars DROP NOT NULL, ALTER stars TYPE bigint",
            [("column public.rating.stars", "not_null"), ("column public.rating.stars", "type")],
        ),
        ("ALTER TABLE rating ADD note text", [("column public.rating.note", "unexpected")]),
        (
            "DROP TABLE rating; CREATE TABLE rating (stars int NOT NULL, id serial PRIMARY KEY, course_id int NOT NULL "
            "REFERENCES course (id), CONSTRAINT ck_stars CHECK (stars BETWEEN 1 AND 5), "
            "CONSTRAINT uq_once UNIQUE (course_id, stars)); CREATE INDEX ix_stars ON rating (stars)",
            [("table public.rating", "column order")],
        ),
        ("CREATE TYPE mood AS ENUM ('x')", [("enum public.mood", "unexpected")]),
        ("COMMENT ON TABLE rating IS 'x'", [("table public.rating", "comment")]),
        ("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY)", []),
    ],
)
def test_says_what_differs(dsn: str, change: str, wanted: list[tuple[str, str]]) -> None:
    assert said(compare(snapshot_of(dsn, RATING), snapshot_of(dsn, RATING + change))) == wanted


def test_shows_both_sides(dsn: str) -> None:
    (one,) = compare(snapshot_of(dsn, "CREATE TABLE t (a int)"), snapshot_of(dsn, "CREATE TABLE t (a bigint)"))
    assert one == Difference("column public.t.a", "type", "integer", "bigint")


NAMED = """
CREATE TABLE "user" (id int);
CREATE SEQUENCE s1;
CREATE TABLE t (a int DEFAULT nextval('s1'), b int, CONSTRAINT c1 CHECK (a > 0), CONSTRAINT c2 CHECK (a > 0));
CREATE UNIQUE INDEX i1 ON t (b);
CREATE INDEX i2 ON "user" (id);
"""
OTHER = (
    NAMED.replace("c1", "x9").replace("c2", "c1").replace("i1", '"Odd name"').replace("i2", "i3").replace("s1", "s2")
)
OPEN = frozenset(
    {
        "constraint public.t.c1",
        "constraint public.t.c2",
        "index public.i1",
        "index public.i2",
        "sequence public.s1",
    }
)


def test_open_names_are_matched_by_definition(dsn: str) -> None:
    wanted, found = snapshot_of(dsn, NAMED), snapshot_of(dsn, OTHER)
    assert compare(wanted, found, open_names=OPEN) == ()
    assert compare(wanted, wanted, open_names=OPEN) == ()
    assert ("index public.i1", "missing") in said(compare(wanted, found, open_names=OPEN - {"index public.i1"}))


def test_an_open_name_still_needs_its_object_once_each(dsn: str) -> None:
    wanted = snapshot_of(dsn, NAMED)
    less = snapshot_of(dsn, OTHER + "ALTER TABLE t DROP CONSTRAINT x9")
    assert said(compare(wanted, less, open_names=OPEN)) == [("constraint public.t.c2", "missing")]
    more = snapshot_of(dsn, OTHER + "ALTER TABLE t ADD CONSTRAINT x10 CHECK (a > 0)")
    assert [aspect for _, aspect in said(compare(wanted, more, open_names=OPEN))] == ["unexpected"]
    wrong = snapshot_of(dsn, NAMED.replace("c2 CHECK (a > 0)", "c2 CHECK (a > 1)"))
    assert said(compare(wanted, wrong, open_names=OPEN)) == [("constraint public.t.c2", "definition")]


def test_ignore_leaves_out_a_table_with_all_that_hangs_on_it(dsn: str) -> None:
    wanted = snapshot_of(dsn, RATING)
    found = snapshot_of(dsn, "CREATE TABLE course (id serial PRIMARY KEY)")
    ignore = frozenset({"table public.rating"})
    assert compare(wanted, found, ignore=ignore) == ()
    assert compare(found, wanted, ignore=ignore) == ()


def test_what_nobody_touched_is_no_difference(dsn: str) -> None:
    """A dump and restore printed the expression anew; the object is otherwise as it was on both sides."""
    key = "constraint public.t.c"
    copy = Snapshot(150000, {"table public.t": {}, key: {"definition": "CHECK ((((a))))"}})
    origin = Snapshot(150000, {"table public.t": {}, key: {"definition": "CHECK ((a))"}})
    assert said(compare(copy, origin)) == [(key, "definition")]
    assert compare(copy, origin, untouched=(copy, origin)) == ()
    changed = Snapshot(150000, {"table public.t": {}, key: {"definition": "CHECK ((b))"}})
    assert said(compare(copy, changed, untouched=(copy, origin))) == [(key, "definition")]


@pytest.mark.parametrize(
    ("live", "restored"),
    [
        (
            "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b,''c'::character varying])::text[])))",
            "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b,''c'::character varying)::text])))",
        ),
        ("(ARRAY['a'::bpchar])::text[]", "ARRAY[('a'::bpchar)::text]"),
    ],
)
def test_the_casts_of_an_array_are_the_same_either_way(live: str, restored: str) -> None:
    assert canonical(live) == canonical(restored)
    assert canonical(live) != canonical(live.replace("'a'", "'x'"))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    objects: dict[str, dict[str, Json]] = {}
    for table in draw(st.lists(st.sampled_from(["public.a", "public.b", 'app."c.d"']), unique=True)):
        objects[f"table {table}"] = {}
        for number, column in enumerate(draw(st.permutations(["x", "y", '"z.z"']))):
            objects[f"column {table}.{column}"] = {"position": number, "type": draw(st.sampled_from(["int", "text"]))}
        if draw(st.booleans()):
            objects[f"index public.ix_{len(objects)}"] = {
                "table": table,
                "definition": f"CREATE INDEX ix_{len(objects)} ON {table} (x)",
            }
    return Snapshot(150000, objects)


@settings(deadline=None)
@given(snapshots(), snapshots())
def test_no_difference_exactly_for_equal_schemas(one: Snapshot, other: Snapshot) -> None:
    assert compare(one, one) == ()
    assert bool(compare(one, other)) == (one.objects != other.objects)
    assert bool(compare(one, other)) == bool(compare(other, one))


@pytest.mark.parametrize(
    "name", ["public.alembic_version", "tenant_a.alembic_version", "meta.meta_versions", '"Odd".alembic_version']
)
def test_alembics_own_table_is_none_of_the_projects_in_any_schema(dsn: str, name: str) -> None:
    schema, _, table = name.partition(".")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
        before = take(connection)
        key = f"CONSTRAINT {table}_pkc PRIMARY KEY (version_num)"
        connection.execute(f"CREATE TABLE {name} (version_num varchar(32) NOT NULL, {key})".encode())
        assert compare(before, take(connection)) == ()
        connection.execute(f"CREATE TABLE {schema}.course (version_num text PRIMARY KEY)".encode())
        assert [one.aspect for one in compare(before, take(connection))] == ["unexpected"]
