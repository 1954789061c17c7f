"""Which of the server's sessions are the command's, looked up while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checks.evidence import Json
from safemig.runtimes.base import APPLICATION

if TYPE_CHECKING:
    import psycopg

    from safemig.runtimes.backends import Claim

Key = tuple[int, str]
# A lookup reads /proc, or asks the engine of the containers: it takes 20 to 300 ms.
SHARE = 20  # of the time, one part in this many goes into lookups
SOON = 0.1  # seconds between two lookups while somebody waits behind a session of which nothing is known
TRIES = 5  # lookups for one session: its socket is seen from the first one on, its statement later

_SESSIONS = """
SELECT pid, coalesce(backend_start::text, '') FROM pg_stat_activity
WHERE coalesce(backend_type, 'client backend') = 'client backend' AND application_name IS DISTINCT FROM %(us)s
  AND (%(since)s::timestamptz IS NULL OR backend_start >= %(since)s::timestamptz)
"""


@dataclass
class Ownership:
    """The command's sessions as far as they are proved. ``before`` is the mark of what ran before it, ``claim`` looks
    up whose sockets its processes hold."""

    connection: psycopg.Connection
    before: Mapping[str, Json]
    claim: Callable[[], Collection[Claim]]
    claims: dict[Key, Claim] = field(default_factory=dict)
    _tried: dict[Key, int] = field(default_factory=dict)
    _next: float = 0.0
    _last: float = 0.0

    def pids(self) -> tuple[int, ...]:
        """The backends that are proved to be the command's."""
        return tuple(pid for pid, _ in self.claims)

    def came(self, key: Key) -> bool:
        """Whether that session was not there before the command."""
        sessions = self.before.get("sessions")
        return isinstance(sessions, list) and [*key] not in sessions

    def refresh(self, *, urgent: bool) -> None:
        """Looks up the sessions that came since the last time; ``urgent`` where one of them lets others wait."""
        moment = time.monotonic()
        if moment < (min(self._next, self._last + SOON) if urgent else self._next):
            return
        fresh = [key for key in self._came() if key not in self.claims and self._tried.get(key, 0) < TRIES]
        if fresh:
            self.claims |= {each.key: each for each in self.claim()}
            for key in fresh:
                self._tried[key] = self._tried.get(key, 0) + 1
        took = time.monotonic() - moment
        self._last = moment + took
        self._next = self._last + max(SOON, took * SHARE)

    def _came(self) -> list[Key]:
        sessions = self.before.get("sessions")
        known = {(row[0], row[1]) for row in sessions if isinstance(row, list)} if isinstance(sessions, list) else set()
        since = None if isinstance(sessions, list) else (str(self.before.get("at", "")) or None)
        rows = self.connection.execute(_SESSIONS, {"us": APPLICATION, "since": since}).fetchall()
        return [(pid, began) for pid, began in rows if (pid, began) not in known]
