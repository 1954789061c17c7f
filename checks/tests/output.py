"""What pytest (with or without xdist, sugar) or unittest printed, read line by line."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from checks.tests.trouble import failed_below_make, trouble
from checks.text import plain

NAMES = 2000  # names kept of each kind; the counts stay exact beyond it
OUTCOMES = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed", "deselected")

_RUN = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")
_WORD = {"error": "errors", "errors": "errors", "subtests failed": ""}
_LETTER = {".": "passed", "F": "failed", "E": "errors", "s": "skipped", "x": "xfailed", "X": "xpassed"}
_VERBOSE = {
    "PASSED": "passed",
    "FAILED": "failed",
    "ERROR": "errors",
    "SKIPPED": "skipped",
    "XFAIL": "xfailed",
    "XPASS": "xpassed",
}
_PREFIX = re.compile(r"[A-Za-z0-9][\w.-]*-\d+ +\| ")  # compose's own, when the tests are a service
_SUMMARY = re.compile(
    r"(?P<parts>\d{1,9} [a-z ]+(?:, \d{1,9} [a-z ]+)*|no tests ran|no tests collected(?: \(\d+ deselected\))?)"
    r" in (?P<seconds>\d{1,9}(?:\.\d{1,6})?) ?s(?:econds)?(?: \([^)]{1,40}\))?"
)
_PART = re.compile(r"(\d{1,9}) ([a-z ]+)")
_KNOWN = re.compile(
    r"\d (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|reruns?|subtests (?:passed|failed))\b"
)
_COLLECTED = re.compile(r"(?:collecting .*?)?collected (\d{1,9}) items?(?:.*/ (\d{1,9}) selected)?")
_WORKERS = re.compile(r"\d+ workers? \[(\d{1,9}) items?\]|gw\d+ \[(\d{1,9})\]")
_HEADING = re.compile(r"_{2,} (\S.*?) _{2,}")
_SHORT = re.compile(r"(?P<word>FAILED|ERROR|SUBFAILED(?: ?\[.*?\]| ?\(.*?\))*) (?P<rest>\S.*)")
_DOTS = re.compile(r"(?:\S+\.py )?(?P<dots>[.FEsxXuy,R]+) *(?:\[ *(?P<done>\d+)(?:%|/(?P<total>\d+))\])?")
_LINE = re.compile(r"(?:\[gw\d+\] (?:\[ *\d+%\] )?)?(?:(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+::.+)|"
                   r"(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: .*)?)")  # fmt: skip
_CAUSE = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Warning|Failed|Exit|Interrupt)\b(?::.*)?")
_RAN = re.compile(r"Ran (\d{1,9}) tests? in (\d{1,9}(?:\.\d{1,6})?)s")
_UNITTEST_END = re.compile(r"(OK|FAILED|NO TESTS RAN)(?: \(([a-z]+(?: [a-z]+)?=\d+(?:, [a-z]+(?: [a-z]+)?=\d+)*)\))?")
_UNITTEST_NAME = re.compile(r"(FAIL|ERROR): (\w+ \([\w.]+\).*)")
_UNITTEST_WORD = {
    "failures": "failed",
    "errors": "errors",
    "skipped": "skipped",
    "expected failures": "xfailed",
    "unexpected successes": "xpassed",
}
_SUGAR = re.compile(r"Results \((\d{1,9}(?:\.\d{1,6})?)s(?: \([^)]{1,40}\))?\):")
_NOT_STARTED = re.compile(
    r"(?:.*[:\s])?(?:No module named '?(?:pytest|unittest|_pytest)'?|pytest: (?:command )?not found"
    r"|(?:pytest|tox|nox|uv|poetry): (?:command )?not found)|.*Failed to spawn: .*|.*executable file not found in .*"
    r"|(?:ERROR: )?(?:usage: )?\S*: error: unrecognized arguments.*"
    r"|ERROR: (?:file or directory not found|not found): .*"
    r"|(?:Error response from daemon: .*|service \"[^\"]*\" is not running.*)"
    r"|make: \*\*\* No rule to make target .*"
)
_NOT_STARTED_WORDS = ("not found", "No module", "spawn", "daemon", "not running", "unrecognized", "No rule")
_OTHER_RUNNER = ("Ran ", "OK", "FAIL", "NO TESTS", "ERROR: ", "Results (")


@dataclass
class Reading:
    """What one pass over an output has gathered so far; ``take`` each line, then ``finish``."""

    collected: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    failed: dict[str, None] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    summaries: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: str = ""
    complete: bool = False
    left_out: int = 0
    sessions: int = 0  # that came to a summary
    problems: dict[str, None] = field(default_factory=dict)  # why a session is no good run, whatever the counts say
    ignored: dict[str, None] = field(default_factory=dict)  # make's lines about commands that failed
    ends: int = 0  # sessions that came to a summary, or to full progress where pytest -qq prints none
    _rows: int = 0  # of full progress since the last summary
    _shown: int = 0  # outcomes shown one by one since the last summary
    _seen: Counter[str] = field(default_factory=Counter)  # counted test by test, for a run without a summary
    _section: str = ""
    _where: str = ""
    _head: str = ""
    _open: bool = False
    _nested: int = 0
    _tentative: re.Match[str] | None = None
    _headings: dict[str, None] = field(default_factory=dict)
    _full: bool = False
    _ran: tuple[int, float] | None = None

    def take(self, raw: str) -> None:
        """Read one line of output."""
        line = plain(raw.rpartition("\r")[2] or raw, 4000)
        prefix = _PREFIX.match(line) if " | " in line else None
        line = line[prefix.end() :] if prefix else line
        if not line:
            return
        if line.startswith("INTERNALERROR>"):
            self._add(self.problems, trouble(line))
            return
        banner = line.strip("= ") if line.startswith("==") else ""
        if banner == "test session starts":
            self._start()
        elif " in " in line and (match := _summary(banner or line)):
            self._summary(match)
        elif not self._nested:
            self._inside(line, banner)

    def finish(self, exit_code: int | None) -> None:
        """Settle what only the end can tell."""
        self._commit()
        self.ends += self._rows
        if not self.failed:  # the project turned the short summary off
            self._names(self._headings)
        if not self.summaries:
            self.counts = self._seen
            self.counts["errors"] = max(self.counts["errors"], len(self.places))
            # pytest -qq prints no summary: full progress and status 0 say that it came to its end.
            self.complete = self._full and exit_code == 0 and not self._open
        else:
            self.complete = not self._open and not self.interrupted
        if self.summaries or self.complete:  # quiet sessions do not say what they collected
            ran = sum(self.counts[word] for word in ("passed", "failed", "skipped", "xfailed", "xpassed"))
            self.collected = max(ran, self.collected or 0)

    # -- sessions and summaries

    def _start(self) -> None:
        """A session begins: a second one, or one that a failed test printed (pytester) and that counts for nothing."""
        if self._nested or (self._section in ("failures", "errors") and self._tentative is None):
            self._nested += 1
            return
        self._commit()
        if self._rows and not self._open:  # pytest -qq came to its end before
            self.ends, self._rows, self._shown = self.ends + self._rows, 0, 0
        if self._open:
            self._add(self.problems, "a test session began and did not come to its end")
        self._open, self._section = True, ""

    def _summary(self, match: re.Match[str]) -> None:
        if self._nested:
            self._nested -= 1
        elif self._section in ("failures", "errors"):
            self._tentative = match  # a captured output may hold such a line: the last one of the section counts
        else:
            self._commit()
            self._count(match)

    def _commit(self) -> None:
        match, self._tentative = self._tentative, None
        if match is not None:
            self._count(match)

    def _count(self, match: re.Match[str]) -> None:
        counts: Counter[str] = Counter()
        for number, word in _PART.findall(match["parts"]):
            counts[_WORD.get(word.strip(), word.strip())] += int(number)
        self.counts.update(counts)
        self._close(match[0], float(match["seconds"]), sum(counts[word] for word in _RUN))

    def _close(self, text: str, seconds: float, tests: int) -> None:
        """A session's summary: it must tell of a test, and of no fewer than were shown one by one."""
        if not tests:
            self._add(self.problems, f"a test session ran no test: {text}")
        elif self._shown > tests:
            cut = f"{self._shown} outcomes were shown, the summary “{text}” tells of {tests}"
            self._add(self.problems, f"a test session did not come to its end: {cut}")
        self._shown = 0
        self.sessions += 1
        self.ends += max(1, self._rows)
        self._rows = 0
        if len(self.summaries) < 50:
            self.summaries.append(text)
        self.seconds += seconds
        self._open, self._section, self._where = False, "", ""

    # -- lines

    def _inside(self, line: str, banner: str) -> None:
        if banner in ("FAILURES", "ERRORS", "short test summary info"):
            if banner.startswith("short"):
                self._tentative = None  # the true summary comes after this section
            self._section, self._where = banner.partition(" ")[0].lower(), ""
        elif line.startswith("!!!") and line.endswith("!!!"):
            self._interruption(line.strip("! "))
        elif self._section == "short" and (match := _SHORT.fullmatch(line)):
            self._short(match["word"], match["rest"])
        elif self._section in ("failures", "errors") and not self._goes_on(line):
            self._detail(line)
        else:
            if self._section == "conftest":
                self._cause(line)
            if why := trouble(line):
                self._add(self.problems, why)
            if failed := failed_below_make(line):
                self._add(self.ignored, failed)
            self._outside(line)

    def _goes_on(self, line: str) -> bool:
        """Whether a quiet session begins behind one that ended in its failures (no short summary, no banner)."""
        match = _DOTS.fullmatch(line) if self._tentative and line[-1] == "]" else None
        if match is None or match["done"] is None:
            return False
        self._commit()
        return True

    def _interruption(self, text: str) -> None:
        # "Interrupted: 1 error during collection" and "stopping after" are ends that the counts tell about.
        if not text.startswith(("Interrupted:", "stopping after", "xdist.dsession.Interrupted: stopping after")):
            self.interrupted = plain(text, 200)

    def _short(self, word: str, rest: str) -> None:
        name, message = split_message(rest)
        if word != "ERROR":
            self._name(name)
            return
        own = name.partition("::")[2]
        short = next((w for w in (own, own.replace("::", ".")) if w and w in self.places), "")
        cause = self.places.pop(short, "") or self.places.get(plain(name, 500), "")
        self._place(name, cause or message)

    def _detail(self, line: str) -> None:
        if heading := _HEADING.fullmatch(line):
            self._where, self._head = heading[1], ""
            if heading[1].startswith("ERROR "):
                self._where = re.sub(r"^ERROR (?:collecting|at (?:setup|teardown) of) ", "", heading[1])
                self._place(self._where, "")
            elif self._section == "failures":
                self._heading(heading[1])
                self._where = ""
        elif self._section == "errors" and self._where:
            self._cause(line)

    def _cause(self, line: str) -> None:
        """Keep the first lines of the E blocks, an exception before any other: a chain of causes, root first."""
        text = line[1:].strip() if line.startswith("E  ") else ""
        if not text and _CAUSE.fullmatch(line):
            text = line  # --tb=native has no E lines
        known = self.places.get(self._where, "")
        if text and (not known or (_CAUSE.fullmatch(text) and text not in known and len(known) < 600)):
            first = known if _CAUSE.match(known) else ""
            self._place(self._where, f"{first}; {text}" if first else text)

    def _outside(self, line: str) -> None:
        other = line.startswith(_OTHER_RUNNER) or self._where or self._section == "sugar"
        if other and (self._unittest(line) or self._sugar(line)):
            return
        if self._announces(line):
            return
        if line.startswith("ImportError while loading conftest "):
            self._where = line.partition("conftest ")[2].strip("'. ")
            self._section = "conftest"
            self._place(self._where, "")
            self._add(self.problems, f"a test session did not start: {line}")
        elif any(word in line for word in _NOT_STARTED_WORDS) and _NOT_STARTED.fullmatch(line):
            self._place("command", line)
        elif "::" in line and len(line) < 1500 and (match := _LINE.fullmatch(line)):
            self._verbose(match[1] or match[4], match[2] or match[3])
        elif line[-1] == "]" or ".py " in line:
            self._dots(line)

    def _announces(self, line: str) -> bool:
        """Takes a line that says how many tests there are; whether it was one."""
        if match := _COLLECTED.match(line):
            self.collected = (self.collected or 0) + int(match[2] or match[1])
        elif match := _WORKERS.match(line):
            self.collected = self.collected or int(match[1] or match[2])
        return match is not None

    def _verbose(self, word: str, name: str) -> None:
        self._seen[_VERBOSE[word]] += 1
        self._shown += self._section != "short"  # -rA names there again what passed
        name = re.sub(r" *\[ *\d+%\]$", "", name)
        if word == "FAILED":
            self._name(name)
        elif word == "ERROR" and self._section != "short":
            self._heading_error(name)

    def _heading_error(self, name: str) -> None:
        own = name.partition("::")[2].replace("::", ".")
        self._place(own or name, "")

    def _dots(self, line: str) -> None:
        match = _DOTS.fullmatch(line)
        if match is None:
            return
        done, total = match["done"], match["total"]
        if done is None and ".py " not in line:
            return  # a lone row of letters proves nothing
        outcomes = [_LETTER[letter] for letter in match["dots"] if letter in _LETTER]
        self._seen.update(outcomes)
        self._shown += len(outcomes)
        self._full = done is not None and done == (total or "100")
        self._rows += self._full

    # -- other runners

    def _unittest(self, line: str) -> bool:
        if match := _RAN.fullmatch(line):
            self._ran = int(match[1]), float(match[2])
        elif self._ran is not None and (match := _UNITTEST_END.fullmatch(line)):
            self._unittest_end(match, *self._ran)
            self._ran = None
        elif match := _UNITTEST_NAME.fullmatch(line):
            if match[1] == "FAIL":
                self._name(match[2])
                self._where = ""
            else:
                self._where = match[2]
                self._place(match[2], "")
        elif self._where and _CAUSE.fullmatch(line):
            self._place(self._where, line)
        else:
            return False
        return True

    def _unittest_end(self, match: re.Match[str], ran: int, seconds: float) -> None:
        bad = 0
        for part in filter(None, (match[2] or "").split(", ")):
            word, _, number = part.rpartition("=")
            if known := _UNITTEST_WORD.get(word):
                self.counts[known] += int(number)
                bad += int(number)
        self.counts["passed"] += max(0, ran - bad)
        self.collected = (self.collected or 0) + ran
        self._close(f"Ran {ran} tests in {seconds:g}s {match[0]}", seconds, ran)

    def _sugar(self, line: str) -> bool:
        if match := _SUGAR.fullmatch(line.strip()):
            self._close(line.strip(), float(match[1]), max(1, self._shown))  # its counts are on the lines that follow
            self._section = "sugar"
        elif self._section == "sugar" and (match := _PART.fullmatch(line.strip("- "))) and _KNOWN.search(match[0]):
            self.counts[_WORD.get(match[2], match[2])] += int(match[1])
            self.summaries[-1] = plain(f"{self.summaries[-1]} {match[0]}", 400)
        else:
            return False
        return True

    # -- bounded lists

    def _names(self, names: dict[str, None]) -> None:
        for name in names:
            self._name(name)

    def _name(self, name: str) -> None:
        self._add(self.failed, name)

    def _heading(self, name: str) -> None:
        self._add(self._headings, name)

    def _add(self, into: dict[str, None], name: str) -> None:
        if len(into) < NAMES:
            into[plain(name, 500)] = None
        elif name not in into:
            self.left_out += 1

    def _place(self, where: str, cause: str) -> None:
        where = plain(where, 500)
        if where in self.places or len(self.places) < NAMES:
            self.places[where] = plain(cause or self.places.get(where, ""), 800)
        else:
            self.left_out += 1


def split_message(rest: str) -> tuple[str, str]:
    """The name and the message of "NAME - MESSAGE", where a parameter in brackets may hold " - " itself."""
    at = rest.find(" - ")
    while at != -1:
        name = rest[:at]
        if name.count("[") <= name.count("]"):
            return name, rest[at + 3 :]
        at = rest.find(" - ", at + 3)
    name, _, message = rest.partition(" - ") if "[" not in rest else (rest, "", "")
    return name, message


def _summary(text: str) -> re.Match[str] | None:
    match = _SUMMARY.fullmatch(text.strip())
    if match is None or (match["parts"][0].isdigit() and not _KNOWN.search(match["parts"])):
        return None
    return match
