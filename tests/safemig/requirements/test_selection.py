"""Which spec and phase is meant, with names and without."""

from __future__ import annotations

import pytest

from safemig.orm.reader import Models, read_models
from safemig.plan_document.document import Document, Phase, parse
from safemig.planning.collect.gaps import ChoiceNeeded
from safemig.requirements.selection import Choice, MadeBy, Nothing, Purpose, Tie, choose


def _spec(path: str, *phases: tuple[str, str]) -> Document:
    """A document with a phase for each (SQL, checklist)."""
    text = "# Plan\n"
    for number, (sql, items) in enumerate(phases, 1):
        text += f"\n## Phase {number}: Part {'ABC'[number - 1]}\n"
        text += f"```sql\n{sql}\n```\n" if sql else ""
        text += items + "\n"
    return parse(text.encode(), path)


OPEN, DONE = "- [ ] do it", "- [x] done"
RATING = "CREATE TABLE rating (id int);"
REVIEW = "CREATE TABLE public.review (id int);"

BACKEND = _spec("specs/01_backend_ratings_plan.md", (RATING, OPEN), (REVIEW, OPEN))
FRONTEND = _spec("specs/02_frontend-plan.md", ("", OPEN))
DRAFT = _spec("api/docs/draft.md", (RATING, DONE))
BARE = _spec("specs/bare.md", (REVIEW, ""))
ALTER = _spec("specs/alter.md", ("ALTER TABLE course ADD COLUMN a int;", OPEN))


@pytest.mark.parametrize(
    ("documents", "known", "spec", "phase", "expected"),
    [
        ([BACKEND, FRONTEND, DRAFT], set(), "", "", ("specs/01_backend_ratings_plan.md", 1)),
        ([BACKEND, FRONTEND], {"public.rating"}, "", "", ("specs/01_backend_ratings_plan.md", 2)),
        ([FRONTEND, DRAFT], set(), "", "", Nothing),
        ([BACKEND, FRONTEND], {"rating", "review"}, "", "", Nothing),
        ([BACKEND, ALTER], set(), "", "", ("specs/01_backend_ratings_plan.md", 1)),
        ([ALTER, FRONTEND], {"course"}, "", "", ("specs/alter.md", 1)),
        ([BARE, FRONTEND, DRAFT], set(), "", "", ("specs/bare.md", 1)),
        ([BACKEND, BARE, _spec("x/z.md", (RATING, OPEN))], set(), "", "", Tie),
        ([], set(), "", "", Nothing),
        ([BACKEND, FRONTEND, DRAFT], set(), "01-backend", "", ("specs/01_backend_ratings_plan.md", 1)),
        ([BACKEND, FRONTEND, DRAFT], set(), "01_BACKEND_Ratings-plan.MD", "2", ("specs/01_backend_ratings_plan.md", 2)),
        ([BACKEND, FRONTEND, DRAFT], set(), "draft", "", ("api/docs/draft.md", 1)),
        ([BACKEND, FRONTEND, DRAFT], set(), "docs/draft", "", ("api/docs/draft.md", 1)),
        ([BACKEND, FRONTEND, DRAFT], set(), "specs/draft", "", Nothing),
        ([BACKEND, FRONTEND, DRAFT], {"rating", "review"}, "01", "", ("specs/01_backend_ratings_plan.md", 1)),
        ([BACKEND, FRONTEND], set(), "0", "", Tie),
        ([BACKEND, FRONTEND], set(), "backend", "", Nothing),
        ([BACKEND, DRAFT], set(), "01", "part b", ("specs/01_backend_ratings_plan.md", 2)),
        ([BACKEND, DRAFT], set(), "01", "Phase 2", ("specs/01_backend_ratings_plan.md", 2)),
        ([BACKEND, DRAFT], set(), "01", "9", Nothing),
        ([BACKEND, DRAFT], {"rating"}, "", "2", ("specs/01_backend_ratings_plan.md", 2)),
    ],
)
def test_choose(
    documents: list[Document], known: set[str], spec: str, phase: str, expected: tuple[str, int] | type
) -> None:
    found = choose(documents, frozenset(known), spec=spec, phase=phase)
    if isinstance(expected, type):
        assert isinstance(found, expected), found
    else:
        assert isinstance(found, Choice), found
        assert (found.document.path, found.phase.number) == expected


