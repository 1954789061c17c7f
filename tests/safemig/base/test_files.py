"""What is no regular file, or is too large, is an error within seconds wherever a project's file is read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from safemig.base import files
from tests.imports import ROOT

SECONDS = 20
SETUP = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20))
place = Path(sys.argv[1])
"""
READERS = {
    "configuration": ("safemig.yaml", "from safemig.project.config import load; load(place.parent)"),
    "Makefile": ("Makefile", "from safemig.shell.makefile import read_makefile; read_makefile(place)"),
    "included Makefile": (
        "more.mk",
        "(place.parent / 'Makefile').write_text('include more.mk\\n')\n"
        "from safemig.shell.makefile import read_makefile; read_makefile(place.parent / 'Makefile')",
    ),
    "Makefile's effect": (
        "Makefile",
        "from safemig.shell.make_effects import effect_in_folder; print(effect_in_folder('make x', place.parent))",
    ),
    "compose file": (
        "compose.yaml",
        "from safemig.project.compose_yaml import load\nproblems = []\nload(place, problems)\nprint(problems)",
    ),
    "variables": (".env", "from safemig.project.env_files import read_env_file; print(read_env_file(place, {}))"),
    "specification": ("plan.md", "from safemig.plan_document.document import read; read(place, place.parent)"),
    "Dockerfile": (
        "Dockerfile",
        "from safemig.project.dockerfile import read_image; print(read_image(place))",
    ),
    "ini": ("alembic.ini", "from safemig.project.alembic_config import read_ini; print(read_ini(place))"),
    "revision": (
        "0001_first.py",
        "from checks.revisions.graph import read_graph; print(read_graph([place.parent]).problems)",
    ),
    "revision's contents": (
        "0001_first.py",
        "from safemig.planning.collect.revision_contents import changed\n"
        "from safemig.planning.facts import RevisionFact\n"
        "print(changed(place.parent, [RevisionFact('1', place.name, '')]))",
    ),
    "revision's style": (
        "0001_first.py",
        "from checks.revisions.style_header import read_sources; print(read_sources([str(place)]))",
    ),
    "edit": ("models.py", "from safemig.base.file_edit import read; read(place.parent, place.name)"),
    "source": ("models.py", "from checks.source.symbols import Tree; print(Tree(place.parent, ()).text(place.name))"),
    "digest": ("models.py", "from checks.source.symbols import Tree; print(Tree(place.parent, ()).digest(place.name))"),
    "whole project": (
        "Makefile",
        "from safemig.project.config import load\nfrom safemig.project.layout import discover\n"
        "print(discover(place.parent, load(place.parent)).problems)",
    ),
    "lint": ("0001_first.py", "from safemig.cli.main import run_cli; run_cli(['lint', '--risk', str(place)])"),
    "tick": ("plan.md", "from safemig.cli.main import run_cli; run_cli(['tick', f'{place}:1'])"),
}


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)  # sparse: 3 GB that take no place on the disk


KINDS: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "huge": _huge,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_waits_for_a_file_or_takes_it_without_end(tmp_path: Path, reader: str, kind: str) -> None:
    name, code = READERS[reader]
    KINDS[kind](tmp_path / name)
    ended = subprocess.run(
        [sys.executable, "-c", SETUP + code, str(tmp_path / name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "MemoryError" not in ended.stderr
    last = (ended.stderr.rstrip().splitlines() or [""])[-1]
    known = ("OSError", "safemig.project.config_schema.ConfigError", "safemig.base.file_edit.")
    assert "Traceback" not in ended.stderr or last.startswith(known), ended.stderr


def test_what_is_within_bounds_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xc3\xa9\r\n")
    assert files.content(path, 4) == b"\xc3\xa9\r\n"
    assert files.text(path) == "é\n"
    assert files.head(path, 2) == "é"
    with pytest.raises(OSError, match="larger than 3 bytes"):
        files.content(path, 3)
    with pytest.raises(OSError, match="no regular file"):
        files.content(tmp_path)


BOMBS = {
    "ini": (
        "alembic.ini",
        "[alembic]\nscript_location = %(a0)s\n" + "".join(f"a{n} = {f'%(a{n + 1})s' * 8}\n" for n in range(12)),
        "from safemig.project.alembic_config import find_trees; find_trees(place.parent)",
    ),
    "aliases": (
        "compose.yaml",
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "from safemig.project.compose_yaml import load\nproblems = []\nload(place, problems)\nassert problems",
    ),
    "merges": (
        "compose.yaml",
        "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)),
        "from safemig.project.compose_yaml import load\nproblems = []\nload(place, problems)\nassert problems",
    ),
    "prerequisites": (
        "Makefile",
        "".join(f"{side}{n}: a{n + 1} b{n + 1}\n\techo {side}{n}\n" for n in range(40) for side in "ab"),
        "from safemig.shell.makefile import whole_recipe\n"
        "from safemig.shell.make_effects import effect_in_folder\n"
        "from safemig.shell.makefile import read_makefile\n"
        "assert len(list(whole_recipe(read_makefile(place), 'a0'))) == 79\n"
        "effect_in_folder('make a0', place.parent)",
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_that_unfolds_without_end_is_given_up(tmp_path: Path, kind: str) -> None:
    name, content, code = BOMBS[kind]
    (tmp_path / name).write_text(content)
    ended = subprocess.run(
        [sys.executable, "-c", SETUP + code, str(tmp_path / name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
