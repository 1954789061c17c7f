"""A value that is known to be secret stands in nothing that a command prints or writes, wherever it came from."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from safemig.cli.main import run_cli
from tests.trusting import trusting

ENV, OTHER, COMPOSE, URL = (f"Zk{number}-hides-{7919 * number:06}Qx" for number in range(1, 5))
VALUES = (ENV, OTHER, COMPOSE, URL)
SAID = " and ".join(VALUES)
REVISION = f'''"""first"""
from alembic import op

revision = "4f1d2c3b5a69"
down_revision = None


def upgrade() -> None:
    op.execute("DELETE FROM notes WHERE words = '{SAID}'")


def downgrade() -> None:
    op.execute("DROP TABLE {SAID}")
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that says its secrets in a recipe, a revision and a checklist, where no place gives them away."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    (root / "alembic" / "versions").mkdir(parents=True)
    (root / ".git").mkdir()
    url = f"postgresql://app:{URL}@127.0.0.1:1/app"
    (root / "alembic.ini").write_text(f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {url}\n")
    (root / "alembic" / "env.py").write_text("")
    (root / "alembic" / "versions" / "first.py").write_text(REVISION)
    (root / ".env").write_text(f"RELAY={ENV}\n")
    (root / ".env.local").write_text(f"MORE={OTHER}\n")
    service = {"image": "x", "environment": {"RELAY": COMPOSE}}
    (root / "docker-compose.yml").write_text(json.dumps({"services": {"app": service}}))
    (root / "Makefile").write_text(f"test:\n\techo {SAID}\nmigrate:\n\techo {SAID}; alembic upgrade head\n")
    (root / "plan.md").write_text(f"# Plan\n\n## Phase 1\n\n- [ ] tell {SAID}\n- [ ] run `psql -c 'drop {ENV}'`\n")
    (root / "safemig.yaml").write_text("runtime: process\n")
    trusting(root)
    monkeypatch.chdir(root)
    return root


LINES = (
    "status",
    "status --json",
    "plan --spec plan.md",
    "plan --spec plan.md --json",
    "plan --spec plan.md --out told.txt",
    "plan --spec plan.md --json --out told.json",
    "checklist --spec plan.md --phase 1",
    "checklist --spec plan.md --phase 1 --json",
    "verify --spec plan.md",
    "tick --spec plan.md --phase 1",
    "tick plan.md:5",
    "trust",
    "trust --json",
    "show --look",
    "lint --risk alembic/versions/first.py",
    "lint --risk alembic/versions/first.py --json",
    f"report {ENV}",
    f"permissions --revoke {ENV}",
    "permissions --why make&test",
    f"permissions --why rm&{ENV}",
    f"permissions --why rm&{ENV} --json",
)


@pytest.mark.parametrize("line", LINES)
def test_no_command_prints_a_value_that_is_known_to_be_secret(
    project: Path, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run_cli([word.replace("&", " ") for word in line.split()])
    told = [*capfd.readouterr(), *(path.read_text() for path in project.glob("told.*"))]
    assert "".join(told)
    assert [value for value in VALUES for text in told if value in text] == []


def test_judged_lines_come_back_without_them(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.is_dir()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(f"rm {SAID}").encode())))
    assert run_cli(["permissions", "--why-lines", "-"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["line"].startswith("rm ***")
    assert [value for value in VALUES if value in str(answer)] == []
