"""How far a long step is, read from the end of its output: tests n of m, the steps of an image build."""

from __future__ import annotations

import re

from checks.tests.run import progress

_BUILDKIT = re.compile(r"\[(?:[\w./-]+ +)?(\d+)/(\d+)\]")  # "#7 [2/5] RUN ...", "=> [builder 2/5]"
_CLASSIC = re.compile(r"^Step (\d+)/(\d+) ?:")
_UNITS = re.compile(r"\b(?:Prepared|Installed|Resolved|Downloaded) (\d+) packages?\b")


def words(intent: str, output: str) -> str:
    """The progress in a word or two; "" when the output tells none."""
    lines = [line for line in re.split(r"[\r\n]+", output) if line.strip()]
    if intent == "test":
        return _tests(lines)
    if intent != "build":
        return ""
    return next((found for line in reversed(lines) if (found := _build(line))), "")


def _tests(lines: list[str]) -> str:
    """pytest tells a percentage, and the number of tests once, before the first of them."""
    known = [at for line in lines if (at := progress(line))]
    if not known:
        return ""
    last, total = known[-1], next((at.total for at in reversed(known) if at.total), None)
    if last.done is not None and last.total:
        return f"{last.done}/{last.total}"
    return f"{total * last.percent // 100}/{total}" if total else f"{last.percent}%"


def _build(line: str) -> str:
    for pattern in (_BUILDKIT, _CLASSIC):
        match = pattern.search(line)
        if match:
            return f"{match[1]}/{match[2]}"
    match = _UNITS.search(line)
    return f"{match[1]} packages" if match else ""
