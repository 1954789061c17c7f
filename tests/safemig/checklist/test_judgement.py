"""Every kind of evidence, before and after: it proves when it came about, and can fail in every way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.schema.snapshot import Snapshot
from checks.source.symbols import walk
from safemig.checklist.locations import Sources, World, look
from safemig.checklist.references import things_of
from safemig.checklist.ticks import NOTHING, Judged, Proofs, Worlds, judge, judge_all
from safemig.plan_document.document import Phase, parse

Objects = dict[str, dict[str, object]]
MODELS = 'from sqlalchemy import DateTime\nclass Course(Base):\n    __tablename__ = "course"\n    slug = 1\n'
RATING = "\nclass CourseRating(Base):\n    made = DateTime()\n    def average(self): ...\n"


@dataclass(frozen=True)
class State:
    """A project at one moment."""

    files: Mapping[str, str]
    objects: Objects | None = field(default_factory=dict)
    operations: tuple[str, ...] | None = ()
    heads: tuple[str, ...] | None = ()
    revisions: Mapping[str, str] = field(default_factory=dict)


BEFORE = State(
    {
        "api/app/models.py": MODELS,
        "api/app/main.py": "def home(): ...\n",
        "api/app/__init__.py": "",
        "api/Makefile": "migrate:\n\ttrue\n",
        "api/pyproject.toml": '[project]\ndependencies = ["fastapi"]\n',
        "api/tests/test_courses.py": "class Helper: ...\ndef test_old(): ...\n",
    },
    {
        "table public.course": {},
        "constraint public.course.course_pkey": {"definition": "PRIMARY KEY (id)"},
        "column public.course.id": {"type": "integer", "not_null": True},
        "column public.course.title": {"type": "character varying(100)"},
        "index public.ix_course_slug": {"definition": "CREATE INDEX ix_course_slug ON course (slug)"},
    },
    ("GET /courses/{slug}",),
    ("aaa",),
    {"aaa": "aaa_first.py"},
)
AFTER = State(
    {
        **BEFORE.files,
        "api/app/models.py": MODELS + '    ratings = relationship("CourseRating")\n' + RATING,
        "api/app/main.py": "def home(): ...\ndef rate(): ...\n",
        "api/app/services/ratings.py": "class RatingService:\n    def rate(self): ...\n",
        "api/app/blank.py": "\n",
        "api/Makefile": "migrate:\n\ttrue\nratings-check:\n\ttrue\n",
        "api/pyproject.toml": '[project]\ndependencies = ["fastapi", "pytest-asyncio>=0.2"]\n',
        "api/tests/test_courses.py": "class Helper: ...\ndef test_old(): ...\nclass Fake: ...\n",
        "api/tests/test_ratings.py": "def test_rating(): ...\n",
        "api/alembic/versions/b1_add_course_rating.py": "def upgrade(): ...\n",
    },
    {
        **(BEFORE.objects or {}),
        "column public.course.title": {"type": "character varying(300)", "not_null": True},
        "column public.course.score": {"type": "numeric(3,2)"},
        "table public.course_rating": {},
        "column public.course_rating.id": {"type": "bigint"},
        "column public.course_rating.course_id": {"type": "integer"},
        "column public.course_rating.stars": {"type": "smallint", "not_null": True},
        "constraint public.course_rating.rating_pkey": {"definition": "PRIMARY KEY (id)"},
        "constraint public.course_rating.ck_stars": {"definition": "CHECK (stars >= 1)"},
        "constraint public.course_rating.fk_course": {
            "definition": "FOREIGN KEY (course_id) REFERENCES public.course(id)"
        },
        "constraint public.course_rating.uq_once": {"definition": "UNIQUE (course_id, user_id)"},
        "index public.ix_rating": {"definition": "CREATE INDEX ix_rating ON course_rating (course_id)"},
    },
    ("GET /courses/{slug}", "POST /api/v1/courses/{course_id}/ratings"),
    ("bbb",),
    {"aaa": "aaa_first.py", "bbb": "b1_add_course_rating.py"},
)
RAN = Proofs(commands_run=("make migrate", "uv run pytest -q"))


def phase_of(text: str, box: str = " ") -> Phase:
    return parse(f"# P\n- [{box}] {text}\n".encode(), "p.md").phases[0]


def world(root: Path, state: State, phase: Phase) -> World:
    for name, text in state.files.items() if not root.exists() else ():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    schema = None if state.objects is None else Snapshot(160000, state.objects)  # type: ignore[arg-type]
    sources = Sources(walk(root), schema, state.operations, state.heads, state.revisions)
    return look(things_of(phase.items), sources)


def judged(root: Path, text: str, before: State = BEFORE, after: State = AFTER, box: str = " ") -> Judged:
    phase = phase_of(text, box)
    worlds = Worlds(world(root / "before", before, phase), world(root / "after", after, phase))
    (found,) = judge_all(phase, RAN, worlds)
    return found


PROVED = [
    "Create `app/services/ratings.py`",
    "`RatingService.rate` in `app/services/ratings.py`",
    "Class `CourseRating`",
    "`CourseRating.average()`",
    "`app.models.CourseRating`",
    "`app/models.py::CourseRating`",
    "Relationship `ratings` on `Course` in `app/models.py`",
    "New test `tests/test_ratings.py`",
    "`tests/test_ratings.py::test_rating`",
    "`\\d course_rating`",
    '`psql -c "\\d course_rating"`',
    "`\\d+ ix_rating`",
    "`UNIQUE (course_id, user_id)`",
    "`PRIMARY KEY (id)` on `course_rating`",
    "`FOREIGN KEY (course_id) REFERENCES course(id)`",
    "Column `course.score`",
    "Index `ix_rating` on `course_id`",
    "`score` as `NUMERIC(3, 2)` on `course`",
    "`course.title` is `NOT NULL`",
    "`POST /courses/{id}/ratings`",
    "`POST http://localhost:8000/api/v1/courses/<int:id>/ratings?x=1`",
    "`/courses/{id}/ratings`",
    "Add a target `make ratings-check`",
    "`ratings-check` in the `Makefile`",
    "`pytest-asyncio>=0.2`",
    "`pytest_asyncio` in `pyproject.toml`",
    "`uv add pytest-asyncio`",
    "`alembic revision --autogenerate -m x`",
    "`alembic current` is `(head)`",
    "`alembic heads`",
    "`make migrate`",
    "`pytest`",
]
NOT_PROVED = [
    "Change `app/models.py`",  # was there
    "Improve `Course`",
    "`Course` in `app/models.py`",
    "`slug` on `Course` in `app/models.py`",
    "A test in `tests/test_courses.py`",
    "`Fake` class",  # new, but only in a test
    "`DateTime` in `app/models.py`",  # used, not defined
    "`CourseRating` in `app/main.py`",  # in another file
    "`Missing` in `app/models.py`",
    "`average` in `app/services/ratings.py`",
    "Create `app/blank.py`",  # says nothing
    "Create `app/other.py`",
    "Table `course`",
    "Column `id`",
    "Index `ix_rating` on `stars`",
    "Índice `ix_rating` en `course_rating.stars`",
    "Column `course_rating.missing`",
    "`course.title` becomes `VARCHAR(400)`",
    "`course.id` is `NOT NULL`",
    "`ix_course_slug`",
    "`UNIQUE (stars)`",
    "`PRIMARY KEY (id)`",
    "`PRIMARY KEY (id)` on `course`",
    "`GET /courses/{slug}`",
    "`DELETE /courses/{id}/ratings`",
    "`/`",
    "Run `make ratings-check`",  # there, but not run
    "`make other`",
    "`fastapi>=0.1`",
    "`httpx` in `pyproject.toml`",
    "`alembic current` shows `0123456789ab`",  # another revision
    "`alembic downgrade -1`",
    "`alembic upgrade +1`",
    "`pytest tests/test_ratings.py`",
    '`python -c "import app"`',
    "Nothing to look up",
    "Only `NOT NULL`",
    "`CourseRating` and `app/other.py`",
    "`CourseRating` with `home` and `relationship`",
]

# With evidence, but saying more than was proved: whether that is true is for a person to say.
PROPOSED = [
    "Crear `app/services/ratings.py` con la clase `RatingService`",
    "Dienst `app/services/`",
    "Klasse `CourseRating` mit Methode `average`",
    "`class CourseRating(Base)` et `def average(self)`",
    "关系 `ratings` 在 `Course` 上 (`app/models.py`)",
    "`CourseRating` с `DateTime` в `app/models.py`",
    "La tabla `course_rating` existe",
    "Tabelle `course_rating` mit `stars` als `SMALLINT NOT NULL`",
    "Restricción `ck_stars`",
    "Fremdschlüssel `fk_course` auf `course`",
    "Columna `stars`",
    "Índice `ix_rating` en `course_rating.course_id`",
    "`course.title` becomes `VARCHAR(300)`",
    "Endpunkt `POST /courses/:id/ratings`",
    "`POST /courses/{id}/ratings` in `app/main.py`",
    "Aplicar `alembic upgrade head`",
    "`alembic current` muestra `head`",
    "Foreign key from `course_rating` to `course`",
    "Index on `course_rating.stars`",
    "Explain `stars`",
    "Columna `stars` con restricción",
    "Índice en `stars` de `course_rating`",
    "`course.title` is longer now",  # changed, and nothing to check it by
    "`\\d course`",
    "The frontend team has seen `POST /courses/{id}/ratings`",
    "Tests for `POST /courses/{id}/ratings`",
    "Document `CourseRating`",
    "Prueba de `CourseRating` en `app/models.py`",
    "`POST /courses/:id/ratings` responde 201",  # what it answers is not looked at
    "`CourseRating` besides `Course`",
]

STATES = {
    **dict.fromkeys(PROVED, "proved"),
    **dict.fromkeys(PROPOSED, "proposed"),
    **dict.fromkeys(NOT_PROVED, "not provable"),
}


@pytest.mark.parametrize("text", STATES)
def test_an_item_is_proved_by_what_came_about(tmp_path: Path, text: str) -> None:
    found = judged(tmp_path, text)
    assert found.state == STATES[text], found.reason
    assert found.proved is (found.state == "proved")
    assert found.reason


@pytest.mark.parametrize("text", [one for one in (*PROVED, *PROPOSED) if one not in ("`make migrate`", "`pytest`")])
def test_what_was_true_before_or_is_not_true_after_proves_nothing(tmp_path: Path, text: str) -> None:
    assert judged(tmp_path / "same", text, AFTER, AFTER).state == "not provable"
    assert judged(tmp_path / "none", text, BEFORE, BEFORE).state == "not provable"
    phase = phase_of(text)
    after = world(tmp_path / "after", AFTER, phase)
    unseen: World = dict.fromkeys(after)
    for worlds in (Worlds({}, after), Worlds(unseen, after), Worlds(after, unseen), NOTHING):
        assert [one.state for one in judge(phase, Proofs(), worlds)] == ["not provable"]


DISPROVED = [
    "Create `app/other.py`",
    "Created `src/components/Stars.tsx`",
    "`CourseRating` in `app/models.py`",
    "`app/models.py::CourseRating`",
    "`class CourseRating`",
    "`POST /courses/{id}/ratings`",
    "`\\d course_rating`",
    "The table `course_rating` exists",
    "Table `course_rating`",
    "Constraint `ck_stars`",
    "`make ratings-check`",
    "`pytest-asyncio>=0.2` in `pyproject.toml`",
    "Migration `alembic/versions/xxxx_add_course_rating.py`",
]
NOT_DISPROVED = [
    "Agree on the name of the table: `course_rating`",
    "Delete `app/other.py`",
    "`app/other.py` eliminado",  # in words that are not known it may ask for anything
    "`src/components/Stars.tsx` erstellt",
    "La tabla `course_rating` existe",
    "Rename `app/other.py` to `app/main.py`",
    "`app/other.py` を削除",
    "Decide on `CourseRating` in `app/models.py`",
    "Uses `PostgreSQL` and `FastAPI`",
    "Answers `application/json`",
    "`course_rating` somewhere",
    "`/nowhere`",
    "Check `rating >= 1`",
    "Column `id`",
    "Columna `title` única",
    "Check `rating>=1`",
    "`make migrate`",
    "`Course` in `app/models.py`",
    "`DateTime` in `app/models.py`",
    "Team knows",
]


@pytest.mark.parametrize(
    ("text", "expected"), [(one, True) for one in DISPROVED] + [(one, False) for one in NOT_DISPROVED]
)
def test_a_ticked_item_that_is_not_true_is_disproved(tmp_path: Path, text: str, expected: bool) -> None:
    found = judged(tmp_path, text, BEFORE, BEFORE, box="x")
    assert (found.state == "disproved") is expected, found.reason
    assert judged(tmp_path, text, BEFORE, BEFORE).state != "disproved"
    if expected:
        assert "ticked" in found.reason
        assert not found.proved


@pytest.mark.parametrize("text", DISPROVED)
def test_what_could_not_be_looked_at_disproves_nothing(tmp_path: Path, text: str) -> None:
    blind: World = dict.fromkeys(world(tmp_path, BEFORE, phase_of(text)))
    (found,) = judge_all(phase_of(text, "x"), RAN, Worlds({}, blind))
    assert found.state == "not provable"
    assert judge_all(phase_of(text, "x"), RAN)[0].state != "disproved"


def test_a_makefile_that_only_make_can_read_disproves_no_target(tmp_path: Path) -> None:
    computed = replace(BEFORE, files={"Makefile": "$(ALL):\n\ttrue\n"})
    assert judged(tmp_path, "`make other`", computed, computed, box="x").state == "not provable"


def test_an_open_item_that_may_come_true_says_so(tmp_path: Path) -> None:
    assert judged(tmp_path, "Create `app/other.py`").checkable
    assert not judged(tmp_path, "Team knows").checkable
    assert not judged(tmp_path, "Change `app/models.py`").checkable


def test_with_the_database_down_what_the_run_has_compared_still_counts(tmp_path: Path) -> None:
    proofs = Proofs(tables_made=frozenset({"course_rating"}), names_made=frozenset({"course_rating.stars"}))
    phase = phase_of("Table `course_rating` with `stars`")
    down = replace(AFTER, objects=None)
    worlds = Worlds(world(tmp_path / "before", BEFORE, phase), world(tmp_path / "after", down, phase))
    assert [one.proved for one in judge(phase, proofs, worlds)] == [True]
    assert [one.proved for one in judge(phase, Proofs(), worlds)] == [False]


CODES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="`\n\r"), max_size=30),
    st.sampled_from([code for text in STATES for code in phase_of(text).items[0].codes]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(CODES, max_size=4), st.sampled_from(" xX~"), st.sampled_from([BEFORE, AFTER]))
def test_no_item_fails_and_none_is_proved_by_a_world_that_stood_still(
    tmp_path_factory: pytest.TempPathFactory, codes: Sequence[str], box: str, state: State
) -> None:
    text = " ".join(f"`` {code} ``" for code in codes)
    phase = phase_of(text, box)
    root = tmp_path_factory.getbasetemp() / ("before" if state is BEFORE else "after")
    still = world(root, state, phase)
    for found in judge_all(phase, Proofs(), Worlds(still, still)):
        assert not found.proved
        assert found.reason
        assert found.state in ({"disproved", "not provable"} if found.item.checked else {"not provable"})
