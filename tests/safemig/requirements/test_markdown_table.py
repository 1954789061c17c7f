"""Models, Markdown tables and bullets as sources: what they come to, which of them are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from safemig.migrations.change import Wanted
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import Desired, desire

DUMP = "CREATE TABLE public.course (id integer PRIMARY KEY);"


def _wanted(text: str, path: str = "plan.md") -> Wanted | None:
    document = parse(text.encode(), path)
    return wanted(document, document.phases[0], [])


def _found(text: str) -> Wanted:
    result = _wanted(text)
    assert result is not None
    return result


def _desire(text: str, dsn: str) -> Desired:
    @contextmanager
    def scratch() -> Iterator[str]:
        yield dsn

    found = _found(text)
    assert found.problems == ()
    return desire(DUMP, found, scratch)


ENGLISH = """# Ratings
## Table `rating`

| Column | Type | Constraints | Default | Description |
|--------|------|-------------|---------|-------------|
| `id` | SERIAL | PRIMARY KEY | | the key |
| `course_id` | INTEGER | NOT NULL, FK → course.id ON DELETE CASCADE | | |
| `stars` | SMALLINT | NOT NULL, CHECK (stars BETWEEN 1 AND 5) | 3 | one to five |
| `note` | VARCHAR(80) | UNIQUE | 'x' | |
| `made` | TIMESTAMPTZ | NOT NULL | now() | |
"""
SPANISH = """# Valoraciones
La nueva tabla `rating` se refiere a la tabla `course`:

| Campo | Tipo de dato | Restricciones | Valor por defecto | Descripción |
|---|---|---|---|---|
| id | serial | clave primaria | - | |
| course_id | integer | obligatorio, clave foránea a course(id), on delete cascade | - | el curso |
| stars | smallint | no nulo, entre 1 y 5 | 3 | |
| note | varchar(80) | opcional, único | 'x' | |
| made | timestamp with time zone | no nulo | `now()` | |
"""
GERMAN = """# Bewertungen
### Tabelle rating

| Spalte | Typ | Pflicht | Schlüssel | Standardwert |
|---|---|---|---|---|
| id | integer | ja | Primärschlüssel | |
| course_id | integer | ja | Fremdschlüssel auf course.id, on delete cascade | |
| stars | smallint | ja | zwischen 1 und 5 | 3 |
| note | varchar(80) | nein | eindeutig | 'x' |
| made | timestamptz | ja | | now() |
"""
BULLETS = """# Ratings
The table `rating` gets:

- `id` integer, primary key
- `course_id`: integer, not null, references course(id), on delete cascade
- `stars` smallint, not null, 1..5, default 3
- **`note`** varchar(80), nullable, unique, default 'x' — what they say, 1-5 lines
- `made TIMESTAMPTZ NOT NULL DEFAULT now()`
"""
MODEL = """# Ratings
```python
class Made:
    made: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Rating(Made, Base):
    __tablename__ = "rating"
    __table_args__ = (CheckConstraint("stars BETWEEN 1 AND 5"), UniqueConstraint("note"))
    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    stars: Mapped[int] = mapped_column(SmallInteger, server_default="3", default=4)
    note: Mapped[str | None] = mapped_column(String(80), server_default="x")
    course: Mapped["Course"] = relationship(back_populates="ratings")
```
"""
SQL = """# Ratings
```sql
CREATE TABLE rating (
    id SERIAL PRIMARY KEY,
    course_id INTEGER NOT NULL REFERENCES course (id) ON DELETE CASCADE,
    stars SMALLINT NOT NULL DEFAULT 3 CHECK (stars BETWEEN 1 AND 5),
    note VARCHAR(80) UNIQUE DEFAULT 'x',
    made TIMESTAMPTZ NOT NULL DEFAULT now()
);
```
"""


def _new(dsn: str, text: str) -> Mapping[str, object]:
    """The objects of the new table, without the names and the printing of defaults that differ for no reason."""
    found = _desire(text, dsn)
    new = {key: dict(value) for key, value in found.wanted.objects.items() if key not in found.base.objects}
    for value in new.values():
        if str(value.get("default", "")) in ("'3'::smallint", "3"):
            value["default"] = "3"
    return new


@pytest.mark.parametrize("text", [ENGLISH, SPANISH, GERMAN, BULLETS, MODEL])
def test_each_description_makes_the_table_that_the_sql_makes(text: str, postgres_server: str, dsn: str) -> None:
    import psycopg
    from psycopg.conninfo import make_conninfo

    mine = _new(dsn, text)
    name = f"{psycopg.conninfo.conninfo_to_dict(dsn)['dbname']}_sql"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            assert mine == _new(make_conninfo(postgres_server, dbname=name), SQL)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("| Fält | Slag |\n|---|---|\n| id | integer |\n| sum | integer |", "'Fält' and 'Slag' are not known"),
        ("| Trường | Kiểu |\n|---|---|\n| id | uuid |\n| at | timestamp |", "'Trường' and 'Kiểu' are not known"),
        ("| Step | Type |\n|---|---|\n| one | integer |\n| two | text |", "'Step' is not known"),
        ("| Column | Slag |\n|---|---|\n| id | serial primary key |\n| note | text not null |", "'Slag' is not known"),
        (
            "| Fält | Regler |\n|---|---|\n| id | primary key |\n| note | not null |",
            "'Fält' and 'Regler' are not known",
        ),
        (
            "| Column | Slag | Krav |\n|---|---|---|\n| id | heltal | primary key |\n| b | sträng | unique |",
            "'Krav' is not",
        ),
        ("| Column | Rules |\n|---|---|\n| id | integer, primary key |\n| note | text, not null |", "hold their types"),
    ],
)
def test_columns_below_unknown_headers_are_an_open_point(rows: str, words: str) -> None:
    """Also where no type stands in capitals, and where SQL's own words stand below headers alone."""
    (problem,) = _found(f"## Table `x`\n\n{rows}\n").problems
    assert problem.startswith("plan.md:3: this looks like the columns of a table, but ")
    assert words in problem
    assert "vocabulary" in problem
    assert "safemig.yaml" in problem


