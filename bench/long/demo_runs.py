"""Unbroken runs of the demo: no run may raise a false alarm.

Usage: python bench/long/demo_runs.py [--runs 20] [--runtime process|docker]. Each run works on a new copy of the demo,
in auto mode, without a terminal. A run is unbroken when it ends PASSED with all three signals good, without an open
question, a note of level warning or error, or a failed step. Prints a line for each run and, in seconds, the median of
their durations; the first differing run's reason and notes are printed with it. Exits 1 when any run was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """How one run ended; ``alarms`` are the reasons for which it is not unbroken, ``seconds`` its wall time."""

    alarms: tuple[str, ...]
    seconds: float


def run_demo(runtime: str) -> Outcome:
    """One whole run on a fresh copy that is removed again."""
    from safemig.cli.demo_copy import copy_demo

    with tempfile.TemporaryDirectory(prefix="safemig-runs-") as folder:
        copy = copy_demo(Path(folder) / "demo", "docker" if runtime == "docker" else "process")
        began = time.monotonic()
        line = [sys.executable, "-P", str(ROOT / "safemig" / "entry.py"), "run", "--mode", "auto", "--json"]
        try:
            done = subprocess.run(
                [*line, "--project", str(copy.folder)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                cwd=copy.folder,
            )
            seconds = time.monotonic() - began
            return Outcome(alarms_of(done.returncode, done.stdout, done.stderr, copy.root), seconds)
        finally:
            remove(copy.folder, runtime)


def alarms_of(code: int, stdout: str, stderr: str, root: Path) -> tuple[str, ...]:
    """Why the run was not unbroken: its end, its signals, and the warnings that its journal holds."""
    try:
        document: dict[str, Any] = json.loads(stdout)
    except ValueError:
        return (f"exit {code} without a JSON document: {stderr.strip()[-500:]}",)
    alarms = [] if code == 0 and document["verdict"] == "passed" else [f"exit {code}: {document.get('reason', '')}"]
    alarms += [f"{name}: {signal}" for name, signal in document["signals"].items() if signal.get("ok") is not True]
    journal = next(root.rglob("events.jsonl"), None)
    events = [json.loads(line) for line in journal.read_text("utf-8").splitlines()] if journal else []
    for event in events:
        data = event["data"]
        if event["kind"] == "note" and data["level"] in {"warning", "error"}:
            alarms.append(f"{data['level']}: {data['text']}")
        if event["kind"] == "approval.asked":
            alarms.append(f"asked: {data['title']}")
    return tuple(alarms)


def remove(folder: Path, runtime: str) -> None:
    """Stops the copy with its own commands; the folder goes with the temporary one."""
    if runtime == "docker":
        line = ["docker", "compose", "down", "--volumes", "--remove-orphans", "--rmi", "local"]
        subprocess.run(line, cwd=folder, capture_output=True, check=False, timeout=180)
        return
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["make", "stop"], cwd=folder, env=environment, capture_output=True, check=False, timeout=60)
    line = [sys.executable, "-P", str(ROOT / "safemig" / "entry.py"), "stop-database", "--project", str(folder)]
    subprocess.run(line, capture_output=True, check=False, timeout=60)


def main() -> int:
    """Prints the runs; 1 when one was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    outcomes: list[Outcome] = []
    for number in range(1, options.runs + 1):
        outcome = run_demo(options.runtime)
        outcomes.append(outcome)
        print(f"{options.runtime} run {number:2}: {outcome.seconds:5.1f} s  {'; '.join(outcome.alarms) or 'unbroken'}")
        sys.stdout.flush()
    broken = sum(bool(outcome.alarms) for outcome in outcomes)
    median = statistics.median(outcome.seconds for outcome in outcomes)
    print(f"{options.runtime}: {len(outcomes) - broken} of {len(outcomes)} runs unbroken, median {median:.1f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
