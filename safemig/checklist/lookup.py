"""One code span of an item against what the run made and ran, and what the world was before and is after."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from safemig.checklist import commands
from safemig.checklist.locations import ELSEWHERE, IMPORTED, USED, Places, same_file
from safemig.checklist.lookup_result import OWN_REVISION, Found, one_of
from safemig.checklist.proofs import Looked, Proofs, Worlds
from safemig.checklist.references import Named, Span

_FUNCTIONS = frozenset({"upgrade", "downgrade"})


def find(read: Named, proofs: Proofs, worlds: Worlds) -> tuple[Found, ...]:
    """Every code span of the item, in its order."""
    made = {table.lower() for table in proofs.tables_made}
    own = [name for span in read.spans if (name := span.text.lower().removeprefix("public.")) in made]
    return tuple(_find(span, proofs, worlds, own) for span in read.spans)


def as_target(one: Found) -> Found:
    """A make target that is new, where the item asks for no more than the target."""
    if one.state == "absent" and one.span.thing and one.span.thing.kind == "target" and one.places:
        return Found(one.span, "made", _made(one.span, one.places), one.places)
    return one


def _find(span: Span, proofs: Proofs, worlds: Worlds, own: Sequence[str]) -> Found:
    if span.kind == "neutral":
        return Found(span, "neutral", "", {})
    if revision := _own_revision(span, proofs):
        return revision
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
            effect = _of_world(span, proofs, worlds, own)
            return effect if effect.state == "made" else ended
    if span.thing is None:
        state, text = (
            ("absent", "not run by this run") if span.kind == "command" else ("unknown", "cannot be looked up")
        )
        return Found(span, state, f"{span.text}: {text}", {})
    return _of_world(span, proofs, worlds, own)


def _own_revision(span: Span, proofs: Proofs) -> Found | None:
    """The file, ``upgrade()`` or ``downgrade()`` of a revision that the run wrote, whatever older revisions have."""
    thing = span.thing
    for file in proofs.revisions if thing else ():
        said = thing.where if thing else ()
        if span.kind == "file" and same_file(span.text, file):
            return Found(span, "made", f"{file} was written, and goes up, down and up again", {file: OWN_REVISION})
        function = thing and thing.kind in ("symbol", "name") and thing.name in _FUNCTIONS
        if function and (not said or any(same_file(one, file) for one in said)):
            place = f"{file}: {thing.name if thing else ''}"
            return Found(span, "made", f"{place} was written, and goes up, down and up again", {place: OWN_REVISION})
    return None


def _of_world(span: Span, proofs: Proofs, worlds: Worlds, own: Sequence[str]) -> Found:
    """What the item's thing was before and is after."""
    if span.thing is None:
        return Found(span, "unknown", f"{span.text}: cannot be looked up", {})
    before, after = worlds.before.get(span.thing.key), worlds.after.get(span.thing.key)
    if after is None:
        return _waiting(_by_proofs(span, proofs, own, looked=span.thing.key in worlds.after), proofs)
    defined = _defined(after)
    if not defined:
        if elsewhere := _elsewhere(after):
            return _of_some_table(span, before, elsewhere)
        if after:
            return _used(span, before, after)
        state = "unknown" if span.kind in {"clause", "unknown"} or span.text.startswith("/") else "missing"
        return Found(span, state, f"{span.text}: not there", {}, _defined(before or {}))
    return _waiting(_compared(span, before, defined, proofs, own), proofs)


def _used(span: Span, before: Places | None, after: Places) -> Found:
    """A name that is defined elsewhere: a new import of it came about, any other use tells nothing."""
    fresh = {
        place.removeprefix(USED): shown
        for place, shown in after.items()
        if shown == IMPORTED and before is not None and place not in before
    }
    if fresh:
        return Found(span, "made", f"{one_of(fresh)} is imported there now", fresh)
    return Found(span, "neutral", f"{next(iter(after))}: used there, not defined", {})


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


def _of_some_table(span: Span, before: Places | None, places: Places) -> Found:
    """A column whose table the item does not name: it came about if no table had one of that name before."""
    if before == {} and len(places) == 1:
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
        return _was_there(span, was, defined)
    if span.kind == "command" and not commands.only_declares(span.text):
        return Found(span, "absent", f"{span.text}: not run by this run, though {one_of(fresh)} was made", fresh)
    return Found(span, "made", _made(span, fresh), fresh)


def _was_there(span: Span, was: Mapping[str, str], defined: Mapping[str, str]) -> Found:
    changed = {place: shown for place, shown in defined.items() if was.get(place, shown) != shown}
    if not changed:
        return Found(span, "there", f"{one_of(defined)} was there before", defined, was)
    shown = "; ".join(f"{place}: {text}" for place, text in changed.items() if span.kind != "file")
    return Found(span, "changed", f"{shown or one_of(changed)} was there before in another form", changed, was)


def _is_beside(place: str, beside: Collection[str]) -> bool:
    """Whether the table or the name of "constraint course_rating.uq_once" stands in the item too."""
    table, _, name = place.partition(" ")[2].rpartition(".")
    return not {table, name}.isdisjoint(beside)


def _made(span: Span, places: Mapping[str, str]) -> str:
    verb = "was written" if span.kind in {"file", "folder"} else "was made"
    return f"{one_of(places)} {verb}"


def _by_proofs(span: Span, proofs: Proofs, own: Sequence[str], *, looked: bool) -> Found:
    """Where the world was not looked at: only what the run itself is known to have made counts."""
    if span.kind == "file":
        made = next((file for file in proofs.files_made if same_file(span.text, file)), "")
        if made:
            return Found(span, "made", f"{made} was written", {made: ""})
    elif span.kind == "name" and (place := _proved_name(span.text, proofs, own)):
        return Found(span, "made", f"{place.removeprefix('object ')} was made", {place: ""})
    if looked:
        return Found(span, "unseen", f"{span.text}: could not be looked up", {})
    return Found(span, "absent", f"{span.text}: not made or run by this run", {})


def _proved_name(code: str, proofs: Proofs, tables: Sequence[str]) -> str:
    """The place of what was made, as far as its kind is known; "" when it was not made by the run."""
    name = code.lower().removeprefix("public.")
    if name in {table.lower() for table in proofs.tables_made}:
        return f"table {name}"
    known = {one.lower() for one in proofs.names_made}
    # A bare column counts only beside the table that was made with it.
    full = next((one for one in (name, *(f"{table}.{name}" for table in tables)) if one in known), "")
    return f"column {full}" if "." in full else f"object {full}" if full else ""
