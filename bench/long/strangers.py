"""Strangers beside runs whose step is ended: none of them may be touched.

Usage: python bench/long/strangers.py [--strangers 500] [--runtime process|docker] [--sessions 40]. On one copy of the
demo, with a revision that never ends, runs are stopped by Ctrl+C, by the time limit, killed and resumed, and killed
together with every process of the command and resumed, in turn, until that many strangers were there: reports and
applications idle in a transaction through the port, and on docker psql in the database's container, other execs (some
of the same words) and one-off containers. Prints a line for each run. Exits 1 when a stranger was touched, or a session
of the command itself was left at work.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main() -> int:
    """Prints the figures; returns the exit code."""
    from tests.e2e.strangers import SCENARIOS, play, prepare
    from tests.e2e.world import demo

    options = argparse.ArgumentParser(description="strangers beside runs that are ended")
    options.add_argument("--strangers", type=int, default=500)
    options.add_argument("--sessions", type=int, default=40)
    options.add_argument("--runtime", choices=("process", "docker"), default="process")
    chosen = options.parse_args()
    strangers = touched = left = runs = 0
    with (
        tempfile.TemporaryDirectory(prefix="safemig-strangers-") as folder,
        demo(Path(folder) / "demo", chosen.runtime) as world,
    ):
        prepare(world)
        for scenario in itertools.cycle(SCENARIOS):
            if strangers >= chosen.strangers:
                break
            began = time.monotonic()
            outcome = play(world, scenario, chosen.sessions)
            runs, strangers = runs + 1, strangers + outcome.strangers
            touched, left = touched + len(outcome.touched), left + len(outcome.left)
            words = "; ".join((*outcome.touched, *(f"left: {each}" for each in outcome.left))) or "none touched"
            print(
                f"{chosen.runtime}, {scenario}: {outcome.strangers} strangers, {words}, run {outcome.verdict}, "
                f"{time.monotonic() - began:.0f} s",
                flush=True,
            )
    print(f"{chosen.runtime}: {touched} of {strangers} strangers touched in {runs} runs; {left} own sessions left")
    return 1 if touched or left else 0


if __name__ == "__main__":
    sys.exit(main())