@pytest.mark.parametrize(
    ("documents", "known", "differing", "expected", "looked"),
    [
        ([BACKEND], {"rating", "review"}, {1, 2}, ("specs/01_backend_ratings_plan.md", 1), [1]),
        ([BACKEND], {"rating", "review"}, {2}, ("specs/01_backend_ratings_plan.md", 2), [1, 2]),
        ([BACKEND], {"rating", "review"}, set(), Nothing, [1, 2]),
        ([BACKEND], {"rating"}, {1}, ("specs/01_backend_ratings_plan.md", 2), []),
        ([DRAFT], {"rating"}, {1}, Nothing, []),
        ([ALTER, BACKEND], {"course", "rating", "review"}, {1}, Tie, [1]),
        ([ALTER, BACKEND], {"course", "rating", "review"}, set(), ("specs/alter.md", 1), [1, 2]),
    ],
)
def test_a_phase_of_tables_that_are_there_is_taken_while_it_shows_them_otherwise(
    documents: list[Document], known: set[str], differing: set[int], expected: tuple[str, int] | type, looked: list[int]
) -> None:
    asked: list[int] = []

    def differs(_: Document, phase: Phase) -> bool:
        asked.append(phase.number or 0)
        return phase.number in differing

    found = choose(documents, frozenset(known), differs=differs)
    if isinstance(expected, type):
        assert isinstance(found, expected)
    else:
        assert isinstance(found, Choice)
        assert (found.document.path, found.phase.number) == expected
    assert asked == looked


def test_a_tie_lists_its_candidates() -> None:
    other = _spec("x/z.md", (RATING, OPEN))
    found = choose([BACKEND, other], frozenset())
    assert found == Tie(("specs/01_backend_ratings_plan.md, phase 1: Part A", "x/z.md, phase 1: Part A"))


def test_an_unknown_name_brings_the_nearest() -> None:
    found = choose([BACKEND, FRONTEND], frozenset(), spec="02_fronted_plan")
    assert isinstance(found, Nothing)
    assert "specs/02_frontend-plan.md" in found.reason


def test_the_refusal_is_one_clear_line_with_at_most_three_names() -> None:
    many = [_spec(f"specs/0{number}_backend_ratings_plan.md", (RATING, OPEN)) for number in range(1, 6)]
    found = choose(many, frozenset(), spec="07_ratings")
    assert isinstance(found, Nothing)
    said = str(ChoiceNeeded(found.reason, found.near, "name one"))
    assert said == f"no spec is called '07_ratings'; the nearest are {', '.join(found.near)}; name one"
    assert len(found.near) == 3
    strange = choose(many, frozenset(), spec="zzz")
    assert isinstance(strange, Nothing)
    first = ", ".join(document.path for document in many[:3])
    assert strange.reason == f"no spec is called 'zzz'; there are {first} and 2 more"
    assert str(ChoiceNeeded(strange.reason, strange.near, "x")).count(many[0].path) == 1


MODEL = """```python
class Rating(Base):
    __tablename__ = "rating"
    id: Mapped[int] = mapped_column(primary_key=True)
```
"""
NAMED = "- [ ] `Rating` in `app/models.py`"
RELATION = "- [ ] Relationship `ratings` on `Course` in `app/models.py`"
COURSE = "class Course(Base):\n    __tablename__ = 'course'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
RATED = "class Rating(Base):\n    __tablename__ = 'rating'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
RELATED = "    ratings: Mapped[list['Rating']] = relationship()\n"


def _models(text: str) -> Models:
    return read_models({"app/models.py": text})


def _plan(items: str, models: str, path: str = "specs/a.md") -> Document:
    """Phase 1 with a schema, 2 with models, 3 with what nobody but a person can do."""
    text = f"# P\n\n## Phase 1: Tables\n```sql\n{RATING}\n```\n{items}\n\n## Phase 2: Models\n{models}\n"
    return parse(f"{text}\n## Phase 3: Pages\n- [ ] A page in `web/page.vue`\n".encode(), path)


HERE = {"course", "rating"}
PEOPLE = "- [x] `rating`\n- [ ] Support knows what a rating is"
BOTH = f"{MODEL}\n{NAMED}\n{RELATION}"


