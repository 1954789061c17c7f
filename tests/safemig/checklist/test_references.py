"""What code spans name: only code is read, any text gives something, and commands are told apart by what they do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.evidence import Evidence, now
from safemig.checklist.readonly_commands import to_run
from safemig.checklist.references import is_file, named, only_looks, things_of
from safemig.engine.item_context import evidence, world_of
from safemig.plan_document.document import Item, parse


def item(text: str) -> Item:
    return parse(f"# P\n- [ ] {text}\n".encode(), "p.md").phases[0].items[0]


SPANS = [
    ("`SMALLINT NOT NULL`", [("neutral", "", "")]),
    ("`NUMERIC(3, 2)` `DEFAULT 0` `[x]`", [("neutral", "", "")] * 3),
    ("`./app/models.py`", [("file", "file", "app/models.py")]),
    ("`Makefile`", [("file", "file", "Makefile")]),
    ("`.env.example`", [("file", "file", ".env.example")]),
    ("`src/a/Stars.tsx`", [("file", "file", "src/a/Stars.tsx")]),
    ("`alembic/versions/`", [("folder", "folder", "alembic/versions/")]),
    ("`application/json`", [("file", "file", "application/json")]),
    ("`public.course_rating`", [("name", "name", "course_rating")]),
    ("`\\d public.course_rating;`", [("object", "object", "course_rating")]),
    ("`psql -U x -c '\\d+ course_rating'`", [("object", "object", "course_rating")]),
    ("`class A(B):`", [("symbol", "symbol", "A")]),
    ("`async def f(a: int) -> str:`", [("symbol", "symbol", "f")]),
    ("`A.f()`", [("symbol", "symbol", "A.f")]),
    ("`tests/test_a.py::TestA::test_b`", [("symbol", "symbol", "TestA.test_b")]),
    ("`PATCH /a/{b}?c=d`", [("endpoint", "endpoint", "PATCH /a/{b}")]),
    ("`/a/{b}`", [("endpoint", "endpoint", "/a/{b}")]),
    ("`httpx[http2]>=0.27,<1`", [("package", "package", "httpx")]),
    ("`My_Package` in `pyproject.toml`", [("package", "package", "my-package"), ("file", "file", "pyproject.toml")]),
    (
        "`pytest` in `requirements-dev.txt`",
        [("package", "package", "pytest"), ("file", "file", "requirements-dev.txt")],
    ),
    ("`lint` in `api/Makefile`", [("target", "target", "lint"), ("file", "file", "api/Makefile")]),
    ("`make lint`", [("command", "target", "lint")]),
    ("`make a b`", [("command", "", "")]),
    ("`cd api && uv run alembic upgrade head`", [("command", "revision", "heads")]),
    ("`alembic revision -m x`", [("command", "revision", "files")]),
    ("`alembic downgrade -1`", [("command", "", "")]),
    ("`uv add --dev httpx`", [("command", "package", "httpx")]),
    ("`UNIQUE (a, b)`", [("clause", "clause", "UNIQUE (a, b)")]),
    ("`rating >= 1`", [("unknown", "", "")]),
    ("no code, /path and file.py in words", []),
]


@pytest.mark.parametrize(("text", "expected"), SPANS)
def test_what_a_span_names(text: str, expected: list[tuple[str, str, str]]) -> None:
    spans = named(item(text)).spans
    found = [(s.kind, s.thing.kind if s.thing else "", s.thing.name if s.thing else "") for s in spans]
    assert found == expected


def test_a_symbol_is_looked_for_in_the_file_that_is_named_beside_it() -> None:
    spans = named(item("`Course` and `ratings` in `app/models.py`, not in `README.md`")).spans
    assert spans[0].thing and spans[0].thing.where == ("app/models.py",)
    assert spans[1].thing and spans[1].thing.beside == ("Course",)


@pytest.mark.parametrize(
    "words", ["Die Tabelle {} gibt es", "La tabla {} existe", "{} テーブル", "جدول {} موجود", "{}"]
)
def test_the_words_around_the_code_change_nothing(words: str) -> None:
    things = [things_of([item(words.format(f"`{code}`"))]) for code in ("a_table", "app/x.py", "GET /x", "make x")]
    assert things == [things_of([item(f"`{code}`")]) for code in ("a_table", "app/x.py", "GET /x", "make x")]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="`\n\r"), max_size=60))
def test_any_code_is_read_without_failing_and_survives_the_journal(code: str) -> None:
    one = item(f"`` {code} ``") if code.strip() else item("`x`")
    read = named(one)
    assert len(read.spans) == len(one.codes)
    assert all(span.thing is None or span.thing.name for span in read.spans)
    assert isinstance(is_file(code), bool)
    to_run([one])
    things = things_of([one])
    assert len({thing.key for thing in things}) == len(things)


def test_evidence_gives_back_the_places() -> None:
    places = {"file a.py": {"a.py": "0"}, "name x": {}, "endpoint GET /": None}
    made = evidence("p.md, phase 1", now(), places)
    again = Evidence(**json.loads(json.dumps({name: getattr(made, name) for name in made.__slots__})))
    assert world_of(again) == places
    assert world_of(None) == {}


RUN = [
    ("`alembic current`", "read"),
    ("`psql -c 'SELECT count(*) FROM course'`", "read"),
    ("`curl -s localhost:8000/health`", "read"),
    ("`pytest tests/test_ratings.py -q`", "write"),
    ("`uv run pytest`", "write"),
    ("`python -m pytest tests`", "write"),
    ('`python -c "from app.models import CourseRating; print(CourseRating)"`', "write"),
    ("`uv run python -c 'import app'`", "write"),
]
NOT_RUN = [
    "`alembic upgrade head`",
    "`alembic revision --autogenerate`",
    "`make test`",
    "`psql -c 'DELETE FROM course'`",
    "`pytest; rm -rf /`",
    "`pytest $(id)`",
    "`pytest > /etc/x`",
    "`curl -X POST localhost:8000/x`",
    '`python -c "import os; os.remove(1)"`',
    "`python -c \"print(open('/etc/x', 'w'))\"`",
    "`python -c 'assert __import__(\"os\").system(1)'`",
    '`python -c "import app" && rm x`',
    "`python script.py`",
    "`app/models.py`",
]


@pytest.mark.parametrize(("text", "effect"), RUN)
def test_commands_that_look_or_test_would_be_run(text: str, effect: str) -> None:
    (found,) = to_run([item(text)])
    assert (found.effect, found.line) == (effect, item(text).codes[0])
    assert found.why


@pytest.mark.parametrize("text", NOT_RUN)
def test_commands_that_write_are_never_run_again(text: str) -> None:
    assert to_run([item(text)]) == ()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_only_imports_assertions_and_prints_look(code: str) -> None:
    assert only_looks(code) in (True, False)
    assert not only_looks(f"{code}\nopen('x', 'w')")
