"""Finds the errors in the log of a start-up: pure, over lines that nobody may trust."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from checks.text import plain

MOST = 200  # errors kept of one start-up; a crash that repeats says no more beyond that
SKEW = 0.25  # seconds by which the line of an error may be stamped beside the request that caused it
_LONGEST = 20_000  # characters of one line that are looked at: a whole traceback may stand in one line of JSON
_FOREIGN = 50  # lines of others that may stand between those of one traceback

_LEVEL = re.compile(
    r"(?:^|[\s\[(|:=\-\"'])"
    r"(TRACE|DEBUG|INFO|NOTICE|LOG|WARN|WARNING|STATEMENT|DETAIL|HINT|CONTEXT"
    r"|ERROR|ERR|CRITICAL|CRIT|FATAL|PANIC|EMERG|ALERT)(?=$|[\s\]|):,\-\"'/])"
)
_BAD_LEVELS = frozenset({"ERROR", "ERR", "CRITICAL", "CRIT", "FATAL", "PANIC", "EMERG", "ALERT"})
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception)(?:: |$)")
_BAD_LINE = re.compile(
    r"\blevel[\"']?\s*[=:]\s*[\"']?(?:error|critical|fatal|panic)\b|\[(?:error|crit|alert|emerg|fatal|panic)\]"
    r"|^(?:Error|Fatal|fatal|panic|Fatal error): "
)
_FAILED_START = re.compile(
    r"Application startup failed|Worker failed to boot|exec format error|can't open file|^Failed to spawn: "
    r"|^(?:/bin/|/usr/bin/)?(?:ba|da|a)?sh: .*(?:not found|No such file|Permission denied|can't open|cannot )"
    r"|^exec (?:\S+ )?\S+: (?:no such file|permission denied)",
)
# What servers write above the traceback of a request. A request that failed is seen at the endpoint.
_REQUEST_HEAD = re.compile(
    r"Exception in ASGI application|Exception on /\S* \[|Error handling request(?: /|$)|Internal Server Error: /"
)
# A request in one line; at PostgreSQL, ERROR is a client's statement (FATAL is not).
_REQUEST_LINE = re.compile(r"\"[A-Z]{3,7} \S+ HTTP/[\d.]+\" \d{3}|\[\d+\](?: \S+)? ERROR: ")
_STANDS_ALONE = re.compile(f"{_REQUEST_LINE.pattern}|{_FAILED_START.pattern}|^{_EXCEPTION.pattern}")
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
_UNREADABLE = re.compile(r"(?:Syntax|Indentation|Tab)Error\b")  # code that no request can make better or worse
# In a line of JSON quotes and line ends are escaped.
_FRAME = re.compile(r"File \\?\"(?P<path>[^\"\\]+)\\?\", line \d+(?:, in (?P<name>[\w<>.]+))?")
# Where servers and frameworks load and start an application, and where they hand it a request. Of a traceback the
# outermost frame that stands in one of the two decides, since a request may load modules. A lifespan is a start
# wherever it stands: it goes through the same middleware as a request.
_LIFESPAN = re.compile(r"lifespan/\w+\.py:|lifespan\.py:|routing\.py:(?:\w*lifespan\w*|startup)$")
_STARTING = re.compile(
    r"(?:uvicorn/(?:importer|config|_subprocess|server|main)|gunicorn/(?:arbiter|util|app/\w+|workers/base)"
    r"|hypercorn/(?:config|utils|run|\w+/run)|flask/cli|django/core/management/\w+|aiohttp/web_runner)\.py:"
    r"|gunicorn/workers/\w+\.py:(?:init_process|run)$"
)
_SERVING = re.compile(
    r"(?:uvicorn/(?:protocols/\w+/\w+|middleware/\w+)|starlette/(?:middleware/\w+|_exception_handler|routing)"
    r"|fastapi/(?:routing|applications|middleware/\w+)|gunicorn/workers/\w+|hypercorn/\w+/task_group|werkzeug/serving"
    r"|django/core/handlers/\w+|aiohttp/web_protocol|tornado/web|waitress/(?:channel|task))\.py:"
    r"|flask/app\.py:(?:__call__|wsgi_app|full_dispatch_request|dispatch_request)$"
)
Origin = Literal["start-up", "request", "unknown"]


@dataclass(frozen=True)
class StartupError:
    """One error: the number of its first line (from 1) and its text, a traceback as its last exception."""

    line: int
    text: str


@dataclass(frozen=True)
class SentRequest:
    """A request of ours that the service answered: from when to when, in seconds of the epoch, and with what status."""

    began: float
    ended: float
    status: int

    def failed_at(self, moment: float) -> bool:
        """Whether it was under way at that moment and went wrong in the service."""
        return self.status >= 500 and self.began - SKEW <= moment <= self.ended + SKEW


@dataclass(frozen=True)
class Startup:
    """What a start-up's log says: its errors, and those of which only the time says that a request of ours caused
    them."""

    errors: tuple[StartupError, ...]
    by_time: tuple[StartupError, ...] = ()


@dataclass
class _Traceback:
    line: int
    head: str
    moment: float | None
    excused: bool  # the line above it says that it is a request's
    dropped: bool  # that line is noise, or names us
    before: str  # the state of the traceback that was open when it began
    text: str = ""
    state: str = "inside"  # inside | after (the exception was read) | chained (another traceback follows)
    foreign: int = 0  # lines of others since it began
    mixed: bool = False  # it began inside another one: whose lines follow cannot be told
    part: Origin = "unknown"
    parts: set[Origin] = field(default_factory=set)

    def frames(self, line: str) -> None:
        """The frames in that line, where they say whether this part of the chain is a start-up's or a request's."""
        for frame in _FRAME.finditer(line):
            place = f"{frame['path']}:{frame['name'] or ''}"
            if _LIFESPAN.search(place) or (self.mixed and _STARTING.search(place)):
                self.part = "start-up"
            elif self.part == "unknown":
                self.part = (
                    "start-up" if _STARTING.search(place) else "request" if _SERVING.search(place) else "unknown"
                )

    def origin(self) -> Origin:
        """A chain in which one part belongs to the start-up is the start-up's."""
        parts = self.parts | {self.part}
        if "start-up" in parts:
            return "start-up"
        return "request" if "request" in parts and not self.mixed else "unknown"