@pytest.mark.parametrize(
    ("plan", "known", "models", "expected", "why"),
    [
        (_plan(DONE, BOTH), {"course"}, COURSE, Nothing, "Rating"),  # ticked, and the table is not there
        (_plan(OPEN, BOTH), {"course"}, COURSE, 1, "tables that are not there yet"),
        (_plan(DONE, BOTH), HERE, COURSE, 2, "of its models Rating, Course.ratings are not"),
        (_plan(PEOPLE, BOTH), HERE, COURSE, 2, "of its models Rating, Course.ratings are not"),
        (_plan(DONE, BOTH), HERE, COURSE + RATED, 2, "of its models Course.ratings is not"),
        (_plan(DONE, BOTH), HERE, COURSE + RELATED + RATED, Nothing, "models (Rating, Course.ratings): there"),
        (_plan(DONE, f"{NAMED}\n{RELATION}"), HERE, COURSE, 2, "Rating, Course.ratings"),  # no code: from the database
        (_plan(DONE, f"{MODEL}\n- [x] `Rating` in `app/models.py`"), HERE, COURSE, Nothing, "1 open item"),
        (_plan("- [ ] `ix_rating` is there", BOTH), HERE, COURSE, Nothing, "a schema (rating): there; 1 open item"),
        (_plan("- [ ] `rating` and `make migrate`", BOTH), HERE, COURSE, 2, "(1 item there still open)"),
        (_plan("- [ ] `docs/a.md`\n- [ ] `GET /a`", BOTH), HERE, COURSE, 2, "(2 items there still open)"),
        (_plan(DONE, MODEL.replace('"rating"', '"stars"') + NAMED), HERE, COURSE, 2, "tables that are not there yet"),
        (
            _plan(DONE, "Nothing."),
            HERE,
            COURSE,
            Nothing,
            "phase 3: Pages (nothing that safemig can do: it asks for no schema and for no model; 1 open item)",
        ),
    ],
)
def test_the_models_follow_the_schema_that_is_there(
    plan: Document, known: set[str], models: str, expected: int | type, why: str
) -> None:
    found = choose([plan], frozenset(known), models=_models(models))
    if isinstance(found, Choice):
        assert (found.phase.number, why in found.why) == (expected, True), found
    else:
        assert isinstance(found, Nothing) and expected is Nothing, found
        assert any(why in one for one in found.near), found.near


@pytest.mark.parametrize(
    ("purpose", "plan", "models", "expected"),
    [
        ("work", _plan(DONE, BOTH), COURSE, 2),
        ("items", _plan(DONE, BOTH), COURSE, 2),
        ("schema", _plan(DONE, BOTH), COURSE, 1),
        ("work", _plan(DONE, BOTH), COURSE + RELATED + RATED, None),
        ("schema", _plan(DONE, BOTH), COURSE + RELATED + RATED, 1),
        ("items", _plan(DONE, BOTH.replace("[ ]", "[x]")), COURSE + RELATED + RATED, 2),
        ("items", _plan(OPEN, BOTH), COURSE + RELATED + RATED, None),  # nothing is ticked, and nothing left to do
    ],
)
def test_looking_takes_the_last_phase_that_was_worked_on(
    purpose: Purpose, plan: Document, models: str, expected: int | None
) -> None:
    found = choose([plan], frozenset(HERE), models=_models(models), purpose=purpose)
    assert (found.phase.number if isinstance(found, Choice) else None) == expected
    if isinstance(found, Choice):
        assert found.why


def test_a_draft_without_ticks_does_not_stand_beside_the_plan_that_has_some() -> None:
    draft = _plan("", "Nothing.", "draft.md")
    found = choose([draft, _plan(DONE, BOTH)], frozenset(HERE), models=_models(COURSE), purpose="schema")
    assert isinstance(found, Choice)
    assert found.document.path == "specs/a.md"


def test_a_spec_with_nothing_to_do_is_refused_by_name_with_its_phases() -> None:
    found = choose([BACKEND, FRONTEND], frozenset(), spec="02_frontend")
    assert isinstance(found, Nothing)
    why = "nothing that safemig can do: it asks for no schema and for no model; 1 open item"
    assert found.near == (f"specs/02_frontend-plan.md, phase 1: Part A ({why})",)


