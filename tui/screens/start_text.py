"""What the start screen says of a look, as far as it has come in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from textual.content import Content

from checks.evidence import Json
from safemig.base.counting import counted
from safemig.base.moments import minute
from tui.words import clean, clean_lines

Look = Mapping[str, Json]
SHOWN = 3  # unfinished runs that are named


def start_lines(look: Look, unfinished: str, *, busy: bool) -> Iterable[Content]:
    """What the look has brought so far. Pure."""
    if not look:
        yield Content("looking at the project …" if busy else "nothing could be found out about this project")
        return
    yield from _unfinished(look)
    if look.get("trusted") is False:
        yield Content.styled(
            "This folder is not trusted: nothing of it is run.  t says what would be, and asks", "bold"
        )
        yield Content("")
    elif "target" in look and not unfinished:
        yield Content.assemble(("Enter starts a run", "bold"), " in the mode above; Shift+Tab changes the mode.")
        yield Content("")
    yield Content.styled("Found here", "bold")
    yield _row("project", f"{text_of(look, 'folder') or '.'}   Makefile {text_of(look, 'makefile') or 'none found'}")
    problem = text_of(look, "runtime_problem")
    yield _row("runtime", text_of(look, "runtime") + (f"   {problem}" if problem else ""))
    if "choose" in look:
        yield _row("plan", f"{text_of(look, 'choose')}   (p names one)")
    elif "target" in look:
        yield from _world(look)
    elif busy:
        yield _row("state", "looking at services, database and plan …")
    for one in list_of(look.get("problems")):
        yield _row("note", clean(str(one)))
    yield Content("")
    if look.get("configured"):
        yield Content(f"{clean(text_of(look, 'configured'))} holds.")
    else:
        yield Content.styled("There is no safemig.yaml; none is needed. i writes this proposal:", "bold")
        yield from (Content.styled(f"  {line}", "$text-muted") for line in clean_lines(text_of(look, "template")))


def _unfinished(look: Look) -> Iterable[Content]:
    """Every run that waits to be taken up, the newest first: that is the one that the keys are about."""
    waiting = [run for run in tables_of(look.get("runs")) if run.get("resumable")][::-1]
    for place, run in enumerate(waiting[:SHOWN]):
        said = clean(" ".join(filter(None, (minute(str(run.get("began") or "")), str(run.get("reason") or "")))))
        keys = "  r resume   v inspect   x abandon" if not place else ""
        name = f"Run {clean(str(run.get('run')))} is not finished."
        yield Content.assemble((f"{name}{keys}", "$text-warning bold" if not place else "$text-warning"))
        if said:
            yield Content.styled(f"  {said}", "$text-muted")
    if len(waiting) > 1:
        more = f"{len(waiting) - SHOWN} more; " if len(waiting) > SHOWN else ""
        words = f"{counted(len(waiting), 'run')} not finished; {more}l lists all runs, and resumes or abandons each"
        yield Content.styled(words, "$text-warning")
    if waiting:
        yield Content("")


def plan_names(look: Look) -> tuple[str, ...]:
    """The names by which a plan can be named: its file's, without the folder and the ending. Pure."""
    found = [str(one) for one in list_of(look.get("candidates")) or list_of(look.get("specs"))]
    return tuple(dict.fromkeys(Path(one).stem for one in found))


def completed(typed: str, names: tuple[str, ...]) -> str:
    """``typed``, as far as all names that begin so go on alike; a blank behind the only one. Pure."""
    fitting = [name for name in names if name.casefold().startswith(typed.casefold())] if " " not in typed else []
    if not fitting:
        return typed
    shared = fitting[0]
    while not all(name.startswith(shared) for name in fitting):
        shared = shared[:-1]
    return f"{shared} " if len(fitting) == 1 else shared or typed


def plan_hints(look: Look) -> Iterable[Content]:
    """What can be named, and how. Pure."""
    yield Content("Tab completes, Enter looks at that plan, Esc goes back; with nothing typed safemig chooses.")
    named = [str(one) for one in list_of(look.get("candidates")) or list_of(look.get("specs"))]
    if named:
        more = f", and {len(named) - 8} more" if len(named) > 8 else ""
        yield Content.assemble(("found: ", "$text-muted"), clean(", ".join(named[:8])) + more)


def _world(look: Look) -> Iterable[Content]:
    spec = text_of(look, "spec")
    items = look.get("items")
    count = counted(items, "open item") if isinstance(items, int) else "open items"
    phase = f", phase {text_of(look, 'phase') or '(whole)'}: {text_of(look, 'title')}, {count}"
    yield _row("plan", spec + phase if spec else "no phase to be done was found")
    for one in list_of(look.get("why")):
        yield _row("", f"because {one}" if spec else str(one))
    yield _row(
        "database", f"{text_of(look, 'database')}   at {_names(look, 'current')}, pending {_names(look, 'pending')}"
    )
    yield _row("running", ", ".join(str(one) for one in list_of(look.get("running"))) or "nothing of this project")
    for one in tables_of(look.get("unwritten")):
        yield _row("migration", f"{one.get('path')} would be written, once something applies it:")
        yield from (Content.styled(f"    {line}", "$text-muted") for line in clean_lines(str(one.get("text"))))
    for name in ("missing", "unread"):
        for one in list_of(look.get(name)):
            yield _row(name, str(one))


def _row(name: str, text: str) -> Content:
    return Content.assemble((f"  {name:<10}", "$text-muted"), clean(text))


def text_of(look: Look, name: str) -> str:
    """The text of that name in the look; "" where it has none."""
    value = look.get(name)
    return "" if value is None else str(value)


def _names(look: Look, name: str) -> str:
    value = look.get(name)
    return "unknown" if value is None else ", ".join(str(one) for one in list_of(value)) or "none"


def list_of(value: Json) -> list[Json]:
    """The value as a list; empty where it is none."""
    return value if isinstance(value, list) else []


def tables_of(value: Json) -> list[dict[str, Json]]:
    """The tables of a list."""
    return [one for one in list_of(value) if isinstance(one, dict)]
