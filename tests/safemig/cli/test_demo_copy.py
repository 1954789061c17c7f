from __future__ import annotations

import ast
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import uv

from safemig.cli import demo_copy
from safemig.cli.demo_copy import DemoCopy, DemoError, DemoRuntime, copy_demo, free_ports

BACKEND = demo_copy.DEMO / "backend"
PLAN = demo_copy.DEMO / "specs" / "01_backend_ratings_plan.md"
RUNTIMES: tuple[DemoRuntime, ...] = ("docker", "process")


def write_uv(folder: Path, script: str) -> Path:
    """A uv of our own: the lock itself needs a registry, what is done around it does not."""
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def locks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in for uv writes its index and arguments into the lock."""
    fake = write_uv(
        tmp_path_factory.mktemp("uv"),
        'for folder; do :; done; echo "$UV_DEFAULT_INDEX|$*" > "$folder/uv.lock"',
    )
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(fake))
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return fake


def settings(copy: DemoCopy) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in (copy.folder / ".env").read_text().splitlines())


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_docker_copy_keeps_the_project_and_gets_ports_and_a_name_of_its_own(tmp_path: Path) -> None:
    one, two = copy_demo(tmp_path / "one", "docker"), copy_demo(tmp_path / "two", "docker")
    for name in ("Makefile", "docker-compose.yml", "Dockerfile", "alembic.ini", "app/database.py"):
        assert (one.folder / name).read_bytes() == (BACKEND / name).read_bytes()
    assert not (one.folder / "Makefile.process").exists()
    assert settings(one)["API_PORT"] == str(one.api_port)
    assert settings(one)["DB_PORT"] == str(one.db_port)
    assert settings(one)["COMPOSE_PROJECT_NAME"] != settings(two)["COMPOSE_PROJECT_NAME"]
    assert (one.root, one.folder) == (tmp_path / "one", tmp_path / "one" / "backend")


def test_process_copy_needs_no_containers_and_names_a_database_on_this_machine(tmp_path: Path) -> None:
    copy = copy_demo(tmp_path / "copy", "process")
    assert (copy.folder / "Makefile").read_bytes() == (BACKEND / "Makefile.process").read_bytes()
    gone = ("Makefile.process", "docker-compose.yml", "Dockerfile", ".dockerignore")
    assert not [name for name in gone if (copy.folder / name).exists()]
    url = f"postgresql+psycopg://courses:courses@127.0.0.1:{copy.db_port}/courses"
    for name in ("alembic.ini", "app/database.py"):
        text = (copy.folder / name).read_text()
        assert url in text
        assert "@db" not in text
    assert set(settings(copy)) == {"API_PORT", "DB_PORT"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_copy_is_a_git_root_with_everything_but_its_settings_committed(tmp_path: Path, runtime: DemoRuntime) -> None:
    copy = copy_demo(tmp_path / "copy", runtime)
    assert Path(git(copy.folder, "rev-parse", "--show-toplevel").strip()) == copy.root
    assert git(copy.root, "status", "--porcelain") == ""
    tracked = git(copy.root, "ls-files").split()
    assert {"backend/uv.lock", "backend/Makefile", "specs/01_backend_ratings_plan.md"} <= set(tracked)
    assert "backend/.env" not in tracked


def test_copy_inside_a_git_hook_leaves_the_hooks_repository_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(outer / ".git" / "index"))
    copy = copy_demo(tmp_path / "copy", "process")
    assert (copy.root / ".git").is_dir()
    assert not (outer / ".git" / "index").exists()


def test_without_git_the_copy_is_a_plain_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    copy = copy_demo(tmp_path / "copy", "docker")
    assert (copy.folder / "Makefile").is_file()
    assert not (copy.root / ".git").exists()


def test_what_running_in_place_left_behind_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = tmp_path / "used"
    shutil.copytree(demo_copy.DEMO, used)
    left = (".venv/bin/python", ".run/api.pid", ".safemig/runs", "app/__pycache__/main.pyc", ".pytest_cache/x", ".env")
    for name in left:
        path = used / "backend" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left behind")
    (used / "backend" / "uv.lock").write_text("an old lock")
    monkeypatch.setattr(demo_copy, "DEMO", used)
    copy = copy_demo(tmp_path / "copy", "docker")
    assert not [path for path in copy.root.rglob("*") if path.is_file() and path.read_bytes() == b"left behind"]
    assert "an old lock" not in (copy.folder / "uv.lock").read_text()


def test_no_target_means_a_fresh_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one, two = copy_demo(None, "process"), copy_demo(None, "process")
    assert one.root != two.root
    assert one.root.parent == tmp_path


def test_an_empty_folder_is_taken_and_missing_parents_are_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert copy_demo(tmp_path / "empty", "process").root == tmp_path / "empty"
    assert copy_demo(tmp_path / "a" / "b" / "c", "process").folder.is_dir()


@pytest.mark.parametrize("kind", ["folder", "file", "below a file"])
def test_a_target_in_use_is_refused_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "mine"
    if kind == "folder":
        target.mkdir()
        (target / "notes").write_text("mine")
    else:
        target.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    if kind == "below a file":
        target = target / "deeper"
    with pytest.raises(DemoError):
        copy_demo(target, "docker")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("target", ["copy", "made/for/it"])
def test_nothing_is_left_when_the_lock_fails(tmp_path: Path, locks: Path, target: str) -> None:
    write_uv(locks.parent, 'echo "no answer from https://me:hunter2@index.example/simple" >&2; exit 2')
    with pytest.raises(DemoError) as caught:
        copy_demo(tmp_path / target, "docker")
    assert list(tmp_path.iterdir()) == []
    assert "no answer from" in str(caught.value)
    assert "registry can be reached" in caught.value.next
    assert "hunter2" not in str(caught.value)


def test_nothing_is_left_when_there_is_no_uv(tmp_path: Path, locks: Path) -> None:
    locks.unlink()
    with pytest.raises(DemoError, match="cannot be locked"):
        copy_demo(tmp_path / "copy", "docker")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["_turn_into_processes", "_lock", "_commit"])
def test_nothing_is_left_when_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_copy, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        copy_demo(tmp_path / "copy", "process")
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_was_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_copy, "DEMO", tmp_path / "nowhere")
    with pytest.raises(DemoError, match="missing"):
        copy_demo(tmp_path / "copy", "docker")


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({}, ""),
        ({"PIP_INDEX_URL": "https://pip.example/simple"}, "https://pip.example/simple"),
        ({"UV_DEFAULT_INDEX": "https://uv.example/simple"}, "https://uv.example/simple"),
        (
            {"PIP_INDEX_URL": "https://pip.example/simple", "UV_DEFAULT_INDEX": "https://uv.example/simple"},
            "https://uv.example/simple",
        ),
        ({"PIP_INDEX_URL": "https://pip.example/simple", "UV_INDEX_URL": "https://uv.example/simple"}, ""),
    ],
)
def test_the_lock_is_made_from_this_machines_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], index: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    copy = copy_demo(tmp_path / "copy", "docker")
    assert (copy.folder / "uv.lock").read_text().split("|")[0] == index


def test_free_ports_differ_and_can_be_listened_on() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as one:
            one.bind(("127.0.0.1", port))


# The traps of real projects that the demo is there for; without them the main job proves little.


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (BACKEND / makefile).read_text(), re.MULTILINE))


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PLAN.read_text(), re.MULTILINE | re.DOTALL)


def functions(source: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def test_both_makefiles_have_the_same_targets_and_none_for_tests() -> None:
    wanted = {"build", "start", "stop", "restart", "logs", "clean", "migrate", "create-migration", "seed", "help"}
    assert targets("Makefile") == targets("Makefile.process") == wanted


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("makefile", ["Makefile", "Makefile.process"])
def test_make_reads_every_target(makefile: str) -> None:
    line = ["make", "-n", "-f", makefile, *sorted(targets(makefile))]
    shown = subprocess.run(line, cwd=BACKEND, check=True, capture_output=True, text=True).stdout
    assert ("docker-compose up -d" in shown) is (makefile == "Makefile")


@pytest.mark.parametrize(
    ("name", "text", "there"),
    [
        ("Makefile", "docker-compose restart", True),
        ("Makefile", "exec -T", False),
        ("Makefile", "read -p", True),
        ("Makefile.process", "docker", False),
        ("docker-compose.yml", "- .:/app", True),
        ("docker-compose.yml", "version:", False),
        ("Dockerfile", "--reload", True),
        ("Dockerfile", "uv sync --frozen", True),
        ("alembic.ini", "@db:5432/", True),
        ("alembic/env.py", "os.environ", False),
        ("pyproject.toml", "httpx", False),
        ("pyproject.toml", "pytest-asyncio", False),
        ("tests/test_courses.py", "import httpx", True),
        ("tests/test_courses.py", "@pytest.mark.asyncio", True),
        ("app/models.py", "uq_", False),
        ("app/models.py", "course_rating", False),
    ],
)
def test_the_files_hold_their_traps(name: str, text: str, there: bool) -> None:
    assert (text in (BACKEND / name).read_text()) is there


def test_one_revision_makes_what_the_models_do_not_know() -> None:
    (revision,) = (BACKEND / "alembic" / "versions").glob("*.py")
    names = re.findall(r"name='(uq_\w+)'", revision.read_text())
    assert names == ["uq_course_slug", "uq_lesson_course_id_position"]


def test_the_plan_has_a_skeleton_before_the_code_that_counts() -> None:
    skeleton, full = (functions(block) for block in fences("python")[:2])
    assert all(isinstance(node.body[-1], ast.Pass) for node in skeleton.values())
    calls = [ast.unparse(node.func) for node in ast.walk(full["upgrade"]) if isinstance(node, ast.Call)]
    assert calls.count("op.create_table") == 1
    assert calls.count("op.create_index") == 2
    assert {"sa.CheckConstraint", "sa.UniqueConstraint", "sa.ForeignKeyConstraint"} <= set(calls)
    assert "op.drop_table" in ast.unparse(full["downgrade"])


def test_the_plans_sql_differs_from_its_code_in_names_and_in_serial() -> None:
    (sql,), code = fences("sql"), fences("python")[1]
    assert "SERIAL" in sql
    assert "SERIAL" not in code
    by_name = r"\b(?:uq|ck|ix|idx|fk)_\w+|\bcourse_rating_\w+"
    assert not set(re.findall(by_name, sql)) & set(re.findall(by_name, code))


def test_the_checklist_stands_far_from_its_phases_under_ticked_headings() -> None:
    text = PLAN.read_text()
    assert text.count("## Phase 1: Database ✅") == 2
    checklist = text.index("## Checklist")
    assert checklist > text.index("## Phase 3")
    assert text.count("- [ ]", checklist) == 15
    assert "- [ ]" in fences("markdown")[0]
    existing = re.findall(r"- \[ \] .*`((?:app|tests)/\w+\.py)`", text[checklist:])
    assert existing
    assert all((BACKEND / name).exists() for name in existing)


def test_only_one_of_three_specs_asks_for_a_schema_with_items_open() -> None:
    specs = sorted(path for path in demo_copy.DEMO.rglob("*.md"))
    assert len(specs) == 3
    assert len({path.parent for path in specs}) == 2
    asking = [path for path in specs if "create table" in path.read_text().lower().replace("_", " ")]
    assert len(asking) == 2
    assert [path for path in asking if "- [ ]" in path.read_text()] == [PLAN]


def test_no_lock_and_no_registry_is_committed() -> None:
    files = git(demo_copy.DEMO, "ls-files").split()
    assert "backend/Makefile" in files
    assert not [name for name in files if name.endswith("uv.lock")]
    assert not [name for name in files if "index-url" in (demo_copy.DEMO / name).read_text()]