def test_a_phase_that_is_named_is_taken_and_said_to_ask_for_nothing() -> None:
    found = choose([_plan(DONE, BOTH)], frozenset(HERE), phase="3", models=_models(COURSE))
    assert isinstance(found, Choice)
    assert (found.phase.number, found.why) == (
        3,
        "it was named; safemig has nothing to change for it: it asks for no schema and for no model",
    )


def _made(*numbers: int) -> MadeBy:
    return lambda document, phase: (f"r{phase.number}",) if phase.number in numbers else ()


CHANGES = _spec(
    "specs/changes.md",
    ("ALTER TABLE course ADD COLUMN a int;", OPEN),
    ("ALTER TABLE course ADD COLUMN b int;", OPEN),
    ("ALTER TABLE course ADD COLUMN c int;", DONE),
)


@pytest.mark.parametrize(
    ("made", "purpose", "expected"),
    [
        ((), "work", 1),
        ((1,), "work", 2),
        ((1, 2), "work", None),
        ((1, 2), "items", 3),
        ((1, 2), "schema", 3),
    ],
)
def test_what_a_revision_has_made_is_passed_over_and_the_revision_is_named(
    made: tuple[int, ...], purpose: Purpose, expected: int | None
) -> None:
    found = choose([CHANGES], frozenset({"course"}), purpose=purpose, made_by=_made(*made))
    why = found.why if isinstance(found, Choice) else found.reason if isinstance(found, Nothing) else ""
    assert (found.phase.number if isinstance(found, Choice) else None) == expected
    for number in made:
        assert f"phase {number}: Part {'ABC'[number - 1]} is made by revision r{number} already" in why
    if isinstance(found, Nothing):
        assert "phase 1: Part A (a schema: made by revision r1; 1 open item)" in found.near[0]


def test_a_phase_that_is_named_is_taken_though_a_revision_has_made_it() -> None:
    found = choose([CHANGES], frozenset({"course"}), phase="1", made_by=_made(1))
    assert isinstance(found, Choice)
    assert (found.phase.number, found.why) == (1, "")


WORDS = "- [ ] Migration for the ratings"


@pytest.mark.parametrize(
    ("phase", "why"),
    [
        (WORDS, "x.md:4 asks for a migration, and the DDL is missing: no SQL, `op` code, model, or table"),
        ("- [ ] Create the table `rating`", "x.md:4 asks for a table, and the DDL is missing"),
        ("- [ ] La tabla `rating` existe", "x.md:4 asks for a table, and the DDL is missing"),
        ("- [ ] Show the table `course` in `a.vue`", "it asks for no schema and for no model"),  # it is there
        ("- [x] Create the table `rating`\n- [ ] A page", "it asks for no schema and for no model"),
        (f"Do not do this:\n\n```sql\n{RATING}\n```\n{WORDS}", "the words above x.md:7 (Do not do this) set it aside"),
        (f"```sql\nCREATE TABLE rating (\n  ...\n);\n```\n{WORDS}", "the SQL at x.md:5 has gaps or changes no schema"),
        (f"No schema change is needed.\n\nTable `rating`:\n\n- `id` integer, key\n- `a` text\n\nThen:\n\n{WORDS}",
         "x.md:4 says that no change is needed"),
    ],
)  # fmt: skip
def test_nothing_that_safemig_can_do_is_never_said_without_the_reason(phase: str, why: str) -> None:
    document = parse(f"# P\n\n## Phase 1: A\n{phase}\n\n## Phase 2: B\n- [ ] More\n".encode(), "x.md")
    found = choose([document], frozenset({"course"}))
    assert isinstance(found, Nothing)
    assert "phase 1: A (nothing that safemig can do: " in found.near[0]
    assert why in found.near[0]
    named = choose([document], frozenset({"course"}), phase="1")
    assert isinstance(named, Choice)
    assert named.why.startswith("it was named; safemig has nothing to change for it: ")
    assert why in named.why


def test_a_phase_before_the_chosen_one_that_lacks_its_ddl_is_told() -> None:
    text = f"# P\n\n## Phase 1: A\n{WORDS}\n\n## Phase 2: B\n```sql\n{REVIEW}\n```\n{OPEN}\n"
    found = choose([parse(text.encode(), "x.md")], frozenset({"course"}))
    assert isinstance(found, Choice)
    assert found.phase.number == 2
    assert found.why.endswith("; x.md:4 asks for a schema, and its DDL is missing")
