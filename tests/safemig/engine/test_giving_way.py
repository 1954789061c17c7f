"""Whole runs on a table that somebody holds: the change gives way to who waits behind it, and gets through later."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from tests.safemig.bad_projects import write
from tests.safemig.engine.test_drift_runs import SECOND, phase, used
from tests.spine.clients import holding, working
from tests.spine.face import asked, converse, decide, of
from tests.spine.project import ENV, Spine

__all__ = ["used"]
pytestmark = pytest.mark.slow
Said = dict[str, Any]


def protection(events: list[Said]) -> Said:
    seen = [event["data"]["evidence"] for event in of(events, "evidence")]
    return next(dict(each["data"]) for each in seen if each["kind"] == "protection")


def gave_way(event: Said) -> bool:
    return event["kind"] == "note" and "gave way" in str(event["data"]["text"])


def configure(spine: Spine, text: str) -> None:
    path = spine.root / "safemig.yaml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.mark.parametrize(
    ("sql", "held", "work"),
    [
        ("ALTER TABLE course ADD COLUMN level integer", "SELECT FROM course", "SELECT count(*) FROM course"),
        (
            "CREATE INDEX ix_course_slug ON course (slug)",
            "LOCK TABLE course IN ROW EXCLUSIVE MODE",
            "UPDATE course SET slug = 'a' WHERE id = 0",
        ),
    ],
    ids=["readers", "writers"],
)
def test_nobody_waits_for_long_behind_a_change_that_waits(used: Spine, sql: str, held: str, work: str) -> None:
    phase(used, sql, "It is there")
    configure(used, "migration:\n  gentle: false\n")
    with holding(used, held) as holder, working(used, work) as client:

        def answers(event: Said) -> list[Said]:
            if gave_way(event):
                holder.rollback()  # it has not been ended: this would raise
            return [decide(event, "once")] if asked(event) else []

        code, events = converse(used, answers, "--mode", "auto")
    assert code == 0, events[-1]
    assert client.failed == []
    seen = protection(events)
    assert seen["retries"] >= 1
    assert seen["application"] == "shop"
    assert any("report" in name for name in seen["holders"]), seen
    # The table was held until after the change had given way: under plain Alembic the client waits until then.
    assert client.longest < 1.0, seen


def test_a_change_that_never_gets_its_locks_leaves_everything_as_it_was(used: Spine) -> None:
    phase(used, "ALTER TABLE course ADD COLUMN level integer", "It is there")
    configure(used, "protection:\n  deadline: 0.5\n")
    before = used.state()["schema"]
    with holding(used), working(used):
        code, events = converse(used, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto")
        reason = events[-1]["data"]["reason"]
    assert code == 1
    assert "never got its locks" in reason
    assert "report" in reason
    assert used.state()["schema"] == before


def test_what_has_left_something_behind_is_not_run_again(used: Spine) -> None:
    """Each revision is a transaction of its own here: the first is applied, the second one waits."""
    env = ENV.replace("connection=connection)", "connection=connection, transaction_per_migration=True)")
    write(used.root, "alembic/env.py", env)
    body = '    op.create_table("tutor", sa.Column("id", sa.Integer(), primary_key=True))'
    write(used.root, "alembic/versions/2b3c4d5e6f70_second.py", SECOND.format(body=body, back='op.drop_table("tutor")'))
    third = SECOND.replace("2b3c4d5e6f70", "3c4d5e6f7081").replace("1a2b3c4d5e6f", "2b3c4d5e6f70")
    body = '    op.add_column("course", sa.Column("level", sa.Integer()))'
    back = 'op.drop_column("course", "level")'
    write(used.root, "alembic/versions/3c4d5e6f7081_third.py", third.format(body=body, back=back))
    with holding(used), working(used):
        code, events = converse(used, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto")
    assert code == 1
    told = [event["data"]["text"] for event in of(events, "note")]
    assert any("so it is not run again" in text and "2b3c4d5e6f70" in text for text in told), told
    assert used.calls().count("migrate") == 1


def test_the_watchdog_outlives_the_engine(used: Spine) -> None:
    phase(used, "ALTER TABLE course ADD COLUMN level integer", "It is there")
    pids: list[int] = []

    def killing(event: Said) -> list[Said]:
        if event["kind"] == "run.started":
            pids.append(int(event["data"]["pid"]))
        if event["kind"] == "progress" and "→ this change" in event["data"]["text"]:  # nobody waits behind it yet
            os.kill(pids[0], signal.SIGKILL)
        return [decide(event, "once")] if asked(event) else []

    with holding(used) as holder:
        converse(used, killing, "--mode", "auto")
        with working(used) as client:
            deadline = time.monotonic() + 60
            while b"cancel" not in watched(used):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        holder.rollback()
    assert client.longest < 1.0
    code, events = converse(
        used, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto", command="resume"
    )
    assert code == 0, events[-1]
    assert protection(events)["retries"] == 1


def watched(spine: Spine) -> bytes:
    return b"".join(path.read_bytes() for path in (spine.runs()[-1] / "commands").glob("*.watchdog"))
