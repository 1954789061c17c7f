"""How bad a line of output is, found in whole chunks: a plain search for hints first, a judgement only where one is."""

from __future__ import annotations

import re
from collections.abc import Iterator

PLAIN, WARNING, ERROR = 0, 1, 2
NAMES = ("info", "warning", "error")
_JUDGED = 1000  # bytes of a line that are judged

# Lower case; a line with none of them is plain. Eleven searches of a chunk cost less than one pattern over it.
_HINTS = (b"err", b"crit", b"fatal", b"panic", b"emerg", b"alert", b"exception", b"traceback", b"fail", b"warn", b"***")
_PYTEST = b"\ne   "
_COLOUR = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_LEVEL = re.compile(
    rb"(?:^|[\s\[(|:=\-\"'])(?:(TRACE|DEBUG|INFO|NOTICE|LOG|STATEMENT|DETAIL|HINT|CONTEXT)|(WARN|WARNING)"
    rb"|ERROR|ERR|CRITICAL|CRIT|FATAL|PANIC|EMERG|ALERT)(?=$|[\s\]|):,\-\"'])"
)
_ERROR = re.compile(
    rb"\blevel[\"']?\s*[=:]\s*[\"']?(?:error|critical|fatal|panic)\b|\[(?:error|crit|alert|emerg|fatal|panic)\]"
    rb"|Traceback \(most recent call last\)|^(?:E   )?(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception)(?:: |$)|^E   "
    rb"|\b(?:[Ee]rror|fatal|panic): |^Error |\bFAILED\b|\b[Ff]ailed to |^g?make(?:\[\d+\])?: \*\*\*"
)
_WARNING = re.compile(rb"\b\w*[Ww]arning: |\blevel[\"']?\s*[=:]\s*[\"']?warn|\[warn(?:ing)?\]")


def judge(line: bytes) -> int:
    """PLAIN, WARNING or ERROR, by the first level that the line names, else by words that only errors have."""
    line = line[:_JUDGED]
    if b"\x1b" in line:
        line = _COLOUR.sub(b"", line)
    level = _LEVEL.search(line, 0, 200)
    if level is not None:
        return PLAIN if level[1] else WARNING if level[2] else ERROR
    if _ERROR.search(line):
        return ERROR
    return WARNING if _WARNING.search(line) else PLAIN


def suspects(chunk: bytes) -> Iterator[tuple[int, int]]:
    """(place, level) of the lines of a chunk that are not plain; ``place`` is within the line. Each line once."""
    lower = b"\n" + chunk.lower()  # one byte longer: place 0 of the chunk is place 1 here
    seen: set[int] = set()
    for hint in (*_HINTS, _PYTEST):
        at = lower.find(hint)
        while at >= 0:
            start = lower.rfind(b"\n", 0, at) if hint is not _PYTEST else at
            end = lower.find(b"\n", at + 1)
            end = len(lower) if end < 0 else end
            if start not in seen:
                seen.add(start)
                level = judge(chunk[start : end - 1].rstrip(b"\r").rpartition(b"\r")[2])
                if level != PLAIN:
                    yield start, level
            at = lower.find(hint, end)
