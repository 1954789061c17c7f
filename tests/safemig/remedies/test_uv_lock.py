"""A renewed lock is the old one with what is new: pins, registries and revision stay."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.remedies import uv_lock, uv_lock_merge

pytestmark = pytest.mark.integration

PROJECT = """[project]
name = "catalogue"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["base-part<2"]

[project.optional-dependencies]
dev = ["runner"]

[tool.uv]
package = false
"""
WANTED = PROJECT.replace("<2", "").replace('["runner"]', '["runner", "client"]')


def _wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> None:
    """A wheel that holds one empty module."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{module}.py": "",
        f"{info}/METADATA": meta + "".join(f"Requires-Dist: {other}\n" for other in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text)}\n"
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all the registry there is."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "1.5", "2.0"):
        _wheel(wheels, "base-part", version)
    _wheel(wheels, "runner", "1.0")
    _wheel(wheels, "client", "3.0", ("base-part", "helper"))
    _wheel(wheels, "helper", "0.1")
    for name, value in {"FIND_LINKS": str(wheels), "NO_INDEX": "1", "OFFLINE": "1"}.items():
        monkeypatch.setenv(f"UV_{name}", value)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return wheels


@pytest.fixture
def uv() -> tuple[str, ...]:
    """The uv of our own dependencies."""
    found = [way for way in uv_lock.ways(which=lambda name: None) if way.source == "package"]
    if not found:
        pytest.skip("the uv package is not installed")
    return found[0].argv


def _project(folder: Path, text: str, uv: tuple[str, ...]) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(text)
    subprocess.run([*uv, "lock", "-q"], cwd=folder, check=True)
    return folder


def _packages(text: str) -> Mapping[str, Mapping[str, Any]]:
    return {package["name"]: package for package in tomllib.loads(text)["package"]}


def test_only_what_is_new_differs(tmp_path: Path, index: Path, uv: tuple[str, ...]) -> None:
    folder = _project(tmp_path / "p", PROJECT, uv)
    old = (folder / "uv.lock").read_text()
    new = uv_lock.renew(folder, WANTED, uv=uv)
    before, after = _packages(old), _packages(new)
    assert after["base-part"]["version"] == "1.5"
    for name in ("base-part", "runner"):
        assert after[name] == before[name]
    assert set(after) - set(before) == {"client", "helper"}
    assert after["catalogue"]["optional-dependencies"]["dev"] == [{"name": "client"}, {"name": "runner"}]
    # Nothing of the project was touched.
    assert (folder / "uv.lock").read_text() == old
    assert (folder / "pyproject.toml").read_text() == PROJECT
    assert {path.name for path in folder.iterdir()} == {"pyproject.toml", "uv.lock"}


def test_the_new_lock_really_installs_the_new_package(tmp_path: Path, index: Path, uv: tuple[str, ...]) -> None:
    folder = _project(tmp_path / "p", PROJECT, uv)
    sync = [*uv, "sync", "-q", "--frozen", "--all-extras", "--python", sys.executable]
    (folder / "pyproject.toml").write_text(WANTED)
    subprocess.run(sync, cwd=folder, check=True)
    assert not list(folder.glob(".venv/lib/*/site-packages/client.py")), "an old lock installs nothing new"
    (folder / "uv.lock").write_text(uv_lock.renew(folder, WANTED, uv=uv))
    subprocess.run(sync, cwd=folder, check=True)
    assert list(folder.glob(".venv/lib/*/site-packages/client.py"))
    subprocess.run([*uv, "lock", "--check", "-q"], cwd=folder, check=True)


def test_revision_and_foreign_registry_stay(tmp_path: Path, index: Path, uv: tuple[str, ...]) -> None:
    folder = _project(tmp_path / "p", PROJECT, uv)
    text = (folder / "uv.lock").read_text()
    registry = _packages(text)["runner"]["source"]["registry"]
    foreign = text.replace(f'registry = "{registry}"', 'registry = "https://mirror.example/simple"')
    foreign = re.sub(r"^revision = \d+\n", "revision = 1\n", foreign, flags=re.MULTILINE)
    foreign = foreign.replace(f'path = "{registry}/', 'url = "https://mirror.example/f/')
    (folder / "uv.lock").write_text(foreign)
    new = uv_lock.renew(folder, WANTED, uv=uv)
    assert tomllib.loads(new)["revision"] == 1
    before, after = _packages(foreign), _packages(new)
    assert {name: after[name] for name in before if name != "catalogue"} == {
        name: before[name] for name in before if name != "catalogue"
    }
    assert after["client"]["source"] == {"registry": "https://mirror.example/simple"}
    assert f'registry = "{registry}"' not in new


def test_line_endings_stay(tmp_path: Path, index: Path, uv: tuple[str, ...]) -> None:
    folder = _project(tmp_path / "p", PROJECT, uv)
    (folder / "uv.lock").write_bytes((folder / "uv.lock").read_bytes().replace(b"\n", b"\r\n"))
    new = uv_lock.renew(folder, WANTED, uv=uv)
    assert new.count("\n") == new.count("\r\n")


