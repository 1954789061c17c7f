"""The keys of the log pane, each with the name under which it can be set anew."""

from __future__ import annotations

from textual.binding import Binding, BindingType


def _key(
    keys: str,
    action: str,
    words: str,
    name: str,
    tooltip: str,
    *,
    show: bool = False,
    display: str = "",
    priority: bool = False,
) -> Binding:
    return Binding(
        keys,
        action,
        words,
        id=f"log.{name}",
        show=show,
        key_display=display or None,
        tooltip=tooltip,
        priority=priority,
    )


KEYS: list[BindingType] = [
    _key("f", "follow", "follow", "follow", "Follow the end, or pause; scrolling up pauses too", show=True),
    _key(
        "slash",
        "search",
        "search",
        "search",
        "Search; capital letters count when there is one",
        show=True,
        display="/",
        priority=True,  # done before the next key is looked at: what is typed right behind it is part of the pattern
    ),
    _key("n", "again(1)", "next", "next", "Next match"),
    _key("N", "again(-1)", "previous", "previous", "Previous match"),
    _key("e", "error(1)", "error", "error", "Next error", show=True),
    _key("E", "error(-1)", "previous error", "error_back", "Previous error"),
    _key("s", "source", "source", "source", "Show only the next source; after the last one all", show=True),
    _key("S", "step", "step", "step", "Show only the next step; after the last one all"),
    _key("l", "level", "level", "level", "Show all lines, warnings and errors, or errors only", show=True),
    _key("w", "wrap", "wrap", "wrap", "Break long lines, or cut them at the edge"),
    _key("t", "times", "times", "times", "Show or hide the time of each line"),
    _key("c", "copy", "copy", "copy", "Copy the lines on the screen to the clipboard, each whole"),
    _key("ctrl+s", "save", "save", "save", "Save what is shown as a text file in the run's folder"),
    _key("escape", "leave", "clear", "leave", "Leave the search line; then the search; then the filter"),
    _key("up,k", "move(-1)", "up", "up", "One row up; pauses following"),
    _key("down,j", "move(1)", "down", "down", "One row down"),
    _key("pageup", "page(-2)", "page up", "page_up", "One page up"),
    _key("pagedown,space", "page(2)", "page down", "page_down", "One page down"),
    _key("ctrl+u", "page(-1)", "half up", "half_up", "Half a page up"),
    _key("ctrl+d", "page(1)", "half down", "half_down", "Half a page down"),
    _key("g,home", "edge(False)", "first", "top", "To the first line"),
    _key("G,end", "edge(True)", "last", "bottom", "To the last line, and follow"),
    _key("left,h", "shift(-8)", "left", "left", "To the left"),
    _key("right", "shift(8)", "right", "right", "To the right, where lines are cut"),
]
