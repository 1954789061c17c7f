"""The reader of test runs, against what pytest and unittest really print."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.evidence import Evidence, now
from checks.tests import run as tests
from checks.tests.output import Reading

pytestmark = pytest.mark.integration

MIXED = """
import pytest
def test_ok(): pass
@pytest.mark.parametrize("x", ["a - b"])
def test_bad(x): assert x == 1
@pytest.fixture
def broken(): raise RuntimeError("no table")
def test_err(broken): pass
class TestC:
    def test_m(self, nofix): pass
@pytest.mark.xfail
def test_xf(): assert 0
@pytest.mark.xfail
def test_xp(): pass
@pytest.mark.skip
def test_s(): pass
"""
UNITTEST = """
import unittest
class T(unittest.TestCase):
    def test_ok(self): pass
    def test_bad(self): self.assertEqual(1, 2)
    def test_err(self): raise KeyError("x")
    @unittest.skip("later")
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_xf(self): self.fail()
"""
FAILED = ["test_mixed.py::test_bad[a - b]"]
PLACES = [
    {"where": "test_mixed.py::test_err", "cause": "RuntimeError: no table"},
    {"where": "test_mixed.py::TestC::test_m", "cause": "fixture 'nofix' not found"},
]


def look(path: Path, exit_code: int | None, junit: Path | None = None, began: str = "") -> Evidence:
    return tests.read(
        path, exit_code, subject="make test", repeat="make test", began=began or now(), ended=now(), junit=junit
    )


def run(folder: Path, *arguments: str, module: str = "pytest") -> Evidence:
    own = ["-p", "no:cacheprovider"] if module == "pytest" else []
    began = now()
    done = subprocess.run(
        [sys.executable, "-m", module, *own, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "COLUMNS": "80",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    output = folder / "output"
    output.write_bytes(b"docker compose exec app pytest\n" + done.stdout + b"make: *** [Makefile:4: test] Error 1\n")
    return look(output, done.returncode, junit=folder / "junit.xml", began=began)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "test_mixed.py").write_text(MIXED)
    return folder


@pytest.mark.parametrize("arguments", [(), ("-v", "--color=yes"), ("-q",), ("-o", "console_output_style=count")])
def test_counts_and_names_of_a_mixed_run(mixed: Path, arguments: Sequence[str]) -> None:
    data = run(mixed, *arguments).data
    assert {word: data[word] for word in ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")} == {
        "passed": 1,
        "failed": 1,
        "errors": 2,
        "skipped": 1,
        "xfailed": 1,
        "xpassed": 1,
    }
    assert data["failed_tests"] == FAILED
    assert data["error_places"] == PLACES
    assert data["exit_code"] == 1
    assert data["complete"] is True
    assert "1 failed" in str(data["summary"])
    assert data["seconds"]
    if "-q" not in arguments:
        assert data["collected"] == 7


def test_names_come_from_headings_when_the_short_summary_is_off(mixed: Path) -> None:
    data = run(mixed, "-rN").data
    assert data["failed_tests"] == ["test_bad[a - b]"]
    assert [place["cause"] for place in data["error_places"]] == [place["cause"] for place in PLACES]  # type: ignore[union-attr,index,call-overload]


def test_very_quiet_run_is_counted_by_its_letters(mixed: Path) -> None:
    red, green = run(mixed, "-qq").data, run(mixed, "-qq", "-k", "test_ok").data
    assert (red["complete"], red["failed"], red["errors"], red["passed"]) == (False, 1, 2, 1)
    assert (green["complete"], green["passed"], green["collected"], green["summary"]) == (True, 1, 1, "")


def test_nothing_selected_has_collected_nothing(mixed: Path) -> None:
    data = run(mixed, "-k", "no_such_name").data
    assert (data["collected"], data["passed"], data["deselected"], data["exit_code"]) == (0, 0, 7, 5)


def test_no_tests_at_all(tmp_path: Path) -> None:
    data = run(tmp_path).data
    assert (data["collected"], data["passed"], data["complete"], data["exit_code"]) == (0, 0, True, 5)


def test_missing_folder_is_told_as_the_command_s_error(tmp_path: Path) -> None:
    data = run(tmp_path, "nothere").data
    assert data["error_places"] == [{"where": "command", "cause": "ERROR: file or directory not found: nothere"}]
    assert data["passed"] == 0


@pytest.mark.parametrize("arguments", [(), ("-q",), ("--tb=native",)])
def test_collection_error_names_file_and_cause(tmp_path: Path, arguments: Sequence[str]) -> None:
    (tmp_path / "test_api.py").write_text("import no_such_httpx\n")
    data = run(tmp_path, *arguments).data
    assert data["error_places"] == [
        {"where": "test_api.py", "cause": "ModuleNotFoundError: No module named 'no_such_httpx'"}
    ]
    assert (data["errors"], data["passed"], data["exit_code"]) == (1, 0, 2)


def test_a_chain_of_causes_is_told_root_first(tmp_path: Path) -> None:
    (tmp_path / "test_api.py").write_text(
        "try:\n    import no_such_httpx\nexcept ModuleNotFoundError:\n    raise RuntimeError('it needs httpx')\n"
    )
    places = run(tmp_path).data["error_places"]
    cause = "ModuleNotFoundError: No module named 'no_such_httpx'; RuntimeError: it needs httpx"
    assert places == [{"where": "test_api.py", "cause": cause}]


def test_broken_conftest_has_no_summary(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import no_such_httpx\n")
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    data = run(tmp_path).data
    assert (data["complete"], data["errors"], data["summary"]) == (False, 1, "")
    assert "No module named 'no_such_httpx'" in str(data["error_places"])
    assert "conftest.py" in str(data["error_places"])


def test_keyboard_interrupt_is_not_a_whole_run(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "def test_a(): pass\ndef test_b(): raise KeyboardInterrupt\ndef test_c(): pass\n"
    )
    data = run(tmp_path).data
    assert (data["passed"], data["complete"], data["interrupted"]) == (1, False, "KeyboardInterrupt")


def test_unittest_output(tmp_path: Path) -> None:
    (tmp_path / "test_u.py").write_text(UNITTEST)
    data = run(tmp_path, module="unittest").data
    assert [data[word] for word in ("collected", "passed", "failed", "errors", "skipped", "xfailed")] == [
        5,
        1,
        1,
        1,
        1,
        1,
    ]
    assert "test_bad" in str(data["failed_tests"])
    assert "KeyError: 'x'" in str(data["error_places"])
    assert data["complete"] is True


def test_several_sessions_are_added_up(mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_green.py").write_text("def test_a(): pass\n")
    red, green = run(mixed), run(tmp_path)
    assert red.data["complete"] and green.data["complete"]
    both = tmp_path / "both"
    both.write_bytes((mixed / "output").read_bytes() + (tmp_path / "output").read_bytes())
    data = look(both, 1).data
    assert (data["passed"], data["failed"], data["collected"], data["complete"]) == (2, 1, 8, True)


def test_output_printed_by_a_failed_test_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "def test_a():\n"
        "    print('=' * 30, 'test session starts', '=' * 30)\n"
        "    print('FAILED inner.py::test_x - no')\n"
        "    print('=' * 30, '7 passed in 0.10s', '=' * 30)\n"
        "    assert 0\n"
    )
    data = run(tmp_path).data
    assert (data["passed"], data["failed"], data["failed_tests"]) == (0, 1, ["test_a.py::test_a"])


def test_cut_output_is_incomplete_and_keeps_what_is_there(mixed: Path) -> None:
    run(mixed, "-v")
    whole = (mixed / "output").read_bytes()
    part = mixed / "part"
    part.write_bytes(whole[: whole.index(b"=== ERRORS")])
    data = look(part, None).data
    assert (data["complete"], data["passed"], data["failed"], data["errors"]) == (False, 1, 1, 2)
    assert data["failed_tests"] == FAILED


def test_range_leaves_out_what_stands_around_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    first, second = b"===== 9 failed in 1.00s =====\n", b"===== 2 passed in 1.00s =====\n"
    path.write_bytes(first + second + first)
    evidence = tests.read(
        path, 0, subject="t", repeat="t", began=now(), ended=now(), start=len(first), end=len(first + second)
    )
    assert (evidence.data["passed"], evidence.data["failed"]) == (2, 0)


def test_missing_output_could_not_be_looked_at(tmp_path: Path) -> None:
    evidence = look(tmp_path / "none", 0)
    assert not evidence.seen and not evidence.data
    empty = tmp_path / "empty"
    empty.touch()
    assert look(empty, 0).data["complete"] is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4 workers [12 items]\n===== 12 passed in 61.20s (0:01:01) =====", {"collected": 12, "seconds": 61.2}),
        ("tests-1  | ===== 3 passed in 0.10s =====", {"passed": 3, "complete": True}),
        ("===== 1 passed, 2 warnings, 3 rerun in 0.10s =====", {"passed": 1, "complete": True}),
        ("Results (0.12s):\n       3 passed\n       1 failed\n         - a.py:3 b", {"passed": 3, "failed": 1}),
        ("3 modules in 0.2s", {"complete": False, "passed": 0}),
        ("/app/.venv/bin/python: No module named pytest", {"error_places": [
            {"where": "command", "cause": "/app/.venv/bin/python: No module named pytest"}]}),
        ("/bin/sh: 1: pytest: not found", {"error_places": [
            {"where": "command", "cause": "/bin/sh: 1: pytest: not found"}]}),
        ("Ran 0 tests in 0.000s\n\nNO TESTS RAN", {"collected": 0, "complete": True, "passed": 0}),
    ],
)  # fmt: skip
def test_other_forms(tmp_path: Path, text: str, expected: dict[str, object]) -> None:
    path = tmp_path / "out"
    path.write_text(text)
    data = look(path, 0).data
    assert {key: data[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("test_a.py ..F                              [ 42%]", tests.Progress(None, None, 42)),
        ("\x1b[32mtest_a.py::test_a PASSED\x1b[0m     [  7%]\x1b[0m", tests.Progress(None, None, 7)),
        ("[gw0] [ 33%] PASSED test_a.py::test_a ", tests.Progress(None, None, 33)),
        ("test_a.py ...   [ 5/20]", tests.Progress(5, 20, 25)),
        ("collecting ... \rcollected 9 items / 2 deselected / 7 selected", tests.Progress(0, 7, 0)),
        ("at [50%] of it all", None),
        ("[999%]", None),
        ("", None),
    ],
)
def test_progress(line: str, expected: tests.Progress | None) -> None:
    assert tests.progress(line) == expected


def test_junit_fills_a_run_without_summary(mixed: Path) -> None:
    data = run(mixed, "-qq", "-rN", "--tb=no", "-p", "no:terminalreporter", "--junit-xml=junit.xml").data
    (mixed / "junit.xml").unlink()
    assert data["junit"] == "read"
    assert (data["collected"], data["failed"], data["errors"], data["complete"]) == (7, 1, 2, True)
    assert data["failed_tests"] == ["test_mixed::test_bad[a - b]"]


def test_junit_of_an_older_run_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    (tmp_path / "junit.xml").write_text("<testsuites><testsuite><testcase name='a'/></testsuite></testsuites>")
    data = look(tmp_path / "out", 0, tmp_path / "junit.xml", began="2999-01-01T00:00:00+00:00").data
    assert (data["junit"], data["complete"], data["passed"]) == ("older than this run", False, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;'>]><testsuites>&c;</testsuites>",
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><testsuites/>".encode("utf-16"),
        b"<testsuites><testsuite>",
        b"<html/>",
        b"",
        b"<?xml version='1.0' encoding='no-such'?><testsuites/>",
    ],
)
def test_hostile_junit_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "out").write_text("")
    (tmp_path / "junit.xml").write_bytes(content)
    data = look(tmp_path / "out", 0, tmp_path / "junit.xml").data
    assert str(data["junit"]).startswith("refused: ")
    assert data["complete"] is False


WORDS = st.sampled_from(
    ["=====", "____", "ERRORS", "FAILURES", "FAILED", "ERROR", "a.py::t", "[", "]", " - ", "\x1b[31m", "\r", "1 passed",
     "in 0.1s", "E   ", "collected 5 items", "Ran 3 tests in 0.1s", "OK", "short test summary info", "PASSED", "[ 50%]",
     "test session starts", "....", "Results (0.1s):", "\x00", "::", " "]
)  # fmt: skip


@given(st.lists(st.lists(WORDS, max_size=6).map("".join) | st.text(max_size=80), max_size=30))
def test_reader_never_raises_and_stays_bounded(text: list[str]) -> None:
    reading = Reading()
    for line in text:
        reading.take(line)
        tests.progress(line)
    reading.finish(0)
    assert len(reading.failed) <= len(text) and len(reading.places) <= len(text)
    assert all(count >= 0 for count in reading.counts.values())
    assert "\x1b" not in "".join([*reading.failed, *reading.places, *reading.summaries])


def test_names_are_bounded_and_what_is_left_out_is_counted() -> None:
    reading = Reading()
    reading.take("===== short test summary info =====")
    for number in range(2500):
        reading.take(f"FAILED a.py::test_{number} - no")
    reading.take("===== 2500 failed in 1.0s =====")
    reading.finish(1)
    assert (len(reading.failed), reading.left_out, reading.counts["failed"]) == (2000, 500, 2500)


@pytest.mark.parametrize("line", ["a::" * 1300, "1 passed, " * 400, "[" * 4000, "_" * 4000, "\x1b]" * 2000, "." * 4000])
def test_hostile_lines_cost_little(line: str) -> None:
    reading, began = Reading(), time.process_time()
    for _ in range(20):
        reading.take(line)
    assert time.process_time() - began < 1.0
