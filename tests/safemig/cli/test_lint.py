"""`safemig lint --risk`: what revision files may lose, without a project or a database."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from safemig.cli.main import run_cli

HEAD = (
    "from alembic import op\nimport sqlalchemy as sa\n\n\ndef upgrade():\n    {up}\n\n\ndef downgrade():\n    {down}\n"
)


def _file(folder: Path, name: str, up: str, down: str = 'op.drop_column("t", "c")') -> str:
    path = folder / name
    path.write_text(HEAD.format(up=up, down=down), encoding="utf-8")
    return str(path)


def test_one_object_for_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        _file(tmp_path, "a.py", "op.add_column('t', sa.Column('c', sa.Text()))"),
        _file(tmp_path, "b.py", "op.execute('TRUNCATE t')"),
        _file(tmp_path, "c.py", "op.execute('GRANT SELECT ON t TO PUBLIC')"),
    ]
    assert run_cli(["lint", "--risk", *files, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["file"], row["loses"]) for row in rows] == list(zip(files, [False, True, False], strict=True))
    assert rows[0]["risks"] == []
    assert rows[1]["risks"] == [{"line": 6, "kind": "data loss", "what": "takes rows away (TRUNCATE t)"}]
    assert [risk["kind"] for risk in rows[2]["risks"]] == ["weakens access"]


def test_lines_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _file(tmp_path, "a.py", "op.drop_table('t')")
    clean = _file(tmp_path, "b.py", "op.create_table('t')")
    assert run_cli(["lint", "--risk", file, clean]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{file}:6: data loss: drops the table t with its data"
    assert second == f"{clean}: nothing is known to be lost or to need a question"


@pytest.mark.parametrize("what", ["missing", "pipe", "device", "folder", "binary", "large"])
def test_what_cannot_be_read_counts_as_a_loss(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.py"
    match what:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "binary":
            path.write_bytes(b"\xff\xfe")
        case "large":
            path.write_bytes(b"#" * 2_000_001)
    assert run_cli(["lint", "--risk", str(path), "--json"]) == 2
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["loses"], [risk["kind"] for risk in row["risks"]]) == (True, ["unknown"])


def test_no_secret_and_no_control_character_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _file(
        tmp_path, "a.py", r"op.execute('ALTER ROLE r PASSWORD \'hunter2hunter2\'')" + "\n    op.\x1bdrop('\\x1b[2J')"
    )
    run_cli(["lint", "--risk", file])
    run_cli(["lint", "--risk", file, "--json"])
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert "\x1b" not in out


def test_without_risk_the_sql_is_given_to_squawk_and_what_cannot_be_told_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        _file(tmp_path, "a.py", 'op.create_index("ix", "book", ["n"])'),
        _file(tmp_path, "b.py", "[op.drop_column('t', name) for name in ('a', 'b')]"),
    ]
    assert run_cli(["lint", *files, "--json"]) == 0
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ("require-concurrent-index-creation", "CREATE INDEX ix ON book (n)") in [
        (row["rule"], row["statement"].rstrip(";")) for row in first["squawk"]
    ]
    assert (second["squawk"], "is not evaluated" in second["unread"]) == ([], True)
    assert run_cli(["lint", files[0]]) == 0
    assert f"{files[0]}: squawk require-concurrent-index-creation: " in capsys.readouterr().out
