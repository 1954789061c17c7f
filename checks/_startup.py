"""Finds the errors in the log of a start-up: pure, over lines that nobody may trust."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from checks._text import plain

MOST = 200  # errors kept of one start-up; a crash that repeats says no more beyond that

_LEVEL = re.compile(
    r"(?:^|[\s\[(|:=\-\"'])"
    r"(TRACE|DEBUG|INFO|NOTICE|LOG|WARN|WARNING|STATEMENT|DETAIL|HINT|CONTEXT"
    r"|ERROR|ERR|CRITICAL|CRIT|FATAL|PANIC|EMERG|ALERT)(?=$|[\s\]|):,\-\"'])"
)
_BAD_LEVELS = frozenset({"ERROR", "ERR", "CRITICAL", "CRIT", "FATAL", "PANIC", "EMERG", "ALERT"})
_BAD_LINE = re.compile(
    r"\blevel[\"']?\s*[=:]\s*[\"']?(?:error|critical|fatal|panic)\b|\[(?:error|crit|alert|emerg|fatal|panic)\]"
    r"|^(?:Error|Fatal|fatal|panic|Fatal error|Failed to spawn): |^(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception)(?:: |$)"
    r"|Application startup failed|Worker failed to boot|exec format error|can't open file"
    r"|^(?:/bin/|/usr/bin/)?(?:ba|da|a)?sh: .*(?:not found|No such file|Permission denied|can't open|cannot )"
    r"|^exec (?:\S+ )?\S+: (?:no such file|permission denied)",
)
# A request that failed is seen at the endpoint; at PostgreSQL, ERROR is a client's statement (FATAL is not).
_REQUEST = re.compile(
    r"Exception in ASGI application|Exception on /\S* \[|Error handling request /|Internal Server Error: /"
    r"|\"[A-Z]{3,7} \S+ HTTP/[\d.]+\" \d{3}|\[\d+\](?: \S+)? ERROR: "
)
_NOISE = re.compile(
    r"the database system is (?:starting up|shutting down|not yet accepting connections)"
    r"|FATAL:  role \"root\" does not exist"  # pg_isready in a health check without -U
    r"|terminating (?:connection|\w+ \w+|\w+ process).* due to administrator command"
)
_TRACEBACK = "Traceback (most recent call last):"
_CHAIN = re.compile(r"(?:During handling of the above exception|The above exception was the direct cause)")
_RAISED = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:: .*|:)?")
_GROUPED = re.compile(r"\s+\|?\s*\+?\s*\|?\s*((?:[A-Za-z_]\w*\.)*\w+(?:Group|Error|Exception): .*)")
_ENDINGS = re.compile(r"(?:\w+\.)*(?:KeyboardInterrupt|CancelledError)\b")  # how a stop looks, not a fault


@dataclass(frozen=True)
class StartupError:
    """One error: the number of its first line (from 1) and its text, a traceback as its last exception."""

    line: int
    text: str


@dataclass
class _Traceback:
    line: int
    head: str
    kept: bool
    text: str = ""
    state: str = "inside"  # inside | after (the exception was read) | chained (another traceback follows)


@dataclass
class _Reader:
    agent: str
    found: list[StartupError] = field(default_factory=list)
    open: _Traceback | None = None
    last: tuple[int, str, bool] = (-1, "", True)  # the latest error line, its text, whether it counts

    def take(self, number: int, line: str) -> None:
        if self.open is not None and self._continues(self.open, line):
            return
        self.close()
        if _TRACEBACK in line:
            self._traceback(number, line)
        elif _is_error(line):
            kept = not (_REQUEST.search(line) or _NOISE.search(line) or (self.agent and self.agent in line))
            self.last = (number, line, kept)
            if kept:
                self._add(number, line)

    def close(self) -> None:
        """The traceback that is open has ended."""
        group, self.open = self.open, None
        if group is not None and group.kept and not _ENDINGS.match(group.text):
            text = group.text or _TRACEBACK
            self._add(group.line, f"{group.head}: {text}" if group.head else text)

    def _traceback(self, number: int, line: str) -> None:
        at, head, kept = self.last
        if at != number - 1:
            at, head, kept = number, "", not (self.agent and self.agent in line)
        elif kept:
            self.found = [error for error in self.found if error.line != at]  # told together with its traceback
        self.open = _Traceback(at, head, kept)

    def _continues(self, group: _Traceback, line: str) -> bool:
        if group.state == "chained":
            group.state = "inside" if _TRACEBACK in line else "chained"
            return not line or _TRACEBACK in line
        if group.state == "after":
            if _CHAIN.match(line):
                group.state = "chained"
            return not line or group.state == "chained"
        if line.startswith((" ", "\t")) or not line:
            if grouped := _GROUPED.fullmatch(line):
                group.text = group.text or grouped[1]
            return True
        if _CHAIN.match(line):  # an exception group has no line of its own at the end
            group.state = "chained"
            return True
        if not _RAISED.fullmatch(line) or _LEVEL.match(line):
            return False
        group.text, group.state = line, "after"
        return True

    def _add(self, number: int, text: str) -> None:
        if len(self.found) < MOST:
            self.found.append(StartupError(number, plain(text, 500)))


def _is_error(line: str) -> bool:
    level = _LEVEL.search(line[:200])
    if level is not None:
        return level[1] in _BAD_LEVELS
    return _BAD_LINE.search(line) is not None


def startup_errors(lines: Iterable[str], agent: str) -> tuple[StartupError, ...]:
    """The errors among the lines of one start-up, at most 200.

    Counted: tracebacks (each with its chain as one), lines of level ERROR and above, words of servers and shells that
    could not start. Left out: lines that name ``agent`` (our own probes), requests that failed (they are seen at
    the endpoint), statements that failed in PostgreSQL, and what a stop or a database still starting prints.
    """
    reader = _Reader(agent)
    for number, line in enumerate(lines, 1):
        reader.take(number, plain(line, 1000))
    reader.close()
    return tuple(reader.found)
