"""Opens the screen, and tells on the plain terminal how things stand once it is closed."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

from safemig.journal.events import RESUMABLE, Event
from safemig.journal.fold import take
from safemig.journal.state import RunState
from safemig.reports.terminal import render
from tui.app import SafemigApp
from tui.bridge import EngineFeed, Feed, JournalFeed
from tui.keys import own_file, read_own
from tui.theme import chosen_theme
from tui.words import clean


def open_screen(options: argparse.Namespace, root: Path, run: Path | None = None) -> int:
    """Shows the start, or the run in that folder; returns the run's exit code (0 when there was none)."""
    forget_exported_size()
    feed = JournalFeed(run) if run else None
    app = SafemigApp(root, options, read_own(own_file(), chosen_theme()), feed)
    # No collection walks what the imports left, which stays for good: a full one takes 6 ms instead of 30, and five
    # times that on a busy machine, in which no key is answered.
    gc.freeze()
    try:
        code = asyncio.run(_session(app))
    except KeyboardInterrupt:
        say("safemig: the engine goes on with the step in flight by itself; `safemig resume` takes the run up")
        return 130
    if app.crash is not None:
        return _crashed(app.crash)
    return code


def forget_exported_size() -> None:
    """Leaves the size to the terminal: Textual takes COLUMNS and LINES first, which say how large it was once.

    A shell below a program that uses readline has them exported, and a screen that reads them never follows a resize.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


async def _session(app: SafemigApp) -> int:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, app.exit, 143)
    try:
        await app.run_async()
    finally:
        if app.feed is not None:
            app.feed.leave()
        loop.remove_signal_handler(signal.SIGTERM)
    if app.feed is None or not (app.summary.run or isinstance(app.feed, EngineFeed)):
        return app.return_value or 0
    return await _after(app.root, app.feed, app.summary, app.finished)


async def _after(root: Path, feed: Feed, summary: RunState, finished: Event | None) -> int:
    """The end of the story in plain lines: what still happened after the screen was closed, and where things stand."""
    if isinstance(feed, EngineFeed) and feed.code is None:
        running = summary.of(summary.running).title if summary.running else ""
        say(f"the engine finishes “{clean(running)}” and waits …" if running else "the engine comes to its end …")
        await feed.wait()
    for event in feed.events:
        if event.seq > summary.seq:
            take(summary, event)
            finished = event if event.kind == "run.finished" else finished
    for text in closing_lines(summary, finished, live=feed.hears, report=write_report(root, summary)):
        say(text)
    if not summary.run:
        return feed.code or 0
    return summary.exit if summary.exit is not None else 0 if feed.hears else 4


def write_report(root: Path, summary: RunState) -> str:
    """Writes the report of an ended run; its path as seen from here, "" when there is none to be read."""
    if not summary.verdict:
        return ""
    from tui.screens import report_file

    folder = root / ".safemig" / "runs" / summary.run
    path = folder / report_file.NAMES["md"]
    try:
        report_file.save(summary, folder, "md", path)
    except OSError:
        return ""
    return clean(os.path.relpath(path))


def closing_lines(summary: RunState, finished: Event | None, *, live: bool, report: str = "") -> list[str]:
    """What is left to be read when the screen has gone. ``report`` is the path of its report, if that was written."""
    if not summary.run:
        return []
    lines = [f"safemig run {summary.run}   {clean(summary.started.project)}"]
    if finished is not None and summary.verdict:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        lines += [line for line in render(finished, colour=colour) if line]
    elif live:
        lines.append("the run goes on where it was started; `safemig show` follows it")
    else:
        lines.append("the run is not finished")
    if summary.verdict in RESUMABLE and not live:
        lines.append(f"resume: safemig resume {summary.run}")
    return [*lines, f"report: {report or f'safemig report {summary.run}'}"]


def _crashed(error: Exception) -> int:
    from safemig.cli.errors import at_border

    def again() -> int:
        raise error

    return at_border(again)


def say(text: str) -> None:
    """One line on the plain terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
