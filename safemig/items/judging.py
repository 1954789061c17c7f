"""What an item comes to: proved, disproved, or not provable by a machine. A pure function of before and after."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from safemig.items import commands
from safemig.items.claims import normal
from safemig.items.doubts import contradicted, gone, of_tests, unborne
from safemig.items.found import Found, is_test, one_of, words_of
from safemig.items.places import ELSEWHERE, USED, Places, same_file
from safemig.items.reader import Named, Span, named
from safemig.items.words import ADDS, BEHAVES, COLUMN, DEEPER, NEGATES, OTHER_CODE, OTHER_WORK
from safemig.spec.document import Item

State = Literal["proved", "disproved", "not provable"]


@dataclass(frozen=True)
class Looked:
    """How a named command that only looks ended before the phase's work and after it: whether well, None when that is
    not known; ``why`` says why it was not run."""

    before: bool | None = None
    after: bool | None = None
    why: str = ""


@dataclass(frozen=True)
class Proofs:
    """What this run made and ran, and nothing that was there before it.

    ``files_made`` are paths relative to the project's root; ``tables_made`` and ``names_made`` come from the difference
    of the two snapshots, columns as "table.column", constraints and indexes by name, "public." left out;
    ``commands_run`` are the shell lines that ended well, and the lines of their recipes; ``looked`` are the commands
    that were, or would be, run only to see how they end, as the items write them;
    ``folder`` is where all of them ran, relative to the root.
    """

    files_made: tuple[str, ...] = ()
    tables_made: frozenset[str] = frozenset()
    names_made: frozenset[str] = frozenset()
    commands_run: tuple[str, ...] = ()
    looked: Mapping[str, Looked] = field(default_factory=dict)
    folder: str | None = None


@dataclass(frozen=True)
class Worlds:
    """The places of things before the phase's work and after it, by a thing's key. Without a baseline (``before`` has
    no entry, or None: could not look) nothing is known to have come about."""

    before: Mapping[str, Places | None]
    after: Mapping[str, Places | None]


@dataclass(frozen=True)
class Judged:
    """An item, whether it is proved, and by what or why not. ``checkable`` says that it names what can be looked up,
    so that it may become proved."""

    item: Item
    proved: bool
    reason: str
    state: State = "not provable"
    checkable: bool = False


NOTHING: Worlds = Worlds({}, {})


def judge_item(item: Item, proofs: Proofs, worlds: Worlds = NOTHING) -> Judged:
    """The item against what the run made and ran, and what the world was before and is after."""
    read = named(item)
    own = [name for name in _names(read) if name in {table.lower() for table in proofs.tables_made}]
    found = [_find(span, proofs, worlds, own, words_of(item)) for span in read.spans]
    if ADDS.search(words_of(item)):
        found = [_target(one) for one in found]
    if item.checked and (wrong := contradicted(item, found)):
        return Judged(item, False, wrong, "disproved", checkable=True)
    if left := gone(item, found):
        return Judged(item, True, left, "proved", checkable=True)
    checkable = [one for one in found if one.state != "neutral"]
    if not checkable:
        return Judged(item, False, "it names nothing that can be looked up")
    reason = _doubt(item, checkable, found) or unborne(item, found) or of_tests(item, checkable, proofs.commands_run)
    if reason:
        known = {"made", "there", "holds", "absent", "missing"}
        open_yet = {one.state for one in checkable} <= known and not item.checked
        hopeful = open_yet and any(one.state in {"absent", "missing"} for one in checkable)
        return Judged(item, False, reason, "not provable", checkable=hopeful)
    proof = "; ".join(dict.fromkeys(one.text for one in _came_about(checkable, found)))
    return Judged(item, True, proof, "proved", checkable=True)


def _names(read: Named) -> list[str]:
    return [span.text.lower().removeprefix("public.") for span in read.spans]


def _find(span: Span, proofs: Proofs, worlds: Worlds, own: Sequence[str], words: str) -> Found:
    if span.kind == "neutral":
        return Found(span, "neutral", "", {})
    if span.kind == "command":
        proof = commands.proof_of(span.text, proofs.commands_run, proofs.folder)
        if proof:
            return Found(span, "made", proof, {})
        seen = proofs.looked.get(span.text)
        if seen is not None and (seen.after is not None or span.thing is None):
            ended = _looked(span, seen)
            # What `alembic current` looks for is seen by its effect: it answers, and the database has come to it.
            if not (ended.state == "holds" and span.thing and span.thing.kind == "revision"):
                return ended
            effect = _of_world(span, proofs, worlds, own, words)
            return effect if effect.state == "made" else ended
    if span.thing is None:
        state, text = (
            ("absent", "not run by this run") if span.kind == "command" else ("unknown", "cannot be looked up")
        )
        return Found(span, state, f"{span.text}: {text}", {})
    return _of_world(span, proofs, worlds, own, words)


def _of_world(span: Span, proofs: Proofs, worlds: Worlds, own: Sequence[str], words: str) -> Found:
    """What the item's thing was before and is after."""
    if span.thing is None:
        return Found(span, "unknown", f"{span.text}: cannot be looked up", {})
    before, after = worlds.before.get(span.thing.key), worlds.after.get(span.thing.key)
    if after is None:
        return _waiting(_by_proofs(span, proofs, own, looked=span.thing.key in worlds.after), proofs)
    defined = _defined(after)
    if not defined:
        if elsewhere := _elsewhere(after):
            return _of_some_table(span, before, elsewhere, words)
        if after:
            return Found(span, "neutral", f"{next(iter(after))}: used there, not defined", {})
        state = "unknown" if span.kind in {"clause", "unknown"} or span.text.startswith("/") else "missing"
        return Found(span, state, f"{span.text}: not there", {}, _defined(before or {}))
    return _waiting(_compared(span, before, defined, proofs, own), proofs)


