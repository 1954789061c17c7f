"""Whether a change can begin: what stops it, what a person must know first, and what has to end before its tables are
free. Pure: from the evidence of ``checks.database.readiness`` and from what the change does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from checks.database.readiness import LONG_SECONDS
from checks.database.statement_trace import StatementTrace
from checks.evidence import Evidence, Json
from safemig.protection.impact import Impact

Weight = Literal["stops", "asks", "warns", "waits"]

_ALTERS = r"\b(?:TABLE|ON|INTO)\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?:\"?\w+\"?\.)?\"?{}\"?(?!\w)"
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}
_LAG_BYTES, _LAG_SECONDS = 64e6, 10.0  # a replica that is further behind is said


@dataclass(frozen=True)
class Trouble:
    """``stops``: the change cannot succeed. ``asks``: it can hardly, but what is seen may be another role's. ``waits``:
    its tables are not free. ``warns``: it may take longer, or fail."""

    weight: Weight
    subject: str
    text: str


@dataclass(frozen=True)
class Change:
    """What is about to be done: the statements, and what they mean for the live tables."""

    statements: tuple[StatementTrace, ...]
    impact: Impact

    @property
    def tables(self) -> frozenset[str]:
        """The tables that it locks or works on, however weakly."""
        return frozenset(name for one in self.statements for name in one.tables)

    @property
    def altered(self) -> frozenset[str]:
        """Those that a statement changes by name, for which the role must own them."""
        return frozenset(
            lock.table
            for one in self.statements
            for lock in one.locks
            if one.sql.split(maxsplit=1)[0].upper() in ("ALTER", "DROP", "CREATE")
            and lock.mode in ("AccessExclusiveLock", "ShareLock")
            and re.search(_ALTERS.format(re.escape(lock.table.rpartition(".")[2])), one.sql, re.I)
        )

    @property
    def concurrent(self) -> bool:
        """Whether something of it waits for the snapshots of others."""
        return any("CONCURRENTLY" in one.sql.upper().split() for one in self.statements)

    @property
    def seconds(self) -> float:
        """For about how long its longest lock is held."""
        return max((one.seconds for one in self.impact.tables), default=0.0)

    @property
    def room(self) -> int:
        """Bytes that are written anew before the old ones are given back."""
        return sum(
            {one.table: one.size.bytes for one in self.impact.tables if one.size and self._writes(one.table)}.values()
        )

    def _writes(self, table: str) -> bool:
        return any(work.table == table and work.kind != "scan" for one in self.statements for work in one.work)


def troubles(seen: Sequence[Evidence], change: Change) -> tuple[Trouble, ...]:
    """What stands against it, the gravest first."""
    found = [trouble for one in seen for trouble in _of(one, change)]
    order = ("stops", "asks", "waits", "warns")
    return tuple(sorted(found, key=lambda one: order.index(one.weight)))


def _of(one: Evidence, change: Change) -> Iterator[Trouble]:
    if not one.seen:
        yield Trouble("warns", one.subject, f"{one.subject} could not be looked at: {one.reason}")
        return
    for weight, text in _JUDGE[one.subject](one.data, change) if one.subject in _JUDGE else ():
        yield Trouble(weight, one.subject, text)


Found = Iterator[tuple[Weight, str]]


def _recovery(data: Mapping[str, Json], _: Change) -> Found:
    if data["recovery"]:
        yield "stops", "the server is in recovery (a replica): nothing can be written to it"
    elif data["read_only"]:
        yield "asks", "sessions of this role are read-only here (default_transaction_read_only)"


def _rights(data: Mapping[str, Json], change: Change) -> Found:
    for one in _listed(data, "tables"):
        if one["table"] in change.altered and not one["owns"]:
            yield (
                "asks",
                (
                    f"role {data['role']} does not own table {one['table']} (owner: {one['owner']}), and the change "
                    "alters it: the migrate command fails unless it uses another role"
                ),
            )


def _settings(data: Mapping[str, Json], change: Change) -> Found:
    limits = {name: _seconds(data.get(name)) for name in ("statement_timeout", "lock_timeout")}
    statement, lock = limits["statement_timeout"], limits["lock_timeout"]
    if statement and change.seconds > statement / 2:
        yield (
            "warns",
            (
                f"statement_timeout is {statement:g} s for this role, and the change works for about "
                f"{change.seconds:.0f} s: it may be cut off"
            ),
        )
    if change.concurrent and (lock or statement):
        name, limit = ("lock_timeout", lock) if lock else ("statement_timeout", statement)
        yield (
            "warns",
            (
                f"{name} is {limit:g} s for this role: it also bounds how long CREATE INDEX CONCURRENTLY waits for "
                "transactions of others, and what it cuts off is left behind as an INVALID index"
            ),
        )
    elif 0 < lock < 1:
        yield (
            "warns",
            f"lock_timeout is {lock:g} s for this role: below deadlock_timeout it never gets past an autovacuum",
        )


def _pooler(data: Mapping[str, Json], _: Change) -> Found:
    if data["between"]:
        yield (
            "warns",
            "a pooler stands between: sessions cannot be told from one another, so the change is not protected",
        )


def _disk(data: Mapping[str, Json], change: Change) -> Found:
    free = data["free"]
    if isinstance(free, int) and change.room > free * 0.9:
        yield "asks", f"the change writes about {change.room / 1e6:.0f} MB anew, and {free / 1e6:.0f} MB are free"


def _transactions(data: Mapping[str, Json], change: Change) -> Found:
    for one in _listed(data, "transactions"):
        tables, seconds = msgspec.convert(one["tables"], list[str]), msgspec.convert(one["seconds"], float)
        who = f"session {one['pid']} ({one['application'] or 'without a name'}, {one['state']}, for {seconds:.0f} s)"
        if tables and (seconds >= LONG_SECONDS or one["application"] == "pg_dump"):
            yield "waits", f"{who} holds locks on {', '.join(tables)}"
        elif change.concurrent and one["snapshot"] and seconds >= LONG_SECONDS:
            yield "waits", f"{who} holds a snapshot, for which CREATE INDEX CONCURRENTLY waits"


def _prepared(data: Mapping[str, Json], change: Change) -> Found:
    for one in _listed(data, "prepared"):
        held = msgspec.convert(one["tables"], list[str])
        name = f"prepared transaction {one['name']!r} of {one['owner']}"
        way = "it stays until somebody runs COMMIT PREPARED or ROLLBACK PREPARED"
        if held:
            yield "waits", f"{name} holds locks on {', '.join(held)}: {way}"
        elif change.concurrent:
            yield "waits", f"{name} holds a snapshot, for which CREATE INDEX CONCURRENTLY waits: {way}"


def _maintenance(data: Mapping[str, Json], _: Change) -> Found:
    for one in _listed(data, "running"):
        if one["wraparound"]:
            text = f"an autovacuum against wraparound works on {one['table']}: it is not cancelled for who waits"
            yield "waits", text
        elif one["kind"] != "autovacuum worker":  # an autovacuum gives way after deadlock_timeout
            yield "waits", f"session {one['pid']} maintains {one['table']} (VACUUM, ANALYZE or an index build)"


def _replication(data: Mapping[str, Json], _: Change) -> Found:
    for one in _listed(data, "replicas"):
        size, seconds = one["bytes"] or 0, one["seconds"] or 0
        if msgspec.convert(size, float) > _LAG_BYTES or msgspec.convert(seconds, float) > _LAG_SECONDS:
            yield "warns", f"replica {one['application']} is {msgspec.convert(size, float) / 1e6:.0f} MB behind already"


def _listed(data: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    return msgspec.convert(data.get(name, []), list[dict[str, Json]])


def _seconds(setting: Json) -> float:
    if not isinstance(setting, dict):
        return 0.0
    try:
        return float(str(setting["setting"])) * _UNITS.get(str(setting["unit"]), 1.0)
    except ValueError:
        return 0.0


_JUDGE = {
    "recovery": _recovery,
    "rights": _rights,
    "settings": _settings,
    "pooler": _pooler,
    "disk": _disk,
    "transactions": _transactions,
    "prepared transactions": _prepared,
    "maintenance": _maintenance,
    "replication": _replication,
}
