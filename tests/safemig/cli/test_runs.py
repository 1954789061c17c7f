"""`safemig runs`: what each run came to and when, in colours on a terminal alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from safemig.base.moments import minute
from safemig.cli.main import run_cli
from tests.tui.recorded import RUN, Recording


def make(root: Path, verdict: str) -> Recording:
    run = Recording(root)
    run.begin("auto")
    run.done("build")
    run.start_step("start")
    if verdict:
        run.finish(verdict, 0 if verdict == "passed" else 1)
    return run


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("passed", ["passed", "1 step ", "auto"]), ("failed", ["failed"]), ("", ["unfinished", "in flight: start"])],
)
def test_a_line_says_when_what_and_how_it_ended(
    verdict: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(tmp_path, verdict)
    assert run_cli(["runs", "--project", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{minute(run.events[0].wall)}  {RUN}  ")
    assert [word for word in words if word not in text] == []
    assert "\x1b" not in text


def test_the_document_has_the_moments(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = make(tmp_path, "waiting")
    assert run_cli(["runs", "--json", "--project", str(tmp_path)]) == 0
    [row] = json.loads(capfd.readouterr().out)
    assert (row["run"], row["began"], row["ended"]) == (RUN, run.events[0].wall, run.events[-1].wall)
    assert (row["verdict"], row["resumable"]) == ("waiting", True)


@pytest.mark.parametrize(("no_colour", "painted"), [(None, True), ("1", False), ("", False)])
def test_colours_stand_on_a_terminal_alone_and_never_where_no_color_is_set(
    no_colour: str | None,
    painted: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(tmp_path, "failed")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)
    assert run_cli(["runs", "--project", str(tmp_path)]) == 0
    assert ("\x1b[31mfailed" in capsys.readouterr().out) is painted