def test_a_dynamic_version_runs_no_code_of_the_project(tmp_path: Path, index: Path, uv: tuple[str, ...]) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    mark = tmp_path / "ran"
    (folder / "backend.py").write_text(f"open({str(mark)!r}, 'w')\n")
    text = PROJECT.replace('version = "0.1"', 'dynamic = ["version"]').replace("package = false", "package = true")
    text += '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(text)
    first = uv_lock.renew(folder, text, uv=uv)
    # A lock that uv itself made of such a project names no version.
    old = first.replace('name = "catalogue"\nversion = "0"\n', 'name = "catalogue"\n')
    (folder / "uv.lock").write_text(old)
    new = uv_lock.renew(folder, text.replace('["runner"]', '["runner", "client"]'), uv=uv)
    assert "version" not in _packages(new)["catalogue"]
    assert "client" in _packages(new)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (WANTED.replace('"client"', '"nowhere"'), "nowhere"),
        (WANTED.replace('"base-part"', '"base-part>=2"'), r"base-part 1.5 -> 2.0"),
        (PROJECT.replace('version = "0.1"', 'version = "0.1"\ndynamic = ["optional-dependencies"]'), "build backend"),
        ("[project", "TOML"),
        (PROJECT + '[tool.uv.sources]\nrunner = { path = "../x" }\n', "lies outside"),
    ],
)
def test_what_cannot_be_renewed_is_said(tmp_path: Path, index: Path, uv: tuple[str, ...], text: str, word: str) -> None:
    folder = _project(tmp_path / "p", PROJECT, uv)
    with pytest.raises(uv_lock.NotRenewed, match=word):
        uv_lock.renew(folder, text, uv=uv)


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_other_locks_are_named_with_their_command(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    assert uv_lock.kind(tmp_path) == name
    with pytest.raises(uv_lock.NotRenewed, match=f"{name} is not renewed.*run: p"):
        uv_lock.renew(tmp_path, PROJECT, uv=("uv",))


def test_without_uv_the_command_is_said(tmp_path: Path) -> None:
    with pytest.raises(uv_lock.NotRenewed, match="run: uv lock"):
        uv_lock.renew(tmp_path, PROJECT, uv=(str(tmp_path / "missing"),))
    with pytest.raises(uv_lock.NotRenewed, match="uv lock"):
        uv_lock.renew_any(tmp_path, PROJECT, ())


def test_the_container_way_leaves_nothing_behind(tmp_path: Path, index: Path, uv: tuple[str, ...]) -> None:
    """The same script as in a container, with ``env`` as what leads into it."""
    folder = _project(tmp_path / "p", PROJECT, uv)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    new = uv_lock.renew(folder, WANTED, uv=("env", f"TMPDIR={scratch}", *uv))
    assert new == uv_lock.renew(folder, WANTED, uv=uv)
    assert not list(scratch.iterdir())


def test_the_first_way_that_can_is_taken(tmp_path: Path, index: Path, uv: tuple[str, ...]) -> None:
    folder = _project(tmp_path / "p", PROJECT, uv)
    ways = (uv_lock.Uv((str(tmp_path / "broken"),), "host"), uv_lock.Uv(uv, "package"))
    renewed = uv_lock.renew_any(folder, WANTED, ways)
    assert renewed.source == "package"
    assert re.match(r"\d+\.\d+", renewed.version)


def test_a_way_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "uv"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    ways = uv_lock.ways(("false",), which=lambda name: str(broken))
    assert {way.source for way in ways} <= {"package"}


LOCK = """version = 1
revision = 2
requires-python = ">=3.11"

[[package]]
name = "a"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://files.example/aa/a-1.0.tar.gz", hash = "sha256:00", size = 1 }

[[package]]
name = "x"
source = { virtual = "." }
dependencies = [
    { name = "a" },
]

[package.metadata]
requires-dist = [{ name = "a" }]
"""
NEWER = (
    LOCK.replace("revision = 2", "revision = 5")
    .replace("https://pypi.org/simple", "https://ours.example/simple")
    .replace("https://files.example/", "https://ours.example/files/")
    .replace("size = 1 }", 'size = 1, upload-time = "2025-01-01T00:00:00Z" }')
    .replace(
        '[[package]]\nname = "x"',
        '[[package]]\nname = "b"\nversion = "2.0"\nsource = { registry = "https://ours.example/simple" }\n'
        'sdist = { url = "https://ours.example/files/bb/b-2.0.tar.gz", hash = "sha256:01", size = 1,'
        ' upload-time = "2025-01-01T00:00:00Z" }\n\n[[package]]\nname = "x"',
    )
    .replace('    { name = "a" },\n]', '    { name = "a" },\n    { name = "b" },\n]')
)


def test_new_entries_are_written_as_the_old_lock_would() -> None:
    merged = uv_lock_merge.merge(LOCK, NEWER)
    block = merged[merged.index('name = "b"') : merged.index('name = "x"')]
    assert 'registry = "https://pypi.org/simple"' in block
    assert "https://files.example/bb/b-2.0.tar.gz" in block
    assert "upload-time" not in merged
    assert "ours.example" not in merged
    assert merged.startswith("version = 1\nrevision = 2\n")
    assert {"name": "b"} in _packages(merged)["x"]["dependencies"]


def test_the_same_lock_merges_to_itself() -> None:
    assert uv_lock_merge.merge(LOCK, LOCK) == LOCK


def test_another_format_is_refused() -> None:
    with pytest.raises(uv_lock_merge.Unmergeable, match="lock version 2"):
        uv_lock_merge.merge(LOCK, LOCK.replace("version = 1\nrev", "version = 2\nrev"))


@given(st.text(alphabet='[]package\n"=av10{}. ', max_size=80))
def test_no_text_breaks_the_merge(noise: str) -> None:
    try:
        merged = uv_lock_merge.merge(LOCK + noise, LOCK)
    except uv_lock_merge.Unmergeable:
        return
    assert tomllib.loads(merged)
