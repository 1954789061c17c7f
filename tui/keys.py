"""Which keys the person has set, and whether they can be: the ``keys:`` section of the user's own configuration.

``$XDG_CONFIG_HOME/safemig/config.yaml`` (``~/.config/...``)::

    theme: light            # dark, light, contrast, contrast-light, ansi, ansi-light
    keys:
      app.quit: Q
      log.follow: "F,end"
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from textual.binding import Binding

from safemig.base.files import text as text_of
from tui.theme import NAMES

NEVER = {"ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+h": "Backspace"}


@dataclass(frozen=True)
class Own:
    """What the person's configuration says; ``problems`` are lines for the person, and nothing else is dropped."""

    theme: str = "dark"
    keys: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def own_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the user's own configuration lies (whether it exists or not)."""
    home = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME") or "/") / ".config")
    return Path(home) / "safemig" / "config.yaml"


def read_own(path: Path, chosen: str = "dark") -> Own:
    """The user's own configuration; what cannot be read is told and the defaults hold.

    ``chosen`` is the theme that holds where the configuration names none.
    """
    try:
        text = text_of(path)
    except FileNotFoundError:
        return Own(chosen)
    except (OSError, UnicodeDecodeError) as error:
        return Own(chosen, problems=(f"{path} cannot be read: {error}",))
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return Own(chosen, problems=(f"{path} is not valid YAML: {str(error).splitlines()[0]}",))
    if not isinstance(document, dict):
        return Own(
            chosen, problems=() if document is None else (f"{path} must be a mapping with `keys:` and `theme:`",)
        )
    problems = [f"{path}: unknown key {key!r}; known: keys, theme" for key in document if key not in ("keys", "theme")]
    theme = document.get("theme", chosen)
    if theme not in NAMES:
        problems.append(f"{path}: theme must be one of {', '.join(NAMES)}, not {theme!r}")
    keys = document.get("keys") or {}
    if not isinstance(keys, dict):
        problems.append(f"{path}: `keys:` must be a mapping of a binding's id to its key")
        keys = {}
    words = {str(name): str(key) for name, key in keys.items()}
    return Own(theme if theme in NAMES else chosen, words, tuple(problems))


