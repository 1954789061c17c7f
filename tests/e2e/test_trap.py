"""The trap of the demo: autogenerate before the models exist writes a migration that drops and makes nothing new.

Without safemig it passes with 0. In the place of the planned file it is refused, and the reason is said.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from safemig.cli.opening import Opened, open_project
from safemig.journal.events import Event
from safemig.journal.messages import Message
from tests.e2e.world import BASE, Demo, ScriptedFace, demo

pytestmark = pytest.mark.slow

_UNIQUE = "SELECT conname FROM pg_constraint WHERE contype = 'u' AND connamespace = 'public'::regnamespace"
_TABLE = "SELECT 1 FROM pg_tables WHERE tablename = 'course_rating'"


def test_the_wrong_migration_passes_without_safemig_and_is_refused_with_it(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world:
        wrong = _fall_into_it(world)
        face = ScriptedFace(world, "run", "--mode", "default")
        replaced: list[Path] = []

        def answer(event: Event) -> Message:
            if event.step == "migrate" and not replaced:
                replaced.append(_put(world, wrong))
            return Message("decide", id=str(event.data["id"]), answer="once")

        assert face.play(answer) == 1, face.seen[-1]
        assert replaced, "the planned file was there before the question about the migration"
        _check_refused(world)


def _fall_into_it(world: Demo) -> str:
    """By hand, as the project's own commands have it; the text of the file that they write."""
    opened = open_project(argparse.Namespace(project=str(world.folder), command="status"))
    opened.runtime.start_database()
    for words in (["build"], ["migrate"]):
        assert _make(world, opened, words).returncode == 0
    unique = world.rows(_UNIQUE)
    assert unique == {("uq_course_slug",), ("uq_lesson_course_id_position",)}
    for words, typed in ((["create-migration"], "create course rating\n"), (["migrate"], "")):
        done = _make(world, opened, words, typed)
        assert done.returncode == 0, done.stderr
    [file] = _new_files(world)
    text = file.read_text(encoding="utf-8")
    assert world.rows("SELECT version_num FROM alembic_version") == {(_revision(text),)}
    assert world.rows(_TABLE) == set(), "what the plan asks for is not there"
    assert world.rows(_UNIQUE) == set(), "and what it does not speak of is gone"
    file.unlink()
    opened.runtime.remove_database()
    return text


def _make(world: Demo, opened: Opened, words: list[str], typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *words], cwd=world.folder, env={**os.environ, **opened.runtime.environment()}, input=typed,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def _new_files(world: Demo) -> list[Path]:
    folder = world.folder / "alembic" / "versions"
    return [path for path in folder.glob("*.py") if not path.name.startswith(BASE)]


def _revision(text: str) -> str:
    found = re.search(r"^revision[^=]*= ['\"](\w+)['\"]", text, re.M)
    assert found
    return found[1]


def _put(world: Demo, wrong: str) -> Path:
    """The wrong file in the place of the planned one, under the planned revision."""
    [planned] = _new_files(world)
    right = planned.read_text(encoding="utf-8")
    assert "course_rating" in right
    planned.write_text(wrong.replace(_revision(wrong), _revision(right)), encoding="utf-8")
    return planned


def _check_refused(world: Demo) -> None:
    document = json.loads(world.safemig("report", "--format", "json").stdout)
    assert document["verdict"] == "failed"
    assert document["schema"]["matches_spec"] is False
    said = {(one["object"], one["aspect"]) for one in document["schema"]["differences"]}
    assert {
        ("table public.course_rating", "missing"),
        ("constraint public.course.uq_course_slug", "missing"),
        ("constraint public.lesson.uq_lesson_course_id_position", "missing"),
    } <= said
    [finished] = world.events("run.finished")
    assert "the schema is not what the spec asked for" in str(finished.data["reason"])
    assert not document["ticked"]
