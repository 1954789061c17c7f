"""A spec's CREATE of a table that is there: planned as changes, run, verified, and no change the second time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from checks.evidence import Json
from checks.revisions.graph import read_graph
from checks.schema.difference import Difference
from checks.schema.snapshot import Snapshot
from safemig.migrations.change import Wanted
from safemig.migrations.reconcile import alter
from safemig.migrations.reconcile.alter import NoChange, Spoken
from safemig.migrations.reconcile.tables import restated_tables
from safemig.migrations.writer import with_downgrade
from safemig.plan_document.document import parse
from safemig.planning.collect.existing_tables import changed_since, in_words, without_done
from safemig.postgres.ddl.generated_columns import OpenPoint
from safemig.requirements.sources import wanted
from tests.safemig.bad_projects import safemig
from tests.spine.project import make_project, remove_project

SPEC = """\
# Courses

## Phase 1: Database

```python
def upgrade():
    op.create_table(
        "course",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False, server_default="", comment="shown"),
        sa.Column("price", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("price >= 0", name="ck_course_price"),
    )
```

- [ ] Column `course.price` exists
- [ ] Somebody has been told
"""


@pytest.mark.slow
def test_the_state_of_a_table_is_reached_and_is_no_change_afterwards(tmp_path: Path) -> None:
    spine = make_project(tmp_path / "shop")
    (spine.root / "docs" / "ratings_plan.md").write_text(SPEC)
    phase = ("--spec", "ratings", "--phase", "1")
    try:
        first = safemig(spine.root, "plan")
        assert "was chosen: it has open items and shows tables otherwise than they are" in first.out, first.shown
        assert 'op.add_column("course", sa.Column("price"' in first.out, first.shown
        assert "left as it is: docs/ratings_plan.md:7: the CREATE leaves column course.slug out" in first.out
        assert "op.create_table" not in first.out
        ended = safemig(spine.root, "run", "--mode", "auto", *phase)
        assert ended.code == 0, ended.shown
        with psycopg.connect(spine.dsn) as connection:
            columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'course'::regclass AND attnum > 0"
            assert {row[0] for row in connection.execute(columns)} == {"id", "slug", "name", "price"}
        verified = safemig(spine.root, "verify", *phase)
        assert (verified.code, "left as it is" in verified.out) == (0, True), verified.shown
        again = safemig(spine.root, "plan", *phase)
        assert "is as docs/ratings_plan.md:7 asks for already: no change of it is needed" in again.out
        assert "Write the migration" not in again.out
        assert "no phase with open items asks for" in safemig(spine.root, "plan").out
        with psycopg.connect(spine.dsn, autocommit=True) as connection:
            connection.execute("CREATE INDEX by_hand ON course (name)")
        by_hand = safemig(spine.root, "verify", *phase)
        assert (by_hand.code, "index public.by_hand: unexpected" in by_hand.out) == (1, True), by_hand.shown
    finally:
        remove_project(spine)


def _spec(code: str, language: str = "sql") -> Wanted:
    document = parse(f"# P\n```{language}\n{code}\n```\n".encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "language", "tables"),
    [
        ("CREATE TABLE a (id int); CREATE TABLE b (id int);", "sql", ("a",)),
        ("DROP TABLE a; CREATE TABLE a (id int);", "sql", ()),
        ("ALTER TABLE a RENAME TO old_a; CREATE TABLE a (id int);", "sql", ()),
        ("op.drop_table('a')\nop.create_table('a', sa.Column('id', sa.Integer()))", "python", ()),
        ("op.create_table('a', sa.Column('id', sa.Integer()), schema='x')", "python", ()),
        ('CREATE TABLE "a" (id int);', "sql", ("a",)),
    ],
)
def test_a_create_is_a_state_only_of_what_is_there(code: str, language: str, tables: tuple[str, ...]) -> None:
    assert restated_tables(_spec(code, language), {"public.a"}) == tables


REVISION = """
from alembic import op
import sqlalchemy as sa
revision = "{id}"
down_revision = {down}


def upgrade():
    {code}


def downgrade():
    op.drop_column("a", "x")
