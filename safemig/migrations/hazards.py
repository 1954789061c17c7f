"""What of a revision may lose data, has no way back, or changes so that a person is asked; nothing of it is run.

The code is followed by ``python_reader``, its SQL is parsed in a child process; an allow-list says what loses nothing,
and everything else counts, with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from safemig.migrations.fragments import parse as parse_python
from safemig.migrations.python_events import Acts, Event, Noted, Raises, RunsSql
from safemig.migrations.python_reader import Reader
from safemig.migrations.python_scopes import TooMuch
from safemig.sql.hazards import LOSSES, Kind, hazards, makes, writes
from safemig.sql.parser import Parsed, parse_apart

# The places in which SQLAlchemy puts a fragment into a statement; the first that PostgreSQL can parse counts.
_PLACES = ("SELECT {}", "SELECT 1 ORDER BY {}", "SELECT 1 FROM {}")
# SQLAlchemy's own pattern of a named parameter in text(…), which Alembic puts round every string.
_PARAMETER = re.compile(r"(?<![:\w\\]):([\w$]+)(?![:\w$])")
# After these a name may stand for another table than before.
_OTHER_NAMES = ("RenameStmt", "AlterObjectSchemaStmt", "VariableSetStmt", "DropStmt")
_DRIVER_PARAMETER = re.compile(r"%\(\w+\)s|%s")


@dataclass(frozen=True)
class Risk:
    """``what`` is said of the 1-based ``line``; ``kind`` tells whether data may be lost or only a question is due;
    ``final``: there is no way back from the revision."""

    line: int
    what: str
    final: bool = False
    kind: Kind = "data loss"

    @property
    def loses(self) -> bool:
        """Whether data may be lost, or it is not known that none is."""
        return self.kind in LOSSES


@dataclass(frozen=True)
class _Reading:
    """What was come upon while the file is loaded, in its upgrade and in its downgrade (None where there is none)."""

    loading: tuple[Event, ...] = ()
    upgrade: tuple[Event, ...] = ()
    downgrade: tuple[Event, ...] | None = None
    lines: tuple[int, int] = (1, 1)
    same: bool = False  # one function is both ways
    problem: str = ""

    @property
    def sql(self) -> Iterator[str]:
        for event in (*self.loading, *self.upgrade, *(self.downgrade or ())):
            if isinstance(event, RunsSql):
                yield from sql_forms(event)


def risks(text: str) -> tuple[Risk, ...]:
    """Why the revision with that text counts as destructive or has to be asked about, the missing way back first; ()
    when nothing says so.

    What cannot be read counts: a file that is no Python, SQL that is no literal, a call of the project's own code.
    """
    return risks_of([text])[0]


def risks_of(texts: Sequence[str]) -> tuple[tuple[Risk, ...], ...]:
    """As ``risks`` for each of the texts; one child process parses the SQL of them all."""
    readings = [_reading(text) for text in texts]
    wanted = list(dict.fromkeys(sql for reading in readings for sql in reading.sql))
    parsed = dict(zip(wanted, parse_apart(wanted), strict=True)) if wanted else {}
    return tuple(_risks(reading, parsed) for reading in readings)


def _reading(text: str) -> _Reading:
    tree = parse_python(text)
    if tree is None:
        return _Reading(problem="is no Python that can be read, so what it does is not known")
    reader = Reader()
    try:
        scope = reader.module(tree)
        loading, reader.events = tuple(reader.events), []
        made = [len(reader.texts)]
        upgrade = reader.look_up("upgrade", scope)
        if upgrade.kind != "function" or type(upgrade.code).__name__ != "FunctionDef":
            wrapped = any(
                getattr(node, "name", "") == "upgrade" and getattr(node, "decorator_list", ()) for node in tree.body
            )
            what = "its upgrade is wrapped, and what that does is not read"
            missing = "has no upgrade function, so what it does is not known"
            return _Reading(loading, problem=what if wrapped else missing)
        reader.follow(tree, upgrade, (), sure=True)
        up, reader.events = tuple(reader.events), []
        made.append(len(reader.texts))
        downgrade = reader.look_up("downgrade", scope)
        down = None
        if downgrade.kind == "function" and type(downgrade.code).__name__ == "FunctionDef":
            reader.follow(tree, downgrade, (), sure=True)
            down = tuple(reader.events)
    except (RecursionError, TooMuch):
        return _Reading(problem="nests or repeats more than can be followed, so what it does is not known")
    used = {event.text for event in (*loading, *up, *(down or ())) if isinstance(event, RunsSql)}
    loading += tuple(event for event in reader.texts[: made[0]] if event.text not in used)
    up += tuple(event for event in reader.texts[made[0] : made[1]] if event.text not in used)
    lines = (getattr(upgrade.code, "lineno", 1), getattr(downgrade.code, "lineno", 1))
    return _Reading(loading, up, down, lines, same=downgrade.code is upgrade.code)


def _risks(reading: _Reading, parsed: Mapping[str, Parsed]) -> tuple[Risk, ...]:
    if reading.problem:
        return (Risk(1, reading.problem, kind="unknown"), *_judged(reading.loading, parsed))
    found = [*_judged(reading.loading, parsed), *_judged(reading.upgrade, parsed)]
    acts = any(isinstance(event, Acts) for event in reading.upgrade) or _acts(reading.upgrade, parsed)
    back = _no_way_back(reading, parsed) if acts else None
    return tuple(dict.fromkeys((*([back] if back else []), *found)))


def _no_way_back(reading: _Reading, parsed: Mapping[str, Parsed]) -> Risk | None:
    up, down = reading.lines
    if reading.downgrade is None:
        return Risk(up, "has no downgrade", final=True, kind="irreversible")
    if reading.same:
        return Risk(up, "its downgrade is its upgrade", final=True, kind="irreversible")
    for event in reading.downgrade:
        if isinstance(event, Raises):
            return Risk(event.line, f"its downgrade raises {event.error}", final=True, kind="irreversible")
    if _acts(reading.downgrade, parsed):
        return None
    if any(isinstance(event, Acts) for event in reading.downgrade):
        return Risk(down, "its downgrade only calls what is not read", final=True, kind="irreversible")
    return Risk(down, "its downgrade does nothing", final=True, kind="irreversible")


def _acts(events: Sequence[Event], parsed: Mapping[str, Parsed]) -> bool:
    """Whether the function is known to change the database, or runs SQL that may."""
    for event in events:
        if isinstance(event, Acts) and event.known:
            return True
        if isinstance(event, RunsSql) and event.form == "statement":
            read = read_sql(event, parsed)
            if read.error or any(writes(statement) for statement in read.statements):
                return True
    return False


def _judged(events: Sequence[Event], parsed: Mapping[str, Parsed]) -> Iterator[Risk]:
    made: set[str] = set()  # what stands there by now because the revision has surely made it
    for event in events:
        if isinstance(event, Noted):
            if not (event.hazard.kind == "constraint dropped" and event.about in made):
                yield Risk(event.line, event.hazard.what, kind=event.hazard.kind)
            if event.hazard.kind == "rename":
                made.clear()
        elif isinstance(event, Acts) and event.makes:
            made.add(event.makes)
        elif isinstance(event, RunsSql):
            read = read_sql(event, parsed)
            if read.error:
                yield Risk(event.line, f"runs SQL that cannot be read: {read.error}", kind="unknown")
            for statement in read.statements:
                for hazard in hazards(statement, made):
                    yield Risk(event.line, hazard.what, kind=hazard.kind)
                if statement.kind in _OTHER_NAMES or "set_config" in statement.text.lower():
                    made.clear()
                elif event.certain:
                    made.update(makes(statement))


def sql_forms(event: RunsSql) -> tuple[str, ...]:
    """The texts that PostgreSQL may get for it: with its parameters filled, a fragment inside of a statement."""
    text = _PARAMETER.sub("$1", event.text).replace("\\:", ":")
    pieces = tuple(place.format(text) for place in _PLACES)
    if event.form == "fragment":
        return pieces
    if event.form == "either":
        return (*pieces, text)
    return (text, _DRIVER_PARAMETER.sub("$1", text).replace("%%", "%"))


def read_sql(event: RunsSql, parsed: Mapping[str, Parsed]) -> Parsed:
    """The first of those texts that PostgreSQL can parse."""
    read = [parsed[text] for text in sql_forms(event)]
    return next((one for one in read if not one.error), read[0])
