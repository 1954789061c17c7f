"""All lines of a run's output in one order, over its spool files: offsets are held, never text."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from textual.cache import LRUCache

from checks.text import plain
from tui.log import level as level_of
from tui.log.find import Matches, hunt
from tui.log.source import Source
from tui.log.spans import Spans, Stretch

SLICE = 128 << 10  # bytes indexed at once: half a millisecond
_JUDGED = 64 << 10  # bytes judged at once: one millisecond, three when every line is an error
_CACHED = 1024
Accepts = Callable[[Stretch], bool]


@dataclass(frozen=True)
class LogLine:
    """One line of the log; ``wall`` in seconds since the epoch, ``level`` info, warning or error."""

    source: str
    step: str
    level: str
    text: str
    wall: float


@dataclass
class _Job:
    """Bytes or a note that wait for their turn, so that the log keeps the order of the events."""

    source: int
    end: int
    wall: float
    tag: int
    note: str = ""
    level: int = level_of.PLAIN


@dataclass
class _Unjudged:
    """Lines that are in the log and wait to be judged: from ``first`` of the source on, ``line`` in the log."""

    source: int
    first: int
    line: int
    end: int


class LogStore:
    """``run_folder`` holds the files that events name. Call ``advance`` until it returns False after each change."""

    def __init__(self, run_folder: Path | None = None) -> None:
        self.run_folder = run_folder
        self.spans = Spans()
        self.sources: list[Source] = []
        self.tags: list[tuple[str, str]] = []  # (source's label, step)
        self.raised: list[int] = []  # lines whose level rose after they had been counted
        self.judged = 0  # lines from the first on whose level is known, as ``errors`` and ``levels`` count them
        self.errors = 0
        self.version = 0  # rises with everything that comes in
        self._numbers: dict[int, tuple[int, int]] = {}
        self._jobs: deque[_Job] = deque()
        self._unjudged: deque[_Unjudged] = deque()
        self._notes: IO[bytes] | None = None
        self._own = -1  # the source that is our own lines
        self._cache: LRUCache[int, tuple[LogLine, bool]] = LRUCache(_CACHED)  # and whether it was judged

    def __len__(self) -> int:
        return self.spans.count

    @property
    def waiting(self) -> bool:
        """Whether bytes wait to be indexed."""
        return bool(self._jobs)

    def add_source(self, number: int, label: str, step: str, file: str) -> None:
        """The output of command ``number`` lies in ``file`` below the run's folder; nothing outside is opened."""
        folder = self.run_folder
        if folder is None or Path(file).is_absolute() or ".." in Path(file).parts:
            return
        known = self._numbers.get(number)
        if known is None or self.sources[known[0]].path != folder / file:
            self.sources.append(Source(folder / file))
            self._numbers[number] = (len(self.sources) - 1, self._tag(label, step))

    def grow(self, number: int, end: int, wall: float = 0.0) -> None:
        """The output of command ``number`` now reaches to byte ``end``."""
        known = self._numbers.get(number)
        if known is None:
            return
        last = self._jobs[-1] if self._jobs else None
        if last is not None and last.source == known[0] and int(last.wall) == int(wall):
            last.end = max(last.end, end)
        else:
            self._jobs.append(_Job(known[0], end, wall or time.time(), known[1]))

    def poll(self, number: int) -> None:
        """Looks whether the file of command ``number`` has grown or was cut."""
        known = self._numbers.get(number)
        if known is None:
            return
        source = self.sources[known[0]]
        size, changed = source.size()
        if changed and size != source.end and not any(job.source == known[0] for job in self._jobs):
            self.grow(number, size, changed)

    def note(self, text: str, label: str, step: str, level: str, wall: float = 0.0) -> None:
        """Lines of our own among the output."""
        worst = level_of.NAMES.index(level) if level in level_of.NAMES else level_of.PLAIN
        tag = self._tag(label, step)
        for line in text.splitlines() or [""]:
            self._jobs.append(_Job(-1, 0, wall or time.time(), tag, plain(line), worst))

    def advance(self, most: int = SLICE) -> bool:
        """Takes at most ``most`` further bytes in, or judges some when all are in; whether more waits."""
        if self._jobs:
            self.version += 1
            job = self._jobs[0]
            if self._write_note(job) if job.source < 0 else self._index(job, most):
                self._jobs.popleft()
        elif self._unjudged:
            self.version += 1
            self._judge(min(most, _JUDGED))
        return bool(self._jobs or self._unjudged)

    def _judge(self, most: int) -> None:
        wanted = self._unjudged[0]
        source = self.sources[wanted.source]
        first = source.judged
        if source.judge(most, wanted.end):
            self.raised.append(source.last)
            self.errors += source.levels[first - 1] == level_of.ERROR
        self.errors += source.levels.count(level_of.ERROR, first, source.judged)
        self._were_judged(wanted)
        if source.judged_to(wanted.end):
            self._unjudged.popleft()

    def _were_judged(self, wanted: _Unjudged) -> None:
        source = self.sources[wanted.source]
        self.judged = wanted.line + source.judged - wanted.first
        if source.judged > wanted.first:
            source.last = self.judged - 1

    def _index(self, job: _Job, most: int) -> bool:
        source = self.sources[job.source]
        before = source.end
        grown = source.index(most, job.end)
        if source.end > before:
            self._count(job, grown.lines)
        if grown.cut:
            self._replace(job)
            return False
        return source.end >= job.end or source.end == before

    def _count(self, job: _Job, lines: int) -> None:
        source = self.sources[job.source]
        first = len(source) - lines
        if not self._unjudged or self._unjudged[-1].source != job.source:
            self._unjudged.append(_Unjudged(job.source, first, self.spans.count, source.end))
        self._unjudged[-1].end = source.end
        if lines:
            self.spans.add(job.source, first, lines, job.wall, job.tag)

    def _replace(self, job: _Job) -> None:
        """A file that was cut starts anew; what it held before cannot be shown any more."""
        self._cache.clear()
        self.sources.append(Source(self.sources[job.source].path))
        fresh = len(self.sources) - 1
        for number, (source, tag) in list(self._numbers.items()):
            if source == job.source:
                self._numbers[number] = (fresh, tag)
        job.source = fresh

    def _write_note(self, job: _Job) -> bool:
        # A full disk must not end the screen: the note is lost, as it would be in the journal.
        with contextlib.suppress(OSError):
            if self._notes is None:
                self._notes = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close; no name, so nothing stays behind)
                self.sources.append(Source(Path("notes"), fd=self._notes.fileno()))
                self._own = len(self.sources) - 1
            self._notes.write(job.note.encode("utf-8", "replace") + b"\n")
            self._notes.flush()
            source = self.sources[self._own]
            job.source = self._own
            lines = source.index(1 << 20, self._notes.tell()).lines
            source.levels[len(source) - lines :] = bytes([job.level]) * lines
            self._count(job, lines)
        return True

    def _tag(self, label: str, step: str) -> int:
        tag = (plain(label, 200), plain(step, 200))
        if tag not in self.tags:
            self.tags.append(tag)
        return self.tags.index(tag)

    def level(self, line: int) -> int:
        """0 info, 1 warning, 2 error; a line whose turn has not come is judged by itself."""
        if line >= self.judged:
            return level_of.NAMES.index(self.line(line).level)
        place = self.spans.at(line)
        return self.sources[place.source].levels[place.first + line - place.start]

    def line(self, number: int) -> LogLine:
        """One line, read from its file. IndexError outside the log."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        cached = self._cache.get(number)
        judged = number < self.judged
        if cached is not None and (cached[1] or not judged):
            return cached[0]
        place = self.spans.at(number)
        source = self.sources[place.source]
        own = place.first + number - place.start
        label, step = self.tags[place.tag]
        text = source.text(own)
        line = LogLine(label, step, level_of.NAMES[source.level(own, text)], text, place.wall)
        if not source.unfinished(own):
            self._cache[number] = (line, judged)
        return line

    def find(self, pattern: str, start: int, direction: int = 1) -> int | None:
        """The next line with ``pattern`` from ``start`` on (included), downward for 1 and upward for -1."""
        return next((found for found in self.matches(pattern, start, direction) if found is not None), None)

    def matches(self, pattern: str, start: int, direction: int, accepts: Accepts | None = None) -> Matches:
        """Every line with ``pattern`` in that direction, and None after each piece of about a millisecond."""
        return hunt(self.spans, self.sources, pattern, start, direction, accepts)

    def next_error(self, start: int, direction: int, accepts: Accepts | None = None) -> int | None:
        """The next error line from ``start`` on (included); None when there is none."""
        return next(self._errors(start, direction, accepts), None)

    def _errors(self, start: int, direction: int, accepts: Accepts | None) -> Iterator[int]:
        for place in self.spans.onward(start) if direction > 0 else self.spans.backward(start):
            if accepts is not None and not accepts(place):
                continue
            levels = self.sources[place.source].levels
            shift = place.first - place.start
            low = max(place.start, start) if direction > 0 else place.start
            high = place.end if direction > 0 else min(place.end, start + 1)
            search = levels.find if direction > 0 else levels.rfind
            found = search(level_of.ERROR, low + shift, high + shift)
            if found >= 0:
                yield found - shift

    def close(self) -> None:
        """Our own lines are gone then; the run's files stay."""
        if self._notes is not None:
            self.sources[self._own].close()
            self._notes.close()
            self._notes = None
