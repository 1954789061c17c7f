"""What a phase asks of the schema: which blocks are a source, how they fit, what they contradict."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.migrations.change import Wanted
from safemig.plan_document.document import Document, parse
from safemig.requirements.sources import wanted
from safemig.sql.text import foreign, statements, tokens


def _document(*blocks: tuple[str, str], path: str = "plan.md", items: str = "") -> Document:
    text = "# Plan\n" + "".join(f"\n```{language}\n{code}\n```\n" for language, code in blocks) + items
    return parse(text.encode(), path)


def _wanted(*blocks: tuple[str, str]) -> Wanted | None:
    document = _document(*blocks)
    return wanted(document, document.phases[0], [])


def _found(*blocks: tuple[str, str]) -> Wanted:
    result = _wanted(*blocks)
    assert result is not None
    return result


UP = '''def upgrade() -> None:
    """Make it."""
    # the table
    op.create_table(
        "rating",  # one
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("stars", sa.SmallInteger(), nullable=False, server_default="1"),
        sa.UniqueConstraint("stars", name="uq_stars"),
    )
    op.create_index(op.f("ix_stars"), "rating", ["stars"])
    op.execute("""
  SELECT 1
""")
    # end
'''
DOWN = 'def downgrade():\n    op.drop_table("rating")\n'


def test_statements_are_kept_as_written() -> None:
    found = _found(("python", UP + "\n\n" + DOWN))
    assert found.kind == "op"
    assert found.upgrade.startswith('# the table\nop.create_table(\n    "rating",  # one\n')
    assert found.upgrade.endswith('op.execute("""\n  SELECT 1\n""")\n# end')
    assert found.downgrade == 'op.drop_table("rating")'
    assert found.tables == ("rating",)
    assert found.named == {"uq_stars", "ix_stars"}
    assert found.place(2) == ("plan.md", 7)
    assert found.origin == ("plan.md", 6)


@pytest.mark.parametrize(
    "blocks",
    [
        [("python", UP), ("python", DOWN)],
        [("python", DOWN), ("py", UP)],
        [("", "from alembic import op\n" + UP), ("python", "# downgrade\nop.drop_table('rating')")],
        [
            ("python", 'revision = "x"\n\ndef upgrade():\n    pass\n\ndef downgrade(): ...'),
            ("python", UP),
            ("python", DOWN),
        ],
        [("python", "def upgrade():\n    # TODO\n\ndef downgrade():\n    # TODO"), ("python", UP + "\n" + DOWN)],
        [("python", "def upgrade():\n    op.create_table(...)"), ("python", UP + "\n" + DOWN)],
        [("python", "def upgrade():\n    op.create_table('rating', ...)"), ("python", UP + "\n" + DOWN)],
        [("sql", "CREATE TABLE rating (id int);"), ("python", UP + "\n" + DOWN)],
    ],
)
def test_pieces_are_put_together_and_skeletons_left_out(blocks: list[tuple[str, str]]) -> None:
    found = _found(*blocks)
    assert (found.kind, found.tables, found.problems) == ("op", ("rating",), ())
    assert "create_index" in found.upgrade
    assert "drop_table" in found.downgrade


def test_loose_statements_add_up_and_alternatives_do_not() -> None:
    table = 'op.create_table("rating", sa.Column("a", sa.Integer()))'
    index = 'op.create_index("ix_a", "rating", ["a"])'
    drops = 'op.drop_index("ix_a")\nop.drop_table("rating")'
    found = _found(("python", table), ("python", index), ("python", drops))
    assert found.upgrade == f"{table}\n{index}"
    assert found.downgrade == drops
    assert [found.place(line)[1] for line in (1, 2)] == [4, 8]
    whole = _found(("python", index), ("python", UP))
    assert "ix_a" not in whole.upgrade


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [("python", "class Rating(Base):\n    __tablename__ = 'rating'")],
        [("python", "def upgrade():\n    pass\ndef downgrade():\n    pass")],
        [("sql", "SELECT * FROM rating;")],
        [("sql", "INSERT INTO rating VALUES (1);")],
        [("sql", "\\d rating")],
        [("sql", "CREATE TABLE rating (...);")],
        [("bash", "CREATE TABLE x")],
        [("markdown", "CREATE TABLE rating (id int);")],
        [("", "some text about CREATE TABLE")],
    ],
)
def test_no_source(blocks: list[tuple[str, str]]) -> None:
    assert _wanted(*blocks) is None


def test_sql_up_and_down() -> None:
    table = 'CREATE TABLE "Rating" (id int CONSTRAINT pk_r PRIMARY KEY);'
    sql = f'BEGIN;\n-- the table\n{table}\nCREATE INDEX ix ON "Rating"(id);\nCOMMIT;'
    found = _found(("sql", sql), ("sql", 'DROP INDEX ix;\nDROP TABLE "Rating";'))
    assert found.kind == "sql"
    assert [one.head for one in statements(found.upgrade)] == ["CREATE", "CREATE"]
    assert "-- the table" in found.upgrade
    assert found.tables == ("Rating",)
    assert found.named == {"pk_r", "ix"}
    assert found.downgrade.startswith("DROP INDEX ix;")
    marked = _found(("postgresql", "CREATE TABLE a (id int);\n-- Down\nDROP TABLE a;\n"))
    assert (marked.upgrade, marked.downgrade) == ("CREATE TABLE a (id int);", "DROP TABLE a;")
    assert marked.place(1, "down") == ("plan.md", 6)


@pytest.mark.parametrize(
    ("sql", "line", "form"),
    [
        ("CREATE TABLE a (\n id INT AUTO_INCREMENT\n);", 2, "AUTO_INCREMENT"),
        ("CREATE TABLE a (id int)\nENGINE=InnoDB;", 2, "ENGINE="),
        ("CREATE TABLE a (\n id int,\n INDEX ix (id)\n);", 3, "INDEX"),
        ("CREATE TABLE a (id int, KEY (id));", 1, "INDEX"),
        ("CREATE TABLE a (id int, UNIQUE KEY u (id));", 1, "INDEX"),
        ("CREATE TABLE `a` (id int);", 1, "backticks"),
        ("CREATE TABLE a (id INT UNSIGNED);", 1, "UNSIGNED"),
        ("CREATE TABLE a (t DATETIME);", 1, "DATETIME"),
        ("CREATE TABLE a (t TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);", 1, "ON UPDATE"),
    ],
)
def test_forms_of_mysql_are_named_with_their_line(sql: str, line: int, form: str) -> None:
    assert any(found[0] == line and form in found[1] for found in foreign(sql)), foreign(sql)
    problems = _found(("sql", sql)).problems
    assert any(text.startswith(f"plan.md:{line + 3}:") for text in problems)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (key text, index int, datetime timestamp, engine text DEFAULT 'ENGINE=x');",
        "CREATE TABLE a (key varchar(10), id int GENERATED ALWAYS AS IDENTITY);",
        "CREATE TABLE a (id int REFERENCES b ON UPDATE CASCADE) -- AUTO_INCREMENT `x`\n;",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '`AUTO_INCREMENT`' $$;",
    ],
)
def test_postgresql_is_not_taken_for_mysql(sql: str) -> None:
    assert foreign(sql) == ()


def test_broken_code_is_a_problem_only_where_nothing_else_says_it() -> None:
    broken = ("python", "def upgrade():\n    op.create_table('rating',\n")
    found = _found(broken)
    assert found.upgrade == ""
    assert "plan.md" in found.problems[0]
    assert _found(broken, ("sql", "CREATE TABLE rating (id int);")).problems == ()


def test_contradictions_are_sentences_with_places() -> None:
    sql = (
        "CREATE TABLE rating (id SERIAL PRIMARY KEY, stars SMALLINT NOT NULL DEFAULT 2, CONSTRAINT one UNIQUE (stars));"
    )
    other = _document(("sql", "CREATE TABLE rating (id int PRIMARY KEY, score int);"), path="old.md")
    document = _document(("python", UP), ("sql", sql))
    found = wanted(document, document.phases[0], [other, document])
    assert found is not None
    text = "\n".join(found.differences)
    assert "plan.md:22 gives rating.id the type SERIAL, plan.md:7 INTEGER" in text
    assert "plan.md:22 gives rating.stars the default 2, plan.md:7 1" in text
    assert "plan.md:22 calls the unique (stars) of rating one, plan.md:7 uq_stars" in text
    assert "plan.md:7 has the definition index (stars) of rating, plan.md:22 does not" in text
    assert "old.md:4 has the column score of rating, plan.md:7 does not" in text
    columns = "id int PRIMARY KEY, stars smallint NOT NULL DEFAULT 1, UNIQUE (stars)"
    index = "CREATE INDEX ix_stars ON rating (stars);"
    same = _document(("python", UP), ("sql", f"CREATE TABLE rating ({columns}); {index}"))
    found = wanted(same, same.phases[0], [same])
    assert found is not None
    assert found.differences == ()


def test_a_block_outside_the_phases_belongs_to_the_first_that_names_its_table() -> None:
    text = (
        "# P\n## Schema\n```sql\nCREATE TABLE rating (id int);\n```\n## Phase 1: Prepare\n- [ ] talk\n"
        "## Phase 2: Database\n- [ ] make `rating`\n## Phase 3: Models\n- [ ] model of `rating`\n"
    )
    document = parse(text.encode(), "p.md")
    assert [bool(wanted(document, phase, [])) for phase in document.phases] == [False, True, False]


def test_statements_are_cut_where_postgresql_cuts_them() -> None:
    text = (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $x$ SELECT 1; $x$;\n"
        "/* ; /* ; */ */ SELECT ';', \"a;\", E'\\';';\n"
        "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n-- ;\n"
    )
    assert [(one.head, one.line) for one in statements(text)] == [("CREATE", 1), ("SELECT", 2), ("CREATE", 3)]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="aE$'\"`/*-;(),. \nCREATETABLE0", max_size=80))
def test_the_tokens_cover_the_text(text: str) -> None:
    found = tokens(text)
    rest = list(text)
    for token in found:
        assert text[token.start : token.end] == token.text
        rest[token.start : token.end] = " " * len(token.text)
    assert not "".join(rest).strip()
    foreign(text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "def upgrade():\n",
                "    op.create_table(",
                "'a',",
                "...",
                ")\n",
                "    pass\n",
                "#x\n",
                "op.execute('''",
                "CREATE TABLE a (",
                "'''",
                "sa.Column('b')",
                "\n",
                "DROP TABLE a;",
                "-- down\n",
                "with op.batch_alter_table('a') as batch_op:\n",
                "\t",
            ]
        ),
        max_size=25,
    ),
    st.sampled_from(["python", "sql", ""]),
)
def test_no_block_breaks_the_reader(parts: list[str], language: str) -> None:
    found = _wanted((language, "".join(parts)))
    if found is not None and found.upgrade:
        assert len(found.upgrade_lines) == found.upgrade.count("\n") + 1


def test_a_block_beyond_all_measure_is_a_problem_within_seconds() -> None:
    begun = time.monotonic()
    statements = "CREATE TABLE t (a int);\n" * 90_000  # 2 MB; read statement by statement it took 80 s and 330 MB
    found = _found(("sql", statements))
    assert "too large to be read" in found.problems[0]
    assert _wanted(("text", "line of a log\n" * 40_000)) is None
    assert time.monotonic() - begun < 20
