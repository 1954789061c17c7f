"""The words of natural languages as data: how an entry is read, and that the file holds nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import safemig.plan_document.vocabulary as module
from safemig.plan_document.vocabulary import Vocabulary, vocabulary

FILE = Path(module.__file__).with_suffix(".toml")


@pytest.mark.parametrize(
    ("entry", "words", "others"),
    [
        ("roll(ing)? back", ["roll back", "Rolling  back", "roll_back"], ["rollback", "roll backs", "scroll back"]),
        ("eindeutig*", ["eindeutig", "Eindeutiger"], ["uneindeutig"]),
        ("únic[oa]s?", ["única", "ÚNICOS"], ["únicx"]),
        ("don't", ["don't", "don’t"], ["dont"]),
        ("n/a", ["n/a"], ["na"]),
        ("主键", ["主键", "是主键吗"], ["主"]),
    ],
)
def test_an_entry_says_which_words_it_stands_for(entry: str, words: list[str], others: list[str]) -> None:
    pattern = Vocabulary({"a.b": (entry,)}).pattern("a.b")
    assert [word for word in words if not pattern.search(word)] == []
    assert [word for word in others if pattern.search(word)] == []


def test_each_entry_of_the_file_is_a_text_that_compiles() -> None:
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    for section, names in read.items():
        for name, entries in names.items():
            assert all(isinstance(entry, str) and entry == entry.strip() for entry in entries), (section, name)
            assert len(set(entries)) == len(entries), (section, name)
            assert vocabulary().pattern(f"{section}.{name}")


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.strip() != ""))
def test_a_word_of_a_project_stands_for_itself_alone(word: str) -> None:
    own = Vocabulary({}, {"header.column": (word,)})
    assert own.pattern("header.column").fullmatch(" ".join(word.split()))
    assert not own.pattern("header.column").fullmatch(f"{word}x")
