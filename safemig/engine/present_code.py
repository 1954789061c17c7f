"""Whether what answers can run the present code: a process that has read its code keeps it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from safemig.engine.session import Session
from safemig.execution.instance import Instance
from safemig.planning.collect.commands import shell_lines

MOST = 20_000  # files that are looked at
_ASIDE = frozenset({"tests", "test", "node_modules", "site-packages", "__pycache__", "venv"})


@dataclass(frozen=True)
class Changed:
    """The file of the service's code that was changed last, and when."""

    file: str
    moment: datetime


async def tell_old_code(s: Session, step: str) -> None:
    """Says where the service's code was changed after the moment from which it has it. It cannot be told whether the
    file matters to what runs: a warning, no verdict."""
    changed = await s.look(lambda: last_changed(s))
    for name, instance in (await s.look(s.runtime.instances)).items():
        if changed and name.partition("#")[0] in (s.facts.service, "service"):
            built = _built(s)
            if text := old_code(name, instance, changed, mounted=s.facts.reachable_source, built=built):
                s.note(text, step, "warning")


def _built(s: Session) -> bool:
    """Whether a command of this run builds: the build's own, or the start's."""
    start = s.facts.commands.get("start")
    lines = shell_lines(s.project.makefile, start.target, start.line) if start else ()
    return s.past.of("build").status == "done" or any("build" in line for line in lines)


def old_code(name: str, instance: Instance, changed: Changed, *, mounted: bool, built: bool) -> str:
    """Why the present code may not be what runs, "" where nothing speaks for that. ``built``: this run has built it,
    so that an image of long ago holds the present code."""
    image = instance.image and not mounted
    since = _moment(instance.made if image else instance.started)
    if instance.state != "running" or since is None or changed.moment <= since:
        return ""
    when = f"{changed.file} was changed at {changed.moment:%H:%M:%S} UTC"
    if image and not built:
        return (
            f"{name} runs an image of {since:%Y-%m-%d %H:%M:%S} UTC, which this run has not built; {when}, and may "
            "not be in it: let the start command build it (`docker compose up -d --build`), or name one that does"
        )
    if image:
        return ""
    if instance.reloads:
        return ""
    return (
        f"{name} has been running since {since:%H:%M:%S} UTC, and its command does not say that it reloads its code; "
        f"{when}: what answers may be the code of before, until the service is started anew"
    )


def last_changed(s: Session) -> Changed | None:
    """The newest Python file of the service that is neither a test nor a revision."""
    aside = {path.resolve() for path in s.project.tree.versions} if s.project.tree else set()
    newest: tuple[float, Path] | None = None
    for number, path in enumerate(_sources(s.root / s.facts.folder, aside)):
        try:
            moment = path.stat().st_mtime
        except OSError:
            continue
        if newest is None or moment > newest[0]:
            newest = (moment, path)
        if number > MOST:
            return None
    if newest is None:
        return None
    return Changed(os.path.relpath(newest[1], s.root), datetime.fromtimestamp(newest[0], UTC))


def _sources(folder: Path, aside: set[Path]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name for name in folders
            if name not in _ASIDE and not name.startswith(".") and (here / name).resolve() not in aside
        ]  # fmt: skip
        yield from (here / name for name in files if name.endswith(".py") and not name.startswith("test_"))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