def _waiting(found: Found, proofs: Proofs) -> Found:
    """A command that is not proved otherwise, with why it was not run, or that it is still to be."""
    seen = proofs.looked.get(found.span.text) if found.span.kind == "command" and found.state != "made" else None
    return replace(found, text=f"{found.span.text}: {seen.why}") if seen and seen.why else found


def _looked(span: Span, seen: Looked) -> Found:
    """A command that could not have failed before the phase's work proves nothing by ending well after it."""
    if seen.after is None:
        return Found(span, "absent", f"{span.text}: {seen.why or 'how it ends could not be seen'}", {})
    if not seen.after:
        return Found(span, "absent", f"{span.text}: run, and it did not end well", {})
    if seen.before is False:
        return Found(span, "made", f"{span.text} ended well, and did not before the change", {})
    before = "it did so before the change too" if seen.before else "that it could fail was not seen before the change"
    return Found(span, "holds", f"{span.text} ended well, but {before}", {})


def _defined(places: Places) -> Places:
    return {place: shown for place, shown in places.items() if not place.startswith((USED, ELSEWHERE))}


def _elsewhere(places: Places) -> Places:
    return {p.removeprefix(ELSEWHERE): shown for p, shown in places.items() if p.startswith(ELSEWHERE)}


def _of_some_table(span: Span, before: Places | None, places: Places, words: str) -> Found:
    """A column whose table the item does not name: it came about if no table had one of that name before."""
    if before == {} and COLUMN.search(words) and not DEEPER.search(words):
        return Found(span, "made", _made(span, places), places)
    return Found(span, "there", f"{one_of(places)} is there, but the item does not name its table", places)


