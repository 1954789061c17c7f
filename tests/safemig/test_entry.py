"""The console script's import path: nothing of the project is left in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from safemig import entry
from safemig.entry import clean_path

LIB = ["/usr/lib/python3.11", "/venv/site-packages"]


@pytest.mark.parametrize(
    ("path", "pythonpath", "kept"),
    [
        (["/p", *LIB], "", LIB),
        (["", *LIB], "", LIB),
        ([".", *LIB], "", LIB),
        (["/p", "/p", *LIB], "/p", LIB),
        (["/p/", *LIB], "", LIB),
        (["/x/../p", *LIB], "", LIB),
        (["/other", *LIB], "/other", LIB),
        (["/other", *LIB], "/other/", LIB),
        (["/p", "/a", "/b", *LIB], ".:/a:/b", LIB),
        (["/p", "/a", *LIB], "/a:", LIB),
        (["/p", "/a", *LIB], ":/a", LIB),
        (["/p/src", *LIB], "src", LIB),
        (["/p/src", *LIB], "", ["/p/src", *LIB]),
        (["/else", *LIB], "/a", ["/else", *LIB]),
        (["/safemig", "/p", *LIB], ".", ["/safemig", *LIB]),
        (["/safemig", "/p", *LIB], "/safemig:.", ["/safemig", *LIB]),
        (["/usr/lib/python311.zip", *LIB], ".", ["/usr/lib/python311.zip", *LIB]),
        ([], ".", []),
    ],
)
def test_entries_of_pythonpath_and_folder_go(
    path: list[str], pythonpath: str, kept: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os.path, "realpath", lambda name: os.path.normpath(os.path.join("/p", name)))  # noqa: PTH118
    assert clean_path(path, pythonpath, "/p", "/safemig") == kept


def test_in_its_own_folder_safemig_keeps_itself(tmp_path: Path) -> None:
    own = str(tmp_path)
    assert clean_path([own, "/venv"], ".", own, own) == [own, "/venv"]


def test_a_link_to_the_folder_is_the_folder(tmp_path: Path) -> None:
    project, link = tmp_path / "project", tmp_path / "link"
    project.mkdir()
    link.symlink_to(project)
    assert clean_path([str(link), "/venv"], "", str(project), "/safemig") == ["/venv"]
    assert clean_path([str(project), "/venv"], str(link), "/", "/safemig") == ["/venv"]


SHOW = "import sys; sys.argv = ['safemig', '--version']; from safemig.entry import main; sys.exit(main())"


def test_a_working_folder_that_is_gone_is_no_bug(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f'cd {gone} && rmdir {gone} && exec {sys.executable} -P -c "$1"'
    ended = subprocess.run(["/bin/sh", "-c", line, "sh", SHOW], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("safemig ")


def test_nothing_but_the_standard_library_is_loaded_before_the_path_is_clean() -> None:
    code = "import sys; import safemig.entry; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bare = subprocess.run(
        [sys.executable, "-c", code.replace("import safemig.entry; ", "")], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.split()) - set(bare.stdout.split())
    assert loaded <= {"safemig", *sys.stdlib_module_names}


@pytest.mark.parametrize("name", ["sitecustomize", "safemig", "re", "yaml"])
@pytest.mark.parametrize("way", ["script", "link", "started anew"])
def test_no_module_that_pythonpath_leads_to_is_loaded(tmp_path: Path, name: str, way: str) -> None:
    """Also where it stands in for one that Python itself loads first; and where `.` is the first folder of PATH."""
    script = Path(sys.executable).with_name("safemig")
    if way != "started anew" and not script.read_bytes().startswith(b"#!/bin/sh"):
        pytest.skip("safemig was installed here before its script was one of the shell: make .venv anew")
    (tmp_path / f"{name}.py").write_text("open('loaded', 'w').close()\n")
    for program in ("python3", "readlink"):
        (tmp_path / program).write_text("#!/bin/sh\ntouch loaded\n")
        (tmp_path / program).chmod(0o755)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "link").symlink_to(script)
    line = {"script": [str(script)], "link": ["below/link"], "started anew": entry.line()}[way]
    own = {**os.environ, "PYTHONPATH": ".", "PATH": f".:{os.environ['PATH']}"}
    ended = subprocess.run([*line, "--version"], cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("safemig ")
    assert not (tmp_path / "loaded").exists()
    subprocess.run([sys.executable, "-c", f"import {name}"], cwd=tmp_path, env=own, check=True)
    assert (tmp_path / "loaded").exists(), "the module would have been loaded"
