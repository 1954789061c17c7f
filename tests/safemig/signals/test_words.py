"""What a signal is called."""

from __future__ import annotations

import pytest

from safemig.signals.words import signal_word


@pytest.mark.parametrize(
    ("ok", "after", "word"),
    [
        (True, "7 passed", "good"),
        (False, "1 failed", "not good"),
        (None, "not checked: refused", "not checked"),
        (None, "could not look: refused", "not checked"),
        (None, "7 passed", "not checked"),
        (None, "not reached", "not reached"),
        (None, "not looked at", "not reached"),
        (None, "", "not checked"),
    ],
)
def test_a_signal_that_was_not_reached_is_not_one_that_could_not_be_checked(
    ok: bool | None, after: str, word: str
) -> None:
    assert signal_word(ok, after) == word