def _compared(
    span: Span, before: Places | None, defined: Mapping[str, str], proofs: Proofs, own: Sequence[str]
) -> Found:
    if before is None:
        known = _by_proofs(span, proofs, own, looked=True)
        if known.state == "made":
            return known
        return Found(span, "unseen", f"{one_of(defined)} is there; no run has seen it come about", defined)
    was = _defined(before)
    fresh = {place: shown for place, shown in defined.items() if place not in was}
    if span.thing and span.thing.kind == "revision" and fresh:
        return Found(span, "made", f"{one_of(fresh)}, which was not so before", fresh)
    if span.thing and span.thing.kind == "clause" and was:  # another table may have the like: PRIMARY KEY (id)
        fresh = {place: shown for place, shown in fresh.items() if _is_beside(place, span.thing.beside)}
        was = {} if fresh else was
    if was:
        changed = {place: shown for place, shown in defined.items() if was.get(place, shown) != shown}
        if not changed:
            return Found(span, "there", f"{one_of(defined)} was there before", defined, was)
        shown = "; ".join(f"{place}: {text}" for place, text in changed.items() if span.kind != "file")
        return Found(span, "changed", f"{shown or one_of(changed)} was there before in another form", changed, was)
    if span.kind == "command" and not commands.only_declares(span.text):
        return Found(span, "absent", f"{span.text}: not run by this run, though {one_of(fresh)} was made", fresh)
    return Found(span, "made", _made(span, fresh), fresh)


def _is_beside(place: str, beside: Collection[str]) -> bool:
    """Whether the table or the name of "constraint course_rating.uq_once" stands in the item too."""
    table, _, name = place.partition(" ")[2].rpartition(".")
    return not {table, name}.isdisjoint(beside)


def _target(one: Found) -> Found:
    """A make target that is new, where the item asks for no more than the target."""
    if one.state == "absent" and one.span.thing and one.span.thing.kind == "target" and one.places:
        return Found(one.span, "made", _made(one.span, one.places), one.places)
    return one


def _made(span: Span, places: Mapping[str, str]) -> str:
    verb = "was written" if span.kind in {"file", "folder"} else "was made"
    return f"{one_of(places)} {verb}"


def _by_proofs(span: Span, proofs: Proofs, own: Sequence[str], *, looked: bool) -> Found:
    """Where the world was not looked at: only what the run itself is known to have made counts."""
    text = ""
    if span.kind == "file":
        made = next((file for file in proofs.files_made if same_file(span.text, file)), "")
        text = f"{made} was written" if made else ""
    elif span.kind == "name":
        text = _proved_name(span.text, proofs, own)
    if text:
        return Found(span, "made", text, {text.removesuffix(" was made"): ""})
    if looked:
        return Found(span, "unseen", f"{span.text}: could not be looked up", {})
    return Found(span, "absent", f"{span.text}: not made or run by this run", {})


def _proved_name(code: str, proofs: Proofs, tables: Sequence[str]) -> str:
    name = code.lower().removeprefix("public.")
    if name in {table.lower() for table in proofs.tables_made}:
        return f"table {name} was made"
    known = {one.lower() for one in proofs.names_made}
    if name in known:
        return f"{name} was made"
    # A bare column counts only beside the table that was made with it.
    columns = [f"{table}.{name}" for table in tables if f"{table}.{name}" in known]
    return f"{columns[0]} was made" if columns else ""


def _doubt(item: Item, checkable: Sequence[Found], found: Sequence[Found]) -> str:
    """Why the item is not proved, "" when it is."""
    for state in ("missing", "absent", "unseen", "unknown"):
        missing = [one for one in checkable if one.state == state]
        if missing:
            return "; ".join(dict.fromkeys(one.text for one in missing))
    new = _came_about(checkable, found)
    standing = [one for one in checkable if one not in new]
    if not new:
        return f"{standing[0].text}; it proves nothing"
    for one in standing:
        # What only ended well adds nothing and takes nothing away: the rest of the item has to have come about.
        if one.state != "holds" and not any(_belongs(one, other) for other in new):
            return f"{one.text}; it proves nothing, and what is to be done with it cannot be looked up"
    return _other_work(item, [one for one in new if one.state == "made"], checkable)