@dataclass
class _Reader:
    agent: str
    requests: Sequence[SentRequest] = ()
    found: list[StartupError] = field(default_factory=list)
    by_time: list[StartupError] = field(default_factory=list)
    open: _Traceback | None = None
    last: tuple[int, str, bool, bool] = (-1, "", False, False)  # the latest error line: number, text, excused, dropped

    def take(self, number: int, line: str, moment: float | None) -> None:
        group = self.open
        if group is not None and self._continues(group, line):
            return
        begins = _TRACEBACK in line
        before = group.state if begins and group is not None else ""
        if group is not None and not begins and group.foreign < _FOREIGN:
            group.foreign += 1  # another process or thread writes between its lines
        else:
            self.close()
        if begins:
            self._traceback(number, line, moment, before)
        elif _is_error(line):
            self._line(number, line, moment)

    def close(self) -> None:
        """The traceback that is open has ended."""
        group, self.open = self.open, None
        if group is None or group.dropped or _ENDINGS.match(group.text):
            return
        origin = group.origin()
        # Between the lines of others only the frames say whose traceback goes on.
        if origin == "request" or (origin == "unknown" and group.excused and not (group.foreign or group.mixed)):
            return
        text = group.text or _TRACEBACK
        self._add(group.line, f"{group.head}: {text}" if group.head else text, group.moment, origin)

    def _line(self, number: int, line: str, moment: float | None) -> None:
        excused = _REQUEST_HEAD.search(line) is not None
        dropped = _NOISE.search(line) is not None or (self.agent != "" and self.agent in line)
        self.last = (number, line, excused, dropped)
        if not (excused or dropped or _REQUEST_LINE.search(line)):
            self._add(number, line, moment, "start-up" if _FAILED_START.search(line) else "unknown")

    def _traceback(self, number: int, line: str, moment: float | None, before: str) -> None:
        at, head, excused, dropped = self.last
        if at != number - 1:
            at, head, excused, dropped = number, "", False, self.agent != "" and self.agent in line
        elif _STANDS_ALONE.search(head):  # what follows need not belong to it
            at, head, excused, dropped = number, "", False, False
        else:  # told together with its traceback
            self.found = [error for error in self.found if error.line != at]
            self.by_time = [error for error in self.by_time if error.line != at]
        self.open = _Traceback(at, head, moment, excused, dropped, before)
        self.open.mixed = before in ("inside", "chained")
        self.open.frames(line)
        if "\\n" in line:  # all of it stands in this line
            self.open.excused = excused or _REQUEST_HEAD.search(line) is not None
            self.close()

    def _continues(self, group: _Traceback, line: str) -> bool:
        if group.state == "chained":
            if _TRACEBACK in line:
                group.state = "inside"
                group.parts.add(group.part)
                group.part = "unknown"
            return not line or _TRACEBACK in line
        if _CHAIN.match(line):  # an exception group has no line of its own at the end
            # Another one's chain may go on here: where this one has no end yet, or began just behind the other's end.
            ends = bool(group.text)
            group.mixed = group.mixed or not ends or (group.before == "after" and not group.excused)
            group.state = "chained"
            return True
        if group.state == "after":
            return not line or (not group.foreign and not _begins_anew(line))  # the exception's own text goes on
        if line.startswith((" ", "\t")) or not line:
            group.frames(line)
            if grouped := _GROUPED.fullmatch(line):
                group.text = group.text or grouped[1]
            return True
        if not _RAISED.fullmatch(line) or _LEVEL.match(line):
            return False
        group.text, group.state = line, "after"
        if _UNREADABLE.match(line):
            group.parts.add("start-up")
        return True

    def _add(self, number: int, text: str, moment: float | None, origin: Origin) -> None:
        ours = moment is not None and origin == "unknown" and any(each.failed_at(moment) for each in self.requests)
        errors = self.by_time if ours else self.found
        if len(errors) < MOST:
            errors.append(StartupError(number, plain(text, 500)))


