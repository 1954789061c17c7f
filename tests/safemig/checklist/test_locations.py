"""Where things are found: the catalog of a real PostgreSQL, and paths, symbols and routes as people write them."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from checks.schema.snapshot import take
from checks.source.symbols import walk
from safemig.checklist.locations import USED, Sources, look, same_file
from safemig.checklist.references import Thing

DDL = """
CREATE TABLE course (id integer PRIMARY KEY);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE SCHEMA other;
CREATE TABLE other.thing (id bigint);
CREATE TABLE course_rating (
    id bigserial PRIMARY KEY,
    course_id integer NOT NULL CONSTRAINT fk_course REFERENCES course ON DELETE CASCADE,
    stars smallint NOT NULL DEFAULT 3 CONSTRAINT ck_stars CHECK (stars BETWEEN 1 AND 5),
    CONSTRAINT uq_once UNIQUE (course_id, stars)
);
CREATE INDEX ix_rating ON course_rating (course_id) WHERE stars > 1;
CREATE VIEW best AS SELECT id FROM course;
"""
IN_DATABASE = [
    (Thing("name", "course_rating"), ["table course_rating"]),
    (Thing("name", "COURSE_RATING"), []),  # a constant, not the table
    (Thing("name", "course_rating.stars"), ["column course_rating.stars"]),
    (Thing("name", "stars", (), ("course_rating",)), ["column course_rating.stars"]),
    (Thing("name", "stars"), ["elsewhere column course_rating.stars"]),
    (Thing("name", "ck_stars"), ["constraint course_rating.ck_stars"]),
    (Thing("name", "fk_course"), ["constraint course_rating.fk_course"]),
    (Thing("name", "course_rating.uq_once"), ["constraint course_rating.uq_once"]),
    (Thing("name", "ix_rating"), ["index ix_rating"]),
    (Thing("name", "mood"), ["enum mood"]),
    (Thing("name", "other.thing"), ["table other.thing"]),
    (Thing("name", "course_rating.gone"), []),
    (Thing("object", "best"), ["view best"]),
    (Thing("object", "ix_rating"), ["index ix_rating"]),
    (Thing("object", "ck_stars"), []),
    (Thing("clause", "unique(course_id,stars)"), ["constraint course_rating.uq_once"]),
    (Thing("clause", "UNIQUE (stars)"), []),
    (Thing("clause", "FOREIGN KEY (course_id) REFERENCES course(id) ON DELETE CASCADE"),
     ["constraint course_rating.fk_course"]),
]  # fmt: skip


def test_objects_are_found_in_the_catalog(dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(DDL.encode())
        sources = Sources(walk(tmp_path), take(connection))
    things = [thing for thing, _ in IN_DATABASE if thing.name != "COURSE_RATING"]
    found = look(things, sources)
    expected = {thing.key: places for thing, places in IN_DATABASE if thing.name != "COURSE_RATING"}
    assert {key: sorted(places or {}) for key, places in found.items()} == expected
    column = found[Thing("name", "course_rating.stars").key]
    assert column == {"column course_rating.stars": "smallint not null default 3"}
    assert found[Thing("name", "ix_rating").key]["index ix_rating"].endswith("WHERE (stars > 1)")  # type: ignore[index]


def test_what_cannot_be_looked_at_is_none(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("class Course(:\n")
    (tmp_path / "pyproject.toml").write_text("[project")
    kinds = ["name course", "object course", "clause UNIQUE (a)", "endpoint /x", "revision heads", "symbol Course"]
    things = [Thing(kind, name) for kind, _, name in (one.partition(" ") for one in [*kinds, "package httpx"])]
    assert set(look(things, Sources(walk(tmp_path))).values()) == {None}


@pytest.mark.parametrize(
    ("said", "made", "same"),
    [
        ("app/models.py", "api/app/models.py", True),
        ("models.py", "api/app/models.py", True),
        ("app/models.py", "api/myapp/models.py", False),
        ("versions/xxxx_add_rating.py", "api/alembic/versions/2026_01_3f_add_rating.py", True),
        ("versions/<rev>_add_rating.py", "versions/3f_add_rating.py", True),
        ("versions/xxxx_add_rating.py", "versions/3f_add_rating_two.py", False),
        ("versions/xxxx.py", "versions/3f.py", False),
    ],
)
def test_a_path_means_the_file_with_the_same_end(said: str, made: str, same: bool) -> None:
    assert same_file(said, made) is same


OPERATIONS = ("GET /", "GET /api/v1/courses/{id}", "GET /courses/{slug}/ratings/", "POST /admin/courses/{slug}/ratings")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("GET /courses/:id", ["GET /api/v1/courses/{id}"]),
        ("GET /courses/<int:x>/ratings", ["GET /courses/{slug}/ratings/"]),
        ("POST /courses/{slug}/ratings", []),
        ("/courses/{slug}/ratings", ["GET /courses/{slug}/ratings/"]),
        ("GET /", ["GET /"]),
        ("GET /courses/fixed", []),
        ("PUT /courses/{id}", []),
    ],
)
def test_an_operation_is_found_however_its_parameters_are_written(tmp_path: Path, said: str, found: list[str]) -> None:
    thing = Thing("endpoint", said)
    places = look([thing], Sources(walk(tmp_path), operations=OPERATIONS))[thing.key]
    assert sorted(places or {}) == found


def test_symbols_are_looked_for_in_named_files_and_outside_the_tests(tmp_path: Path) -> None:
    texts = {
        "app/models.py": "from x import Base\nclass Course(Base):\n    ratings = 1\nclass User:\n    ratings = 2\n",
        "app/other.py": "def course(): ...\n",
        "tests/test_a.py": "class Course: ...\nclass OnlyHere: ...\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    sources = Sources(walk(tmp_path))

    def places(thing: Thing) -> list[str]:
        return sorted(look([thing], sources)[thing.key] or {})

    models = ("app/models.py",)
    assert places(Thing("symbol", "Course")) == ["app/models.py: Course"]
    assert places(Thing("symbol", "OnlyHere")) == []
    assert places(Thing("symbol", "OnlyHere", ("test_a.py",))) == ["tests/test_a.py: OnlyHere"]
    assert places(Thing("name", "ratings", models, ("Course",))) == ["app/models.py: Course.ratings"]
    assert places(Thing("symbol", "ratings", models)) == [
        "app/models.py: Course.ratings",
        "app/models.py: User.ratings",
    ]
    assert places(Thing("symbol", "app.models.Course")) == ["app/models.py: Course"]
    assert places(Thing("name", "Base", models)) == [f"{USED}app/models.py: Base"]
    assert places(Thing("symbol", "course", models)) == []
    assert places(Thing("symbol", "course")) == ["app/other.py: course"]
