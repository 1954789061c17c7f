"""Items as people and models write them, in fifteen languages, in four worlds: before the work, after right work, after
wrong work (another class, type, method, column, key; red tests) and after the work of another phase.

Each line of items_in_four_worlds.txt: the verdict after right work, after wrong work, the same ticked, and ticked
before any work (P proved, A proposed: a person is asked, N not provable, D disproved), and the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from safemig.checklist.ticks import Proofs, Worlds, judge_all
from tests.safemig.checklist.test_judgement import Objects, State, phase_of, world

MODELS = """\
class Course(Base):
    __tablename__ = "course"
    slug = 1
    title = Column(String(100))
class LegacyRating(Base):
    x = 1
"""
BEFORE = State(
    {
        "api/app/models.py": MODELS,
        "api/app/main.py": "def home(): ...\n",
        "api/app/__init__.py": "",
        "api/app/legacy.py": "class Old: ...\n",
        "api/Makefile": "migrate:\n\ttrue\ntest:\n\ttrue\nold-target:\n\ttrue\n",
        "api/pyproject.toml": '[project]\ndependencies = ["fastapi", "requests"]\n',
        "api/tests/test_courses.py": "def test_old(): ...\n",
        "README.md": "hi\n",
        "docs/api.md": "x\n",
        "api/.env.example": "A=1\n",
    },
    {
        "table public.course": {},
        "table public.legacy_rating": {},
        "column public.legacy_rating.id": {"type": "integer"},
        "column public.course.id": {"type": "integer", "not_null": True},
        "column public.course.title": {"type": "character varying(100)"},
        "column public.course.slug": {"type": "text"},
        "constraint public.course.course_pkey": {"definition": "PRIMARY KEY (id)"},
        "index public.ix_course_slug": {
            "definition": "CREATE INDEX ix_course_slug ON public.course USING btree (slug)"
        },
    },
    ("GET /courses/{slug}", "DELETE /legacy"),
    ("aaa",),
    {"aaa": "aaa_first.py"},
)


def grown(
    models: str, service: str, test: str, objects: Objects, operations: tuple[str, ...], makefile: str, packages: str
) -> State:
    files = {
        **BEFORE.files,
        "api/app/models.py": models,
        "api/app/services/ratings.py": service,
        "api/tests/test_ratings.py": test,
        "api/Makefile": makefile,
        "api/pyproject.toml": packages,
        "api/alembic/versions/b1_add_course_rating.py": "def upgrade(): ...\ndef downgrade(): ...\n",
    }
    revisions = {"aaa": "aaa_first.py", "bbb": "b1_add_course_rating.py"}
    return State(files, {**(BEFORE.objects or {}), **objects}, operations, ("bbb",), revisions)


MADE: Objects = {
    "table public.course_rating": {},
    "column public.course_rating.id": {
        "type": "bigint",
        "not_null": True,
        "default": "nextval('course_rating_id_seq'::regclass)",
    },
    "column public.course_rating.course_id": {"type": "integer", "not_null": True},
    "column public.course_rating.user_id": {"type": "integer", "not_null": True},
    "column public.course_rating.stars": {"type": "smallint", "not_null": True, "default": "5"},
    "column public.course_rating.note": {"type": "text"},
    "column public.course_rating.created_at": {
        "type": "timestamp with time zone",
        "not_null": True,
        "default": "now()",
    },
    "constraint public.course_rating.course_rating_pkey": {"definition": "PRIMARY KEY (id)"},
    "constraint public.course_rating.ck_stars": {"definition": "CHECK (stars >= 1 AND stars <= 5)"},
    "constraint public.course_rating.fk_course": {
        "definition": "FOREIGN KEY (course_id) REFERENCES course(id) ON DELETE CASCADE"
    },
    "constraint public.course_rating.uq_once": {"definition": "UNIQUE (course_id, user_id)"},
    "index public.ix_rating_course": {
        "definition": "CREATE INDEX ix_rating_course ON public.course_rating USING btree (course_id)"
    },
    "column public.course.title": {"type": "character varying(300)", "not_null": True},
    "column public.course.average": {"type": "numeric(3,2)"},
}
RIGHT_AND_OLD = grown(
    MODELS.replace("String(100)", "String(300)").replace(
        "class Legacy", '    ratings = relationship("CourseRating")\nclass Legacy'
    )
    + "class CourseRating(Base):\n    stars = 1\n    def average(self): ...\n",
    "class RatingService:\n    def rate(self): ...\n    def delete(self): ...\ndef connect(): ...\n",
    "def test_rating(): ...\n",
    MADE,
    ("GET /courses/{slug}", "POST /api/v1/courses/{course_id}/ratings"),
    "migrate:\n\ttrue\ntest:\n\ttrue\nratings-check:\n\ttrue\n",
    '[project]\ndependencies = ["fastapi", "httpx>=0.27"]\n',
)
RIGHT = replace(
    RIGHT_AND_OLD,
    files={name: text for name, text in RIGHT_AND_OLD.files.items() if name != "api/app/legacy.py"},
    objects={key: value for key, value in (RIGHT_AND_OLD.objects or {}).items() if "legacy" not in key},
)
MADE_WRONG = dict(MADE)
MADE_WRONG.update(
    {
        "column public.course_rating.stars": {"type": "integer"},
        "column public.course_rating.created_at": {"type": "timestamp without time zone"},
        "constraint public.course_rating.ck_stars": {"definition": "CHECK (stars >= 0 AND stars <= 10)"},
        "constraint public.course_rating.fk_course": {"definition": "FOREIGN KEY (course_id) REFERENCES course(id)"},
        "constraint public.course_rating.uq_once": {"definition": "UNIQUE (course_id)"},
        "index public.ix_rating_course": {
            "definition": "CREATE INDEX ix_rating_course ON public.course_rating USING btree (user_id)"
        },
        "column public.course.title": {"type": "character varying(200)"},
        "column public.course.average": {"type": "integer"},
    }
)
MADE_WRONG.pop("column public.course_rating.note")
WRONG = grown(
    MODELS + "class Rating(Base):\n    stars = 1\n",
    "class Helper:\n    def rate(self): ...\n",
    "def test_rating(): assert 0\n",
    MADE_WRONG,
    ("GET /courses/{slug}", "GET /api/v1/courses/{course_id}/ratings", "DELETE /legacy"),
    "migrate:\n\ttrue\ntest:\n\ttrue\nold-target:\n\ttrue\ncheck-ratings:\n\ttrue\n",
    '[project]\ndependencies = ["fastapi", "requests", "aiohttp"]\n',
)
OTHER = State(
    {**BEFORE.files, "api/app/search.py": "class Search: ...\n", "web/src/Stars.tsx": "x"},
    {**(BEFORE.objects or {}), "table public.search": {}, "column public.search.note": {"type": "text"}},
    (BEFORE.operations or ()) + ("GET /search",),
    ("aaa",),
    {**BEFORE.revisions, "ccc": "c_search.py"},
)


ALEMBIC = "uv run alembic upgrade head"
STATES = {"before": BEFORE, "right": RIGHT, "wrong": WRONG, "other": OTHER}
RAN: Mapping[str, tuple[str, ...]] = {
    "before": (),
    "right": ("make migrate", ALEMBIC, "make test", "uv run pytest -q"),
    "wrong": ("make migrate", ALEMBIC),
    "other": (),
}
ROWS = [
    (line[:4], line[5:])
    for line in (Path(__file__).parent / "items_in_four_worlds.txt").read_text(encoding="utf-8").splitlines()
]
LETTERS = {"proved": "P", "proposed": "A", "disproved": "D", "not provable": "N"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


def verdict(root: Path, text: str, name: str, box: str) -> tuple[str, str]:
    phase = phase_of(text, box)
    worlds = Worlds(world(root / "before", BEFORE, phase), world(root / name, STATES[name], phase))
    (found,) = judge_all(phase, Proofs(commands_run=RAN[name]), worlds)
    return LETTERS[found.state], found.reason


@pytest.mark.parametrize(("expected", "text"), ROWS, ids=[text for _, text in ROWS])
def test_an_item_is_judged_by_what_is_true(root: Path, expected: str, text: str) -> None:
    asked = [("right", " "), ("wrong", " "), ("wrong", "x"), ("before", "x")]
    found = [verdict(root, text, *one) for one in asked]
    assert "".join(letter for letter, _ in found) == expected, [reason for _, reason in found]
    assert verdict(root, text, "right", "x")[0] in ("P" if expected[0] == "P" else "DN")
    for name in ("before", "other"):
        assert verdict(root, text, name, " ")[0] == "N"
        assert verdict(root, text, name, "x")[0] == expected[3]


def test_the_table_has_every_verdict_in_every_world() -> None:
    assert len(ROWS) > 200
    assert {row[0][0] for row in ROWS} == {"P", "A", "N"}
    assert {row[0][2] for row in ROWS} == {"P", "N", "D"}