def _begins_anew(line: str) -> bool:
    """Whether a line behind an exception is no further line of the exception's own text."""
    begins = _TRACEBACK in line or line.startswith("  File ") or _UNREADABLE.match(line) is not None
    return begins or _LEVEL.search(line[:200]) is not None or _is_bad(line)


def _is_error(line: str) -> bool:
    level = _LEVEL.search(line[:200])
    if level is not None:
        return level[1] in _BAD_LEVELS
    return _is_bad(line) or _EXCEPTION.match(line) is not None


def _is_bad(line: str) -> bool:
    return _BAD_LINE.search(line) is not None or _FAILED_START.search(line) is not None


def read_startup(
    lines: Iterable[tuple[float | None, str]], agent: str, requests: Sequence[SentRequest] = ()
) -> Startup:
    """The errors among the lines of one start-up, at most 200; each line with its time, where that is known.

    Counted: tracebacks (each with its chain as one), lines of level ERROR and above, words of servers and shells that
    could not start. Left out: lines that name ``agent`` (our own probes), requests that failed (they are seen at
    the endpoint), statements that failed in PostgreSQL, and what a stop or a database still starting prints.

    A traceback is a request's where its outermost frame of a server says so, or else the line above it. Where
    neither says anything, an error written while one of ``requests`` went wrong stands apart, in ``by_time``.
    """
    reader = _Reader(agent, requests)
    for number, (moment, line) in enumerate(lines, 1):
        reader.take(number, plain(line, _LONGEST if _TRACEBACK in line else 1000), moment)
    reader.close()
    return Startup(tuple(sorted(reader.found, key=_place)), tuple(sorted(reader.by_time, key=_place)))


def _place(error: StartupError) -> int:
    return error.line


def startup_errors(lines: Iterable[str], agent: str) -> tuple[StartupError, ...]:
    """The errors of :func:`read_startup` where nothing is known about times."""
    return read_startup(((None, line) for line in lines), agent).errors