def _says(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _came_about(checkable: Sequence[Found], found: Sequence[Found]) -> list[Found]:
    """What is new, and what has changed into what the item says."""
    return [one for one in checkable if one.state == "made" or (one.state == "changed" and _became(one, found))]


def _other_work(item: Item, made: Sequence[Found], checkable: Sequence[Found]) -> str:
    words = words_of(item)
    kinds = {one.span.kind for one in made}
    code = bool(kinds & {"symbol", "endpoint"}) or any(": " in place for one in made for place in one.places)
    files = kinds & {"file", "folder"}
    other = (OTHER_CODE if code or files else OTHER_WORK).search(words) or NEGATES.search(words)
    spoken = kinds <= {"name", "symbol", "endpoint", "object", "file", "folder"}
    other = other or (BEHAVES.search(words) if "endpoint" in kinds else None)
    if other and spoken and not all(is_test(one) or _named_so(one, other[0]) for one in made):
        return f"{other[0]!r} says that something else is to be done with what it names"
    deeper = DEEPER.search(" ".join((words, *item.codes)))
    flat = kinds <= {"name", "object"} and not code and all(_is_column_or_table(one) for one in made)
    if deeper and made and flat and len(made) == len(checkable):
        return f"{made[0].text}, but {deeper[0]!r} is more than that, and the item does not name it"
    return _beside_column(made) if deeper else ""


def _beside_column(made: Sequence[Found]) -> str:
    """A key or index and a column that are both new, but not of one another, though the item names no table."""
    shown = [text for one in made for place, text in one.places.items() if place.startswith(("index ", "constraint "))]
    columns = [place.rpartition(".")[2] for one in made for place in one.places if place.startswith("column ")]
    if not shown or any(place.startswith("table ") for one in made for place in one.places):
        return ""
    apart = [column for column in columns if not any(_says(column, text) for text in shown)]
    return f"{made[0].text}, but not on {apart[0]}" if apart else ""


def _named_so(one: Found, word: str) -> bool:
    """Whether a file is itself what the word speaks of: a seed in scripts/seed.py, documents in docs/."""
    return one.span.kind in {"file", "folder"} and len(word) > 2 and word[:3].lower() in one.span.text.lower()


def _is_column_or_table(one: Found) -> bool:
    ids = list(one.places)
    return bool(ids) and all(re.match(r"(?:table|column) |\S+\.\S+$", place) for place in ids)


def _belongs(standing: Found, made: Found) -> bool:
    """Whether something that was there before is only where the new thing is: its file, class or table."""
    if standing.span.kind in {"file", "folder"}:
        inside = any(place.startswith(tuple(standing.places)) for place in made.places)
        return inside or (made.span.kind == "endpoint" and standing.state == "changed")
    for place, shown in made.places.items():
        symbol = place.rpartition(": ")[2]
        for known in standing.places:
            kind, _, name = known.partition(" ")
            table, _, column = name.rpartition(".")
            if kind == "column" and all(_says(part, f"{place} {shown}") for part in (table, column)):
                return True  # an index or constraint on it
            if symbol.startswith(f"{known.rpartition(': ')[2]}.") and ": " in known:
                return True
            if kind in {"table", "column"} and (place.partition(" ")[2].startswith(f"{name}.") or _says(name, shown)):
                return True
    return False


def _became(one: Found, found: Sequence[Found]) -> bool:
    """Whether a type or clause that the item gives came into the definition of what was changed."""
    said = [normal(other.span.text) for other in found if other.span.kind == "neutral" and other.span.text]
    if not said or "null" in said:
        return False
    after = [normal(shown) for shown in one.places.values()]
    before = [normal(shown) for place, shown in one.was.items() if place in one.places]
    there = all(any(words in shown for shown in after) for words in said)
    return there and any(all(words not in shown for shown in before) for words in said)
