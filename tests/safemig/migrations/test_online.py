"""The form that holds locks least gives the same schema, goes back, and is chosen only for tables in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.revisions.graph import read_graph
from checks.revisions.style import read_pattern
from safemig.migrations.change import Wanted
from safemig.migrations.online import choices as gentle_choices
from safemig.migrations.online import sql_forms
from safemig.migrations.online.decision import InUse
from safemig.migrations.online.forms import gentle
from safemig.migrations.writer import author
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import desire, of_revision

DUMP = """CREATE TABLE public.person (id integer PRIMARY KEY);
CREATE TABLE public."user" (id integer PRIMARY KEY, "Name" text);
CREATE TABLE public.course (id integer PRIMARY KEY, slug text, a integer, b integer, p integer);"""


def _spec(code: str, language: str = "python") -> Wanted:
    document = parse(f"# P\n```{language}\n{code}\n```\n".encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    return found


PYTHON = [
    ('op.create_index("ix", "course", ["slug"])', 'op.drop_index("ix", table_name="course")', "CONCURRENTLY"),
    (
        'op.create_index(\n    "ix",\n    "course",\n    [sa.text("lower(slug)")],\n    unique=True,  # one\n)',
        'op.drop_index("ix", "course")',
        "CONCURRENTLY",
    ),
    (
        'op.create_foreign_key("fk", "course", "person", ["p"], ["id"], ondelete="CASCADE")',
        'op.drop_constraint("fk", "course", type_="foreignkey")',
        "NOT VALID",
    ),
    (
        'op.create_check_constraint("ck", "course", "a > 0")',
        'op.drop_constraint("ck", "course", type_="check")',
        "NOT VALID",
    ),
    (
        'op.create_unique_constraint("uq", "user", ["Name", "id"])',
        'op.drop_constraint("uq", "user", type_="unique")',
        "CONCURRENTLY",
    ),
    (
        'op.alter_column("user", "Name", nullable=False)',
        'op.alter_column("user", "Name", nullable=True)',
        "by way of a CHECK",
    ),
    (
        'op.add_column("course", sa.Column("u", sa.Uuid(), nullable=False, '
        'server_default=sa.text("gen_random_uuid()")))',
        'op.drop_column("course", "u")',
        "three steps",
    ),
    (
        '# a key\nop.add_column("course", sa.Column("u", sa.Uuid(), server_default=sa.func.gen_random_uuid()))',
        'op.drop_column("course", "u")',
        "set and filled in afterwards",
    ),
    (
        'with op.batch_alter_table("course", schema=None) as batch_op:\n'
        "    # first\n"
        '    batch_op.add_column(sa.Column("ü", sa.Text(), nullable=True))\n'
        '    batch_op.alter_column("slug", existing_type=sa.Text(), nullable=False)\n'
        "    batch_op.create_index(\n"
        '        batch_op.f("ix"),\n'
        '        ["slug"],  # by slug\n'
        "        unique=True,\n"
        "    )\n"
        '    batch_op.create_foreign_key("fk", "person", ["p"], ["id"])\n'
        '    batch_op.create_unique_constraint("uq", ["a", "b"])\n'
        '    batch_op.create_check_constraint("ck", "a > 0")',
        'with op.batch_alter_table("course") as batch_op:\n'
        '    batch_op.drop_constraint("ck", type_="check")\n'
        '    batch_op.drop_constraint("uq", type_="unique")\n'
        '    batch_op.drop_constraint("fk", type_="foreignkey")\n'
        '    batch_op.drop_index(batch_op.f("ix"))\n'
        '    batch_op.alter_column("slug", existing_type=sa.Text(), nullable=True)\n'
        '    batch_op.drop_column("ü")',
        "by way of a CHECK",
    ),
    (
        'with op.batch_alter_table("user") as b:\n    b.add_column(sa.Column("u", sa.Uuid(), nullable=False, '
        'server_default=sa.text("gen_random_uuid()")))',
        'op.drop_column("user", "u")',
        "three steps",
    ),
]
SQL = [
    ("CREATE UNIQUE INDEX ix ON course (slug) -- x", "DROP INDEX ix;", "CONCURRENTLY"),
    (
        "-- to the person\nALTER TABLE course ADD CONSTRAINT fk FOREIGN KEY (p) REFERENCES person (id);",
        "ALTER TABLE course DROP CONSTRAINT fk;",
        "NOT VALID",
    ),
    ("ALTER TABLE course ADD CONSTRAINT ck CHECK (a > 0);", "ALTER TABLE course DROP CONSTRAINT ck;", "NOT VALID"),
    ('ALTER TABLE "user" ADD CONSTRAINT uq UNIQUE ("Name");', 'ALTER TABLE "user" DROP CONSTRAINT uq;', "CONCURRENTLY"),
    (
        "ALTER TABLE course ALTER COLUMN a SET NOT NULL;",
        "ALTER TABLE course ALTER COLUMN a DROP NOT NULL;",
        "by way of a CHECK",
    ),
    (
        "-- a key\nALTER TABLE course ADD COLUMN u uuid DEFAULT gen_random_uuid() NOT NULL;",
        "ALTER TABLE course DROP COLUMN u;",
        "three steps",
    ),
    (
        'ALTER TABLE "user" ADD "U" numeric(8, 2) NOT NULL DEFAULT (random() * 100) -- by chance',
        'ALTER TABLE "user" DROP "U";',
        "three steps",
    ),
    ("ALTER TABLE course ADD u text DEFAULT md5('x');", "ALTER TABLE course DROP u;", "set and filled in afterwards"),
    (
        "ALTER TABLE course ADD CONSTRAINT ck CHECK (x > 0), ADD COLUMN x int, ALTER a SET NOT NULL;",
        "ALTER TABLE course DROP x, ALTER a DROP NOT NULL;",
        "NOT VALID",
    ),
]


@pytest.mark.parametrize(
    ("language", "up", "down", "said"),
    [("python", *case) for case in PYTHON] + [("sql", *case) for case in SQL],
)
def test_the_gentle_form_gives_the_same_schema_and_goes_back(
    dsn: str, tmp_path: Path, language: str, up: str, down: str, said: str
) -> None:
    @contextmanager
    def scratch() -> Iterator[str]:
        yield dsn

    plain = _spec(up, language)
    from dataclasses import replace

    plain = replace(plain, downgrade=down)
    better, choices = gentle(plain, ["public.course", "user"])
    assert said in choices[0].what
    assert len(better.upgrade_lines) == better.upgrade.count("\n") + 1
    pattern = read_pattern(read_graph([tmp_path]), tmp_path, file_template=None)
    moment = "2024-01-01T00:00:00+00:00"
    made = author(pattern, versions=tmp_path, down=(), wanted=better, message="m", moment=moment)
    assert "autocommit_block" in made.text
    desired = desire(DUMP, plain, scratch, revision=of_revision(made.text, "m.py"))
    assert desired.base != desired.wanted


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", 'op.create_table("new", sa.Column("id", sa.Integer()))\nop.create_index("ix", "new", ["id"])'),
        ("python", 'op.create_index("ix", "other", ["id"])'),
        ("python", 'op.create_index("ix", "course", ["id"], postgresql_concurrently=True)'),
        ("python", 'op.create_foreign_key(None, "course", "person", ["p"], ["id"])'),
        ("python", 'op.add_column("course", sa.Column("n", sa.Text(), nullable=False, server_default="x"))'),
        (
            "python",
            'op.add_column("course", sa.Column("n", sa.DateTime(), nullable=False, server_default=sa.func.now()))',
        ),
        ("python", 'op.add_column("course", sa.Column("n", sa.Text()))'),
        ("python", 'op.create_index("ix", "course", ["a"]); op.create_index("iy", "course", ["b"])'),
        ("sql", "CREATE TABLE new (id int); CREATE INDEX ix ON new (id);"),
        ("sql", "CREATE INDEX CONCURRENTLY ix ON course (id);"),
        ("sql", "ALTER TABLE course ADD CONSTRAINT ck CHECK (a > 0) NOT VALID;"),
        ("sql", "ALTER TABLE course ALTER a DROP NOT NULL, ADD COLUMN x int,"),
        ("sql", "ALTER TABLE course ADD COLUMN"),
        ("sql", "ALTER TABLE course ADD COLUMN x timestamptz NOT NULL DEFAULT now(), ADD y int DEFAULT 3;"),
        ("sql", "ALTER TABLE course ADD COLUMN x int;"),
    ],
)
def test_the_rest_stays_as_the_spec_writes_it(language: str, code: str) -> None:
    plain = _spec(code, language)
    assert gentle(plain, ["course"]) == (plain, ())


@pytest.mark.parametrize(
    ("language", "code", "said"),
    [
        ("sql", "ALTER TABLE course ADD COLUMN n bigserial;", "it is a serial, an identity or a stored expression"),
        ("sql", "ALTER TABLE course ADD n int GENERATED ALWAYS AS IDENTITY;", "it is a serial, an identity"),
        ("sql", "ALTER TABLE course ADD u uuid DEFAULT gen_random_uuid() UNIQUE;", "more hangs on the column"),
        ("sql", "ALTER TABLE course ADD IF NOT EXISTS u uuid DEFAULT gen_random_uuid();", "more hangs on the column"),
        (
            "python",
            'op.add_column("course", sa.Column("n", sa.Integer(), sa.Identity()))',
            "it is a serial, an identity",
        ),
        (
            "python",
            'op.add_column("course", sa.Column("u", sa.Uuid(), unique=True, server_default=sa.func.gen_random_uuid()))',
            "more hangs on the column",
        ),
        (
            "python",
            'with op.batch_alter_table("course", recreate="always") as b:\n    b.create_index("ix", ["a"])',
            "its option recreate decides how the table is changed",
        ),
        (
            "python",
            'with op.batch_alter_table("course") as b:\n    b.add_column(sa.Column("n", sa.Text()), insert_after="a")',
            "has no place outside a batch",
        ),
    ],
)
def test_what_has_no_gentler_form_is_said_with_its_reason(language: str, code: str, said: str) -> None:
    plain = _spec(code, language)
    found, (choice,) = gentle(plain, ["course"])
    assert found == plain
    assert choice.kept
    assert said in choice.why


def test_a_batch_becomes_operations_with_their_comments() -> None:
    code = (
        'with op.batch_alter_table("course", schema="shop") as b:\n    # by slug\n    b.create_index("ix", ["slug"])\n'
    )
    code += '    b.create_foreign_key("fk", "person", ["p"], ["id"])\n    b.drop_column("a")'
    found, chosen = gentle(_spec(code), ["shop.course"])
    assert found.upgrade.split("\n") == [
        "with op.get_context().autocommit_block():",
        "    # by slug",
        '    op.create_index("ix", "course", ["slug"], schema="shop", postgresql_concurrently=True)',
        'op.create_foreign_key("fk", "course", "person", ["p"], ["id"], source_schema="shop", '
        "postgresql_not_valid=True)",
        "with op.get_context().autocommit_block():",
        '    op.execute("ALTER TABLE shop.course VALIDATE CONSTRAINT fk")',
        'op.drop_column("course", "a", schema="shop")',
    ]
    assert [choice.kept for choice in chosen] == [False, False]


def test_comments_and_places_are_kept() -> None:
    code = '# why\nop.create_index("ix", "course", ["a"])  # how\n# then\n'
    code += 'op.add_column("course", sa.Column("z", sa.Text()))'
    found, _ = gentle(_spec(code), ["course"])
    assert found.upgrade.split("\n") == [
        "# why",
        "with op.get_context().autocommit_block():",
        '    op.create_index("ix", "course", ["a"], postgresql_concurrently=True)  # how',
        "# then",
        'op.add_column("course", sa.Column("z", sa.Text()))',
    ]
    assert [found.place(line)[1] for line in range(1, 6)] == [3, 4, 4, 5, 6]


TEXT = """ALTER TABLE course ADD COLUMN CONSTRAINT DROP NOT NULL DEFAULT UNIQUE CHECK ( ) , ; . ON ONLY IF EXISTS f x
SET TYPE VALIDATE CREATE INDEX GENERATED 'a' "b" -- UPDATE USING"""
WORDS = st.sampled_from([*TEXT.split(), "\n"])


@given(st.lists(WORDS, max_size=14).map(lambda words: "ALTER TABLE course " + " ".join(words)))
def test_any_words_of_sql_are_read(code: str) -> None:
    wanted = Wanted("sql", code, "", (), frozenset(), ("plan.md", 1))
    text, numbers, chosen = sql_forms.change(wanted, InUse(frozenset(["course"]), {}))
    assert text == code or chosen
    assert not chosen or len(numbers) in (0, text.count("\n") + 1)


@pytest.mark.parametrize(
    ("default", "differs"),
    [
        ("now()", False),
        ("(now() AT TIME ZONE 'utc')", False),
        ("timezone('utc', pg_catalog.now()) + interval '1 day'", False),
        ("'f(x)'::varchar(9)", False),
        ("'it''s (1)'::character varying(20)", False),
        ("1.5::numeric(8, 2)", False),
        ("now() + random() * interval '1 day'", True),
        ("clock_timestamp()", True),
        ("nextval('s')", True),
        ("'x'::text || gen_random_uuid()", True),
    ],
)
def test_a_default_that_differs_by_row(default: str, differs: bool) -> None:
    assert gentle_choices.differs_by_row(default) is differs
