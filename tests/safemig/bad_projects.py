"""Small projects to be spoiled, and safemig's command line run on them."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.spine.project import ENV, FIRST, INI, PLAIN_PYTEST, SERVICE, SPEC
from tests.trusting import trusting

ENTRY = Path(__file__).parents[2] / "safemig" / "entry.py"
SECRET = "gEheim-4711-pw"
NOWHERE = "db.invalid:5432"
CONFIG = "runtime: process\nsettle: 0.2\ntimeouts: {healthy: 1, database: 1, build: 20, start: 20}\n"
AUTO = ("run", "--mode", "auto", "--json")
OURS = {".safemig", "__pycache__"}
MAKEFILE = """\
build:
\t@echo building

start:
\t@echo starting

migrate:
\t{python} -m alembic upgrade head

test:
\t{python} -m pytest -q -p no:cacheprovider tests
"""
COMPOSE = """\
services:
  api:
    build: .
    command: uvicorn service:app
  db:
    image: postgres:15
    environment:
      POSTGRES_PASSWORD: gEheim-4711-pw
"""


@dataclass(frozen=True)
class Ended:
    """What a command line left: its exit code, what it printed, and what changed in the project's own files."""

    code: int
    out: str
    err: str
    changed: tuple[str, ...]

    @property
    def shown(self) -> str:
        return self.out + self.err

    @property
    def reason(self) -> str:
        """The words of the one error: the only line on stderr, or the verdict's when a run has begun."""
        lines = [line for line in self.err.splitlines() if line.startswith("safemig: ")]
        verdicts = [line for line in self.err.splitlines() if line.startswith("=== ")]
        assert len(lines) + len(verdicts) == 1, self.err
        return (lines + verdicts)[0]


def make(root: Path, where: str = NOWHERE, *, database: str = "shop", config: str = CONFIG) -> Path:
    """A project that would pass, but for its database at ``where``."""
    files = {
        "Makefile": MAKEFILE.format(python=sys.executable),
        "service.py": SERVICE,
        "alembic.ini": INI.format(url=f"postgresql+psycopg://bad:{SECRET}@{where}/{database}"),
        "alembic/env.py": ENV,
        "alembic/versions/1a2b3c4d5e6f_first.py": FIRST,
        "tests/test_truth.py": "def test_truth() -> None:\n    assert True\n",
        "docs/ratings_plan.md": SPEC,
        "safemig.yaml": config,
    }
    for name, text in files.items():
        write(root, name, text)
    return root


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def contents(root: Path) -> dict[str, str]:
    """The project's own files by their content."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not OURS & set(path.relative_to(root).parts)
    }


def safemig(root: Path, *arguments: str, limits: Callable[[], None] | None = None) -> Ended:
    """Runs the console script in ``root``, with no terminal; checks what holds for every end of it."""
    trusting(root)
    before = contents(root)
    ended = subprocess.run(
        [sys.executable, "-B", "-P", str(ENTRY), *arguments],
        cwd=root,
        env={**os.environ, **PLAIN_PYTEST},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=limits,
    )
    after = contents(root)
    changed = tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))
    result = Ended(ended.returncode, ended.stdout, ended.stderr, changed)
    assert "Traceback" not in result.shown
    assert "Warning" not in result.shown
    assert SECRET not in result.shown
    kept = root / ".safemig"
    for path in kept.rglob("*") if kept.is_dir() else ():
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
        assert path.suffix != ".part", "half-written"
    return result


def bound() -> None:
    """Root, too, is bound by the modes of files then: exec gives back no capability that is not in the bounding set."""
    if os.geteuid() == 0:
        for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
            assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
