"""What stands on the screen, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App


def screen_text(app: App[Any]) -> str:
    """The lines of the screen as a person sees them, without colours and trailing blanks."""
    width, height = app.size
    strips = app.screen._compositor.render_strips(app.size)
    lines = [strip.crop(0, width).text.rstrip() for strip in strips[:height]]
    return "\n".join(lines)


def check_golden(app: App[Any], path: Path) -> None:
    """Compares the screen with the text kept in ``path``; writes it when it is not there yet, and fails then."""
    text = screen_text(app) + "\n"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        raise AssertionError(f"{path.name} was not there and is written now; read it, and run again")
    assert text == path.read_text(encoding="utf-8")
