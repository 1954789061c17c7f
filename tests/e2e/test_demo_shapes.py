"""The demo's other shapes in containers: revisions applied in the entry point, and under a reloader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from safemig.cli.demo_copy import DemoShape
from tests.e2e.test_demo_docker import missing
from tests.e2e.world import BASE, PLAN, TICKED, Demo, check_database, check_no_password, check_reports, demo

pytestmark = [pytest.mark.slow, pytest.mark.docker]
NAMES_MAKE_MIGRATE = TICKED[1]
COLUMN = "SELECT column_name FROM information_schema.columns WHERE (table_name, column_name) = ('course', 'created_at')"
DROPS = """\
# Times

## Phase 1: Database

```python
def upgrade():
    op.drop_column("course", "created_at")


def downgrade():
    op.add_column(
        "course", sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )
```

- [ ] Column `course.created_at` is gone
"""


@pytest.fixture(scope="module", autouse=True)
def _containers() -> None:
    why = missing()
    if why:
        pytest.skip(why)


def applies(world: Demo) -> dict[str, list[str]]:
    """Step -> the revisions that it applies by itself, in the newest plan."""
    newest = max(world.run.glob("plan-*.json"), key=lambda path: int(path.stem.partition("-")[2]))
    return {step["id"]: step["applies"] for step in json.loads(newest.read_bytes())["steps"] if step["applies"]}


@pytest.mark.parametrize(
    ("shape", "applied", "passed_over"),
    [("entrypoint", "start-migration", {"migrate"}), ("reload", "create", {"migrate"})],
)
def test_the_start_applies_the_revision_and_the_run_passes(
    shape: DemoShape, applied: str, passed_over: set[str], tmp_path: Path
) -> None:
    with demo(tmp_path / "demo", "docker", shape=shape) as world:
        done = world.safemig("run", "--mode", "auto", "--json")
        assert done.returncode == 0, done.stderr[-3000:]
        document = json.loads(done.stdout)
        assert document["verdict"] == "passed", document
        assert document["schema"] == {"matches_spec": True, "differences": [], "not_checked": []}
        assert document["revision"]["before"] == [BASE]
        steps = {step["id"]: step["status"] for step in document["steps"]}
        assert {name for name, status in steps.items() if status == "skipped"} == passed_over
        assert {status for name, status in steps.items() if name not in passed_over} == {"done"}
        assert not world.events("approval.asked")
        assert applies(world) == {"start": [BASE], applied: document["revision"]["after"]}
        check_database(world, document)
        assert [tick["line"] for tick in document["ticked"]] == [n for n in TICKED if n != NAMES_MAKE_MIGRATE]
        assert {tick["file"] for tick in document["ticked"]} == {PLAN}
        check_no_password(world, done.stdout, done.stderr, *check_reports(world))


@pytest.mark.parametrize(("shape", "asked"), [("entrypoint", "start-migration"), ("reload", "create")])
def test_what_loses_data_is_asked_before_the_start_applies_it(shape: DemoShape, asked: str, tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "docker", shape=shape) as world:
        (world.root / PLAN).write_text(DROPS, encoding="utf-8")
        done = world.safemig("run", "--spec", PLAN, "--mode", "auto", "--json")
        assert done.returncode == 4, done.stderr[-3000:]
        [question] = world.events("approval.asked")
        assert (question.step, question.data["effect"]) == (asked, "destructive")
        assert "drops the column course.created_at" in str(question.data["changes"])
        assert world.rows("SELECT version_num FROM alembic_version") == {(BASE,)}
        assert world.rows(COLUMN) == {("created_at",)}
