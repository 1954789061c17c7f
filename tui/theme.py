"""Dark, light and the terminal's own colours. Every state also has a sign, so that no theme carries meaning alone."""

from __future__ import annotations

from dataclasses import replace

from textual.app import App
from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="dark",
    primary="#5fa8d3",
    secondary="#3d6f8e",
    accent="#e0a458",
    warning="#e0a458",
    error="#d9606c",
    success="#6fbf73",
    foreground="#d8dee4",
    background="#11161b",
    surface="#171d23",
    panel="#1f2730",
    dark=True,
)
LIGHT = Theme(
    name="light",
    primary="#1f5f8b",
    secondary="#2f7fb5",
    accent="#9a5b00",
    warning="#9a5b00",
    error="#a6192e",
    success="#1d6b2f",
    foreground="#1c2126",
    background="#fbfbf9",
    surface="#f1f2ef",
    panel="#e4e7e4",
    dark=False,
)
THEMES = (DARK, LIGHT, replace(BUILTIN_THEMES["ansi-dark"], name="ansi"), BUILTIN_THEMES["ansi-light"])
NAMES = tuple(theme.name for theme in THEMES)


def take_themes(app: App[int], name: str) -> None:
    """Gives the app these themes and no others, so that the palette offers what docs/keys.md names; takes ``name``."""
    for theme in THEMES:
        app.register_theme(theme)
    app.theme = name
    for other in app.available_themes.keys() - {*NAMES}:
        app.unregister_theme(other)