def test_the_lines_are_those_of_the_rows() -> None:
    found = _found(ENGLISH)
    line = next(n for n, code in enumerate(found.upgrade.split("\n"), 1) if '"stars"' in code)
    assert found.place(line) == ("plan.md", 8)
    assert len(found.upgrade_lines) == found.upgrade.count("\n") + 1
    found = _found(MODEL)
    line = next(n for n, code in enumerate(found.upgrade.split("\n"), 1) if '"note", sa' in code)
    assert found.place(line) == ("plan.md", 13)


@pytest.mark.parametrize(
    "text",
    [
        "## Steps of `x`\n| Step | Kind |\n|---|---|\n| one | integer |\n| two | boolean |",
        "Query parameters:\n\n| Parameter | Kind |\n|---|---|\n| page | integer |\n| words | text |",
        "## Table `x`\n| Role | Permission |\n|---|---|\n| admin | all |",
        "## Endpoints of `x`\n| Method | Path | Type |\n|---|---|---|\n| GET | /x | integer |",
        "## Table `x`\n| Field | Type |\n|---|---|\n| id | integer |\n| name | string |",
        "## Current table `x`\n| Column | Type |\n|---|---|\n| id | integer |\n| name | text |",
        "## Model\nThe table `x` already exists:\n\n| Column | Type |\n|---|---|\n| id | integer |\n| name | text |",
        "## La tabla existente `x`\n| Columna | Tipo |\n|---|---|\n| id | integer |\n| name | text |",
        "| Column | Type |\n|---|---|\n| id | integer |\n| name | text |",
        "Table `x`:\n\n- `make test` runs the tests\n- `id` integer, primary key\n- `b` text",
        "Table `x`:\n\n- [ ] `id` integer\n- [ ] `b` text",
        "Files:\n\n- `app.py` text\n- `b.py` integer",
        "```python\nclass X(Base):\n    __tablename__ = 'x'\n    ...\n    id = Column(Integer)\n```",
        "```python\nclass X(Base):\n    __tablename__ = 'x'\n    ys: Mapped[list['Y']] = relationship()\n```",
    ],
)
def test_what_is_no_schema(text: str) -> None:
    assert _wanted(f"# Plan\n\n{text}\n") is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("| n | GEOGRAPHY | |", "plan.md:5: column n: unknown type 'GEOGRAPHY'"),
        ("| n | TINYINT | |", "plan.md:5: column n: TINYINT is MySQL's; write SMALLINT or BOOLEAN"),
        ("| n | integer | AUTO_INCREMENT |", "plan.md:5: column n: AUTO_INCREMENT is MySQL's"),
        ("| n | integer | foreign key |", "plan.md:5: column n: a foreign key without the table"),
        ("| n | text | EXCLUDE USING gist |", "plan.md:5: column n: EXCLUDE is not understood"),
        ("| first name | text | |", "plan.md:5: column first name: 'first name' is no name of a column"),
    ],
)
def test_what_cannot_be_used_is_a_problem_with_its_line(row: str, said: str) -> None:
    text = f"# P\n## Table `x`\n| Column | Type | Constraints |\n|---|---|---|\n{row}\n| a | text | |\n| b | text | |\n"
    assert any(problem.startswith(said) for problem in _found(text).problems), _found(text).problems


def test_a_model_with_columns_from_elsewhere_or_without_a_type_is_a_problem() -> None:
    code = "class X(TimestampMixin, Base):\n    __tablename__ = 'x'\n    id = Column(Integer, primary_key=True)\n"
    assert "takes columns from TimestampMixin" in _found(f"# P\n```python\n{code}```\n").problems[0]
    code = "class X(Base):\n    __tablename__ = 'x'\n    y_id = Column(ForeignKey('y.id'), primary_key=True)\n"
    assert "plan.md:5: the type of column x.y_id" in _found(f"# P\n```python\n{code}```\n").problems[0]


