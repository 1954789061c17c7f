"""What every run of the suite does: the longest tests first, a word on what is left out, a note of how long each took.

`python -m tests.suite` lists the 20 slowest tests of the latest runs (`make slowest`).
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import pytest

CACHE_KEY = "safemig/durations"
CACHE_FILE = Path(__file__).parents[1] / ".pytest_cache" / "v" / CACHE_KEY
LISTED = 20
WHOLE_RUNS = frozenset({"spine", "e2e"})  # folders: each test there starts a project with its database
SCREEN = "tui"  # folder: its asynchronous tests play the whole app


class Suite:
    """A plugin of pytest for one session: of the process that prints, and of each worker of pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.left_out = 0
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The slow ones first: at the end all workers but one would have nothing left to do."""
        for item in items:
            if integrates(item):
                item.add_marker("integration")
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Counted, because pytest-xdist does not say it."""
        self.left_out += len(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Every worker collects the whole suite and leaves out the same."""
        self.left_out = max(self.left_out, getattr(node, "workeroutput", {}).get("left_out", 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Its set-up, itself and its end; the process that prints hears of all."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """A worker tells what it left out; the process that prints keeps the durations."""
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["left_out"] = self.left_out
        elif self.seconds and self.config.pluginmanager.hasplugin("cacheprovider"):
            assert self.config.cache is not None
            self.config.cache.set(CACHE_KEY, {**self.config.cache.get(CACHE_KEY, {}), **self.seconds})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """No test is left out unnoticed."""
        if self.left_out:
            terminalreporter.write_line(f"tests left out: {self.left_out} (`make test-all` runs all)", yellow=True)


def integrates(item: pytest.Item) -> bool:
    """Whether it uses the database server, runs a whole project or plays the whole app; other tests that start programs
    carry the marker themselves."""
    folders = item.nodeid.partition("::")[0].split("/")  # from the root of the tests that are run
    plays = SCREEN in folders and inspect.iscoroutinefunction(getattr(item, "function", None))
    return plays or "postgres_server" in getattr(item, "fixturenames", ()) or bool(WHOLE_RUNS.intersection(folders))


def slowest(seconds: dict[str, float], count: int = LISTED) -> list[str]:
    """The ``count`` slowest tests, one a line, slowest first, then what all took together."""
    order = sorted(seconds.items(), key=lambda entry: -entry[1])
    total = f"{sum(seconds.values()):9.2f} s  all {len(seconds)} tests that have been run here"
    return [*(f"{took:9.2f} s  {name}" for name, took in order[:count]), total]


if __name__ == "__main__":
    lines = ["No test has been run here: `make test` first."]
    if CACHE_FILE.is_file():
        lines = slowest(json.loads(CACHE_FILE.read_text(encoding="utf-8")))
    sys.stdout.write("\n".join(lines) + "\n")
