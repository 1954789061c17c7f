"""`project: {folder, copy}`: what is copied, when, and that the original stays clean."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from safemig.cli import copying, demo_copy
from safemig.cli.errors import UsageError
from safemig.project.config_schema import Config, ProjectConfig


def configured(root: Path, folder: str) -> Config:
    return Config(file=root / "safemig.yaml", project=ProjectConfig(folder=folder, copy=".safemig/copy"))


def test_a_copy_is_made_once_and_only_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "Makefile").write_text("start:\n")
    config = configured(tmp_path, "shop")
    assert copying.root_of(config, make=False) is None
    root = copying.root_of(config, make=True)
    assert root == tmp_path / ".safemig" / "copy"
    (root / "Makefile").write_text("changed")
    assert copying.root_of(config, make=True) == copying.root_of(config, make=False) == root
    assert (root / "Makefile").read_text() == "changed"
    assert (tmp_path / "shop" / "Makefile").read_text() == "start:\n"
    assert (tmp_path / ".safemig" / ".gitignore").read_text() == "*\n"


def test_the_demo_of_another_checkout_is_copied_as_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo_copy.DEMO, tmp_path / "demo", ignore=shutil.ignore_patterns(".venv", ".safemig", "uv.lock"))
    taken: list[Path | None] = []
    monkeypatch.setattr(copying, "docker_answers", lambda: False)
    monkeypatch.setattr(demo_copy, "copy_demo", lambda target, runtime, source=None: taken.append(source))
    copying.root_of(configured(tmp_path, "demo"), make=True)
    assert taken == [tmp_path / "demo"]


def test_a_demo_that_cannot_be_copied_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise demo_copy.DemoError("The demo's dependencies cannot be locked: no registry", "uv lock", "Try again.")

    monkeypatch.setattr(copying, "docker_answers", lambda: False)
    monkeypatch.setattr(demo_copy, "copy_demo", refuse)
    (tmp_path / "demo" / "backend").mkdir(parents=True)
    shutil.copy(demo_copy.DEMO / "backend" / "pyproject.toml", tmp_path / "demo" / "backend")
    with pytest.raises(UsageError, match="cannot be locked"):
        copying.root_of(configured(tmp_path, "demo"), make=True)


@pytest.mark.parametrize("made", [False, True])
def test_no_link_leads_the_copy_out_of_the_folder(tmp_path: Path, made: bool) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    (home / "service").mkdir(parents=True)
    (outside / "copy").mkdir(parents=True) if made else outside.mkdir()
    (home / "work").symlink_to(outside)
    config = Config(file=home / "safemig.yaml", project=ProjectConfig(folder="service", copy="work/copy"))
    with pytest.raises(UsageError, match="leads out of"):
        copying.root_of(config, make=True)
    assert not list(outside.rglob("*.*"))
