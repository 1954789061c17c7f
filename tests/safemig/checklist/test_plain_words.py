"""Plain words decide alone: traps that are made of nothing else, and what a run's own work is evidence for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.checklist.plain_words import plain_words, said
from safemig.checklist.references import named
from safemig.checklist.ticks import Judged, Proofs, Worlds, judge_all
from safemig.plan_document.document import parse
from safemig.project.config import ConfigError, load
from safemig.project.config_schema import TickConfig
from tests.safemig.checklist.test_items_four_worlds import BEFORE as EMPTY
from tests.safemig.checklist.test_items_four_worlds import RAN, STATES
from tests.safemig.checklist.test_judgement import BEFORE, State, phase_of, world

# Every thing that these name was made or run by right work, and every word of most of them is plain: yet none is true.
TRAPS = [
    "Drop the column `legacy_rating`",
    "Remove the class `app/legacy.py`",
    "Remove the dependency `DELETE /legacy`",
    "Confirm with product that `course_rating` is wanted",
    "Announce `POST /courses/{id}/ratings` in the changelog",
    "Set up monitoring for `course_rating`",
    "Enable row level security on `course_rating`",
    "Load test `POST /courses/{id}/ratings`",
    "Load the old ratings to `course_rating`",
    "Run `make migrate` on all replicas",
    "Run `make migrate` twice",
    "Only admins have `course_rating`",
    "Add `course_rating` to the backup",
    "Add `course_rating` to the data catalog",
    "Is `make test` green?",
    "Make sure `course_rating` is empty",
    "Keep `course_rating` small",
    "Define the owner of `course_rating`",
    "Create a ticket for `ix_rating_course`",
    "Add comments to `course_rating`",
    "Grant `SELECT` on `course_rating`",
    "Create the constraint `fk_course` as `NOT VALID`",
    "Index `ix_rating_course` is unique",
    "Column `stars` is the primary key of `course_rating`",
    "Unique index `ix_rating_course`",
    "Index `ck_stars`",
    "Table `ix_rating_course`",
    "Add the column `stars` to `course`",
    "Add the table `course_rating` to `app/models.py`",
    "Create the class `CourseRating` in `app/services/ratings.py`",
    "Add `rate` to `CourseRating` in `app/models.py`",
    "Create `RatingService` with `average`",
    "Add the method `average` to `RatingService`",
    "Add the method `stars` to `CourseRating`",
    "Run `alembic upgrade head` for `course_rating`",
    "Apply `alembic/versions/b1_add_course_rating.py`",
    "Run the tests with `make migrate`",
    "Add the target `make test`",
    "Create `make migrate`",
    "Add the relationship `average` to `CourseRating` in `app/models.py`",
    "Add the relationship `stars` to `CourseRating` in `app/models.py`",
    "Foreign key `fk_course` to `course_rating.user_id`",
    "Foreign key `fk_course` with `ON DELETE SET NULL`",
    "Add the check `uq_once`",
    "Index `ix_rating_course` on `course_id` and `user_id`",
    "Unique constraint `uq_once` on `course_id`",
    "Primary key `course_rating.stars`",
    "Test `RatingService`",
    "Test `course_rating`",
    "Tests for `course_rating`",
    "Migration for `course_rating`",
    "Model `course_rating`",
    "Make `course_rating` green",
    "Add indexes to `course_rating`",
    "Add constraints to `course_rating`",
    "Add columns to `course_rating`",
    "List the columns of `course_rating`",
    "Show `course_rating`",
    "`POST /courses/{id}/ratings` lists `CourseRating`",
    "Implement `RatingService.rate`",
    "Implement `course_rating`",
    "Implement `POST /courses/{id}/ratings`",
    "Endpoint `POST /courses/{id}/ratings` in `app/services/ratings.py`",
    "Import `CourseRating` in `app/services/ratings.py`",
    "Add `httpx` to `Makefile`",
    "Add package `httpx` to `app/models.py`",
    "Table `course_rating` has `stars` as `TEXT`",
    "Column `course.average` has the type `INTEGER`",
    "Remove the column `note` from `course_rating`",
    "Remove `course_rating` from `app/models.py`",
    "Delete from `course_rating`",
    "Drop `legacy_rating` and create `legacy`",
    "Run `make test` and add `stars`",
    "Is there `course_rating`?",
    "There is no `course_rating`",
    "Key of `course_rating`",
    "Key `stars`",
    "Type `course_rating`",
    "Add `course_rating.stars` as new type",
    "Add the type `course_rating.stars`",
    "Add `course_rating.stars` with its type: `INTEGER`",
    "Column `course_rating.stars` of the type of `course.id`",
    "File `course_rating`",
    "Run `tests/test_ratings.py`",
    "New: `course_rating` (TBD)",
    "`course_rating`!!!",
    "[x] `course_rating`",
    "Add `course_rating` / `legacy`",
    "Package `RatingService`",
    "Fields of `CourseRating` in `app/models.py`",
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plain")


@pytest.mark.parametrize("text", TRAPS)
def test_plain_words_alone_tick_nothing_that_the_evidence_does_not_bear_out(root: Path, text: str) -> None:
    phase = phase_of(text)
    worlds = Worlds(world(root / "before", EMPTY, phase), world(root / "right", STATES["right"], phase))
    (found,) = judge_all(phase, Proofs(commands_run=RAN["right"]), worlds)
    assert found.state in ("proposed", "not provable")


def judged(root: Path, text: str, before: State, after: State, proofs: Proofs | None = None) -> Judged:
    phase = phase_of(text)
    worlds = Worlds(world(root / "before", before, phase), world(root / "after", after, phase))
    (found,) = judge_all(phase, proofs or Proofs(), worlds)
    return found


OLD = "alembic/versions/aaa_first.py"
OWN = "alembic/versions/bbb_ratings.py"
FUNCTIONS = "def upgrade(): ...\ndef downgrade(): ...\n"
REVISED = replace(BEFORE, files={**BEFORE.files, OLD: FUNCTIONS})
REVISIONS = [
    ("Implement `downgrade()`", "proved"),
    ("Implement `upgrade()` and `downgrade()`", "proved"),
    ("Implement `def downgrade()` in `alembic/versions/xxx_ratings.py`", "proved"),
    ("Add the function `downgrade()`", "proved"),
    ("Implement `downgrade()` in `alembic/versions/aaa_first.py`", "not provable"),
    ("Test `downgrade()`", "proposed"),
    ("`downgrade()` keeps the data", "proposed"),
]


LABELLED = [
    ("1.1 Create migration for `course_rating` table", "proved"),
    ("2.1. Add index `ix_rating_course`", "proved"),
    ("3) Add `CourseRating` model", "proved"),
    ("T004 Apply the migration with `make migrate`", "proved"),
    ("T006 [P] [US1] Create `CourseRating` model in `app/models.py`", "proved"),
    ("T007 [US1] Implement `POST /courses/{id}/ratings`", "proposed"),
    ("5 ratings in `course_rating`", "proposed"),
    ("2 tables: `course_rating`", "proposed"),
    ("[P] Create `course_rating`", "proposed"),
]


@pytest.mark.parametrize(("text", "state"), LABELLED)
def test_an_item_s_own_number_says_nothing_and_a_count_does(root: Path, text: str, state: str) -> None:
    phase = phase_of(text)
    worlds = Worlds(world(root / "before", EMPTY, phase), world(root / "right", STATES["right"], phase))
    (found,) = judge_all(phase, Proofs(commands_run=RAN["right"], revisions=(OWN,)), worlds)
    assert found.state == state, found.reason
    (without,) = judge_all(phase, Proofs(commands_run=RAN["right"]), worlds)
    assert without.state == ("proposed" if text.startswith("1.1") else state)


@pytest.mark.parametrize(("text", "state"), REVISIONS)
def test_the_run_s_own_revision_is_evidence_and_an_older_one_is_not(tmp_path: Path, text: str, state: str) -> None:
    after = replace(REVISED, files={**REVISED.files, OWN: FUNCTIONS})
    own = judged(tmp_path / "own", text, REVISED, after, Proofs(revisions=(OWN,)))
    assert own.state == state, own.reason
    assert state != "proved" or "goes up, down and up again" in own.reason
    older = judged(tmp_path / "older", text, REVISED, REVISED)
    assert older.state == "not provable", older.reason


MODELS = "from sqlalchemy import Integer\n\nclass Course(Base):\n    slug = Column(Integer)\n"
EDITED = (
    "from sqlalchemy import CheckConstraint, Integer\n\nclass Course(Base):\n    slug = Column(Integer)\n"
    "    ratings = relationship('Rating')\n\n    @property\n    def average(self): ...\n"
)
EDITS = [
    ("Import `CheckConstraint` in `app/models.py`", "proved"),
    ("Import `Integer` in `app/models.py`", "not provable"),  # it was imported before
    ("Add the relationship `ratings` to `Course` in `app/models.py`", "proved"),
    ("Add the property `average` to `Course` in `app/models.py`", "proved"),
    ("Add the property `Course.average`", "proved"),
    ("Add the relationship `average` to `Course` in `app/models.py`", "not provable"),  # it is none
    ("Add the property `slug` to `Course` in `app/models.py`", "not provable"),
    ("Document the property `average` of `Course`", "proposed"),
]


@pytest.mark.parametrize(("text", "state"), EDITS)
def test_what_an_edit_added_to_a_file_that_is_there_is_evidence(tmp_path: Path, text: str, state: str) -> None:
    before = replace(BEFORE, files={"app/models.py": MODELS})
    after = replace(BEFORE, files={"app/models.py": EDITED})
    found = judged(tmp_path, text, before, after)
    assert found.state == state, found.reason
    assert judged(tmp_path / "same", text, after, after).state == "not provable"


DESCRIBED = [
    ("`\\d+ course_rating` shows the constraints and indexes", "proved"),
    ("`\\d+ course_rating` shows the foreign key `fk_course`", "proved"),
    ("`\\d course_rating` shows the unique constraint and the primary key", "proved"),
    ("`\\d+ course_rating` shows the check `uq_once`", "not provable"),
    ("`\\d+ course` shows the foreign keys", "not provable"),
    ("`\\d+ course_rating` shows 5 indexes", "not provable"),
]


@pytest.mark.parametrize(("text", "state"), DESCRIBED)
def test_a_described_table_is_shown_with_what_stands_on_it(tmp_path: Path, text: str, state: str) -> None:
    found = judged(tmp_path, text, EMPTY, replace(STATES["right"], files=EMPTY.files))
    assert found.state in (state, "proposed" if state == "not provable" else state), found.reason


def test_words_of_safemig_yaml_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "safemig.yaml"
    path.write_text("ticks:\n  proposed: true\n  words: [Tabelle, créer, 表]\n", encoding="utf-8")
    assert load(tmp_path).ticks == TickConfig(proposed=True, words=("Tabelle", "créer", "表"))
    path.write_text("ticks: proposed\n", encoding="utf-8")
    assert load(tmp_path).ticks == TickConfig(proposed=True)
    for text, said_of_it in (
        ("ticks: all\n", "must be one of proposed"),
        ("ticks:\n  words: [create the table]\n", "must be one word"),
        ("ticks:\n  word: [x]\n", "did you mean 'words'"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=said_of_it):
            load(tmp_path)


def test_the_list_is_short_and_no_word_means_two_things() -> None:
    words = plain_words()
    lists = [words.any, words.making, words.running, words.showing, words.removing, frozenset(words.kinds)]
    assert sum(map(len, lists)) < 150
    assert all(one.isdisjoint(other) for at, one in enumerate(lists) for other in lists[at + 1 :])
    assert all(word.isascii() and word == word.lower() for one in lists for word in one)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=60))
def test_any_text_is_read_and_what_is_not_on_the_list_is_strange(text: str) -> None:
    items = phase_of(f"x {text}").items
    if not items:
        return
    found = said(named(items[0]), plain_words())
    assert found.strange  # x is on no list
    assert len(found.of_spans) <= len(items[0].codes) + items[0].text.count("`")


AROUND = [
    ("- [ ] Create table `course_rating`\n\n  only after the release\n", "proposed"),
    ("- [ ] Create table `course_rating`\n  - once legal has agreed\n", "proposed"),
    ("- [ ] Create table `course_rating`\n  - [ ] Tell legal\n", "proved"),  # an item of its own
    ("- Do not do this:\n  - [ ] Create table `course_rating`\n", "proposed"),
    ("- [ ] Never\n  - more\n    - [ ] Create table `course_rating`\n", "proposed"),
    ("- Remove:\n  - [ ] Table `course_rating`\n", "proposed"),
    ("- Tables:\n  - [ ] Create table `course_rating`\n", "proved"),
    ("1. [ ] Add the tables\n   - [ ] Create table `course_rating`\n", "proved"),
    ("- One thing\n- [ ] Create table `course_rating`\n- Never that\n", "proved"),
    ("- [ ] Create table `course_rating`\n  - `stars`\n  - `colour`\n", "proposed"),  # nobody looked those up
    ("- In `other_table`:\n  - [ ] Create table `course_rating`\n", "proposed"),
    ("- Models:\n  - [ ] Create table `course_rating`\n", "proposed"),  # no class came about
    ("- [ ] Create table `course_rating`\n  - endpoint\n", "proposed"),
]
# What stands over the list, below the phase's own heading; every item under it asks for what was done.
OVER = [
    ("### Checklist ✅\n\n", "proved"),
    ("### 1.2 Database\n\n", "proved"),
    ("### Tables\n\n", "proved"),
    ("**Done when:**\n\n", "proved"),
    ("<!-- kept in order -->\n", "proved"),
    ("### Other\n\nText.\n\n### Tasks\n\n", "proved"),  # of another section
    ("**⚠️ CRITICAL**: No user story work can begin until this phase is complete\n\n", "proved"),
    ("### Implementation for User Story 1\n\n", "proved"),
    ("**CRITICAL**: No user story work can begin\n\n", "proposed"),
    ("### Out of scope\n\n", "proposed"),
    ("### On staging\n\n#### Tasks\n\n", "proposed"),
    ("### Später\n\n", "proposed"),
    ("### やらないこと\n\n", "proposed"),
    ("### Models\n\n", "proposed"),
    ("### In `other_table`\n\n", "proposed"),
    ("**Won't do**\n\n", "proposed"),
    ("Do these on the replica, too:\n", "proposed"),
    ("Nothing of this before legal agrees.\n\n", "proposed"),
    ("<details><summary>Abandoned</summary>\n\n", "proposed"),
    ("> Asked by another team:\n>\n> ", "proposed"),
    ("Nur im Test:\n\n- [ ] Create the class `CourseRating`\n", "proposed"),
]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Table: `course_rating`\n\n- [ ] Check constraint `ck_stars`\n", "proved"),
        ("- [ ] Create table `course_rating`\n  - `stars`\n  - `note`\n", "proved"),
        ("- [ ] Create table `course_rating`\n  - `stars`\n  - `colour`\n", "proposed"),
        ("Tests of `course_rating`:\n\n- [ ] Check constraint `ck_stars`\n", "proposed"),
        ("On `replica`:\n\n- [ ] Create table `course_rating`\n", "proposed"),
    ],
)
def test_code_beside_an_item_is_plain_where_the_run_made_it(root: Path, text: str, state: str) -> None:
    phase = parse(f"# P\n\n{text}".encode(), "p.md").phases[0]
    worlds = Worlds(world(root / "before", EMPTY, phase), world(root / "right", STATES["right"], phase))
    names = frozenset({"course_rating.stars", "course_rating.note"})
    (found,) = judge_all(phase, Proofs(tables_made=frozenset({"course_rating"}), names_made=names), worlds)
    assert found.state == state, found.reason


@pytest.mark.parametrize("heading", ["# P\n", "# P\n\n## Phase 1: Ratings, not on staging\n\n"])
@pytest.mark.parametrize(("over", "state"), OVER)
def test_what_stands_over_an_item_s_list_is_read_with_it(root: Path, heading: str, over: str, state: str) -> None:
    phase = parse(f"{heading}{over}- [ ] Create table `course_rating`\n".encode(), "p.md").phases[0]
    worlds = Worlds(world(root / "before", EMPTY, phase), world(root / "right", STATES["right"], phase))
    found = {one.item.text: one for one in judge_all(phase, Proofs(), worlds)}["Create table `course_rating`"]
    assert found.state == state, found.reason


@pytest.mark.parametrize(("text", "state"), AROUND)
def test_what_is_said_around_an_item_is_read_with_it(root: Path, text: str, state: str) -> None:
    phase = parse(f"# P\n{text}".encode(), "p.md").phases[0]
    worlds = Worlds(world(root / "before", EMPTY, phase), world(root / "right", STATES["right"], phase))
    found = {one.item.text: one for one in judge_all(phase, Proofs(), worlds)}
    own = found["Table `course_rating`" if "Remove" in text else "Create table `course_rating`"]
    assert own.state == state, own.reason
