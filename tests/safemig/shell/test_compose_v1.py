"""The docker-compose bridge is made where recipes need it, and the offered edit touches commands only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.shell import compose_v1


def _on_path(*names: str) -> Callable[[str], str | None]:
    return lambda name: f"/bin/{name}" if name in names else None


@pytest.mark.parametrize(
    ("recipe", "there", "needed"),
    [
        ("docker-compose up -d", ("docker",), True),
        ("@docker-compose up -d", ("docker",), True),
        ("cd x && docker-compose ps", ("docker",), True),
        ('@read -p "m: " m; docker-compose exec api alembic', ("docker",), True),
        ("$$(docker-compose ps -q)", ("docker",), True),
        ("X=1 docker-compose up", ("docker",), True),
        ("docker-compose up -d", ("docker", "docker-compose"), False),
        ("docker-compose up -d", (), False),
        ("docker compose -f docker-compose.yml up", ("docker",), False),
        ("./docker-compose up", ("docker",), False),
        ("docker-compose-viz render", ("docker",), False),
        ("cat docker-compose.yml", ("docker",), False),
    ],
)
def test_when_a_bridge_is_needed(recipe: str, there: tuple[str, ...], needed: bool) -> None:
    assert compose_v1.needs_bridge([recipe], _on_path(*there)) is needed


def test_a_variable_may_hold_the_command() -> None:
    which = _on_path("docker")
    assert compose_v1.needs_bridge(["$(DC) up"], which, {"DC": "docker-compose -f a.yml"})
    assert not compose_v1.needs_bridge(["$(DC) up"], which, {"FILE": "docker-compose.yml"})


def test_the_shim_passes_every_argument(tmp_path: Path) -> None:
    shim = compose_v1.shim(tmp_path / "bin")
    fake = tmp_path / "docker"
    fake.write_text('#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\nexit 7\n')
    fake.chmod(0o755)
    path = f"{shim.parent}:{tmp_path}:{os.environ['PATH']}"
    line = 'docker-compose exec api "a b" ""'
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[:-1] == ["[compose]", "[exec]", "[api]", "[a b]", "[]"]
    assert done.returncode == 7
    assert shim.stat().st_mode & 0o777 == 0o700


def test_the_shim_is_mended_but_not_rewritten(tmp_path: Path) -> None:
    shim = compose_v1.shim(tmp_path)
    first = shim.stat().st_ino
    assert compose_v1.shim(tmp_path).stat().st_ino == first
    shim.write_text("#!/bin/sh\nrm -rf /\n")
    compose_v1.shim(tmp_path)
    assert shim.read_text() == compose_v1.SCRIPT
    shim.unlink()
    shim.symlink_to("/bin/true")
    compose_v1.shim(tmp_path)
    assert not shim.is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["docker-compose"]


MAKEFILE = """# docker-compose is needed
DC ?= docker-compose -f docker-compose.yml
FILE := docker-compose.yml
help:
\t@echo "uses docker-compose"
up: ; docker-compose up -d
all:
\t# docker-compose up
\t@docker-compose -f $(FILE) up && docker-compose ps
\tcat docker-compose.yml | docker-compose -f - config
\t@read -p "m: " m; \\
\tdocker-compose exec api echo $$m
"""
EDITED = """# docker-compose is needed
DC ?= docker compose -f docker-compose.yml
FILE := docker-compose.yml
help:
\t@echo "uses docker-compose"
up: ; docker compose up -d
all:
\t# docker-compose up
\t@docker compose -f $(FILE) up && docker compose ps
\tcat docker-compose.yml | docker compose -f - config
\t@read -p "m: " m; \\
\tdocker compose exec api echo $$m
"""


def test_the_edit_touches_commands_only(tmp_path: Path) -> None:
    assert compose_v1.edit_makefile(MAKEFILE) == EDITED
    assert compose_v1.edit_makefile(EDITED) == EDITED
    crlf = MAKEFILE.replace("\n", "\r\n")
    assert compose_v1.edit_makefile(crlf) == EDITED.replace("\n", "\r\n")


def test_the_edited_makefile_calls_the_new_command(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("GNU make is not installed")
    (tmp_path / "Makefile").write_text(compose_v1.edit_makefile(MAKEFILE))
    done = subprocess.run(["make", "-n", "up"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "docker compose up -d"


@given(st.text(alphabet="docker-mps\t\n:=;&@#\\ .", max_size=80))
def test_any_text_keeps_its_lines(text: str) -> None:
    after = compose_v1.edit_makefile(text)
    assert after.count("\n") == text.count("\n")
    assert after.replace("docker compose", "docker-compose") == text.replace("docker compose", "docker-compose")
