"""However a step is ended, nobody but its own command is touched: strangers at work beside whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.strangers import SCENARIOS, play, prepare
from tests.e2e.test_demo_docker import missing
from tests.e2e.world import demo

VERDICTS = {"ctrl-c": "interrupted"}


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_no_stranger_is_touched_and_nothing_of_the_step_is_left(tmp_path: Path, runtime: str) -> None:
    if runtime == "docker" and (why := missing()):
        pytest.skip(why)
    with demo(tmp_path / "demo", runtime) as world:
        prepare(world)
        for scenario in SCENARIOS:
            outcome = play(world, scenario, 10)
            assert outcome.touched == (), scenario
            assert outcome.left == (), scenario
            assert outcome.verdict == VERDICTS.get(scenario, "failed"), scenario
            assert outcome.strangers > 10
