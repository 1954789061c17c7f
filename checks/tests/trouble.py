"""Lines by which a test runner, its shell or its tool says that a session died, was cut off or proves nothing."""

from __future__ import annotations

import re

_LONGEST = 4000
# A reason in words, the text whose presence makes the pattern worth trying, and what the whole line must be.
_TROUBLE: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        "a test session did not start",
        ("ERROR: ", "error: ", "No module named", "not found", "Failed to spawn", "not running", "Error importing"),
        re.compile(
            r"ERROR: (?:usage: |(?:file or directory )?not found: |Missing required plugins|Unknown config option).*"
            r"|(?:usage: )?(?:\S*/)?(?:pytest|py\.test|__main__\.py|tox|nox): error: .*"
            r"|(?:.*[:\s])?No module named '?(?:pytest|unittest|_pytest)'?"
            r"|(?:.*[:\s])?(?:pytest|py\.test|tox|nox): (?:command )?not found"
            r"|.*executable file not found in .*|.*Failed to spawn: .*|service \"[^\"]*\" is not running.*"
            r"|ImportError: Error importing plugin .*"
        ),
    ),
    (
        "coverage is below its limit",
        ("overage",),
        re.compile(r"(?:FAIL |ERROR: )?Required test coverage of .* not reached.*|(?:ERROR: )?Coverage failure: .*"),
    ),
    (
        "a worker crashed",
        ("node down", "crashed"),
        re.compile(r"\[gw\d+\] node down: .*|replacing crashed worker .*|.*maximum crashed workers reached.*"),
    ),
    ("the test process crashed", ("Fatal Python error",), re.compile(r".*Fatal Python error: .*")),
    ("the test process was ended by a time limit", ("Timeout",), re.compile(r"\++ Timeout \++")),
    (
        "a process was ended by a signal",
        ("Segmentation fault", "Killed", "Aborted", "Bus error"),
        re.compile(
            r"[.FEsxXuyR]*(?:Segmentation fault|Killed|Aborted|Bus error)(?: \(core dumped\))?"
            r"|.*: line \d+: +\d+ (?:Segmentation fault|Killed|Aborted|Bus error)\b.*(?:pytest|python|tox|nox).*"
        ),
    ),
    (
        "a tox environment failed",
        ("FAIL", "evaluation failed", "ignore outcome", "IGN", "ommands failed"),
        re.compile(
            r"\s*[\w.-]+: (?:FAIL|IGN)\b(?: code -?\d+)?(?: \(.*\))?|\s*evaluation failed :\(.*"
            r"|[\w.-]+: command failed but is marked ignore outcome.*|(?:ERROR: +)?[\w.-]+: commands failed"
        ),
    ),
    (
        "a nox session failed",
        ("nox > ",),
        re.compile(r"nox > (?:\* \S+: (?:failed|aborted)|Session \S+ (?:failed|was aborted|raised exception).*)"),
    ),
    (
        "async tests did not run: no plugin runs them",
        ("async def function", "was never awaited"),
        re.compile(
            r".*async def functions? (?:are not natively supported|and no async plugin installed).*"
            r"|.*coroutine '(?:[\w.<>]+\.)?test\w*' was never awaited.*"
        ),
    ),
)
# What a session that died had begun to print stands before it, on the same line.
_OF_MAKE = re.compile(
    r".*?g?make(?:\[\d+\])?: (?:\*\*\* )?\[.*\] (?:Error \d+|Killed|Terminated|Aborted|Segmentation fault)"
    r"(?: \(core dumped\))?(?P<ignored> \(ignored\))?"
)


def trouble(line: str) -> str:
    """Why the session that printed this line is no good run, with the line; "" for any other line."""
    if len(line) > _LONGEST:
        return ""
    if line.startswith("INTERNALERROR>"):
        return "pytest had an internal error"
    for reason, marks, pattern in _TROUBLE:
        if any(mark in line for mark in marks) and pattern.fullmatch(line):
            return f"{reason}: {line.strip()}"
    return ""


def failed_below_make(line: str) -> str:
    """The line, where make says by it that a command of a recipe failed: with a status of 0 it was ignored."""
    return line if "make" in line and len(line) < 400 and _OF_MAKE.fullmatch(line) else ""
