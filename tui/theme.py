"""Dark, light and the terminal's own colours. Every state also has a sign, so that no theme carries meaning alone."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="safemig-dark",
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
    name="safemig-light",
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
NAMES = {"dark": "safemig-dark", "light": "safemig-light", "ansi": "ansi-dark", "ansi-light": "ansi-light"}
