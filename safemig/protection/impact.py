"""What a change will do to a live database: what its statements lock and for about how long, and what of that hurts.

Pure: the trace of the statements on a throwaway server, multiplied by the sizes of the live tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from checks.database.statement_trace import MODES, RevisionTrace, StatementTrace, TableWork, Work, strongest
from checks.database.table_size import TableSize

Duration = Literal["instant", "seconds", "minutes"]
HazardKind = Literal[
    "blocks reads", "blocks writes", "rewrites", "scans under lock", "locks several tables", "breaks readers",
    "not restartable", "not known",
]  # fmt: skip

# Bytes of table and indexes that one core gets through in a second: taken low, since a live server has other work.
SPEED: dict[Work, float] = {"rewrite": 25e6, "index": 25e6, "scan": 200e6}
ROWS_PER_SECOND = 400_000.0  # where a table has no bytes that are known
SMALL = 0.01  # of a limit: below it a table is done with before anybody feels it

_WRITERS_WAIT = MODES.index("ShareLock")
_READERS_WAIT = MODES.index("AccessExclusiveLock")


@dataclass(frozen=True)
class Limits:
    """From which size on a table is large."""

    bytes: float = 100e6
    rows: float = 1e6


@dataclass(frozen=True)
class Hazard:
    """What hurts, at which line of which revision, and the form that hurts less ("" where none is known). ``asks``: a
    person is asked in every mode."""

    kind: HazardKind
    revision: str
    path: str
    line: int
    text: str
    safer: str = ""
    table: str = ""
    asks: bool = False

    @property
    def words(self) -> str:
        """One sentence, with its place."""
        return f"{self.path}:{self.line} {self.text}" + (f"; safer: {self.safer}" if self.safer else "")


@dataclass(frozen=True)
class HeldTable:
    """A table that was there before, locked in ``mode`` by a statement of that place, for about ``seconds`` until its
    transaction ends."""

    table: str
    mode: str
    revision: str
    path: str
    line: int
    seconds: float
    size: TableSize | None

    @property
    def duration(self) -> Duration:
        """For about how long."""
        return duration(self.seconds)

    @property
    def stops(self) -> str:
        """Whom it keeps waiting: "reads", "writes" or ""."""
        rank = MODES.index(self.mode) if self.mode in MODES else _READERS_WAIT
        return "reads" if rank >= _READERS_WAIT else "writes" if rank >= _WRITERS_WAIT else ""


@dataclass(frozen=True)
class Impact:
    """What one run of the migrate command will do."""

    tables: tuple[HeldTable, ...] = ()
    hazards: tuple[Hazard, ...] = ()

    @property
    def asks(self) -> tuple[str, ...]:
        """Why a person is asked in every mode."""
        return tuple(each.words for each in self.hazards if each.asks)


def duration(seconds: float) -> Duration:
    """The class of an estimate; it is one, so nothing finer is said."""
    return "instant" if seconds < 0.5 else "seconds" if seconds < 60 else "minutes"


def weight(size: TableSize | None, limits: Limits) -> Literal["small", "medium", "large"]:
    """How large a table is; one whose size is not known counts as large."""
    if size is None:
        return "large"
    share = max(size.bytes / limits.bytes, size.rows / limits.rows)
    return "large" if share >= 1 else "medium" if share >= SMALL else "small"


def size_words(size: TableSize | None) -> str:
    """For the person."""
    if size is None:
        return "its size is not known"
    return f"{_count(size.rows)} row{'s' * (size.rows != 1)}, {_bytes(size.bytes)}" + (
        "" if size.measured else " when it was analyzed last"
    )


def impact(traces: Sequence[RevisionTrace], sizes: Sequence[TableSize], limits: Limits) -> Impact:
    """What those upgrades do when they are applied in one go.

    As Alembic does by default, all of them are one transaction, apart from statements in an autocommit block."""
    known = {size.table: size for size in sizes}
    tables: list[HeldTable] = []
    hazards: list[Hazard] = []
    for transaction in _transactions(traces):
        held = tuple(transaction.held(known))
        tables += held
        hazards += transaction.hazards(held, limits)
    return Impact(tuple(tables), (*hazards, *_restarts(traces), *_unknown(traces)))


@dataclass(frozen=True)
class _At:
    """A statement with the revision that it is in."""

    trace: RevisionTrace
    statement: StatementTrace

    def hazard(self, kind: HazardKind, text: str, table: str = "", safer: str = "", *, asks: bool = False) -> Hazard:
        return Hazard(
            kind, self.trace.revision, self.trace.path, self.statement.line, text, safer, table=table, asks=asks
        )


def _seconds(work: TableWork, statement: StatementTrace, sizes: dict[str, TableSize]) -> float:
    size = sizes.get(work.table)
    if size is None or _head(statement) == "TRUNCATE":
        return 0.0
    kind: Work = "rewrite" if _head(statement) in ("UPDATE", "REINDEX") else work.kind
    return max(size.bytes / SPEED[kind], size.rows / ROWS_PER_SECOND if kind != "scan" else 0.0)


def _head(statement: StatementTrace) -> str:
    words = statement.sql.split(maxsplit=1)
    return words[0].upper() if words else ""


@dataclass
class _Transaction:
    parts: list[_At] = field(default_factory=list)

    def _locks(self) -> dict[str, tuple[str, int]]:
        """table -> the strongest mode, and which statement took it first."""
        found: dict[str, tuple[str, int]] = {}
        for number, each in enumerate(self.parts):
            locks = {lock.table: lock.mode for lock in each.statement.locks}
            if each.statement.alone:  # its locks are gone by now; whoever writes a table anew had it to itself
                rewritten = (work.table for work in each.statement.work if work.kind == "rewrite")
                locks = {**dict.fromkeys(rewritten, MODES[-1]), **locks}
            for table, mode in locks.items():
                if table not in found or strongest((mode, found[table][0])) != found[table][0]:
                    found[table] = mode, number
        return found

    def held(self, sizes: dict[str, TableSize]) -> Iterator[HeldTable]:
        """What it locks so that others wait: each table from that statement to the end."""
        spent = [sum(_seconds(work, each.statement, sizes) for work in each.statement.work) for each in self.parts]
        for table, (mode, number) in self._locks().items():
            at = self.parts[number]
            one = HeldTable(
                table, mode, at.trace.revision, at.trace.path, at.statement.line, round(sum(spent[number:]), 3),
                sizes.get(table),
            )  # fmt: skip
            if one.stops:
                yield one

    def hazards(self, held: Sequence[HeldTable], limits: Limits) -> Iterator[Hazard]:
        by_table = {one.table: one for one in held}
        locks = self._locks()
        for one in held:
            yield self._lock(one, self.parts[locks[one.table][1]], limits)
        for number, each in enumerate(self.parts):
            for work in each.statement.work:
                locked = by_table.get(work.table)
                if locked is not None and locks[work.table][1] <= number:
                    yield from _working(each, work, locked, limits)
            for table in each.statement.results:
                yield each.hazard(
                    "breaks readers",
                    f"changes what a SELECT of all columns of {table} gives: sessions that have prepared one get "
                    "“cached plan must not change result type”",
                    table, "a new column beside the old one, and the service restarted before the old one goes",
                )  # fmt: skip
        felt = [one for one in held if weight(one.size, limits) != "small"]
        if len(felt) > 1:
            names = ", ".join(one.table for one in felt)
            at = self.parts[locks[felt[-1].table][1]]
            yield at.hazard(
                "locks several tables",
                f"holds locks on {len(felt)} tables at once until the transaction ends: {names}",
                felt[-1].table, "one table in each revision, applied one by one", asks=True,
            )  # fmt: skip

    def _lock(self, one: HeldTable, at: _At, limits: Limits) -> Hazard:
        who = "nobody reads or writes" if one.stops == "reads" else "nobody writes"
        kind: HazardKind = "blocks reads" if one.stops == "reads" else "blocks writes"
        how = "instant" if one.duration == "instant" else f"for {one.duration}"
        working = f"; at work on it now: {', '.join(one.size.users)}" if one.size and one.size.users else ""
        text = (
            f"locks {one.table} ({size_words(one.size)}) as {mode_words(one.mode)}, {how}: {who} it meanwhile{working}"
        )
        heavy = weight(one.size, limits)
        return at.hazard(
            kind, text, one.table, asks=heavy == "large" or (one.duration != "instant" and heavy != "small")
        )


def _working(at: _At, work: TableWork, locked: HeldTable, limits: Limits) -> Iterator[Hazard]:
    asks = weight(locked.size, limits) != "small"
    if _head(at.statement) == "TRUNCATE":
        return
    if work.kind == "rewrite":
        why = f", since {work.reason}" if work.reason else ""
        yield at.hazard("rewrites", f"writes all of {work.table} anew{why}", work.table, _other_way(at.statement, work),
                        asks=asks)  # fmt: skip
    else:
        what = "builds an index over" if work.kind == "index" else "reads"
        text = f"{what} all of {work.table} while it holds {mode_words(locked.mode)} on it"
        yield at.hazard("scans under lock", text, work.table, _other_way(at.statement, work), asks=asks)


def _other_way(statement: StatementTrace, work: TableWork) -> str:
    """The form with weaker locks."""
    words = set(statement.sql.upper().split())
    if work.kind == "rewrite":
        if "VACUUM" in words or "CLUSTER" in words:
            return "pg_repack, or a plain VACUUM"
        return "a new column without a default, filled in batches, and a switch of names at the end"
    if work.kind == "index":
        if "INDEX" in words and not words & {"UNIQUE", "PRIMARY", "CONSTRAINT"}:
            return "CREATE INDEX CONCURRENTLY in an autocommit block"
        return "CREATE UNIQUE INDEX CONCURRENTLY in an autocommit block, then ADD CONSTRAINT … USING INDEX"
    if "REINDEX" in words:
        return "REINDEX … CONCURRENTLY in an autocommit block"
    if {"SET", "NOT", "NULL"} <= words:
        return "a CHECK (… IS NOT NULL) NOT VALID, VALIDATE in a transaction of its own, then SET NOT NULL"
    return "NOT VALID first, and VALIDATE CONSTRAINT in a transaction of its own"


def _transactions(traces: Sequence[RevisionTrace]) -> Iterator[_Transaction]:
    current = _Transaction()
    for trace in traces:
        for statement in trace.statements:
            if not statement.alone:
                current.parts.append(_At(trace, statement))
                continue
            if current.parts:
                yield current
                current = _Transaction()
            yield _Transaction([_At(trace, statement)])
    if current.parts:
        yield current


def _restarts(traces: Sequence[RevisionTrace]) -> Iterator[Hazard]:
    """Statements that stay when the revision is cut after them, and that cannot be run again."""
    for trace in traces:
        earlier = ""
        for statement in trace.statements:
            upper = " ".join(statement.sql.upper().split())
            again = "IF EXISTS" in upper or _head(statement) in (
                "UPDATE",
                "DELETE",
                "VACUUM",
                "ANALYZE",
                "SET",
                "SELECT",
            )
            again = again or " VALIDATE CONSTRAINT " in upper or ("IF NOT EXISTS" in upper and " INDEX " not in upper)
            if statement.alone and not again and not _dropped_before(upper, earlier):
                yield _At(trace, statement).hazard(
                    "not restartable",
                    "stays when the revision is cut after it, and fails when it is applied again",
                    safer="DROP … IF EXISTS of the same name just before it",
                )
            earlier += f" {upper};"


def _dropped_before(upper: str, earlier: str) -> bool:
    """Whether what the statement makes was dropped, if it was there, by one before it."""
    words = upper.replace("(", " ").replace('"', "").split()
    name = next((word for before, word in pairwise(words)
                 if before in ("CONCURRENTLY", "EXISTS", "CONSTRAINT") and word != "IF"), "")  # fmt: skip
    return bool(name) and any(
        "IF EXISTS" in each and name in each.replace('"', "").split() for each in earlier.split(";")
    )


def _unknown(traces: Sequence[RevisionTrace]) -> Iterator[Hazard]:
    for trace in traces:
        if trace.failure:
            text = f"what {trace.revision} locks cannot be told beforehand: {trace.failure}"
            yield Hazard("not known", trace.revision, trace.path, 1, text)


def mode_words(mode: str) -> str:
    """PostgreSQL's own words for a mode: ACCESS EXCLUSIVE."""
    text = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    return text.strip().upper()


def _count(number: int) -> str:
    return f"{number / 1e6:.1f} million" if number >= 1e6 else f"{number:,}"


def _bytes(number: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}" if number < 10 * size else f"{number / size:.0f} {unit}"
    return f"{number} bytes"
