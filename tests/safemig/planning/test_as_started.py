"""What stops or starts a part of what the start command brings up is for that very project of compose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from safemig.planning.collect.commands import commands_of
from safemig.planning.planner import draft
from safemig.planning.startup.reading import as_started
from safemig.project.config import Config
from safemig.project.layout import discover
from tests.safemig.plans import FACTS

COMPOSE = 'services: {web: {build: .}, store: {image: "postgres:15"}}\n'


def started(root: Path, start: str, *words: str) -> str:
    files: Mapping[str, str] = {
        "Makefile": f"WITH = -p yard\nstart:\n\t{start}\nmigrate:\n\tdocker compose exec web alembic upgrade head\n",
        "compose.yaml": COMPOSE,
        "infra/compose.yaml": COMPOSE,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    project = discover(root)
    return as_started(project, commands_of(project, Config()), *words)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ("docker compose up -d --wait web", "docker compose stop store"),
        (
            "docker compose $(WITH) -f infra/compose.yaml up -d",
            "docker compose -p yard -f infra/compose.yaml stop store",
        ),
        ("COMPOSE_PROJECT_NAME=yard docker compose up", "COMPOSE_PROJECT_NAME=yard docker compose stop store"),
        ("cd infra && docker compose --profile all up -d", "cd infra && docker compose --profile all stop store"),
        ("./launcher", ""),
    ],
)
def test_in_the_folder_and_for_the_project_of_the_start(start: str, stop: str, tmp_path: Path) -> None:
    assert started(tmp_path, start, "stop", "store") == stop


def test_the_undo_of_each_step_is_the_stop_of_what_it_started() -> None:
    facts = replace(
        FACTS,
        runtime="docker",
        commands={name: each for name, each in FACTS.commands.items() if name != "stop"},
        database_alone="docker compose -p yard up -d store",
        database_stop="docker compose -p yard stop store",
        service_stop="docker compose -p yard stop",
        start_unread=True,
        current=None,
        pending=None,
    )
    steps = {step.id: step.undo for step in draft(facts).steps}
    assert steps["database-alone"] == "`docker compose -p yard stop store`"
    assert steps["start"] == "`docker compose -p yard stop`"
