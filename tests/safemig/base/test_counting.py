"""Numbers with their nouns, and moments as a person reads them."""

from __future__ import annotations

import re

import pytest

from safemig.base.counting import counted
from safemig.base.moments import minute


@pytest.mark.parametrize(
    ("number", "noun", "plural", "text"),
    [
        (0, "step", "", "0 steps"),
        (1, "step", "", "1 step"),
        (21, "more line", "", "21 more lines"),
        (1, "entry", "entries", "1 entry"),
        (3, "entry", "entries", "3 entries"),
    ],
)
def test_a_number_and_its_noun(number: int, noun: str, plural: str, text: str) -> None:
    assert counted(number, noun, plural) == text


@pytest.mark.parametrize(
    ("wall", "shape"),
    [("2026-03-01T10:15:59.000+00:00", r"2026-0\d-\d\d \d\d:\d\d"), ("", ""), ("yesterday", "")],
)
def test_a_moment_to_the_minute(wall: str, shape: str) -> None:
    assert re.fullmatch(shape, minute(wall))
