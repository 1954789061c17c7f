"""The form that holds locks least gives the same schema, goes back, and is chosen only for tables in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checks.migration.graph import read_graph
from checks.migration.pattern import read_pattern
from safemig.authoring import author
from safemig.desired import desire, of_revision
from safemig.gentle import gentle
from safemig.spec.document import parse
from safemig.spec.sources import Wanted, wanted

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
        ("sql", "ALTER TABLE course ADD CONSTRAINT ck CHECK (a > 0), ADD COLUMN x int;"),
        ("sql", "ALTER TABLE course ADD COLUMN x int;"),
    ],
)
def test_the_rest_stays_as_the_spec_writes_it(language: str, code: str) -> None:
    plain = _spec(code, language)
    assert gentle(plain, ["course"]) == (plain, ())


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
