"""The pictures in the README, from a run of the demo: ``python docs/screenshots.py FOLDER``.

FOLDER is a copy of the demo in which a run has passed in default mode (``safemig demo --keep FOLDER``). Its journal is
played to the moments below, Textual draws each screen as SVG, and Chromium makes PNG files of them in docs/images/: an
SVG in an <img> loads no font, and its columns shift. Each picture is drawn dark and light. The checklist is drawn as it
stood at that moment: what was ticked later is unticked in a copy.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from safemig.checklist import ticks
from safemig.journal.events import Event
from safemig.journal.journal import read_events
from safemig.journal.messages import Message
from safemig.plan_document.document import parse
from tui.app import SafemigApp
from tui.keys import Own

IMAGES = Path(__file__).parent / "images"
SIZE = (120, 36)


@dataclass(frozen=True)
class Picture:
    """A moment of the run: up to the first event that fits, then some keys."""

    name: str
    moment: Callable[[Event], bool]
    keys: tuple[str, ...] = ()


def _asks(step: str) -> Callable[[Event], bool]:
    return lambda event: event.kind == "approval.asked" and event.step == step


def _kind(kind: str, step: str = "") -> Callable[[Event], bool]:
    return lambda event: event.kind == kind and step in ("", event.step)


PICTURES = (
    Picture("running", _kind("command.finished", "test")),
    Picture("question", _asks("create")),
    Picture("checklist", _kind("run.finished"), ("3",)),
    Picture("report", _kind("run.finished"), ("R",)),
)
THEMES = ("dark", "light")
# The font that every cell is measured with; Chromium would take another one for some signs, of another width.
FONT = "DejaVu Sans Mono"


class PlayedFeed:
    """A journal played up to a moment; nobody hears what is said."""

    def __init__(self, events: list[Event], *, live: bool) -> None:
        self.events = deque(events)
        self.hears = live
        self.code: int | None = None if live else 0

    async def start(self) -> None:
        """Nothing to begin."""

    def send(self, _message: Message) -> bool:
        return self.hears

    def leave(self) -> None:
        """Nobody is there."""

    async def wait(self) -> int:
        return 0


def until(events: tuple[Event, ...], moment: Callable[[Event], bool]) -> list[Event]:
    """The events up to the moment, that one included; all of them when it never came."""
    found = next((index for index, event in enumerate(events) if moment(event)), len(events) - 1)
    return list(events[: found + 1])


def as_it_was(root: Path, later: tuple[Event, ...], copy: Path) -> Path:
    """A project below ``copy`` that looks like ``root`` before the ticks among the ``later`` events."""
    then = copy / root.name
    shutil.copytree(root, then, ignore=shutil.ignore_patterns(".git", ".safemig", ".venv", ".run"))
    (then / ".safemig").symlink_to(root / ".safemig")
    for event in later:
        if event.kind == "tick":
            path = then / str(event.data["file"])
            document = parse(path.read_bytes(), str(event.data["file"]))
            items = [one for phase in document.phases for one in phase.items if one.line == event.data["line"]]
            ticks.write_ticks(path, document.sha256, items, root=then, checked=False)
    return then


async def draw(root: Path, events: tuple[Event, ...], picture: Picture, theme: str) -> str:
    """The SVG of one picture."""
    played = until(events, picture.moment)
    feed = PlayedFeed(played, live=played[-1].kind != "run.finished")
    app = SafemigApp(root, argparse.Namespace(project=str(root)), Own(theme=theme), feed)
    async with app.run_test(size=SIZE) as pilot:
        await _settle(app, pilot)
        for key in picture.keys:
            await pilot.press(key)
        await _settle(app, pilot)
        return app.export_screenshot(title=f"safemig · {picture.name}")


def photograph(svg: str, path: Path) -> None:
    """Writes the SVG as a PNG. Raises CalledProcessError where Chromium cannot."""
    view = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert view is not None, "Textual's SVG has a viewBox"
    width, height = (math.ceil(float(number)) for number in view.groups())
    drawn = re.sub(r"font-family:[^;]*;", f'font-family: "{FONT}", monospace;', svg)
    with tempfile.TemporaryDirectory(prefix="safemig-pictures-") as folder:
        page = Path(folder) / "page.html"
        page.write_text(f'<meta charset="utf-8"><style>body {{ margin: 0 }}</style>{drawn}', encoding="utf-8")
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        )
        size = f"--window-size={width},{height}"
        subprocess.run(
            ["chromium", *options, size, f"--screenshot={path}", page.as_uri()], check=True, capture_output=True
        )


async def _settle(app: SafemigApp, pilot: Pilot[int]) -> None:
    """All events are drawn, and the log has read its files."""
    while app.run_screen is None or not app.run_screen.is_mounted or (app.feed and app.feed.events):
        await pilot.pause(0.05)
    app.run_screen.panes.log.flush()
    await pilot.pause()


def main() -> int:
    """0 once all pictures are drawn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a copy of the demo with a run that has passed")
    root = parser.parse_args().folder.resolve()
    runs = sorted((root / ".safemig" / "runs").iterdir())
    events = read_events(runs[-1])
    IMAGES.mkdir(exist_ok=True)
    if shutil.which("chromium") is None:
        sys.exit("chromium is not on the PATH; it makes the PNG files")
    for picture in PICTURES:
        with tempfile.TemporaryDirectory(prefix="safemig-pictures-") as copy:
            then = as_it_was(root, events[len(until(events, picture.moment)) :], Path(copy))
            for theme in THEMES:
                path = IMAGES / f"{picture.name}-{theme}.png"
                photograph(asyncio.run(draw(then, events, picture, theme)), path)
                sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
