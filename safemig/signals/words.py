"""The word for a signal: one place says it for the screen, the terminal and every form of the report."""

from __future__ import annotations

from typing import Final, Literal

NOT_REACHED: Final = "not reached"
_EARLIER = "not looked at"  # how runs of earlier versions say it in their journals

Word = Literal["good", "not good", "not checked", "not reached"]


def signal_word(ok: bool | None, after: str) -> Word:
    """``after`` is what the look after the change came to. A signal whose look failed, or told too little, is not
    checked; one that the run ended before is not reached. Neither is ever good."""
    if ok is not None:
        return "good" if ok else "not good"
    return "not reached" if after in (NOT_REACHED, _EARLIER) else "not checked"
