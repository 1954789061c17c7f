"""One spool file: where each of its lines starts and how bad it is. The text itself stays in the file."""

from __future__ import annotations

import os
import stat
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, count
from operator import add
from pathlib import Path

from tui.log import level
from tui.log.text import GONE, HEAD, TAIL, shown

_OVERLAP = 512  # bytes of an unfinished line that are judged again together with what follows them


@dataclass(frozen=True)
class Grown:
    """What a step of indexing brought: new lines, or that the file is shorter than what was read of it."""

    lines: int
    cut: bool = False


class Source:
    """8 bytes and one byte a line: 10 million lines cost 90 MB. ``fd`` is an open file without a name, for our own.

    Where lines start is found five times as fast as how bad they are: ``index`` goes ahead and ``judge`` follows.
    """

    def __init__(self, path: Path, *, fd: int = -1) -> None:
        self.path = path
        self._fd = fd
        self.starts = array("Q")
        self.levels = bytearray()
        self.end = 0
        self.judged = 0  # lines that were judged, the last of them perhaps not to its end
        self.last = -1  # the number that the last of them has in the whole log
        self.dead = False
        self._open = False
        self._seen = 0  # bytes that were judged
        self._rest = b""  # the end of the judged bytes when a line goes on after them
        self._halfway = False

    def __len__(self) -> int:
        return len(self.starts)

    def size(self) -> tuple[int, float]:
        """Bytes and moment of the last change; (0, 0.0) when there is no such file any more."""
        try:
            state = self.path.stat()
        except OSError:
            return 0, 0.0
        return (state.st_size, state.st_mtime) if stat.S_ISREG(state.st_mode) else (0, 0.0)

    def index(self, most: int, end: int) -> Grown:
        """Takes at most ``most`` further bytes up to ``end``."""
        if self.dead:
            return Grown(0)
        chunk, size = self._read(self.end, min(self.end + most, end))
        if 0 <= size < self.end:
            self.dead = True
            return Grown(0, cut=True)
        if not chunk:
            return Grown(0)
        first = len(self.starts)
        self._add_starts(chunk)
        new = len(self.starts) - first
        self.levels.extend(bytes(new))
        self.end += len(chunk)
        return Grown(new)

    def judge(self, most: int, end: int) -> bool:
        """Judges at most ``most`` further bytes up to ``end``; whether a line turned bad that was judged before."""
        known = self.dead or self._fd >= 0  # our own lines come with their level
        chunk, size = (b"", -1) if known else self._read(self._seen, min(self._seen + most, end))
        if size < end or not chunk:  # gone or cut: what cannot be read stays plain
            self.skip(end)
            return False
        first, halfway = self.judged, self._halfway
        base = self._seen - len(self._rest)
        self._seen += len(chunk)
        self.judged = bisect_left(self.starts, self._seen, first)
        self._halfway = not chunk.endswith(b"\n")
        text = self._rest + chunk
        self._rest = text[max(text.rfind(b"\n") + 1, len(text) - _OVERLAP) :] if self._halfway else b""
        return self._add_levels(text, base, first) and halfway

    def skip(self, end: int) -> None:
        """The lines up to byte ``end`` keep the level that they have."""
        self._seen, self._rest, self._halfway = end, b"", False
        self.judged = bisect_left(self.starts, end, self.judged)

    def level(self, line: int, text: str) -> int:
        """How bad a line is; what is drawn tells it where its turn has not come."""
        known = line < self.judged or self._fd >= 0
        return self.levels[line] if known else level.judge(text.encode())

    def judged_to(self, end: int) -> bool:
        """Whether nothing before byte ``end`` waits to be judged."""
        return self._seen >= end

    def _add_starts(self, chunk: bytes) -> None:
        # Each line ends after as many line ends as there are lines up to it: no call of a function for each.
        lengths = accumulate(map(len, chunk.split(b"\n")[:-1]), initial=self.end)
        starts = map(add, lengths, count())
        if self._open:
            next(starts)
        self.starts.extend(starts)
        self._open = not chunk.endswith(b"\n")
        if not self._open:
            self.starts.pop()

    def _add_levels(self, text: bytes, base: int, first: int) -> bool:
        raised = False
        for place, found in level.suspects(text):
            line = max(bisect_right(self.starts, base + place, max(0, first - 1)) - 1, 0)
            if found > self.levels[line]:
                self.levels[line] = found
                raised = raised or line < first
        return raised

    def _read(self, start: int, end: int) -> tuple[bytes, int]:
        """The bytes and the file's size; size -1 when it is gone or no regular file."""
        try:
            fd = self._fd if self._fd >= 0 else os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return b"", -1
        try:
            state = os.fstat(fd)
            if not stat.S_ISREG(state.st_mode):
                return b"", -1
            return os.pread(fd, max(0, end - start), start), state.st_size
        except OSError:
            return b"", -1
        finally:
            if fd != self._fd:
                os.close(fd)

    def close(self) -> None:
        """Its lines cannot be read any more."""
        self.dead = True

    def unfinished(self, line: int) -> bool:
        """Whether more may come to this line."""
        return self._open and line == len(self.starts) - 1

    def _ends(self, line: int) -> int:
        return self.starts[line + 1] if line + 1 < len(self.starts) else self.end

    def text(self, line: int) -> str:
        """One line as it is drawn."""
        if self.dead:
            return GONE
        start, end = self.starts[line], self._ends(line)
        if end - start <= HEAD + TAIL:
            raw, _ = self._read(start, end)
            return shown(raw.removesuffix(b"\n")) if len(raw) == end - start else GONE
        raw, size = self._read(start, start + HEAD)
        if size < end:
            return GONE
        tail, _ = self._read(end - TAIL, end)
        return shown(raw, tail.removesuffix(b"\n"), end - start - HEAD)

    def blocks(self, first: int, last: int, most: int, *, back: bool = False) -> Iterator[tuple[int, int, bytes]]:
        """(first line, line after the last one, their bytes) of lines [first, last) in pieces of about ``most`` bytes.

        A line longer than that is a piece of its own with its first bytes only.
        """
        while first < last and not self.dead:
            if back:
                begin = bisect_left(self.starts, max(0, self._ends(last - 1) - most), first, last)
                begin, stop = min(begin, last - 1), last
                last = begin
            else:
                stop = max(bisect_right(self.starts, self.starts[first] + most, first, last) - 1, first + 1)
                stop = last if self._ends(last - 1) - self.starts[first] <= most else stop
                begin, first = first, stop
            size = self._ends(stop - 1) - self.starts[begin]
            yield begin, stop, self._read(self.starts[begin], self.starts[begin] + min(size, most * 2))[0]
