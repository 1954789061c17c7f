"""The command line: every command's options, and the exit codes of what goes wrong at the border."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path

import pytest

from safemig import __version__
from safemig.cli import main as cli
from safemig.cli.errors import UsageError, at_border
from safemig.engine.verdict import EXIT_CODES
from safemig.journal.journal import JournalBroken, JournalUnwritable, RunBusy
from safemig.project.config import ConfigError


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run", "--mode", "yolo"],
        ["run", "--mode"],
        ["run", "extra"],
        ["tick", "plan.md:1", "plan.md:2"],
        ["demo", "--runtime", "podman"],
        ["report", "--format", "html"],
        ["--nonsense"],
        ["init", "--project"],
    ],
)
def test_bad_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_cli(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: safemig" in printed.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_cli(["--version"]) == 0
    assert capsys.readouterr().out == f"safemig {__version__}\n"


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_cli([*([name] if name else []), "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: safemig")
    if not name:
        assert set(cli.COMMANDS) <= set(re.findall(r"^ +([a-z-]+)(?: |$)", printed, re.MULTILINE))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_a_file_with_a_main(name: str) -> None:
    assert callable(importlib.import_module(cli.COMMANDS[name][0]).main)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run"], {"mode": None, "json": False, "events": False, "spec": "", "phase": "", "project": "."}),
        (["run", "--mode", "auto", "--json"], {"mode": "auto", "json": True}),
        (["run", "--spec", "01-backend", "--phase", "2", "-v"], {"spec": "01-backend", "phase": "2", "verbose": True}),
        (["plan", "--json", "--out", "p.json"], {"json": True, "out": "p.json"}),
        (["verify", "--spec", "x", "--phase", "1"], {"spec": "x", "phase": "1"}),
        (["resume"], {"run": "", "mode": None}),
        (["resume", "2026", "--mode", "default"], {"run": "2026", "mode": "default"}),
        (["report"], {"run": "", "format": "md"}),
        (["report", "2026", "--format", "junit"], {"run": "2026", "format": "junit"}),
        (["tick", "docs/a b.md:3,5-7"], {"place": "docs/a b.md:3,5-7"}),
        (["demo"], {"runtime": "auto", "keep": "", "mode": None, "json": False}),
        (["demo", "--runtime", "process", "--keep", "x", "--mode", "auto", "--json"], {"runtime": "process"}),
        (["init", "--project", "elsewhere"], {"project": "elsewhere", "force": False}),
    ],
)
def test_options(arguments: list[str], expected: dict[str, object]) -> None:
    options = vars(cli.parser().parse_args(arguments))
    assert {name: options[name] for name in expected} == expected
    assert options["command"] == arguments[0]


def test_without_a_command_and_without_a_terminal_it_says_what_to_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115
    assert cli.run_cli([]) == 2
    assert "no terminal" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["init", "status", "plan", "runs", "report", "verify"])
def test_a_project_that_is_not_there_is_2(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_cli([name, "--project", str(tmp_path / "nowhere")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("safemig: ")
    assert printed.count("\n") == 1
    assert "nowhere" in printed


def test_verdicts_and_their_exit_codes() -> None:
    assert EXIT_CODES == {
        "passed": 0,
        "unchanged": 0,
        "failed": 1,
        "refused": 1,
        "stale": 1,
        "waiting": 4,
        "interrupted": 130,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such run"), 2),
        (RunBusy("another run"), 2),
        (JournalUnwritable("cannot write: No space left on device"), 1),
        (JournalBroken("line 3: not an event"), 1),
        (PermissionError(13, "Permission denied", "safemig.yaml"), 1),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 1),
    ],
)
def test_a_known_error_is_one_line_and_its_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert at_border(fail) == code
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    assert printed.count("\n") <= 1


def test_a_configuration_error_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "safemig.yaml").write_text("tiemouts:\n  build: 3\n")
    assert cli.run_cli(["runs", "--project", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert "safemig.yaml" in printed
    assert "timeouts" in printed
    assert issubclass(ConfigError, Exception)


def test_an_unknown_error_is_a_bug_with_a_file_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail() -> int:
        raise RuntimeError("cannot reach postgresql://me:hunter2@db/shop")

    assert at_border(fail) == 3
    printed = capsys.readouterr().err
    (crash,) = tmp_path.glob("safemig-crash-*.txt")
    assert str(crash) in printed
    assert crash.stat().st_mode & 0o077 == 0
    assert "RuntimeError" in crash.read_text()
    assert "hunter2" not in printed + crash.read_text()


def test_the_parser_is_made_anew_each_time() -> None:
    assert isinstance(cli.parser(), argparse.ArgumentParser)
    assert cli.parser() is not cli.parser()
