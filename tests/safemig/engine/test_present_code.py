"""Whether what answers may be the code of before: said where the files are newer than what runs."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safemig.engine.present_code import Changed, last_changed, old_code
from safemig.execution.instance import Instance
from safemig.runtimes.instances import _reloads
from tests.safemig.bad_projects import make, write
from tests.safemig.starting import before_start

CHANGED = Changed("app/main.py", datetime(2026, 1, 5, 10, 0, tzinfo=UTC))
EARLIER, LATER = "2026-01-05T09:00:00.123456789Z", "2026-01-05T11:00:00Z"
PROCESS = Instance("7", EARLIER, pid=7)
CONTAINER = Instance("c", LATER, image="sha256:a", named="sha256:a", made=EARLIER)


@pytest.mark.parametrize(
    ("instance", "mounted", "built", "expected"),
    [
        (PROCESS, True, False, "may be the code of before"),
        (replace(PROCESS, reloads=True), True, False, ""),
        (replace(PROCESS, started=LATER), True, False, ""),
        (replace(PROCESS, state="exited"), True, False, ""),
        (replace(PROCESS, started="never"), True, False, ""),
        (CONTAINER, False, False, "which this run has not built"),
        (CONTAINER, False, True, ""),
        (replace(CONTAINER, made=LATER), False, False, ""),
        (CONTAINER, True, False, ""),  # the source is mounted: the container has read it after the change
        (replace(CONTAINER, started=EARLIER), True, True, "may be the code of before"),
        (replace(CONTAINER, started=EARLIER, reloads=True), True, False, ""),
    ],
)
def test_old_code(instance: Instance, mounted: bool, built: bool, expected: str) -> None:
    text = old_code("api", instance, CHANGED, mounted=mounted, built=built)
    assert (expected in text) if expected else (text == "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["uvicorn", "app.main:app", "--reload"], True),
        (["/bin/sh", "-c", "exec uvicorn app.main:app --reload"], True),
        (["fastapi", "dev"], True),
        (["python", "manage.py", "runserver"], True),
        (["gunicorn", "app:app"], False),
    ],
)
def test_reloaders(command: list[str], expected: bool) -> None:
    assert _reloads(command) is expected


def test_tests_and_revisions_are_no_code_of_the_service(tmp_path: Path) -> None:
    make(tmp_path)
    write(tmp_path, ".venv/lib/x.py", "")
    write(tmp_path, "app/models.py", "")
    for number, path in enumerate(sorted(tmp_path.rglob("*.py"))):
        moment = 1_000_000 + number if path.name == "models.py" else 2_000_000
        if path.name in ("service.py", "env.py"):
            moment = 500_000
        os.utime(path, (moment, moment))
    changed = last_changed(before_start(tmp_path).session)
    assert changed is not None and changed.file == "app/models.py"
