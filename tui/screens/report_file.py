"""Saving the report."""

from __future__ import annotations

from pathlib import Path

from safemig.base.atomic import replace_file
from safemig.journal.state import RunState
from safemig.reports.formats import Format, render
from tui.panes.run_files import load_plan, shown_plan

NAMES: dict[Format, str] = {"md": "report.md", "json": "report.json", "junit": "report.xml"}


def save(summary: RunState, folder: Path, form: Format, path: Path, unsealed: str = "") -> None:
    """Writes the report whole or not at all, over a file that is there. ``folder`` is the run's, ``unsealed`` why the
    rest of its journal is left out. Raises OSError."""
    plan = shown_plan(load_plan(folder, summary.plans[-1].file), folder.parents[2]) if summary.plans else None
    text = render(summary, form, plan=plan, unsealed=unsealed)
    if path.is_dir():
        raise IsADirectoryError(21, "is a folder; name a file in it")
    replace_file(path, text.encode("utf-8", "replace"))
