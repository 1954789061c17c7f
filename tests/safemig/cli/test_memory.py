"""Whatever lies in a project, a look at it ends, and needs less than 200 MB: measured of the process by the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from safemig import entry
from tests.trusting import trusting

MEGABYTES = 200
SECONDS = 120  # no limit that is promised: a hang is longer on any machine
TABLES = "\n".join(f"CREATE TABLE t{number} (id integer primary key, name text not null);" for number in range(30_000))
COLUMNS = "CREATE TABLE big (\n" + ",\n".join(f"  c{n} text not null default 'x{n}'" for n in range(50_000)) + "\n);"
ROWS = "CREATE TABLE x (id int);\nINSERT INTO x VALUES " + ",".join(f"({n})" for n in range(240_000)) + ";"
BRACKETS = "CREATE TABLE x (id int DEFAULT " + "(" * 1_000_000 + "1" + ")" * 1_000_000 + ");"
UPDATES = "UPDATE x SET a = 1;\n" * 100_000
ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
OPTIONS = "".join(f"o{n} = {f'%(o{n - 1})s' * 9}\n" for n in range(1, 12))
DIAMOND = "".join(f"t{n}: t{n + 1} u{n + 1}\nu{n}: t{n + 1} u{n + 1}\n" for n in range(40))


def project(root: Path, sql: str = "CREATE TABLE x (id int primary key);") -> Path:
    (root / "alembic" / "versions").mkdir(parents=True)
    (root / ".git").mkdir()
    url = "postgresql://a:b@127.0.0.1:1/x"
    (root / "alembic.ini").write_text(f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {url}\n")
    (root / "alembic" / "env.py").write_text("")
    (root / "Makefile").write_text("migrate:\n\talembic upgrade head\n")
    (root / "docker-compose.yml").write_text("services: {app: {image: x}}\n")
    (root / "safemig.yaml").write_text("runtime: process\n")
    (root / "plan.md").write_text(f"# Plan\n\n## Phase 1: Data\n\n- [ ] make the table\n\n```sql\n{sql}\n```\n")
    return root


# A small process between: the kernel counts for a child what its parent held when it was forked, and this one is large.
MEASURE = f"""\
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, timeout={SECONDS}, check=False).returncode
with open(sys.argv[1], "w") as file:
    print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
"""


def needed(root: Path, *words: str) -> tuple[int, str]:
    """Megabytes of the largest process, and what was printed. A hang fails."""
    measured = root.parent / "measured.txt"
    line = [sys.executable, "-S", "-c", MEASURE, str(measured), *entry.line(), *words, "--project", str(root)]
    told = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    code, most = map(int, measured.read_text().split())
    assert code in (0, 1, 2, 4), told
    return most // (1024 if sys.platform == "linux" else 1 << 20), told


@pytest.mark.parametrize(
    "sql", [TABLES, COLUMNS, ROWS, BRACKETS, UPDATES], ids=["tables", "columns", "rows", "brackets", "updates"]
)
def test_two_megabytes_of_sql_in_a_spec(tmp_path: Path, sql: str) -> None:
    assert len(sql) > 1_500_000
    root = project(tmp_path / "project", sql)
    trusting(root)
    megabytes, told = needed(root, "plan", "--spec", "plan.md")
    assert "characters is too large to be read; divide it" in told or sql == UPDATES
    assert megabytes < MEGABYTES


def zero(root: Path, name: str) -> None:
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to("/dev/zero")


def pipe(root: Path, name: str) -> None:
    (root / name).unlink(missing_ok=True)
    os.mkfifo(root / name)


FILES = (".env", "Makefile", "alembic.ini", "alembic/env.py", "alembic/versions/a.py", "docker-compose.yml", "plan.md")


@pytest.mark.parametrize("kind", [zero, pipe])
def test_files_that_never_end(tmp_path: Path, kind: Callable[[Path, str], None]) -> None:
    whole = project(tmp_path / "whole")
    trusting(whole)
    for name in FILES[:1] + FILES[3:]:
        kind(whole, name)
    assert needed(whole, "plan", "--spec", "plan.md")[0] < MEGABYTES
    for name in FILES[1:3]:
        kind(whole, name)
    assert needed(whole, "status")[0] < MEGABYTES
    kind(whole, "safemig.yaml")
    megabytes, told = needed(whole, "plan")
    assert "safemig.yaml" in told
    assert megabytes < MEGABYTES


def test_what_unfolds(tmp_path: Path) -> None:
    root = project(tmp_path / "project")
    (root / "docker-compose.yml").write_text(f"{ALIASES}services: {{app: {{image: x, environment: *a9}}}}\n")
    ini = (root / "alembic.ini").read_text()
    (root / "alembic.ini").write_text(f"[DEFAULT]\no0 = xxxxxxxxx\n{OPTIONS}{ini}\nfile_template = %(o11)s\n")
    (root / "Makefile").write_text(f"{DIAMOND}migrate: t0\n\talembic upgrade head\n")
    trusting(root)
    megabytes, told = needed(root, "plan", "--spec", "plan.md")
    assert megabytes < MEGABYTES
    assert "the file_template of the Alembic configuration" in told
    (root / "safemig.yaml").write_text(f"{ALIASES}commands: *a9\n")
    assert needed(root, "status")[0] < MEGABYTES


@pytest.mark.parametrize("name", ["alembic/versions/a.py", "alembic/versions/many.py"])
def test_revisions_of_two_megabytes(tmp_path: Path, name: str) -> None:
    root = project(tmp_path / "project")
    once = "    op.execute('UPDATE x SET a = 1 WHERE b = 2')\n"
    body = once * 40_000 if "many" in name else f"    op.execute('''{ROWS[:1_900_000]}''')\n"
    (root / name).write_text(f"revision = 'a'\ndown_revision = None\n\n\ndef upgrade():\n{body}")
    trusting(root)
    assert needed(root, "lint", "--risk", name)[0] < MEGABYTES
    assert needed(root, "plan", "--spec", "plan.md")[0] < MEGABYTES
