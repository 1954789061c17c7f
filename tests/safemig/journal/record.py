"""Records journals of runs on the demo without containers, with the paths of this machine replaced.

Usage: python -m tests.safemig.journal.record FOLDER [passed | refused | resumed]. The journals that are kept beside
this file are of event version 1; they are not recorded anew when the engine changes, for they stand for the runs that
people have.
"""

from __future__ import annotations

import getpass
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from safemig.journal.events import Event
from safemig.journal.messages import Message
from tests.e2e.world import Demo, ScriptedFace, demo, kill_engine

ANSWERED = 3  # questions that are answered with yes before one is refused


def passed(world: Demo) -> None:
    """A run in auto mode that asks nothing and passes."""
    world.safemig("run", "--mode", "auto", "--json")


def refused(world: Demo) -> None:
    """A run in default mode whose person refuses a question."""
    asked: list[Event] = []

    def answer(event: Event) -> Message:
        asked.append(event)
        name = str(event.data["id"])
        if len(asked) <= ANSWERED:
            return Message("decide", id=name, answer="once")
        return Message("decide", id=name, answer="no", reason="not before the release")

    ScriptedFace(world, "run", "--mode", "default").play(answer)


def resumed(world: Demo) -> None:
    """A run whose engine is killed while the migration runs, taken up again."""
    child = world.start("run", "--mode", "auto", "--json")
    world.until(lambda: world.begun("migrate"), 560.0)
    kill_engine(world)
    child.communicate(timeout=60)
    world.safemig("resume", "--mode", "auto", "--json")


STORIES: dict[str, Callable[[Demo], None]] = {"passed": passed, "refused": refused, "resumed": resumed}


def record(name: str, into: Path) -> None:
    """The journal of that story, as ``into/NAME.jsonl``."""
    with tempfile.TemporaryDirectory(prefix="golden-") as folder, demo(Path(folder) / "demo", "process") as world:
        STORIES[name](world)
        text = (world.run / "events.jsonl").read_text(encoding="utf-8")
        replaced = {
            str(world.root.resolve()): "/project",
            sys.prefix: "/python",
            f"safemig-{getpass.getuser()}": "safemig-user",
        }
        for path, placeholder in replaced.items():
            text = text.replace(path, placeholder)
        into.mkdir(parents=True, exist_ok=True)
        (into / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for chosen in sys.argv[2:] or STORIES:
        record(chosen, Path(sys.argv[1]))
