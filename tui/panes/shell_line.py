"""The command line at the bottom: the person's own shell line in the project, its folder always shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.panes.shell_folder import NoFolder, complete, follow, resolve
from tui.panes.shell_history import History, earlier
from tui.panes.shell_input import ShellInput
from tui.words import clean


@dataclass
class ShellAsked(Message):
    """The person wants this line run in ``cwd`` (relative to the project's root)."""

    line: str
    cwd: str


class CommandLine(Vertical):
    """Closed it is one line that says where `!` would run; ``open`` takes the focus, leaving gives it back."""

    DEFAULT_CSS = """
    CommandLine { height: auto; max-height: 2; }
    CommandLine #shell-words { height: auto; max-height: 1; padding: 0 1; color: $text-muted; }
    CommandLine #shell-row { height: 1; }
    CommandLine #shell-prompt { width: auto; max-width: 50%; height: 1; padding: 0 1; color: $text-muted; }
    CommandLine.-open #shell-prompt { color: $text-accent; text-style: bold; }
    CommandLine ShellInput { width: 1fr; display: none; background: $surface; }
    CommandLine.-open ShellInput { display: block; }
    """

    def __init__(self, root: Path, *, folder: str = ".", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._root = root.resolve()
        self._folder, self._before = folder, folder
        self._history = History()
        self._came_from: Widget | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="shell-words")
        with Horizontal(id="shell-row"):
            yield Static(id="shell-prompt")
            yield ShellInput()

    def on_mount(self) -> None:
        self.say("")
        self._draw()
        self.run_worker(self._load_history(), group="history")

    async def _load_history(self) -> None:
        lines = await earlier(self._root / ".safemig" / "runs")
        self._history.load(clean(line) for line in lines)

    # What the app tells.

    def open(self) -> None:
        """Takes the focus, unless it has it."""
        if not self.is_open:
            self._came_from = self.screen.focused
            self.add_class("-open")
            self._draw()
        # At once: focus() waits for its turn, and a y typed meanwhile would answer the question at hand.
        self.screen.set_focus(self.query_one(ShellInput))

    def offer(self, offered: bool) -> None:
        """Shows the line while there is an engine that would run and record what is typed, and only then."""
        if not offered and self.is_open:
            self.leave()
        self.display = offered

    def leave(self) -> None:
        """Empties the line and gives the focus back to what had it."""
        self.remove_class("-open")
        self.query_one(ShellInput).value = ""
        self.say("")
        self._draw()
        back, self._came_from = self._came_from, None
        self.screen.set_focus(back if back is not None and back.is_attached and back.focusable else None)

    def interrupt(self) -> None:
        """Ctrl+C where nothing runs: the line is given up, as in a shell."""
        typed = self.query_one(ShellInput)
        self.say("" if typed.value else "nothing runs here; Esc leaves the line, and Ctrl+C then stops the step")
        typed.value = ""

    def say(self, words: str) -> None:
        """A line above the prompt, such as why a line was not run; "" takes it away."""
        line = self.query_one("#shell-words", Static)
        line.update(Content(clean(words)).truncate(max(self.size.width - 2, 20), ellipsis=True))
        line.display = bool(words)

    @property
    def is_open(self) -> bool:
        """Whether a line can be typed."""
        return self.has_class("-open")

    @property
    def typed_at(self) -> bool:
        """Whether the keys go into the line now."""
        return isinstance(self.screen.focused, ShellInput)

    @property
    def folder(self) -> str:
        """Where the next line runs, relative to the project's root."""
        return self._folder

    def _draw(self) -> None:
        where = clean(self._root.name if self._folder == "." else f"{self._root.name}/{self._folder}")
        room = max(self.size.width // 2 - 6, 12)
        where = where if len(where) <= room else "…" + where[1 - room :]
        self.query_one("#shell-prompt", Static).update(Content(f"{where} $" if self.is_open else f"{where} · ! shell"))

    def on_resize(self) -> None:
        self._draw()

    # What the line asks.

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        line = message.value.strip()
        self.say("")
        if not line:
            return
        self._history.add(line)
        message.input.value = ""
        try:
            here = resolve(self._root, self._folder)
            folder, rest = follow(self._root, here, self._before, line)
        except NoFolder as error:
            self.say(f"{line}: {error}")
            self._return_to_root()
            return
        if folder != self._folder:
            self._before, self._folder = self._folder, folder
            self._draw()
        if rest:
            self.post_message(ShellAsked(rest, folder))

    def _return_to_root(self) -> None:
        """A folder that is gone cannot be left by `cd ..`."""
        try:
            resolve(self._root, self._folder)
        except NoFolder:
            self._before = self._folder = "."
            self._draw()

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()

    def on_shell_input_completion_asked(self) -> None:
        field = self.query_one(ShellInput)
        done = complete(self._root, self._folder, field.value, field.cursor_position)
        field.value = done.value
        field.cursor_position = done.cursor
        self.say("  ".join(done.choices))

    def on_shell_input_walk_asked(self, message: ShellInput.WalkAsked) -> None:
        field = self.query_one(ShellInput)
        field.value = self._history.walk(message.by, field.value)
        field.cursor_position = len(field.value)

    def on_shell_input_leave_asked(self) -> None:
        self.leave()
