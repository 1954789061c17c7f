"""The head of the screen: where this run works, in which mode, what state things are in."""

from __future__ import annotations

from pathlib import PurePath

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from checks.evidence import Evidence
from checks.revisions.current import revisions_at
from safemig.journal.events import GOOD
from safemig.journal.state import RunState
from safemig.planning.facts import Facts
from tui.words import MODE_WORDS, PLANNED_WORDS, clean, duration, since

UNKNOWN = "not checked"


class HeaderBar(Widget):
    """Two lines: names and mode, then state and time. On a low screen it is one, without the state."""

    DEFAULT_CSS = """
    HeaderBar { height: 2; background: $panel; color: $text; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._summary = RunState()
        self._facts: Facts | None = None
        self._wanted = ""
        self._attached = True

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self._summary.run and not self._summary.verdict:
            self.refresh()

    def show(self, summary: RunState, facts: Facts | None, wanted: str, attached: bool) -> None:
        """``wanted`` is the mode the person has asked for and the engine has not yet confirmed ("" when none)."""
        self._summary, self._facts, self._wanted, self._attached = summary, facts, wanted, attached
        self.refresh()

    def render(self) -> RenderResult:
        width = self.size.width - 2
        if self.size.height == 1:  # how the run stands, and in which mode, give way to nothing
            return spread(self._names(), Content("  ").join([self._time(), self._mode(width)]), width)
        lines = [spread(self._names(), self._mode(width), width), spread(self._state(width), self._time(), width)]
        return Content("\n").join(lines)

    def _names(self) -> Content:
        summary, facts = self._summary, self._facts
        environment = summary.target.partition(":")[0]
        words = [clean(environment)] if environment else []
        if facts is not None and facts.database:
            words.append(clean(facts.database))
        if summary.started.runtime:
            words.append(clean(summary.started.runtime))
        project = clean(PurePath(summary.started.project).name) if summary.started.project else "safemig"
        return Content.assemble((project, "bold"), *(f"  {word}" for word in words))

    def _mode(self, width: int) -> Content:
        mode = self._wanted or self._summary.mode or "default"
        words = MODE_WORDS.get(mode, mode) if width >= 100 else mode
        if self._summary.planned and mode == "default":
            words = PLANNED_WORDS
        later = " (from the next step on)" if self._wanted and width >= 100 else ""
        return Content.assemble(" mode ", (f" {words}{later} ", "reverse bold"))

    def _state(self, width: int) -> Content:
        summary = self._summary
        parts = [
            Content.assemble(
                "revision " if width >= 90 else "rev ", (revision_now(summary), "bold"), *_after(summary, self._facts)
            ),
            Content.assemble("service " if width >= 70 else "svc ", _sign(service_health(summary))),
            Content.assemble("database " if width >= 90 else "db ", _sign(database_health(summary))),
        ]
        return Content("  ").join(parts)

    def _time(self) -> Content:
        summary = self._summary
        if not summary.began:
            return Content("")
        word = summary.verdict.upper() if summary.verdict else "" if self._attached else "NOT RUNNING"
        shade = "bold $text-success" if summary.verdict in GOOD else "bold $text-error"
        until = summary.ended if summary.verdict or not self._attached else ""
        seconds = duration(since(summary.began, until))
        return Content.assemble((word, shade), "  " if word else "", seconds)


def spread(left: Content, right: Content, width: int) -> Content:
    """``left`` and ``right`` at the two ends of a line; ``left`` gives way."""
    room = max(0, width - right.cell_length - 1)
    left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * max(1, width - left.cell_length - right.cell_length), right)


def _sign(health: tuple[bool | None, str]) -> Content:
    good, words = health
    sign, shade = {True: ("✓", "$text-success"), False: ("✗", "$text-error bold"), None: ("?", "$text-muted")}[good]
    return Content.assemble((f"{sign} {words}", shade))


def _latest(summary: RunState, kind: str) -> Evidence | None:
    return next((one.evidence for one in reversed(summary.evidence) if one.evidence.kind == kind), None)


def revision_now(summary: RunState) -> str:
    """The revision that the database was last seen at."""
    current = revisions_at(_latest(summary, "revision"))
    return UNKNOWN if current is None else ", ".join(map(clean, current)) or "none"


def _after(summary: RunState, facts: Facts | None) -> tuple[str | tuple[str, str], ...]:
    """Where the run brings the database to, as far as that is known and another revision."""
    goal = ""
    if summary.verdict and summary.after:
        goal = ", ".join(clean(one) for one in summary.after)
    elif facts is not None and facts.migration is not None:
        goal = clean(facts.migration.revision)
    elif facts is not None:
        goal = ", ".join(clean(head) for head in facts.heads)
    return (" → ", (goal, "bold")) if goal and goal != revision_now(summary) else ()


def service_health(summary: RunState) -> tuple[bool | None, str]:
    """Good, bad or not known, and a word, from the latest look at the containers or processes."""
    evidence = _latest(summary, "container")
    if evidence is None:
        return None, UNKNOWN
    if not evidence.seen:
        return None, UNKNOWN
    services = evidence.data.get("services")
    bad = []
    for name, one in services.items() if isinstance(services, dict) else ():
        if isinstance(one, dict):
            state = one.get("health") or one.get("state")
            if state not in ("running", "healthy"):
                bad.append(f"{clean(str(name))} {clean(str(state))}")
    if bad:
        return False, ", ".join(bad)
    return (True, "running") if services else (False, "not running")


def database_health(summary: RunState) -> tuple[bool | None, str]:
    """Whether PostgreSQL answered the last time it was asked."""
    evidence = _latest(summary, "revision")
    if evidence is None:
        return None, UNKNOWN
    return (True, "answers") if evidence.seen else (False, "does not answer")