"""


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ('op.add_column("a", sa.Column("x", sa.Text()))', True),
        ('op.execute("ALTER TABLE a ADD COLUMN x text")', True),
        ('op.create_table("b", sa.Column("a_id", sa.Integer(), sa.ForeignKey("a.id")))', False),
    ],
)
def test_a_table_is_changed_by_revisions_that_do_not_make_it(code: str, *, changed: bool, tmp_path: Path) -> None:
    make = 'op.create_table("a", sa.Column("id", sa.Integer()))'
    (tmp_path / "r1.py").write_text(REVISION.format(id="r1", down=None, code=make))
    (tmp_path / "r2.py").write_text(REVISION.format(id="r2", down="'r1'", code=code))
    assert changed_since(read_graph([tmp_path]), ("a",)) is changed


COLUMN: dict[str, Json] = {"position": 1, "type": "integer"}


@pytest.mark.parametrize(
    ("aspect", "aim", "present", "up"),
    [
        ("not_null", {"not_null": True}, {}, "ALTER TABLE public.t ALTER COLUMN c SET NOT NULL;"),
        ("default", {"default": "'0'::smallint"}, {"default": "0"}, None),
        ("default", {"default": "'-1'::integer"}, {"default": "(-1)"}, None),
        ("default", {"default": "1"}, {}, "ALTER TABLE public.t ALTER COLUMN c SET DEFAULT 1;"),
        ("comment", {}, {"comment": "kept"}, None),
        ("identity", {}, {"identity": "always"}, "ALTER TABLE public.t ALTER COLUMN c DROP IDENTITY;"),
        ("identity", {"identity": "always", "sequence": {"increment": -1}}, {}, NoChange),
        ("generated", {"generated": "(a + 1)", "generation": "stored"}, {}, OpenPoint),
        ("storage", {"storage": "e"}, {}, NoChange),
    ],
)
def test_each_difference_of_a_column_has_its_statement_or_its_reason(
    aspect: str, aim: dict[str, Json], present: dict[str, Json], up: str | type[NoChange | OpenPoint] | None
) -> None:
    key = "column public.t.c"
    left, right = Snapshot(15, {key: COLUMN | aim}), Snapshot(15, {key: COLUMN | present})
    one = Difference(key, aspect, aim.get(aspect), present.get(aspect))
    spoken = Spoken({}, {}, {}, ({key: "public.t_c_seq"}, {key: "public.t_c_seq"}))
    if isinstance(up, type):
        with pytest.raises(up, match=r"\bt\.c"):
            alter.change(one, left, right, spoken, "sql")
        return
    found = alter.change(one, left, right, spoken, "sql")
    assert (found.up if found else None) == up


ALTER = "ALTER TABLE public.t ALTER COLUMN c TYPE"


@pytest.mark.parametrize(
    ("kind", "before", "after", "up", "down"),
    [
        ("sql", "text", "character varying(3)", f"{ALTER} character varying(3);", f"{ALTER} text;"),
        ("sql", "numeric(10,2)", "integer", f"{ALTER} integer;", f"{ALTER} numeric(10,2);"),
        ("sql", "text", "integer", f"{ALTER} integer USING c::integer;", f"{ALTER} text;"),
        (
            "op",
            "sa.INTEGER()",
            "sa.Text()",
            'op.alter_column("t", "c", type_=sa.Text(), existing_type=sa.INTEGER())',
            'op.alter_column("t", "c", type_=sa.INTEGER(), existing_type=sa.Text(), postgresql_using="c::integer")',
        ),
    ],
)
def test_a_cast_is_written_only_where_postgresql_has_none(
    kind: Literal["op", "sql"], before: str, after: str, up: str, down: str
) -> None:
    types = {"sa.INTEGER()": "integer", "sa.Text()": "text"}
    key, position = "column public.t.c", {"position": 1}
    left = Snapshot(15, {key: position | {"type": types.get(after, after)}})
    right = Snapshot(15, {key: position | {"type": types.get(before, before)}})
    spoken = Spoken({}, {"c": after}, {"c": before})
    found = alter.change(Difference(key, "type", after, before), left, right, spoken, kind)
    assert found == alter.Change(up, down)


@pytest.mark.parametrize(
    ("columns", "operation"),
    [
        ("a", 'op.create_index("i", "t", ["a"])'),
        ("a, b", 'op.create_index("i", "t", ["a", "b"])'),
        ("a DESC", 'op.execute("CREATE INDEX i ON public.t USING btree (a DESC)")'),
        ("a, b NULLS FIRST", 'op.execute("CREATE INDEX i ON public.t USING btree (a, b NULLS FIRST)")'),
        ("a varchar_pattern_ops", 'op.execute("CREATE INDEX i ON public.t USING btree (a varchar_pattern_ops)")'),
    ],
)
def test_an_index_of_more_than_columns_stays_a_statement(columns: str, operation: str) -> None:
    definition = f"CREATE INDEX i ON public.t USING btree ({columns})"
    aim = Snapshot(15, {"index public.i": {"definition": definition, "table": "public.t"}})
    one = Difference("index public.i", "missing", definition, None)
    found = alter.change(one, aim, Snapshot(15, {}), Spoken({}, {}, {}), "op")
    assert found is not None
    assert found.up == operation


def test_a_downgrade_that_takes_the_whole_table_is_not_the_way_back(dsn: str) -> None:
    from safemig.sandbox.desired import restated
    from tests.conftest import fresh_database

    spec = _spec("CREATE TABLE a (id integer PRIMARY KEY, x text);\n-- down\nDROP TABLE a;")
    assert "DROP TABLE" in spec.downgrade
    result = restated("CREATE TABLE public.a (id integer PRIMARY KEY);", spec, lambda: fresh_database(dsn))
    assert with_downgrade(result.wanted).downgrade == "ALTER TABLE public.a DROP COLUMN x;"
    own = replace(spec, downgrade="ALTER TABLE a DROP COLUMN x;", downgrade_lines=(9,))
    result = restated("CREATE TABLE public.a (id integer PRIMARY KEY);", own, lambda: fresh_database(dsn))
    assert (result.wanted.downgrade, result.wanted.downgrade_lines) == (own.downgrade, (9,))


@pytest.mark.parametrize(
    ("present", "downgrade"),
    [
        ("", "ALTER TABLE a DROP COLUMN x;"),
        (", x text DEFAULT 'old'", "ALTER TABLE public.a ALTER COLUMN x SET DEFAULT 'old'::text;"),
    ],
)
def test_a_downgrade_of_the_spec_is_used_only_where_it_leads_back(
    present: str, downgrade: str, postgres_server: str
) -> None:
    from safemig.sandbox.desired import restated
    from tests.conftest import fresh_database

    code = "CREATE TABLE a (id integer PRIMARY KEY, x text);\n-- down\nALTER TABLE a DROP COLUMN x;"
    base = f"CREATE TABLE public.a (id integer PRIMARY KEY{present});"
    result = restated(base, _spec(code), lambda: fresh_database(postgres_server))
    assert result.wanted.downgrade == downgrade


def test_rows_that_a_revision_has_put_in_are_not_put_in_again(tmp_path: Path) -> None:
    code = "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\n-- down\nDELETE FROM a;"
    (tmp_path / "r1.py").write_text(REVISION.format(id="r1", down=None, code='op.execute("INSERT INTO a  VALUES (1)")'))
    graph = read_graph([tmp_path])
    left = without_done(graph, _spec(code))
    assert "VALUES (1)" not in left.upgrade
    assert [left.place(line) for line in (1, 2)] == [("plan.md", 3), ("plan.md", 5)]
    assert "VALUES (2)" in left.upgrade
    assert left.downgrade == ""
    other = _spec("CREATE TABLE a (id int);\nINSERT INTO a VALUES (3);")
    assert without_done(graph, other) is other


THERE = "CREATE TABLE public.a (id serial PRIMARY KEY, x text);"
STATE = "CREATE TABLE a (id serial PRIMARY KEY, x text);\n"
STATE_OP = "op.create_table('a', sa.Column('id', sa.Integer(), primary_key=True), sa.Column('x', sa.Text()))\n"


@pytest.mark.parametrize(
    ("code", "language", "lines"),
    [
        (STATE, "sql", ()),
        (STATE + "COMMENT ON TABLE a IS NULL;\nSET lock_timeout = '5s';", "sql", ()),
        (STATE + "INSERT INTO a VALUES (1, 'x');\nUPDATE a SET x = '';", "sql", (4, 5)),
        (STATE + "GRANT SELECT ON a TO PUBLIC;", "sql", (4,)),
        (STATE_OP + "op.execute('SET lock_timeout = 1000')", "python", ()),
        (STATE_OP + 'op.execute("DELETE FROM a WHERE id = 7")', "python", (4,)),
        (STATE_OP + "op.execute('SET lock_timeout = 1; DELETE FROM a')", "python", (4,)),
    ],
)
def test_what_no_schema_shows_is_not_taken_for_done(
    code: str, language: str, lines: tuple[int, ...], postgres_server: str
) -> None:
    from safemig.sandbox.desired import restated
    from tests.conftest import fresh_database

    way_back = "op.drop_column('a', 'x')" if language == "python" else "ALTER TABLE a DROP COLUMN x;"
    spec = replace(_spec(code, language), downgrade=way_back, downgrade_lines=(9,))
    result = restated(THERE, spec, lambda: fresh_database(postgres_server))
    assert result.wanted.upgrade == ""
    assert tuple(line for line, _ in result.unseen) == lines


@pytest.mark.parametrize(
    ("spec", "kind", "revision", "same"),
    [
        ("UPDATE a\n  SET x = ':y'", "sql", "op.execute(\"UPDATE a SET x = '\\\\:y'\")", True),
        ("UPDATE a SET x = 'y'", "sql", "op.execute(\"UPDATE a SET x = 'z'\")", False),
        ("op.bulk_insert(t,\n [{'id': 1}])", "op", 'op.bulk_insert(t, [{"id": 1}])', True),
        ('op.execute("DELETE FROM a")', "op", "op.get_bind().execute(sa.text('DELETE  FROM a'))", True),
        ("op.bulk_insert(t, [{'id': 1}])", "op", "op.bulk_insert(t, [{'id': 2}])", False),
    ],
)
def test_a_statement_is_found_again_in_a_revision(
    spec: str, kind: Literal["op", "sql"], revision: str, *, same: bool
) -> None:
    text = f"def upgrade():\n    {revision}\n"
    assert bool(in_words(spec, kind) & in_words(text, "op")) is same
