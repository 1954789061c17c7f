"""Items that were written before anyone looked at how they are judged, in eleven languages: what a migration run can
prove (M) and what it cannot (O: anonymise, back up, agree, notify, measure, "do not …", and words that say too much).

Each line: the letter, the language and the item; all are judged after right work, where every thing that they name
came about. A list of words that forbid ticked 51 of the 66 that cannot be proved.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.checklist.plain_words import plain_words
from safemig.checklist.ticks import Judged, Proofs, Worlds, judge_all
from tests.safemig.checklist.test_items_four_worlds import RAN, STATES
from tests.safemig.checklist.test_judgement import phase_of, world

ROWS = [
    tuple(line.split(" ", 2))
    for line in (Path(__file__).parent / "items_held_out.txt").read_text(encoding="utf-8").splitlines()
]
MAKINGS = [(language, text) for letter, language, text in ROWS if letter == "M"]
OTHERS = [text for letter, _, text in ROWS if letter == "O"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("held_out")


def judged(root: Path, text: str, name: str = "right", own: tuple[str, ...] = ()) -> Judged:
    phase = phase_of(text)
    worlds = Worlds(world(root / "before", STATES["before"], phase), world(root / name, STATES[name], phase))
    (found,) = judge_all(phase, Proofs(commands_run=RAN[name]), worlds, plain_words().with_own(own))
    return found


@pytest.mark.parametrize("text", OTHERS)
def test_what_a_migration_cannot_prove_is_never_ticked_by_itself(root: Path, text: str) -> None:
    found = judged(root, text)
    assert found.state in ("proposed", "not provable")
    assert found.reason
    assert judged(root, text, "before").state == "not provable"
    assert judged(root, text, "other").state == "not provable"


@pytest.mark.parametrize(("language", "text"), MAKINGS)
def test_plain_makings_are_ticked_in_english_and_proposed_in_other_languages(
    root: Path, language: str, text: str
) -> None:
    found = judged(root, text)
    assert found.state == ("proved" if language == "en" else "proposed"), found.reason
    assert judged(root, text, "before").state == "not provable"


def test_words_of_the_project_make_other_languages_plain_and_nothing_else(root: Path) -> None:
    own = ("Tabelle", "mit", "der", "Spalte", "erstellen")
    text = "Tabelle `course_rating` mit der Spalte `stars` erstellen"
    assert judged(root, text, own=own).state == "proved"
    assert judged(root, text, own=own[1:]).state == "proposed"
    assert judged(root, "Sicherung von `course_rating` erstellen", own=own).state == "proposed"
    assert judged(root, text, "wrong", own).state == "proved"  # the column is there, of whatever type
    assert judged(root, "Tabelle `course_rating` mit `note` erstellen", "wrong", own).state == "not provable"


def test_the_corpus_is_large_enough() -> None:
    assert len(ROWS) > 100
    assert len({language for _, language, _ in ROWS}) >= 11
    assert 40 <= len(MAKINGS) <= len(OTHERS)
