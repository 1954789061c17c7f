"""What speaks against an item although its names were found, and what a person has to say where the proof ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from safemig.checklist.definitions import denies, is_claim, says, unsaid
from safemig.checklist.kinds import kinds_of
from safemig.checklist.locations import TESTS
from safemig.checklist.lookup_result import Found, one_of, words_of
from safemig.checklist.plain_words import Said
from safemig.checklist.relations import apart, belongs, not_on
from safemig.plan_document.document import Item

# As a code span these may also be the name of a column.
_ALSO_NAMES = frozenset({"date", "time", "text", "timestamp", "uuid", "json", "interval", "char", "character", "key"})
# A downgrade names the tables that it would drop, so their being there contradicts no ticked item.
_STANDS = frozenset({"file", "folder", "target", "package", "symbol", "endpoint"})
_OBJECTS = ("table ", "column ", "index ", "constraint ")
_IN_DATABASE = frozenset({"table", "column", "index", "constraint", "check", "unique", "foreign key", "primary key"})


def contradicted(text: Said, found: Sequence[Found]) -> str:
    """Why a ticked item is not true; "" when nothing plainly contradicts it, or its words are not plain."""
    if not text.plain:
        return ""
    if text.asks_for("removing"):
        return _still_there(found)
    named = any(kinds & _IN_DATABASE for _, kinds in text.kinds)
    for one in found:
        if one.span.kind == "name" and one.span.thing and _only_tests(one.span.thing.where):
            continue  # what the tests are of is not in their file
        if one.went:
            continue
        if one.state == "missing" and (one.span.strict or (one.span.kind == "name" and named)):
            return f"it is ticked, but {one.span.text} is not there"
    return _other_type(found)


def _still_there(found: Sequence[Found]) -> str:
    """What a ticked item asks to be removed, where that is one thing and stands."""
    things = [one for one in found if one.span.thing and one.span.kind != "file"] or [*found]
    if len(things) != 1 or things[0].state not in {"there", "changed"} or things[0].span.kind not in _STANDS:
        return ""
    return f"it is ticked, but {one_of(things[0].places)} is still there"


def _only_tests(files: Sequence[str]) -> bool:
    return bool(files) and all(TESTS.search(file) for file in files)


def _other_type(found: Sequence[Found]) -> str:
    """A ticked item says another type of a column than it has; what it had before may be spoken of too."""
    for names, given in _claims(found):
        if len(given) != 1 or not names or given[0].lower() in _ALSO_NAMES:
            continue
        nearest = names[-1]
        for place, shown in nearest.places.items():
            seen = nearest.state in {"made", "there", "changed"} and shown and place.startswith("column ")
            if seen and denies(shown, given[0]) and not says(nearest.was.get(place, shown), given[0]):
                return f"it is ticked, but {place} is {shown}, not {given[0]}"
    return ""


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
    return [(names, given) for names, given in groups if given]


def _shown(names: Sequence[Found]) -> list[tuple[str, str]]:
    """The definitions that claims beside these names are about: those of the columns, where there are any."""
    shown = _definitions([name for name in names if name.state in {"made", "changed"}] or names)
    return [each for each in shown if each[0].startswith("column ")] or shown


def _definitions(found: Sequence[Found]) -> list[tuple[str, str]]:
    """What the database says of the objects; not the kind of a class or function."""
    objects = [one for one in found if one.span.kind in ("name", "object", "clause")]
    return [(place, text) for object_ in objects for place, text in object_.places.items() if ": " not in place]


def denied(item: Item, found: Sequence[Found]) -> str:
    """A definition that says otherwise than the item, in its type, a clause or a number; "" when none does."""
    for names, given in _claims(found):
        for claim in given:
            for place, text in _shown(names):
                if text and not says(text, claim):
                    return f"{place} is {text}: it does not show {claim}"
    number = unsaid(words_of(item), [text for _, text in _definitions(found) if text])
    return f"no definition shows the {number} that the item speaks of" if number else not_on(found)


def beyond(text: Said, found: Sequence[Found], came: Sequence[Found], *, revised: bool = False) -> str:
    """What the item says beyond what came about, so that a person decides; "" when nothing. ``revised``: what came
    about in the database did so by a revision that the run wrote."""
    checkable = [one for one in found if one.state != "neutral"]
    for item in checkable:
        if item.state in ("unseen", "unknown"):
            return item.text
        # What only ended well adds nothing and takes nothing away: the rest of the item has to have come about.
        if item not in came and item.state != "holds" and not any(belongs(item, other) for other in came):
            return f"{item.text}, and what is to be done with it cannot be looked up"
    changed = next((one for one in came if one.state == "changed"), None)
    if changed and not _claims(found):
        return f"it does not say what {changed.span.text} becomes"
    return _unshown(found) or apart(came) or _strange(text) or _unlike(text, found, came, revised)


def _strange(text: Said) -> str:
    if not text.strange:
        return ""
    return f"“{text.strange}” is none of the plain words, so a person has to say whether that is done"


def _unshown(found: Sequence[Found]) -> str:
    """A claim beside the names that no definition bears out."""
    for names, given in _claims(found):
        shown = [text for _, text in _shown(names) if text]  # a table says nothing of itself
        for claim in given:
            if not shown or not all(says(text, claim) for text in shown):
                return f"what was found does not show {claim}"
    return ""


def _unlike(text: Said, found: Sequence[Found], came: Sequence[Found], revised: bool) -> str:
    """What the words ask for and the evidence is not of that kind: an index where a column was made."""
    objects = any(place.startswith(_OBJECTS) for one in came for place in one.places)
    return (
        _unborne(text, found, {"revision"} if revised and objects else ())
        or other_kind(text, found)
        or _otherwise_asked(text, found, came)
    )


def _otherwise_asked(text: Said, found: Sequence[Found], came: Sequence[Found]) -> str:
    """What the item asks for and what came about are not of one sort: a run, a thing that is made, one that goes."""
    commands = [one for one in came if one.span.kind == "command" and not one.places]
    other = next((one for one in came if one not in commands), None)
    if text.asks_for("running") and other:
        return f"it asks for a run, and {other.span.text} is no command that was run"
    if text.asks_for("making") and len(commands) == len(came):
        return "it asks for something to be made, and only a command was run"
    if text.asks_for("removing"):
        return "it asks that something goes, and something came about"
    first = next((one for one in found if one.state != "neutral"), None)
    if text.asks_for("showing") and first and first.span.kind not in ("command", "object"):
        return f"what {first.span.text} shows was not looked at"
    return ""


def _unborne(text: Said, found: Sequence[Found], more: Collection[str]) -> str:
    """A word for a kind that nothing of what was found is of; ``more`` are kinds that are known otherwise."""
    every = frozenset(more).union(*(kinds_of(one) for one in found))
    asked = (*text.kinds, *(lead for lead in text.led if lead[1]))
    return next((f"nothing that was found bears out “{word}”" for word, kinds in asked if not kinds & every), "")


def other_kind(text: Said, found: Sequence[Found], but: Collection[str] = ()) -> str:
    """A thing that is of another kind than the word before it says: a "unique constraint" that checks; words of
    ``but`` aside."""
    for one, words in zip(found, text.of_spans, strict=False):
        kinds = kinds_of(one)
        for word, wanted in words:
            if kinds and not wanted & kinds and word.lower() not in but:
                return f"{one.span.text} is no “{word}”: {one.text}"
    return ""


def removed(text: Said, found: Sequence[Found], came: Sequence[Found]) -> str:
    """What the item says beyond that something has gone; "" when it says no more."""
    gone = [one for one in came if one.went]
    for one in (one for one in found if one.state != "neutral"):
        if one not in gone and not all(_held(one, other) for other in gone):
            return f"{one.text}, and what is to be done with it cannot be looked up"
    if text.asks != {"removing"} and text.plain:
        return "its words do not plainly ask that something goes"
    return _strange(text) or _unborne(text, found, ()) or other_kind(text, found)


def _held(one: Found, gone: Found) -> bool:
    """Whether something that is still there is where the gone thing was: its file, class or table."""
    if one.state not in {"there", "changed"}:
        return False
    if one.span.kind == "file":
        return gone.span.kind != "file"
    names = [place.rpartition(": ")[2].partition(" ")[2] or place for place in one.places]
    return any(f"{name}." in place for name in names for place in gone.was)
