"""What speaks against an item although its names were found: claims beside them, and what is ticked but not so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from safemig.items.claims import denies, is_claim, says, unsaid
from safemig.items.found import Found, is_test, one_of, words_of
from safemig.items.places import TESTS
from safemig.items.removal import asks_for_removal, says_only_removal
from safemig.items.words import DATABASE, GONE, NOT_ITS_RUN, PASSES
from safemig.spec.document import Item

# As a code span these may also be the name of a column.
_ALSO_NAMES = frozenset({"date", "time", "text", "timestamp", "uuid", "json", "interval", "char", "character", "key"})
_TESTED = re.compile(r"\b(?:py\.?test|tox)\b")


def contradicted(item: Item, found: Sequence[Found]) -> str:
    """Why a ticked item is not true; "" when nothing plainly contradicts it."""
    words = words_of(item)
    if GONE.search(words):
        things = [one for one in found if one.span.thing and one.span.kind != "file"] or [*found]
        stays = things[0] if len(things) == 1 and things[0].state in {"there", "changed"} else None
        only = stays and says_only_removal(words, stays.span.kind)
        return f"it is ticked, but {one_of(stays.places)} is still there" if stays and only else ""
    for one in found:
        if one.span.kind == "name" and one.span.thing and _only_tests(one.span.thing.where):
            continue  # what the tests are of is not in their file
        if one.was:
            continue  # it has gone since, and the item may ask for that in words that are not known
        if one.state == "missing" and (one.span.strict or (one.span.kind == "name" and DATABASE.search(words))):
            return f"it is ticked, but {one.span.text} is not there"
    return _denied(found)


def _only_tests(files: Sequence[str]) -> bool:
    return bool(files) and all(TESTS.search(file) for file in files)


def _denied(found: Sequence[Found]) -> str:
    """A ticked item says another type of a column than it has; what it had before may be spoken of too."""
    for names, said in _claims(found):
        if len(said) != 1 or not names or said[0].lower() in _ALSO_NAMES:
            continue
        nearest = names[-1]
        for place, shown in nearest.places.items():
            seen = nearest.state in {"made", "there", "changed"} and shown and place.startswith("column ")
            if seen and denies(shown, said[0]) and not says(nearest.was.get(place, shown), said[0]):
                return f"it is ticked, but {place} is {shown}, not {said[0]}"
    return ""


def gone(item: Item, found: Sequence[Found]) -> str:
    """What was there before and is not any more, where the item asks for no more than that."""
    left = [one for one in found if one.state == "missing" and one.was]
    if not left or not asks_for_removal(words_of(item)):
        return ""
    for one in found:
        if one not in left and not all(_held(one, other) for other in left):
            return ""
    return "; ".join(f"{one_of(one.was)} was there before and is not any more" for one in left)


def _held(one: Found, gone: Found) -> bool:
    """Whether something that is still there is where the gone thing was: its file, class or table."""
    if one.state not in {"there", "changed"}:
        return False
    if one.span.kind == "file":
        return gone.span.kind != "file"
    names = [place.rpartition(": ")[2].partition(" ")[2] or place for place in one.places]
    return any(f"{name}." in place for name in names for place in gone.was)


def _claims(found: Sequence[Found]) -> list[tuple[list[Found], list[str]]]:
    """What SQL's words and literals say, each with the names in front of it; the first also with those behind it."""
    groups: list[tuple[list[Found], list[str]]] = [([], [])]
    for one in found:
        if one.span.kind == "neutral":
            if is_claim(one.span.text):
                groups[-1][1].append(one.span.text)
            continue
        if groups[-1][0] and groups[-1][1]:
            groups.append(([], []))
        groups[-1][0].append(one)
    return [(names, said) for names, said in groups if said]


def unborne(item: Item, found: Sequence[Found]) -> str:
    """A claim beside the names that no definition bears out; "" when there is none."""
    for names, said in _claims(found):
        new = [one for one in names if one.state in {"made", "changed"}] or names
        shown = [(place, text) for one in new for place, text in one.places.items()]
        shown = [each for each in shown if each[0].startswith("column ")] or shown
        for claim in said:
            wrong = next((each for each in shown if not says(each[1], claim)), None)
            if wrong or not shown:
                known = f"{wrong[0]} is {wrong[1]}" if wrong and wrong[1] else "what was found"
                return f"{known}: it does not show {claim}"
    number = unsaid(words_of(item), [text for one in found for text in one.places.values()])
    return f"no definition shows the {number} that the item speaks of" if number else ""


def of_tests(item: Item, checkable: Sequence[Found], ran: Sequence[str]) -> str:
    """Why a command that was run, or a test that is there, does not show what the words around it say."""
    words = words_of(item)
    tests = any(one.state == "made" and is_test(one) for one in checkable)
    commands = any(one.state in {"made", "holds"} and one.span.kind == "command" for one in checkable)
    if (commands or tests) and (other := NOT_ITS_RUN.search(words)):
        return f"{other[0]!r} says more than that it was run here and ended well"
    if tests and PASSES.search(words) and not any(_TESTED.search(line) for line in ran):
        return "the test is there, but no run of the tests was good"
    return ""
