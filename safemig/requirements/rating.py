"""How well a phase fits as the next one to be done: what it asks for, and how much of that is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from safemig.migrations.change import Wanted
from safemig.orm.reader import Models, model_class
from safemig.orm.requested import shown_class, with_parts
from safemig.plan_document.document import Document, Phase
from safemig.requirements.missing_source import without_source
from safemig.requirements.models import asked, lacking
from safemig.requirements.sources import wanted

_OBJECT = re.compile(r"[a-z_][a-z0-9_]*")  # a bare name: no file, command, endpoint or class
_FEW = 4  # names that are shown of what a phase asks for


@dataclass(frozen=True)
class Rated:
    """A phase with what it asks for.

    ``rank`` 0: new tables and open items; 1: changes existing tables and has open items; 2: new tables, no items at
    all; None: no schema that could be missing. ``tables`` are those that it makes; ``absent`` are the models that it
    asks for and that are not there, ``early`` the tables of these that nobody makes. ``left`` counts the open items
    that name what could be an object of the schema and that the phase's own source does not make. ``made_by`` are the
    revisions that have made a change of tables that are there, where that was looked at. ``why`` says why a phase
    of the kind "neither" is one, ``lacks`` is the place of an open item of it that asks for a schema all the same.
    """

    document: Document
    phase: Phase
    kind: Literal["schema", "models", "neither"]
    rank: int | None = None
    tables: tuple[str, ...] = ()
    there: bool = True
    asked: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    left: int = 0
    restates: bool = False
    made_by: tuple[str, ...] = ()
    lacks: str = ""
    why: str = ""

    @property
    def open(self) -> int:
        """The number of its open items."""
        return sum(item.open for item in self.phase.items)

    @property
    def begun(self) -> bool:
        """Whether an item of it is ticked."""
        return any(item.checked for item in self.phase.items)


def rate(document: Document, phase: Phase, known: frozenset[str], models: Models) -> Rated:
    """The phase as it stands. ``known`` are the plain names of the tables that are there."""
    source = wanted(document, phase, ())
    if source is None or not (source.upgrade or source.problems):
        return _models(document, phase, known, models)
    made = set(re.findall(r"\w+", source.upgrade.lower()))
    left = sum(
        item.open and any(_OBJECT.fullmatch(code) and code not in made for code in item.codes) for item in phase.items
    )
    tables = tuple(map(plain, source.tables))
    new = set(tables) - known
    rank = _rank(source, phase, known, new=bool(new))
    restates = rank is None and bool(source.upgrade) and any(item.open for item in phase.items)
    return Rated(document, phase, "schema", rank, tables, not (new or rank == 2), tables, left=left, restates=restates)


def _rank(source: Wanted, phase: Phase, known: frozenset[str], *, new: bool) -> int | None:
    """See Rated. ``new``: it makes a table that is not there."""
    if any(item.open for item in phase.items):
        return 0 if new or not source.upgrade else None if source.tables else 1
    # What cannot be read may describe a table that is there.
    unread = not source.upgrade and known.isdisjoint(map(plain, source.touched))
    return 2 if (new or unread) and not phase.items else None


def _models(document: Document, phase: Phase, known: frozenset[str], models: Models) -> Rated:
    found = with_parts(asked(phase, document.path), models)
    if not found.anything:
        lacks, why = without_source(document, phase, known)
        return Rated(document, phase, "neither", lacks=lacks, why=why)
    names = [definition.name for definition in found.definitions] + [name for name, _ in found.named]
    names += [f"{owner}.{name}" for owner, name in found.relations]
    classes = [node for definition in found.definitions if (node := shown_class(definition)) is not None]
    tables = [plain(table) for node in classes if (table := model_class(node).table)]
    return Rated(
        document, phase, "models", None, (), not (absent := lacking(found, models)), tuple(dict.fromkeys(names)),
        absent, tuple(table for table in tables if table not in known),
    )  # fmt: skip


def plain(table: str) -> str:
    """A table's name as the revisions have it."""
    return table.replace('"', "").lower().removeprefix("public.")


def label(document: Document, phase: Phase) -> str:
    """The document's path with number and title of the phase."""
    if phase.number is None:
        return document.path
    return f"{document.path}, phase {phase.number}" + (f": {phase.title}" if phase.title else "")


def says(one: Rated) -> str:
    """What the phase asks for and how it stands, for a person who has to choose."""
    number = one.open
    items = f"{number} open item{'' if number == 1 else 's'}" if one.phase.items else "no items"
    if one.kind == "neither":
        return f"{label(one.document, one.phase)} (nothing that safemig can do: {one.why}; {items})"
    names = ", ".join(one.asked[:_FEW]) + (f" and {len(one.asked) - _FEW} more" if len(one.asked) > _FEW else "")
    what = "a schema" if one.kind == "schema" else "models"
    state = "there" if one.there else "not there yet"
    state = "a change of tables that are there" if one.kind == "schema" and not one.tables else state
    state = f"made by revision {' and '.join(one.made_by)}" if one.made_by else state
    return f"{label(one.document, one.phase)} ({what}{f' ({names})' if names else ''}: {state}; {items})"
