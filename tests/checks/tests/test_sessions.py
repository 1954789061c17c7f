"""Several test sessions in one output: each counts, also the one that died, was cut off or ran nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.evidence import Evidence, now
from checks.tests import run
from checks.tests.run import Statuses
from checks.tests.trouble import failed_below_make, trouble
from safemig.signals.comparison import tests_good as is_good
from safemig.signals.comparison import tests_words as words_of

pytestmark = pytest.mark.integration

GREEN = "def test_green(): pass\n"
QUIET = ("-q", "-p", "no:cacheprovider")


def look(folder: Path, text: str, exit_code: int | None = 0, statuses: Statuses = run.UNKNOWN) -> Evidence:
    path = folder / "output"
    path.write_text(text, encoding="utf-8")
    return run.read(path, exit_code, subject="t", repeat="make test", began=now(), ended=now(), statuses=statuses)


def recipe(folder: Path, *lines: str, statuses: Statuses = run.UNKNOWN) -> Evidence:
    """What make prints and returns for a test target of these lines, in which $(PY) is our Python."""
    text = f"PY = {sys.executable}\ntest:\n" + "".join(f"\t{line}\n" for line in lines)
    (folder / "Makefile").write_text(text, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "80",
    }
    done = subprocess.run(
        ["make", "test"], cwd=folder, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return look(folder, done.stdout.decode(), done.returncode, statuses)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in {"green/test_green.py": GREEN, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


DIES_QUIETLY = "import os\ndef test_a(): pass\ndef test_b(): os._exit(9)\ndef test_c(): pass\n"
# Files of the first session, its recipe line, and what the reason must name. The second session is always green.
DEAD = {
    "conftest": ({"slow/conftest.py": "import no_such_faker\n"}, "slow", "ImportError while loading conftest"),
    "no such folder": ({}, "nothere", "file or directory not found"),
    "an option of no plugin": ({}, "--no-such-option", "did not start"),
    "internal error": (
        {"slow/conftest.py": "def pytest_collection_modifyitems(): raise KeyError(1)\n", "slow/test_a.py": GREEN},
        "slow",
        "internal error",
    ),
    "collection error": ({"slow/test_a.py": "import no_such_faker\n"}, "slow", "slow/test_a.py"),
    "no test": ({"slow/empty.txt": ""}, "slow", "ran no test"),
    "stopped at the first": ({"slow/test_a.py": "def test_a(): assert 0\ndef test_b(): pass\n"}, "-x slow", "test_a"),
    "ended in the middle": ({"slow/test_a.py": DIES_QUIETLY}, "slow", "Error 9 (ignored)"),
    "segmentation fault": (
        {"slow/test_a.py": "import ctypes\ndef test_a(): ctypes.string_at(0)\n"},
        "slow",
        "crashed",
    ),
    "tests of unittest that are not there": ({}, "", "Error"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEAD)
@pytest.mark.parametrize("quiet", [True, False])
def test_a_session_that_died_behind_a_dash_is_not_good(tmp_path: Path, name: str, quiet: bool) -> None:
    files, arguments, named = DEAD[name]
    write(tmp_path, files)
    options = "-p no:cacheprovider" + (" -q" if quiet else "")
    first = f"-$(PY) -m pytest {options} {arguments}" if arguments else "-$(PY) -m unittest no_such_module"
    evidence = recipe(tmp_path, first, f"$(PY) -m pytest {options} green")
    assert evidence.data["exit_code"] == 0
    assert is_good(evidence) is False
    assert named in words_of(evidence) + str(evidence.data)


@pytest.mark.parametrize("quiet", [True, False])
def test_a_session_that_ends_in_the_middle_is_seen_by_the_text_alone(tmp_path: Path, quiet: bool) -> None:
    """As behind `|| true`, where nobody tells the exit code."""
    write(tmp_path, {"slow/test_a.py": DIES_QUIETLY.replace("os._exit(9)", "print(flush=True); os._exit(9)")})
    options = "-p no:cacheprovider -s" + (" -q" if quiet else " -v")
    evidence = recipe(tmp_path, f"$(PY) -m pytest {options} slow || true", f"$(PY) -m pytest {options} green")
    if quiet:  # the letters of a quiet session that was cut off stand on no whole line
        evidence = look(tmp_path, "....      [ 40%]\n..        [100%]\n2 passed in 0.10s\n")
    assert is_good(evidence) is False
    assert "did not come to its end" in words_of(evidence)


ENDS_ITSELF = {
    "in a test": {"slow/test_a.py": DIES_QUIETLY.replace("(9)", "(0)")},
    "in conftest": {"slow/conftest.py": "import sys\nsys.exit(0)\n", "slow/test_a.py": GREEN},
}


@pytest.mark.parametrize("files", ENDS_ITSELF.values(), ids=ENDS_ITSELF)
@pytest.mark.parametrize("first", [True, False])
def test_a_session_that_ends_itself_with_0_is_missed(tmp_path: Path, files: dict[str, str], first: bool) -> None:
    """As a conftest.py does without its database: nothing is printed, and make goes on with the next session."""
    write(tmp_path, files)
    lines = [f"$(PY) -m pytest {' '.join(QUIET)} {folder}" for folder in ("slow", "green")]
    evidence = recipe(tmp_path, *(lines if first else lines[::-1]), statuses=Statuses(summaries=2))
    assert evidence.data["exit_code"] == 0
    assert is_good(evidence) is False
    assert "2 test commands ran, 1 of them came to their end" in words_of(evidence)


@pytest.mark.parametrize(("one", "other"), [("-q", "-qq"), ("-qq", "-qq"), ("-qq", "-v"), ("", "-q")])
def test_sessions_that_come_to_their_end_are_all_counted(tmp_path: Path, one: str, other: str) -> None:
    write(tmp_path, {})
    line = "$(PY) -m pytest -p no:cacheprovider"
    evidence = recipe(tmp_path, f"{line} {one} green", f"{line} {other} green", statuses=Statuses(summaries=2))
    assert is_good(evidence) is True, words_of(evidence)
    assert is_good(look(tmp_path, "2 passed in 0.1s", statuses=Statuses(summaries=2))) is False


def test_commands_that_run_nobody_knows_how_often_prove_nothing_without_their_status(tmp_path: Path) -> None:
    lost = "`find . -exec pytest {} ;`"
    evidence = look(tmp_path, "2 passed in 0.1s", statuses=Statuses((f"{lost}: find returns 0",), 1, uncounted=(lost,)))
    assert is_good(evidence) is False
    assert f"{lost} runs nobody knows how often" in words_of(evidence)


def test_two_quiet_sessions_without_a_short_summary_are_both_counted(tmp_path: Path) -> None:
    write(tmp_path, {"slow/test_a.py": "def test_a(): assert 0\n"})
    options = "-q -p no:cacheprovider --no-summary"
    evidence = recipe(tmp_path, f"$(PY) -m pytest {options} slow || true", f"$(PY) -m pytest {options} green")
    assert (evidence.data["failed"], evidence.data["passed"]) == (1, 1)
    text = "===== FAILURES =====\nE  assert 0\n1 failed in 0.1s\n..   [100%]\n2 passed in 0.1s\n"
    assert look(tmp_path, text).data["failed"] == 1


@pytest.mark.parametrize("option", ["-rA", "-v", "-rA -v", "-q", "-v -s", "--tb=no"])
def test_green_sessions_stay_good(tmp_path: Path, option: str) -> None:
    write(tmp_path, {"slow/test_a.py": "import pytest\ndef test_a(): pass\n@pytest.mark.skip\ndef test_s(): pass\n"})
    line = f"$(PY) -m pytest -p no:cacheprovider {option}"
    evidence = recipe(tmp_path, f"{line} slow", f"{line} green", f"{line} slow")
    assert is_good(evidence) is True, (evidence.data["problems"], evidence.data["summary"])
    assert (evidence.data["passed"], evidence.data["sessions"]) == (3, 3)


UNITTEST = "----------------------------------------------------------------------\nRan {} in 0.001s\n\n{}\n"
ASYNC = (
    "s.   [100%]\n===== warnings summary =====\ntest_a.py::test_a\n"
    "  /srv/test_a.py:3: PytestUnhandledCoroutineWarning: async def functions are not natively supported.\n"
    "  You need to install a suitable plugin for your async framework, for example:\n1 passed, 1 skipped in 0.1s\n"
)
BAD_TEXTS = {
    "tests of Django that are none": ("Found 0 test(s).\n" + UNITTEST.format("0 tests", "OK"), "ran no test"),
    "coverage's own report": ("2 passed in 0.1s\nCoverage failure: total of 41 is less than fail-under=80", "coverage"),
    "coverage with decimals": (
        "FAIL Required test coverage of 99.5% not reached. Total coverage: 99.10%\n2 passed in 0.1s", "99.5%"),
    "async skipped": (ASYNC, "async"),
    "async skipped, named by -rs": (
        "1 passed, 1 skipped in 0.1s\nSKIPPED [1] python.py:1: async def function and no async plugin installed "
        "(see warnings)", "async"),
    "async in unittest": (
        "case.py:600: RuntimeWarning: coroutine 'T.test_a' was never awaited\n" + UNITTEST.format("1 test", "OK"),
        "async"),
    "worker": ("[gw3] node down: keyboard-interrupt\n4 passed in 1s", "worker"),
    "time limit": ("++++++++++++++ Timeout ++++++++++++++\n2 passed in 0.1s", "time limit"),
    "killed": ("Killed\n2 passed in 0.1s", "signal"),
    "killed, as bash says it": ("run.sh: line 3:  4711 Killed                  pytest unit\n2 passed in 1s", "signal"),
    "tox 3": ("2 passed in 0.1s\nERROR:   py36: commands failed", "tox"),
    "tox that ignores": ("2 passed in 0.1s\npy312: command failed but is marked ignore outcome so handling it as "
        "success", "tox"),
    "nox": ("2 passed in 0.1s\nnox > * tests-3.11: success\nnox > * lint-3.12: failed", "lint-3.12"),
    "nox, aborted": ("2 passed in 0.1s\nnox > Session tests(django='5') was aborted.", "nox"),
    "sub-make": ("make[1]: *** [Makefile:3: unit] Error 2\nmake: [Makefile:2: test] Error 2 (ignored)\n"
        "2 passed in 0.1s", "Error 2"),
    "no such tool": ("/bin/sh: 1: tox: not found\n2 passed in 0.1s", "tox: not found"),
    "only deselected": ("5 deselected in 0.1s\n2 passed in 0.1s", "ran no test"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_what_a_session_says_of_its_own_end(tmp_path: Path, name: str) -> None:
    text, named = BAD_TEXTS[name]
    evidence = look(tmp_path, text)
    assert is_good(evidence) is False
    assert named in words_of(evidence)


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: pip's dependency resolver does not currently take into account all the packages",
        "ERROR:    Exception in ASGI application",
        "ERROR: app.orders: payment refused",
        "Error response from daemon: No such container: old",
        "make: [Makefile:3: clean] Error 1 (ignored) is what make would say",
        "py312: OK (0.50=setup[0.10]+cmd[0.40] seconds)",
        "py39: SKIP (0.01 seconds)",
        "congratulations :) (0.55 seconds)",
        "nox > Session tests-3.11 was successful in 3 seconds.",
        "nox > * tests-3.11: success",
        "Required test coverage of 80% reached. Total coverage: 91.20%",
        "server.sh: line 5:  4711 Terminated              uvicorn app.main:app",
        "RuntimeWarning: coroutine 'send_mail' was never awaited",
        "test_a.py::test_timeout PASSED",
    ],
)  # fmt: skip
def test_lines_of_healthy_runs_are_no_trouble(tmp_path: Path, line: str) -> None:
    assert trouble(line) == ""
    assert is_good(look(tmp_path, f"{line}\n2 passed in 0.10s\n")) is True


def test_an_ignored_error_of_another_line_than_the_tests_is_none(tmp_path: Path) -> None:
    text = "make: [Makefile:2: test] Error 1 (ignored)\n2 passed in 0.10s\n"
    assert is_good(look(tmp_path, text, statuses=Statuses(by_make=False))) is True
    assert is_good(look(tmp_path, text, statuses=Statuses(by_make=True))) is False


PIPED = ("`pytest | tee log`: the status is that of `tee log`",)


@pytest.mark.parametrize(
    ("text", "commands", "good"),
    [
        ("2 passed in 0.10s", 1, True),  # the text is the proof
        ("..      [100%]", 1, False),  # -qq: full progress proves nothing without the exit code
        ("2 passed in 0.10s", 2, False),  # one of the two came to no summary
        ("2 passed in 0.10s\n3 passed in 0.10s", 2, True),
        ("", 1, False),
    ],
)
def test_without_an_exit_code_the_text_is_the_proof(tmp_path: Path, text: str, commands: int, good: bool) -> None:
    evidence = look(tmp_path, text, statuses=Statuses(PIPED, commands))
    assert is_good(evidence) is good
    assert evidence.data["status_lost"] == [*PIPED]


@given(st.text(max_size=200))
def test_any_line_is_read_without_an_error(line: str) -> None:
    assert isinstance(trouble(line), str)
    assert isinstance(failed_below_make(line), str)
