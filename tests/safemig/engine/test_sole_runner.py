"""A run on a database to which another runner applies revisions just now."""

from __future__ import annotations

import psycopg
import pytest

from checks.database.runner_lock import take
from tests.safemig.engine.test_drift_runs import phase, used
from tests.spine.face import asked, converse, decide
from tests.spine.project import Spine

__all__ = ["used"]
pytestmark = pytest.mark.slow


def test_a_second_runner_is_kept_out_and_told_who_is_first(used: Spine) -> None:
    phase(used, "ALTER TABLE course ADD COLUMN level integer", "Column `course.level` exists")
    before = used.state()["schema"]
    with psycopg.connect(used.dsn, autocommit=True, application_name="safemig") as other:
        assert take(other)
        pid = other.info.backend_pid
        code, events = converse(used, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto")
    assert code == 1
    reason = events[-1]["data"]["reason"]
    assert "another safemig applies revisions" in reason
    assert f"session {pid}" in reason
    assert used.state()["schema"] == before
    assert used.calls().count("migrate") == 0
    code, events = converse(
        used, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto", command="run"
    )
    assert code == 0, events[-1]
