"""Dark, light, high contrast and the terminal's own colours; the one that was chosen is kept.

Every state also has a sign, so that no theme carries meaning alone. Every text stands out from its ground by at least
4.5 to 1, in high contrast by 7 to 1 (WCAG 2.1, 1.4.3 and 1.4.6); tests/tui/test_contrast.py measures what is drawn.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual.app import App
from textual.theme import BUILTIN_THEMES, Theme

from safemig.base.atomic import replace_file
from safemig.base.files import text as text_of
from safemig.consent.person_folder import PersonFolderError, make_private, person_folder

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
    # The library's "auto 60%" becomes pure white where a line is made of Content: the muted would outshine the rest.
    variables={"text-muted": "#93a0ad", "text-disabled": "#8793a0"},
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
    variables={"text-muted": "#5a6168", "text-disabled": "#5f666d"},
)
CONTRAST = Theme(
    name="contrast",
    primary="#6cc4ff",
    secondary="#6cc4ff",
    accent="#ffd54a",
    warning="#ffd54a",
    error="#ff9ea5",
    success="#8ef59b",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#101010",
    dark=True,
    variables={"text-muted": "#c8c8c8", "text-disabled": "#b8b8b8"},
)
CONTRAST_LIGHT = Theme(
    name="contrast-light",
    primary="#003a70",
    secondary="#003a70",
    accent="#5c3300",
    warning="#5c3300",
    error="#7a0010",
    success="#004d1a",
    foreground="#000000",
    background="#ffffff",
    surface="#ffffff",
    panel="#f4f4f4",
    dark=False,
    variables={"text-muted": "#3c3c3c", "text-disabled": "#444444"},
)
OWN = (DARK, LIGHT, CONTRAST, CONTRAST_LIGHT)
THEMES = (*OWN, replace(BUILTIN_THEMES["ansi-dark"], name="ansi"), BUILTIN_THEMES["ansi-light"])
NAMES = tuple(theme.name for theme in THEMES)


def chosen_theme() -> str:
    """The theme that was chosen last on the screen; dark where none was, or where it cannot be read."""
    try:
        name = text_of(_choice()).strip()
    except (OSError, UnicodeDecodeError):
        return DARK.name
    return name if name in NAMES else DARK.name


def keep_theme(name: str) -> str:
    """Keeps the choice for the next time; returns why it could not be kept, or ""."""
    try:
        make_private(_choice().parent)
        replace_file(_choice(), f"{name}\n".encode(), mode=0o600)
    except (OSError, PersonFolderError) as error:
        return f"the theme holds for this session only: {error}"
    return ""


def _choice() -> Path:
    return person_folder() / "theme"


def take_themes(app: App[int], name: str) -> None:
    """Gives the app these themes and no others, so that the palette offers what docs/keys.md names; takes ``name``."""
    for theme in THEMES:
        app.register_theme(theme)
    app.theme = name
    for other in app.available_themes.keys() - {*NAMES}:
        app.unregister_theme(other)
