"""What others wrote reaches no terminal with control characters, whichever command prints it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from safemig.cli.main import COMMANDS, run_cli
from safemig.cli.printing import escaped, out
from safemig.reports.terminal import COLOURS
from tests.imports import ROOT

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31mowlish\x9b2K\x7f\x08\r\u202etxt\u2066\U000e0041"
WORD = EVIL.replace("\r", "")  # a carriage return would end the item's line
CONTROLS = {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))} | set("\u202e\u2066\U000e0041")
NAMELESS = {"runs", "report", "status"}  # say nothing here that the project has a word in


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose names, items, targets and services all hold control characters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    (root / "alembic" / "versions").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (root / "alembic" / "env.py").write_text("")
    (root / "alembic" / "versions" / f"{EVIL.replace('/', '')}.py").write_text(f"revision = {EVIL!r}\n")
    (root / f"plan {EVIL}.md").write_bytes(f"# Plan {WORD}\n\n## Phase 1 {WORD}\n\n- [ ] do {WORD}\n".encode())
    (root / "Makefile").write_bytes(f"run:\n\tdocker-compose up # {EVIL}\n".encode())
    (root / "docker-compose.yml").write_text(json.dumps({"services": {EVIL: {"image": EVIL}}}))
    monkeypatch.chdir(root)
    return root


def _lines() -> dict[str, list[str]]:
    plan = f"plan {EVIL}.md"
    return {
        "status": ["status"],
        "status json": ["status", "--json"],
        "plan": ["plan", "--spec", plan],
        "plan json": ["plan", "--spec", plan, "--json"],
        "checklist": ["checklist", "--phase", "1", "--spec", plan],
        "checklist json": ["checklist", "--phase", "1", "--spec", plan, "--json"],
        "tick": ["tick", f"{plan}:5"],
        "tick no item": ["tick", f"{plan}:1"],
        "tick no file": ["tick", f"{EVIL}:1"],
        "tick proposed": ["tick", "--proposed", "--phase", "1", "--spec", plan],
        "verify": ["verify", "--spec", plan],
        "runs": ["runs"],
        "report": ["report", EVIL],
        "permissions": ["permissions", "--why", EVIL],
        "permissions json": ["permissions", "--why", EVIL, "--json"],
        "revoke": ["permissions", "--revoke", EVIL],
        "lint": ["lint", "--risk", f"alembic/versions/{EVIL}.py"],
        "lint json": ["lint", "--risk", f"alembic/versions/{EVIL}.py", "--json"],
        "compose-edit": ["compose-edit"],
        "no such folder": ["runs", "--project", EVIL],
        "no such command": [EVIL],
        "no such argument": ["runs", EVIL],
        "no such format": ["report", "--format", EVIL],
    }


@pytest.mark.parametrize("name", _lines())
def test_no_command_prints_control_characters(project: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    run_cli(_lines()[name])
    printed = "".join(capfd.readouterr())
    assert printed
    assert CONTROLS & set(printed) == set()
    assert "owlish" in printed or name in NAMELESS


def test_a_broken_configuration_is_told_without_them(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "safemig.yaml").write_text(json.dumps({EVIL: 1}))
    assert run_cli(["status"]) == 2
    printed = capfd.readouterr().err
    assert "owlish" in printed
    assert CONTROLS & set(printed) == set()


def test_safemigs_own_colours_stay_and_others_go(capsys: pytest.CaptureFixture[str]) -> None:
    own = "".join(f"\x1b[{code}m{name}\x1b[0m" for name, code in COLOURS.items())
    out(f"{own}\x1b[5mblink\x1b[2J\tx\n", coloured=True)
    assert capsys.readouterr().out == f"{own}blink\tx\n"


def test_json_stays_the_same_value() -> None:
    text = json.dumps({EVIL: [EVIL, "é\u2028"]}, ensure_ascii=False)
    assert json.loads(escaped(text)) == json.loads(text)
    assert CONTROLS & set(escaped(text)) == set()
    assert "é" in escaped(text)


def test_nothing_of_the_command_line_writes_past_that_place() -> None:
    past = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "safemig" / "cli").glob("*.py")
        if path.name != "printing.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if ast.unparse(node).startswith(("sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer", "print("))
        and isinstance(node, ast.Attribute | ast.Call)
    ]
    assert past == []
    assert COMMANDS
