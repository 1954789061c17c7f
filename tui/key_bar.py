"""The keys at hand, in one line at the bottom.

Textual's Footer mounts a widget for every key each time the focus moves: 0.2 s of CPU with 40 bindings, which a key
has to wait for. This is one widget that draws one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from tui.keys import ANSWERS

# The ways out, help and the mode are always there, also while typing, when only their other keys work.
PINNED = (("app.stop",), ("app.mode",), ("app.help", "app.help_anywhere"), ("app.quit", "app.quit_anywhere"))
# Always in this order: a pane with keys of the same letters would mix them up under a hand on its way to one of them.
FIRST = {name: at for at, name in enumerate(one.id for one in ANSWERS)}
SHORT = {"shift+tab": "⇧tab"}


@dataclass(frozen=True)
class BarKey:
    """A key of the bar: as it is shown, what it does, and the key itself."""

    shown: str
    text: str
    key: str
    answer: bool = False
    gap: int = 1

    @property
    def width(self) -> int:
        """Cells, with a blank before and between, and a gap behind."""
        return cell_len(self.shown) + cell_len(self.text) + 2 + self.gap


class KeyBar(Widget):
    """Draws the bindings that are active and shown; a click does what the key does."""

    DEFAULT_CSS = """
    KeyBar { height: 1; width: 100%; background: $panel; color: $text; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: tuple[tuple[int, int, str], ...] = ()
        self._read_keys: tuple[tuple[BarKey, ...], tuple[BarKey, ...]] = ((), ())
        self._stale = True

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self._stale = True
        self.refresh()

    def _read(self) -> tuple[tuple[BarKey, ...], tuple[BarKey, ...]]:
        """The keys of the moment, the answers to a question first, and those that are always there."""
        found: dict[str, tuple[BarKey, bool]] = {}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            name = binding.id or binding.action
            if name == "app.stop" and not getattr(self.app, "stoppable", False):
                continue  # it would only ask to quit, and push a key out that does something
            if binding.description and active.enabled and name not in found:
                shown = self.app.get_key_display(binding)
                found[name] = (BarKey(shown, binding.description, key, answer=name in FIRST), binding.show)
        pinned = {name: next((name for name in names if name in found), "") for names in PINNED for name in names}
        always = tuple(found[name][0] for name in dict.fromkeys(pinned.values()) if name)
        rest = [(name, one) for name, (one, show) in found.items() if show and name not in pinned]
        rest.sort(key=lambda one: FIRST.get(one[0], len(FIRST)))
        return tuple(one for _, one in rest), always

    def render(self) -> RenderResult:
        if self._stale:
            self._read_keys, self._stale = self._read(), False
        parts: list[str | tuple[str, str]] = []
        places: list[tuple[int, int, str]] = []
        at = 0
        for one in fitting(*self._read_keys, self.size.width):
            parts += [" ", (one.shown, "bold $text-accent"), f" {one.text}{' ' * one.gap}"]
            places.append((at, at + one.width, one.key))
            at += one.width
        self._places = tuple(places)
        return Content.assemble(*parts).truncate(self.size.width)

    async def on_click(self, event: events.Click) -> None:
        for begin, end, key in self._places:
            if begin <= event.x < end:
                self.app.simulate_key(key)


def fitting(rest: Sequence[BarKey], always: Sequence[BarKey], width: int) -> tuple[BarKey, ...]:
    """As many of ``rest`` as there is room for before those that are always shown; where an answer would have none, all
    stand closer together. Pure."""
    if sum(one.width for one in (*rest, *always)) > width:
        always = [replace(binding, shown=SHORT.get(binding.shown, binding.shown)) for binding in always]
    if sum(one.width for one in (*rest, *always) if one.answer or one in always) > width:
        rest, always = ([replace(one, gap=0) for one in keys] for keys in (rest, always))
    left = width - sum(one.width for one in always)
    shown: list[BarKey] = []
    for one in rest:
        left -= one.width
        if left < 0:
            break
        shown.append(one)
    return (*shown, *always)
