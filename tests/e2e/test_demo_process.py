"""The main job on the demo without containers, from the command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from safemig.journal.events import Event
from safemig.journal.messages import Message
from tests.e2e.world import (
    LINE,
    RUN_SECONDS,
    ScriptedFace,
    check_database,
    check_document,
    check_no_password,
    check_passed,
    demo,
)

pytestmark = pytest.mark.slow


def test_demo_passes_without_a_question(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    words = ["demo", "--runtime", "process", "--mode", "auto", "--json", "--keep", str(root)]
    with demo(root, "process", copied=False) as world:
        done = subprocess.run(
            [*LINE, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        check_passed(world, done)
        assert not world.events("approval.asked")


def test_default_mode_without_a_terminal_waits_and_is_resumed(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world:
        waiting = world.safemig("run", "--json")
        assert waiting.returncode == 4, waiting.stderr[-3000:]
        assert json.loads(waiting.stdout)["verdict"] == "waiting"
        assert not world.events("command.started")
        check_passed(world, world.safemig("resume", "--mode", "auto", "--json"))


def test_plan_mode_asks_once_and_then_for_each_addition(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world:
        face = ScriptedFace(world, "run", "--mode", "plan")
        begun: list[bool] = []

        def answer(event: Event) -> Message:
            begun.append(any(seen.kind in {"step.started", "command.started"} for seen in face.seen))
            return Message("decide", id=str(event.data["id"]), answer="once", mode="default")

        assert face.play(answer) == 0, face.seen[-1]
        assert begun[0] is False, "planning changes nothing"
        asked = [event for event in face.seen if event.kind == "approval.asked"]
        assert asked[0].data["kind"] == "plan"
        changing = {
            event.step for event in face.seen if event.kind == "step.started" and event.data["effect"] != "read"
        }
        additions = [event.data["added"] for event in face.seen if event.kind == "plan.revised"][1:]
        added = [set(map(str, names)) & changing for names in additions if isinstance(names, list)]
        assert {"pending"} in added
        assert any({"remedy-1", "remedy-2"} <= names for names in added)
        assert len(asked) == 1 + sum(1 for names in added if names), "each addition is asked once, as one"
        assert len({event.data["digest"] for event in asked}) == len(asked)
        document = json.loads(world.safemig("report", "--format", "json").stdout)
        check_document(document)
        check_database(world, document)
        check_no_password(world)
