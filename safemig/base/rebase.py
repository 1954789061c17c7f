"""An edit of a file that has changed since it was proposed: the same change, made of the file as it is now."""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import replace

from safemig.base.action import Action
from safemig.base.file_edit import propose

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_NO_END = "\\ No newline at end of file"


class Overlaps(Exception):
    """The edit cannot be made of the file as it is now; the text says why."""


def base_of(action: Action) -> str | None:
    """The text that the edit was proposed for, None where there was no such file. Raises Overlaps where text and diff
    do not tell it."""
    if action.before is None:
        return None
    after, base, at, sign = lines_of(action.text), list[str](), 0, ""
    for row in action.diff.split("\n")[2:-1]:
        if hunk := _HUNK.fullmatch(row):
            first = int(hunk[1]) - (hunk[2] != "0")
            base += after[at:first]
            at = first
        elif row == _NO_END:
            if sign in "- ":
                base[-1] = base[-1].removesuffix("\n")
            continue
        elif row[:1] in "- ":
            base.append(f"{row[1:]}\n")
        at += row[:1] in "+ "
        sign = row[:1]
    text = "".join([*base, *after[at:]])
    if hashlib.sha256(text.encode()).hexdigest() != action.before:
        raise Overlaps("how it was when the edit was proposed is not known any more")
    return text


def rebased(action: Action, now: str | None) -> Action:
    """The edit of the file with the text ``now`` (None: there is none). Raises Overlaps."""
    base = base_of(action)
    if base is None:
        raise Overlaps("there was no such file when the edit was proposed")
    if now is None:
        raise Overlaps("it is gone")
    text = _merged(lines_of(base), lines_of(now), lines_of(action.text))
    if text == now:
        raise Overlaps("the edit would change nothing any more")
    return replace(propose(action.path, now, text), effect=action.effect, touches=action.touches)


def _merged(base: list[str], now: list[str], wanted: list[str]) -> str:
    """``now`` with what leads from ``base`` to ``wanted``, where the lines that it changes and their neighbours are the
    same in both; what is added at the very end stays at the end."""
    same = [
        (i, i + size, j - i) for i, j, size in difflib.SequenceMatcher(None, base, now, False).get_matching_blocks()
    ]
    result, at = list[str](), 0
    for kind, first, last, start, end in difflib.SequenceMatcher(None, base, wanted, False).get_opcodes():
        if kind == "equal":
            continue
        place = _place(base, now, same, first, last)
        result += [*now[at : place[0]], *wanted[start:end]]
        at = place[1]
    return "".join([*result, *now[at:]])


def _place(base: list[str], now: list[str], same: list[tuple[int, int, int]], first: int, last: int) -> tuple[int, int]:
    if first == last == len(base) and (not now or now[-1].endswith("\n")):
        return len(now), len(now)
    low, high = max(first - 1, 0), min(last + 1, len(base))
    for start, end, moved in same:
        at_end = last < len(base) or last + moved == len(now)  # an end without a newline stays the end
        if start < end and start <= low and high <= end and at_end:
            return first + moved, last + moved
    raise Overlaps("the lines that the edit is about, or those beside them, changed too")


def lines_of(text: str) -> list[str]:
    """Its lines with their end; split at LF alone, as a diff is."""
    split = text.split("\n")
    return [f"{line}\n" for line in split[:-1]] + ([split[-1]] if split[-1] else [])