def test_code_counts_before_sql_before_models_before_tables_before_bullets() -> None:
    def section(text: str) -> str:
        return text.partition("\n")[2]

    code = '```python\nop.create_table("rating", sa.Column("id", sa.Integer(), primary_key=True))\n```\n'
    parts = [section(BULLETS), section(ENGLISH), section(MODEL), section(SQL), code]
    text = "# P\n"
    for number, part in enumerate(parts):
        text = f"# P\n{part}\n" if number == 0 else f"{text}\n## {number}\n{part}\n"
        found = _found(text)
        assert found.origin[1] > text[: text.rindex(part)].count("\n"), part
        assert any(one.endswith("is used") for one in found.differences) == (number > 2)


def test_differences_are_told_with_both_places() -> None:
    text = ENGLISH + "\n" + BULLETS.partition("\n")[2].replace("default 3", "default 1")
    assert "plan.md:14 gives rating.stars the default 1, plan.md:6 3; the latter is used" in _found(text).differences


def test_models_of_another_phase_are_no_second_migration() -> None:
    text = f"# P\n## Phase 1: Database\n{SQL.partition(chr(10))[2]}\n## Phase 2: Models\n{MODEL.partition(chr(10))[2]}"
    document = parse(text.encode(), "plan.md")
    assert [bool(wanted(document, phase, [])) for phase in document.phases] == [True, False]


@pytest.mark.parametrize(
    "words",
    [
        "No schema change is needed.",
        "This needs no database migration.",
        "It works without any schema changes.",
        "No migration is needed: the columns are there.",
        "No se necesita ninguna migración.",
        "No hay cambios en el esquema.",
        "Es ist keine Migration nötig.",
        "Aucune migration n'est nécessaire.",
        "Nenhuma migração é necessária.",
        "Миграция не нужна.",
        "不需要数据库迁移。",
    ],
)
def test_a_spec_that_says_that_nothing_changes_asks_for_nothing(words: str) -> None:
    assert _wanted(f"{ENGLISH}\n{words}\n") is None
    contradicting = _found(f"{SQL}\n{words}\n")
    assert contradicting.tables == ("rating",)
    assert "plan.md:12 says that no change of the schema is needed" in contradicting.differences[0]


@pytest.mark.parametrize("words", ["No migration of the data.", "Run the migration.", "The schema changes."])
def test_other_words_deny_nothing(words: str) -> None:
    assert _wanted(f"{ENGLISH}\n{words}\n") is not None


def test_a_foreign_key_without_a_type_has_that_of_what_it_refers_to() -> None:
    owner = (
        "class Owner(Base):\n    __tablename__ = 'owner'\n"
        "    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)\n"
    )
    pet = (
        "class Pet(Base):\n    __tablename__ = 'pet'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
        "    owner_id: Mapped[int] = mapped_column(ForeignKey('owner.id'))\n"
    )
    shown = _found(f"# P\n```python\n{owner}{pet}```\n")
    assert ('"owner_id", sa.BigInteger()' in shown.upgrade, shown.differences) == (True, ())
    assert (
        "plan.md:6: pet.owner_id takes its type from owner.id" in _found(f"# P\n```python\n{pet}```\n").differences[0]
    )


@pytest.mark.parametrize(
    ("line", "begins"), [("GO", "GO"), ("COPY t FROM stdin;\n1\tGermany\n\\.", "1"), ("EXPLAIN SELECT 1;", "EXPLAIN")]
)
def test_sql_that_no_migration_can_hold_is_named(line: str, begins: str) -> None:
    found = _found(f"# P\n```sql\nCREATE TABLE t (id integer);\n{line}\n```\n")
    assert len(found.problems) == 1
    assert f"'{begins}' begins no statement for a migration" in found.problems[0]


def test_what_a_list_says_beside_its_columns_is_noted() -> None:
    found = _found("# P\nNew table `t`:\n\n- `id` integer, primary key\n- `name` text, not null, shown to all\n")
    assert found.differences == ("plan.md:5: 'shown to all' of t.name says nothing to the schema",)


def test_every_check_has_a_name_that_no_convention_changes() -> None:
    rows = "| Column | Type | Constraints |\n|---|---|---|\n| id | int | PK |\n| stars | int | CHECK (stars > 0) |\n"
    found = _found(f"### Table `rating`\n\n{rows}\n- CHECK (stars < id)\n")
    assert found.upgrade.count("sa.CheckConstraint(") == 2
    assert "name=op.f('rating_stars_check')" in found.upgrade.replace('"', "'")
    assert "name=op.f('rating_check1')" in found.upgrade.replace('"', "'")
