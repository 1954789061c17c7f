"""Reads a test run: progress while it goes on, counts and names when it has ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from checks.evidence import Evidence, Json, unseen
from checks.tests.junit import Junit, Refused, read_junit
from checks.tests.output import OUTCOMES, Reading
from checks.text import lines, plain

_PERCENT = re.compile(r"\[ *(\d{1,3})%\]")
_COUNT = re.compile(r"\[ *(\d{1,9})/(\d{1,9})\]$")
_COLLECTED = re.compile(r"(?:collecting .*?)?collected (\d{1,9}) items?\b(?:.*/ (\d{1,9}) selected)?")
PROBLEMS = 20  # kept of an output; the first one is enough
_CLOCK = 2.0  # seconds: some file systems keep modification times of two seconds


@dataclass(frozen=True)
class Statuses:
    """What is known of the exit statuses behind the command's own.

    ``lost``: why a test command's status does not reach it, one text each. ``commands``: how many test commands it
    runs. ``by_make``: an error that make says it ignored may be a test command's. ``summaries``: how many of them end
    with a summary where all returned 0. ``uncounted``: those whose status is lost and that run nobody knows how often.
    """

    lost: tuple[str, ...] = ()
    commands: int = 0
    by_make: bool = True
    summaries: int = 0
    uncounted: tuple[str, ...] = ()


UNKNOWN = Statuses()


@dataclass(frozen=True)
class Progress:
    """How far a test run is: ``percent`` always (0-100), the numbers of tests where the line tells them."""

    done: int | None
    total: int | None
    percent: int


def read(
    output: Path,
    exit_code: int | None,
    *,
    subject: str,
    repeat: str,
    began: str,
    ended: str,
    start: int = 0,
    end: int | None = None,
    junit: Path | None = None,
    statuses: Statuses = UNKNOWN,
) -> Evidence:
    """Evidence of kind "tests" from the bytes [start, end) of ``output``; several sessions in it are added up.

    ``exit_code`` is the command's (None: it has not ended by itself). ``junit`` fills what the output leaves open,
    when that file was written by this run (not before ``began``). Data: collected (None: unknown), passed, failed,
    errors, skipped, xfailed, xpassed, deselected, failed_tests, error_places ({where, cause}; where "command": the
    runner itself did not start), names_left_out, exit_code, summary, complete (every session came to its end),
    interrupted (the banner or ""), seconds, junit ("", "read" or why not), sessions, problems (why a session is no
    good run, whatever the counts say), status_lost (why the exit code is no proof). An unreadable output is unseen.
    """
    reading = Reading()
    try:
        for line in lines(output, start, end):
            reading.take(line.decode("utf-8", "replace"))
    except OSError as wrong:
        return unseen("tests", subject, repeat, f"cannot read the output {output}: {wrong.strerror or wrong}", began)
    reading.finish(exit_code)
    state = _use_junit(reading, junit, began) if junit else ""
    problems = _problems(reading, statuses, exit_code)
    counts: dict[str, Json] = {word: reading.counts[word] for word in OUTCOMES}
    data: dict[str, Json] = {
        "collected": reading.collected,
        **counts,
        "failed_tests": list(reading.failed),
        "error_places": [{"where": where, "cause": cause} for where, cause in reading.places.items()],
        "names_left_out": reading.left_out,
        "exit_code": exit_code,
        "summary": plain("; ".join(reading.summaries), 1000),
        "complete": reading.complete and (reading.sessions > 0 or state == "read" or not statuses.lost),
        "interrupted": reading.interrupted,
        "seconds": round(reading.seconds, 3) if reading.summaries else _between(began, ended),
        "junit": state,
        "sessions": reading.sessions,
        "problems": [*problems],
        "status_lost": [*statuses.lost],
    }
    return Evidence("tests", subject, True, began, ended, repeat, data)


def _problems(reading: Reading, statuses: Statuses, exit_code: int | None) -> list[str]:
    problems = [*reading.problems]
    if statuses.by_make and exit_code == 0:
        problems += [f"a command failed and make went on: {line}" for line in reading.ignored]
    if statuses.lost and reading.sessions < statuses.commands:
        told = f"{statuses.commands} test commands ran, {reading.sessions} of them came to a summary"
        problems.append(f"{told}, and their exit codes are not told")
    elif exit_code == 0 and reading.ends < statuses.summaries:  # a process that ends itself with 0 says nothing
        problems.append(f"{statuses.summaries} test commands ran, {reading.ends} of them came to their end")
    problems += [
        f"{command} runs nobody knows how often, and its exit codes are not told" for command in statuses.uncounted
    ]
    return [plain(problem, 300) for problem in problems[:PROBLEMS]]


def progress(line: str) -> Progress | None:
    """The progress that a line of pytest's output tells, or None."""
    text = plain(line.rpartition("\r")[2] or line, 1000)
    if match := _COLLECTED.match(text):
        return Progress(0, int(match[2] or match[1]), 0)
    if match := _COUNT.search(text):
        done, total = int(match[1]), int(match[2])
        return Progress(done, total, min(100, done * 100 // total)) if total else None
    last = max(_PERCENT.finditer(text), key=re.Match.start, default=None)
    # The last one stands at the end of the line; xdist's verbose lines have theirs just after the worker.
    if last is None or int(last[1]) > 100 or not (last.end() == len(text) or text.startswith("[gw")):
        return None
    return Progress(None, None, int(last[1]))


def _use_junit(reading: Reading, path: Path, began: str) -> str:
    """Fill ``reading`` from the XML where the output had no summary or no names; how that went."""
    try:
        if path.stat().st_mtime < _seconds(began) - _CLOCK:
            return "older than this run"
        found = read_junit(path)
    except OSError as wrong:
        return f"cannot be read: {wrong.strerror or wrong}"
    except Refused as wrong:
        return f"refused: {wrong}"
    if not reading.complete and not reading.summaries and not reading.interrupted:
        _replace(reading, found)
    if not reading.failed:
        reading.failed = dict.fromkeys(found.failed_tests)
    if not reading.places:
        reading.places = dict(found.error_places)
    return "read"


def _replace(reading: Reading, found: Junit) -> None:
    # The file is written when the session ends, so a whole one stands for a whole run. It counts xfailed as skipped.
    passed = max(0, found.tests - found.failed - found.errors - found.skipped)
    counts = {"passed": passed, "failed": found.failed, "errors": found.errors, "skipped": found.skipped}
    reading.counts.clear()
    reading.counts.update(counts)
    reading.collected = found.tests
    reading.complete = True


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return float("inf")  # unknown: no file can be proved to be of this run


def _between(began: str, ended: str) -> float:
    length = _seconds(ended) - _seconds(began)
    return round(length, 3) if 0 <= length < float("inf") else 0.0
