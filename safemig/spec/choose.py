"""Which spec, and which of its phases, is meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from safemig.models.asked import asked
from safemig.spec.document import Document, Phase
from safemig.spec.phases import clean
from safemig.spec.sources import wanted

_NEAR = 3  # names that are shown where none fits


@dataclass(frozen=True)
class Choice:
    """The phase to do, and the document it stands in."""

    document: Document
    phase: Phase


@dataclass(frozen=True)
class Tie:
    """Several would do: a person has to say which."""

    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Nothing:
    """No spec or phase fits, and why; ``near`` are the paths that the reason names instead."""

    reason: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rated:
    """A phase with how well it fits; 0 is best, None asks for no schema that could be missing. ``models``: it has open
    items and asks for models of a schema."""

    document: Document
    phase: Phase
    rank: int | None
    asks: bool
    models: bool = False


def choose(
    documents: Sequence[Document], known_tables: frozenset[str], *, spec: str = "", phase: str = ""
) -> Choice | Tie | Nothing:
    """The spec and phase that the names mean; without names, the one whose schema is not there yet.

    ``known_tables`` are the tables that the database or the migrations have. A spec is meant by its file name,
    ignoring case, ``-``, ``_`` and extension, or by a prefix of it; a phase by its number or a part of its title.
    """
    if not documents:
        return Nothing("no spec was found: no Markdown file with phases, code blocks or a checklist")
    if spec:
        found = _by_name(documents, spec)
        if isinstance(found, Tie | Nothing):
            return found
        documents = found
    known = frozenset(map(_plain, known_tables))
    phases = [(document, one) for document in documents for one in document.phases]
    if phase:
        phases = [(document, one) for document, one in phases if _is_meant(one, phase)]
        if not phases:
            there = tuple(document.path for document in documents)
            return Nothing(f"no phase is called {phase!r}; there are: {'; '.join(_names(documents))}", there)
    rated = [_rate(document, one, known) for document, one in phases]
    return _pick(rated, by_name=bool(spec or phase), phase=phase)


def _pick(rated: Sequence[_Rated], *, by_name: bool, phase: str) -> Choice | Tie | Nothing:
    for rank in (0, 1, 2):
        fitting = [one for one in rated if one.rank == rank]
        first = fitting if phase else _first_of_each(fitting)
        if first:
            return _only(first)
    if not by_name:
        return Nothing(
            "no spec asks for a schema that is not there yet and has open items; name one with --spec and --phase"
        )
    # Named: also what is done already, so that it can be verified again.
    if phase:
        asking = [one for one in rated if one.asks] or [one for one in rated if one.models]
        return _only(asking or rated)
    return _only(_first_of_each([one for one in rated if one.asks]) or _first_of_each(rated))


def _only(rated: Sequence[_Rated]) -> Choice | Tie:
    if len(rated) == 1:
        return Choice(rated[0].document, rated[0].phase)
    return Tie(tuple(_label(one.document, one.phase) for one in rated))


def _first_of_each(rated: Sequence[_Rated]) -> list[_Rated]:
    first: dict[str, _Rated] = {}
    for one in rated:
        first.setdefault(one.document.path, one)
    return list(first.values())


def _rate(document: Document, phase: Phase, known: frozenset[str]) -> _Rated:
    """0: new tables and open items; 1: changes existing tables and has open items; 2: new tables, no items at all."""
    source = wanted(document, phase, ())
    if source is None or not (source.upgrade or source.problems):
        models = asked(phase, document.path).anything and any(item.open for item in phase.items)
        return _Rated(document, phase, None, False, models)
    new = {_plain(table) for table in source.tables} - known
    is_open = any(item.open for item in phase.items)
    rank: int | None = None
    if is_open and (new or not source.upgrade):
        rank = 0
    elif is_open and not source.tables:
        rank = 1
    elif new and not phase.items:
        rank = 2
    return _Rated(document, phase, rank, True)


def _plain(table: str) -> str:
    return table.replace('"', "").lower().removeprefix("public.")


def _by_name(documents: Sequence[Document], spec: str) -> list[Document] | Tie | Nothing:
    folder, _, name = spec.replace("\\", "/").rpartition("/")
    key = _key(name)
    inside = [one for one in documents if not folder or _in_folder(one.path, folder)]
    exact = [one for one in inside if _key(one.path.rpartition("/")[2]) == key]
    found = exact or [one for one in inside if key and _key(one.path.rpartition("/")[2]).startswith(key)]
    if len(found) > 1:
        return Tie(tuple(one.path for one in found))
    if found:
        return found
    names = {_key(one.path.rpartition("/")[2]): one.path for one in documents}
    found_near = difflib.get_close_matches(key, names, n=_NEAR, cutoff=0.4)
    near = tuple(names[one] for one in found_near) or tuple(names.values())[:_NEAR]
    word = ("the nearest is" if len(near) == 1 else "the nearest are") if found_near else "there are"
    more = "" if found_near or len(names) <= _NEAR else f" and {len(names) - _NEAR} more"
    return Nothing(f"no spec is called {spec!r}; {word} {', '.join(near)}{more}", near)


def _in_folder(path: str, folder: str) -> bool:
    parent = path.rpartition("/")[0]
    wanted_folder = folder.removeprefix("./").strip("/")
    return f"/{parent}".endswith(f"/{wanted_folder}")


def _key(name: str) -> str:
    stem = re.sub(r"\.(md|markdown|mdx|txt)$", "", name.casefold())
    return re.sub(r"[-_\s]", "", stem)


def _is_meant(phase: Phase, said: str) -> bool:
    text = clean(said).casefold()
    if phase.number is None and not phase.key:
        return bool(text) and text in phase.title.casefold()
    number = re.fullmatch(r"(?:[^\W\d]+\s*)?(\d+)\W*", text)
    if number:
        return phase.number == int(number[1])
    return bool(text) and text in phase.title.casefold()


def _label(document: Document, phase: Phase) -> str:
    if phase.number is None:
        return document.path
    return f"{document.path}, phase {phase.number}" + (f": {phase.title}" if phase.title else "")


def _names(documents: Sequence[Document]) -> list[str]:
    return [_label(document, phase) for document in documents for phase in document.phases]
