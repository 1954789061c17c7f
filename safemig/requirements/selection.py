"""Which spec, and which of its phases, is meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from safemig.base.counting import counted
from safemig.orm.reader import Models
from safemig.plan_document.document import Document, Phase
from safemig.plan_document.phases import clean
from safemig.project.spec_files import key
from safemig.requirements.rating import Rated, label, plain, rate, says

_NEAR = 3  # names that are shown where none fits
_LISTED = 12  # phases that are shown where none can be done
NONE = Models((), "")

Purpose = Literal["work", "schema", "items"]
Differs = Callable[[Document, Phase], bool]
MadeBy = Callable[[Document, Phase], tuple[str, ...]]
_WHY = (
    "it has open items and asks for tables that are not there yet",
    "it has open items and changes tables that are there",
    "it asks for tables that are not there yet",
)
_UNREAD = "what it asks of the schema cannot be read as it stands"
_NONE = "no spec was found: no Markdown file holds a checklist, SQL, `op` code, a model, or a table or list of columns"
_RESTATES = "it has open items and shows tables otherwise than they are"
_LAST = {
    "schema": "no schema is missing; it is the last phase whose schema is there",
    "items": "safemig has nothing left to do; it is the last phase with ticked items",
}


@dataclass(frozen=True)
class Choice:
    """The phase to do, the document it stands in, and why this one ("" where the names say it)."""

    document: Document
    phase: Phase
    why: str = ""


@dataclass(frozen=True)
class Tie:
    """Several would do: a person has to say which."""

    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Nothing:
    """No spec or phase fits, and why; ``near`` are the paths that the reason names instead, or the phases that there
    are, each with what it asks for."""

    reason: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Looks:
    """What only a look at revisions and database tells; ``made`` are the phases of which revisions have made it all."""

    differs: Differs
    made_by: MadeBy
    made: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def still_changes(self, one: Rated) -> bool:
        if one.rank != 1:
            return False
        revisions = self.made_by(one.document, one.phase)
        if revisions:
            self.made[label(one.document, one.phase)] = revisions
        return not revisions

    def restates(self, one: Rated) -> bool:
        return one.restates and self.differs(one.document, one.phase)

    def told(self, one: Rated) -> Rated:
        """The phase with the revisions that have made it."""
        return replace(one, made_by=self.made.get(label(one.document, one.phase), ()))

    def words(self) -> str:
        """Which phases were passed over because of revisions, as the end of a sentence."""
        return "".join(f"; {name} is made by revision {' and '.join(by)} already" for name, by in self.made.items())


def _never(_document: Document, _phase: Phase) -> bool:
    return False


def _nobody(_document: Document, _phase: Phase) -> tuple[str, ...]:
    return ()


def choose(
    documents: Sequence[Document],
    known_tables: frozenset[str],
    *,
    spec: str = "",
    phase: str = "",
    models: Models = NONE,
    purpose: Purpose = "work",
    differs: Differs = _never,
    made_by: MadeBy = _nobody,
) -> Choice | Tie | Nothing:
    """The spec and phase that the names mean; without names, the next one with work that safemig can do.

    ``known_tables`` are the tables that the database or the migrations have, ``models`` the project's. A spec is meant
    by its file name, ignoring case, ``-``, ``_`` and extension, or by a prefix of it; a phase by its number or a part
    of its title. ``purpose``: to "work" on it; to compare a "schema" or to look at "items", which also takes the last
    phase that was worked on where none is left to be done. ``differs`` tells of a phase with open items that makes only
    tables that are there whether they are otherwise than it shows them; ``made_by`` tells
    which revisions have made what a phase changes. Both may be slow, and are asked late and seldom.
    """
    if not documents:
        return Nothing(_NONE)
    if spec:
        found = by_name(documents, spec)
        if isinstance(found, Tie | Nothing):
            return found
        documents = found
    known = frozenset(map(plain, known_tables))
    phases = [(document, one) for document in documents for one in document.phases]
    if phase:
        phases = [(document, one) for document, one in phases if _is_meant(one, phase)]
        if not phases:
            there = tuple(document.path for document in documents)
            return Nothing(f"no phase is called {phase!r}; there are: {'; '.join(_names(documents))}", there)
    rated = [rate(document, one, known, models) for document, one in phases]
    return _named(rated) if phase else _next(rated, purpose, _Looks(differs, made_by), by_spec=bool(spec))


def _named(rated: Sequence[Rated]) -> Choice | Tie:
    """Of the phases of one name: also what is done already, so that it can be verified again."""
    schema = [one for one in rated if one.kind == "schema"]
    ranked = [[one for one in schema if one.rank == rank] for rank in (0, 1, 2)]
    models = [one for one in rated if one.kind == "models" and one.open]
    first = next(filter(None, [*ranked, schema, models, [*rated]]))
    nothing = f"it was named; safemig has nothing to change for it: {first[0].why}"
    return _only(first, "" if first[0].kind != "neither" else nothing)


def _next(rated: Sequence[Rated], purpose: Purpose, looks: _Looks, *, by_spec: bool) -> Choice | Tie | Nothing:
    for rank in (0, 1, 2):
        first = _changing(rated, looks) if rank == 1 else _first_of_each([one for one in rated if one.rank == rank])
        if first:
            return _only(first, _why(first[0], rank) + looks.words() + _lacking(first, rated))
    if purpose != "schema" and (first := _first_of_each([one for one in rated if _models_next(one, rated)])):
        absent = first[0].absent
        verb = "is" if len(absent) == 1 else "are"
        left = _left_open(first[0], rated)
        why = f"the schema before it is there{left}; of its models {', '.join(absent)} {verb} not"
        return _only(first, why + looks.words() + _lacking(first, rated))
    if purpose != "work" and (last := _last_of_each(rated, purpose)):
        return _only(last, _LAST[purpose] + looks.words())
    if by_spec and (done := _first_of_each([one for one in rated if one.kind == "schema"])):
        return _only(done, "its schema is there already and is verified again" + looks.words())
    return _none(rated, looks)


def _none(rated: Sequence[Rated], looks: _Looks) -> Nothing:
    """The phases that there are, each with what it asks for."""
    shown = [looks.told(phase) for phase in rated if phase.open or phase.kind != "neither"]
    more = (f"and {counted(len(shown) - _LISTED, 'more phase')}",) if len(shown) > _LISTED else ()
    reason = "no phase with open items asks for a schema or models that are not there yet"
    return Nothing(reason + looks.words(), (*map(says, shown[:_LISTED]), *more))


def _lacking(first: Sequence[Rated], rated: Sequence[Rated]) -> str:
    """Which phases before the chosen one ask for a schema that stands nowhere, as the end of a sentence."""
    own = [one for one in rated if one.document == first[0].document]
    before = own[: own.index(first[0])]
    return "".join(f"; {one.lacks} asks for a schema, and its DDL is missing" for one in before if one.lacks)


def _changing(rated: Sequence[Rated], looks: _Looks) -> list[Rated]:
    """The first phase of each document that changes tables that are there, or shows them otherwise than they are."""
    first: dict[str, Rated] = {}
    for one in rated:
        path = one.document.path
        if path not in first and (looks.still_changes(one) or looks.restates(one)):
            first[path] = one
    return list(first.values())


def _why(one: Rated, rank: int) -> str:
    if one.restates:
        return _RESTATES
    return _WHY[rank] if one.tables or rank == 1 else _UNREAD


def _models_next(one: Rated, rated: Sequence[Rated]) -> bool:
    """Its models are not there, and every schema before it in the document is, and no item there that may want more of
    the schema. Other items (files, commands, what is for people) need not be waited for."""
    ready = all(each.there and not each.left for each in _before(one, rated))
    return bool(one.open and one.absent) and not one.early and ready


def _before(one: Rated, rated: Sequence[Rated]) -> list[Rated]:
    """The phases with a schema before it in its document."""
    own = [each for each in rated if each.document == one.document]
    return [each for each in own[: own.index(one)] if each.kind == "schema"]


def _left_open(one: Rated, rated: Sequence[Rated]) -> str:
    number = sum(each.open for each in _before(one, rated))
    return f" ({number} item{'' if number == 1 else 's'} there still open)" if number else ""


def _last_of_each(rated: Sequence[Rated], purpose: Purpose) -> list[Rated]:
    """The last phase of each document that was worked on; documents with ticks before those without."""
    found: dict[str, Rated] = {}
    for one in rated:
        if (one.kind == "schema" and one.there) if purpose == "schema" else one.begun:
            found[one.document.path] = one
    ticked = [one for one in found.values() if one.begun]
    return ticked or list(found.values())


def _only(rated: Sequence[Rated], why: str = "") -> Choice | Tie:
    if len(rated) == 1:
        return Choice(rated[0].document, rated[0].phase, why)
    return Tie(tuple(label(one.document, one.phase) for one in rated))


def _first_of_each(rated: Sequence[Rated]) -> list[Rated]:
    first: dict[str, Rated] = {}
    for one in rated:
        first.setdefault(one.document.path, one)
    return list(first.values())


def by_name(documents: Sequence[Document], spec: str) -> list[Document] | Tie | Nothing:
    """The documents that the name means: the one file that is called so, or all of a folder that is; whole names count
    before beginnings, files before folders."""
    folder, _, name = spec.replace("\\", "/").strip("/").rpartition("/")
    wanted_key = key(name)

    def called(text: str) -> bool:
        return key(text) == wanted_key

    def begins(text: str) -> bool:
        return bool(wanted_key) and key(text).startswith(wanted_key)

    for fits in (called, begins):
        found = [document for document in documents if any(_is_file(path, folder, fits) for path in _paths(document))]
        if len(found) > 1:
            return Tie(tuple(one.path for one in found))
        found = found or [
            document for document in documents if any(_is_within(path, folder, fits) for path in _paths(document))
        ]
        if found:
            return found
    names = {key(document.path.rpartition("/")[2]): document.path for document in documents}
    found_near = difflib.get_close_matches(wanted_key, names, n=_NEAR, cutoff=0.4)
    near = tuple(names[one] for one in found_near) or tuple(names.values())[:_NEAR]
    word = ("the nearest is" if len(near) == 1 else "the nearest are") if found_near else "there are"
    more = "" if found_near or len(names) <= _NEAR else f" and {len(names) - _NEAR} more"
    return Nothing(f"no spec is called {spec!r}; {word} {', '.join(near)}{more}", near)


def _paths(document: Document) -> tuple[str, ...]:
    return (document.path, *(one.path for one in document.beside))


def _is_file(path: str, folder: str, fits: Callable[[str], bool]) -> bool:
    parent, _, name = path.rpartition("/")
    return fits(name) and (not folder or _in_folder(parent, folder))


def _is_within(path: str, folder: str, fits: Callable[[str], bool]) -> bool:
    """Whether a folder above the file is called so."""
    parts = path.split("/")[:-1]
    return any(fits(part) and (not folder or _in_folder("/".join(parts[:at]), folder)) for at, part in enumerate(parts))


def _in_folder(parent: str, folder: str) -> bool:
    return f"/{parent}".endswith(f"/{folder.removeprefix('./').strip('/')}")


def _is_meant(phase: Phase, said: str) -> bool:
    text = clean(said).casefold()
    if phase.number is None and not phase.key:
        return bool(text) and text in phase.title.casefold()
    number = re.fullmatch(r"(?:[^\W\d]+\s*)?(\d+)\W*", text)
    if number:
        return phase.number == int(number[1])
    return bool(text) and text in phase.title.casefold()


def _names(documents: Sequence[Document]) -> list[str]:
    return [label(document, phase) for document in documents for phase in document.phases]