def usable(keys: Mapping[str, str], known: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The keys that can be set, and why the others cannot."""
    names = sorted(known)
    good: dict[str, str] = {}
    problems: list[str] = []
    for name, key in keys.items():
        wrong = [NEVER[one.strip()] for one in key.lower().split(",") if one.strip() in NEVER]
        if name not in names:
            near = get_close_matches(name, names, n=1)
            problems.append(f"keys: no binding is called {name}" + (f"; did you mean {near[0]}?" if near else ""))
        elif wrong:
            problems.append(f"keys: {name}: a terminal sends {wrong[0]} for {key}; choose another key")
        elif not key.strip():
            problems.append(f"keys: {name}: no key is given")
        else:
            good[name] = key
    return good, problems


ANSWERS = [
    Binding("y", "answer('once')", "yes", id="answer.once", priority=True, tooltip="Allow this once"),
    Binding(
        "a",
        "answer('always')",
        "always",
        id="answer.always",
        priority=True,
        tooltip="Stop asking for this line: A then confirms it",
    ),
    Binding(
        "A",
        "grant('always')",
        "grant the line",
        id="answer.always_confirm",
        priority=True,
        tooltip="Confirm: allow, and never ask again for this line",
    ),
    Binding(
        "T",
        "grant('tool')",
        "grant the tool",
        id="answer.tool_confirm",
        priority=True,
        tooltip="Confirm: allow, and never ask again for this tool",
    ),
    Binding("escape", "grant('')", "back", id="answer.back", priority=True, show=False, tooltip="Grant nothing"),
    Binding(
        "a",
        "answer('auto')",
        "auto mode",
        id="answer.auto",
        priority=True,
        tooltip="Of a whole plan: run it in auto mode, which asks for nothing more",
    ),
    Binding(
        "t",
        "answer('tool')",
        "tool",
        id="answer.tool",
        priority=True,
        tooltip="Stop asking for this tool: T then confirms it",
    ),
    Binding(
        "p",
        "answer('proposed')",
        "proposed",
        id="answer.proposed",
        priority=True,
        tooltip="Of a checklist: tick what is proposed, too",
    ),
    Binding(
        "w",
        "answer('write')",
        "write",
        id="answer.write",
        priority=True,
        tooltip="Of drift: write the revision that makes what no revision makes",
    ),
    Binding(
        "s",
        "answer('stamp')",
        "stamp",
        id="answer.stamp",
        priority=True,
        tooltip="Of drift: stamp the revision that the database has already",
    ),
    Binding(
        "s",
        "answer('skip')",
        "skip",
        id="answer.skip",
        priority=True,
        tooltip="Go on without this step; its signal is not checked, and the run cannot pass",
    ),
    Binding(
        "e",
        "edit",
        "edit",
        id="answer.edit",
        priority=True,
        tooltip="Change the command or the file, then be asked again",
    ),
    Binding(
        "n", "refuse", "no", id="answer.no", priority=True, tooltip="Refuse, with a reason that goes into the report"
    ),
    Binding(
        "d", "details", "details", id="answer.details", priority=True, tooltip="Read everything about what is asked"
    ),
]
PANES = [  # with priority: done before the next key is looked at, so that keys typed right behind reach that pane
    Binding("tab", "next_pane(1)", "next pane", id="pane.next", show=False, priority=True, tooltip="Next pane"),
    Binding(
        "ctrl+o",
        "next_pane(-1)",
        "pane before",
        id="pane.previous",
        show=False,
        priority=True,
        tooltip="Pane before (Shift+Tab is the mode)",
    ),
    Binding("1", "pane('plan')", "plan", id="pane.plan", show=False, priority=True, tooltip="Go to the plan"),
    Binding("2", "pane('log')", "log", id="pane.log", show=False, priority=True, tooltip="Go to the log"),
    Binding(
        "3",
        "pane('checklist')",
        "checklist",
        id="pane.checklist",
        show=False,
        priority=True,
        tooltip="Go to the checklist",
    ),
    Binding(
        "slash",
        "find",
        "find",
        id="pane.find",
        show=False,
        priority=True,  # as of the shell line
        tooltip="Find words in the plan or the checklist; Enter goes to the next match",
    ),
    Binding(
        "exclamation_mark",
        "shell",
        "shell",
        id="pane.shell",
        key_display="!",
        priority=True,  # done before the next key is looked at: a y typed right behind it is part of the line
        tooltip="Open a shell line in the project",
    ),
    Binding("R", "report", "report", id="run.report", tooltip="Show the report of this run"),
    Binding("r", "resume", "resume", id="run.resume", tooltip="Take up this unfinished run"),
]
APP = [
    Binding(
        "shift+tab",
        "cycle_mode",
        "mode",
        id="app.mode",
        priority=True,
        tooltip="Next mode: default, plan, auto; holds from the next step on",
    ),
    Binding(
        "ctrl+c",
        "stop",
        "stop",
        id="app.stop",
        priority=True,
        tooltip="Stop the running step, after a question while the database is being changed; a second time asks to"
        " quit. In the shell line: end its command alone",
    ),
    Binding("q", "quit", "quit", id="app.quit", tooltip="Leave; the engine finishes the step in flight and waits"),
    Binding(
        "ctrl+q", "quit", "quit", id="app.quit_anywhere", priority=True, show=False, tooltip="Leave, also while typing"
    ),
    Binding("question_mark", "help", "keys", id="app.help", key_display="?", tooltip="The keys of the focused pane"),
    Binding(
        "f1",
        "help",
        "keys",
        id="app.help_anywhere",
        priority=True,
        show=False,
        tooltip="The keys of the focused pane, also while typing",
    ),
    Binding(
        "ctrl+z",
        "suspend_process",
        "suspend",
        id="app.suspend",
        show=False,
        priority=True,
        tooltip="Back to the shell; `fg` returns",
    ),
]
