"""`safemig permissions --why` and `--why-lines`: lines are judged, none is run."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from safemig.cli.main import run_cli

MAKEFILE = "look: ; @echo hi\nwipe: dep\n\t@echo hi\ndep:\n\trm -rf data\n"
CONFIG = "permissions:\n  deny: ['alembic stamp *']\n  ask: ['docker compose build']\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "safemig.yaml").write_text(CONFIG)
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run_cli(["permissions", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "effect", "answers"),
    [
        ("ls", "read", ("allow", "allow", "allow")),
        ("make look", "read", ("allow", "allow", "allow")),
        ("make wipe", "destructive", ("ask", "deny", "ask")),
        ("make nothing", "destructive", ("ask", "deny", "ask")),
        ("docker compose up -d", "write", ("ask", "deny", "allow")),
        ("docker compose build", "write", ("ask", "deny", "ask")),
        (".venv/bin/alembic -n x stamp head", "destructive", ("deny", "deny", "deny")),
    ],
)
def test_a_line_is_explained_in_each_mode(
    project: Path, capsys: pytest.CaptureFixture[str], line: str, effect: str, answers: tuple[str, str, str]
) -> None:
    found = json.loads(asked(capsys, "--project", str(project), "--json", "--why", line))
    assert (found["line"], found["effect"]) == (line, effect)
    assert found["because"]
    modes = found["modes"]
    assert (modes["default"]["answer"], modes["plan"]["answer"], modes["auto"]["answer"]) == answers
    assert all(each["rule"] for each in modes.values())


def test_the_text_says_the_same_without_control_characters(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = asked(capsys, "--project", str(project), "--why", "echo \x1b[2J")
    assert "\x1b" not in text
    assert "effect:   destructive" in text
    assert "auto:     ask, " in text


def test_many_lines_are_judged_in_one_process(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["ls -la", "rm x\nls", "make wipe", 'echo "ä"']
    given = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    rows = [json.loads(row) for row in asked(capsys, "--project", str(project), "--why-lines", "-").splitlines()]
    assert [row["line"] for row in rows] == lines
    assert [row["effect"] for row in rows] == ["read", "destructive", "destructive", "read"]
    assert [set(row) for row in rows] == [{"line", "effect", "touches", "because"}] * len(lines)


def test_what_is_no_json_string_is_an_error_with_its_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "lines.txt"
    file.write_text('"ls"\n["ls"]\n')
    assert run_cli(["permissions", "--project", str(project), "--why-lines", str(file)]) == 2
    assert "line 2: not a JSON string" in capsys.readouterr().err


def test_lines_from_a_pipe_or_a_device_are_refused_and_one_without_an_end_is_not_waited_for(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(project / "pipe")
    for place in (str(project / "pipe"), "/dev/zero"):
        assert run_cli(["permissions", "--project", str(project), "--why-lines", place]) == 2
        assert "it is no regular file" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.FileIO("/dev/zero"))))
    assert run_cli(["permissions", "--project", str(project), "--why-lines", "-"]) == 2
    assert "line 1: longer than 1,000,000 bytes" in capsys.readouterr().err
