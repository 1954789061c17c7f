"""`safemig completion SHELL`: what the shells make of the script."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from safemig.cli.main import COMMANDS, run_cli

SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_its_options_are_in_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in text] == []
    for option in ("mode", "spec", "phase", "project", "format"):
        assert option in text
    assert "--watch" not in text  # what is no person's is not offered
    assert "\x1b" not in text


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_takes_the_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    run_cli(["completion", shell])
    (tmp_path / "script").write_text(capsys.readouterr().out, encoding="utf-8")
    ended = subprocess.run([program, "-n", str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "wanted", "unwanted"),
    [
        (["safemig", "re"], {"resume", "report"}, {"run", "init"}),
        (["safemig", "run", "--mode", ""], {"default", "plan", "auto"}, {"md"}),
        (["safemig", "report", "--format", "j"], {"json", "junit"}, {"md"}),
        (["safemig", "run", "--s"], {"--spec"}, {"--mode"}),
        (["safemig", "plan", "--out", "no"], {"notes.txt"}, {"safemig"}),
    ],
)
def test_bash_completes(
    words: list[str], wanted: set[str], unwanted: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_cli(["completion", "bash"])
    (tmp_path / "script").write_text(capsys.readouterr().out, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("")
    line = (
        'source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        'f=$(complete -p safemig | sed "s/.*-F \\([^ ]*\\).*/\\1/"); '
        '"$f" safemig "${COMP_WORDS[COMP_CWORD]}"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(
        ["bash", "--norc", "-c", line, "bash", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    offered = {each.strip() for each in ended.stdout.split()}
    assert wanted <= offered, ended
    assert not (unwanted & offered)
