"""Which spec and phase is meant, with names and without."""

from __future__ import annotations

import pytest

from safemig.run.gaps import ChoiceNeeded
from safemig.spec.choose import Choice, Nothing, Tie, choose
from safemig.spec.document import Document, parse


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
