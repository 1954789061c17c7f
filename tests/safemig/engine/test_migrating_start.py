"""Whole runs on projects that apply revisions by themselves: when they start, under a reloader, unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.safemig.bad_projects import Ended, safemig
from tests.spine.project import SERVICE, Spine, make_project, remove_project

pytestmark = pytest.mark.slow

STARTS = """\
PY = {python}

.PHONY: start stop test {more}

start: stop
\techo start >> calls.log
\t{before}DATABASE_URL={url} nohup $(PY) -m uvicorn service:app --host 127.0.0.1 --port {port} {flags}> service.log 2>&1 & echo $$! > service.pid

stop:
\t@if [ -f service.pid ] && kill $$(cat service.pid) 2>/dev/null; then \\
\tfor i in $$(seq 50); do kill -0 $$(cat service.pid) 2>/dev/null || break; sleep 0.1; done; fi

test:
\t$(PY) -m pytest -q -p no:cacheprovider tests
{target}
"""  # noqa: E501
MIGRATE = "\nmigrate:\n\techo migrate >> calls.log\n\t$(PY) -m alembic upgrade head\n"
LIFESPAN = (
    SERVICE.replace(
        "async def app",
        "from pathlib import Path\n\nfrom alembic import command\nfrom alembic.config import Config\n\n\n"
        'INI = Path(__file__).with_name("alembic.ini")\n\n\n'
        'def up_to_date():\n    command.upgrade(Config(INI), "head")\n\n\nasync def app',
    )
    .replace(
        '        while True:\n            message = await receive()\n',
        '        while True:\n            message = await receive()\n'
        '            if message["type"] == "lifespan.startup":\n                up_to_date()\n',
    )
)  # fmt: skip
DROPS = """\
# Slugs

## Phase 1: Database

```python
def upgrade():
    op.drop_column("course", "slug")


def downgrade():
    op.add_column("course", sa.Column("slug", sa.Text()))
```

- [ ] Column `course.slug` is gone
"""
# Which function this calls is told by no name.
HIDDEN = LIFESPAN.replace("from alembic import command\n", "import importlib\n").replace(
    "    command.upgrade(", '    getattr(importlib.import_module("dnammoc.cibmela"[::-1]), "edargpu"[::-1])('
)


def makefile(before: str = "", flags: str = "", target: str = "") -> str:
    """A Makefile template as `make_project` wants it."""
    text = STARTS.replace("{before}", before).replace("{flags}", flags).replace("{target}", target)
    return text.replace("{more}", "migrate" if target else "")


@contextmanager
def project(root: Path, text: str, **files: str) -> Iterator[Spine]:
    """The project with that Makefile and these files beside (``__`` stands for a slash, ``_py`` for the suffix)."""
    spine = make_project(root, makefile=text)
    for name, content in files.items():
        (spine.root / name.replace("__", "/").replace("_py", ".py").replace("_md", ".md")).write_text(content)
    try:
        yield spine
    finally:
        remove_project(spine)


def run(spine: Spine, *words: str) -> tuple[Ended, dict[str, object]]:
    """`safemig run --mode auto --json`, and its document."""
    ended = safemig(spine.root, "run", "--mode", "auto", "--json", *words)
    return ended, json.loads(ended.out)


def statuses(document: dict[str, object]) -> dict[str, str]:
    """Step -> how it ended."""
    steps = document["steps"]
    assert isinstance(steps, list)
    return {step["id"]: step["status"] for step in steps}


def columns(spine: Spine, table: str) -> list[str]:
    """The columns that PostgreSQL has of the table."""
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY 1"
    with psycopg.connect(spine.dsn) as connection:
        return [row[0] for row in connection.execute(query, (table,)).fetchall()]


@pytest.mark.parametrize(
    ("text", "service", "done", "skipped"),
    [
        (makefile(before="$(PY) -m alembic upgrade head && "), SERVICE, "start-migration", set()),
        (makefile(), LIFESPAN, "start-migration", set()),
        (makefile(target=MIGRATE), LIFESPAN, "migrate", set()),
        (makefile(flags="--reload "), LIFESPAN, "create", {"stop-start-migration", "start-migration"}),
        (makefile(flags="--reload ", target=MIGRATE), LIFESPAN, "create", {"migrate"}),
    ],
    ids=["recipe", "lifespan", "lifespan and make migrate", "reloader", "reloader and make migrate"],
)
def test_the_start_is_the_way_to_upgrade(text: str, service: str, done: str, skipped: set[str], tmp_path: Path) -> None:
    if skipped:
        pytest.importorskip("watchfiles")  # without it uvicorn does not see a new file
    with project(tmp_path / "shop", text, service_py=service) as spine:
        ended, document = run(spine)
        assert ended.code == 0, ended.shown[-3000:]
        assert document["verdict"] == "passed"
        assert columns(spine, "rating") == ["course_id", "id", "stars"]
        steps = statuses(document)
        assert steps[done] == "done"
        assert {step for step, status in steps.items() if status == "skipped"} == skipped
        assert ("migrate" in spine.calls()) is (done == "migrate")


@pytest.mark.parametrize(
    ("text", "service", "asked"),
    [
        (makefile(before="$(PY) -m alembic upgrade head && "), SERVICE, "start-migration"),
        (makefile(flags="--reload "), LIFESPAN, "create"),
    ],
    ids=["recipe", "reloader"],
)
def test_what_loses_data_is_asked_before_anything_applies_it(
    text: str, service: str, asked: str, tmp_path: Path
) -> None:
    with project(tmp_path / "shop", text, service_py=service, docs__ratings_plan_md=DROPS) as spine:
        ended, document = run(spine)
        assert (ended.code, document["verdict"]) == (4, "waiting"), ended.shown[-3000:]
        assert columns(spine, "course") == ["id", "slug"]
        written = [name for name in ended.changed if "versions/" in name]
        assert bool(written) is (asked != "create")
        assert asked not in statuses(document) or statuses(document)[asked] != "done"
        assert "this applies" in ended.reason


def test_what_no_file_says_ends_the_run_and_is_known_afterwards(tmp_path: Path) -> None:
    """The net: the start applies a revision that nobody was asked about."""
    with project(tmp_path / "shop", makefile(target=MIGRATE), service_py=HIDDEN) as spine:
        ended, document = run(spine)
        assert (ended.code, document["verdict"]) == (1, "failed"), ended.shown[-3000:]
        reason = ended.reason
        assert "“Start the service” changed the revision from none to 1a2b3c4d5e6f" in reason
        assert "table course new" in reason
        assert document["revision"] == {"before": [], "after": ["1a2b3c4d5e6f"]}
        [known] = json.loads((spine.root / ".safemig" / "applies.json").read_bytes())
        assert (known["role"], known["kind"]) == ("start", "revisions")
        again, second = run(spine)
        assert (again.code, second["verdict"]) == (0, "passed"), again.shown[-3000:]


def test_tests_that_change_the_schema_end_the_run(tmp_path: Path) -> None:
    test = """\
        import pathlib, psycopg

        def test_leaves_a_table():
            url = pathlib.Path("alembic.ini").read_text().split("sqlalchemy.url = ")[1].split()[0]
            with psycopg.connect(url.replace("+psycopg", "")) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS left_behind (id int)")
        """
    import textwrap

    with project(tmp_path / "shop", makefile(target=MIGRATE), tests__test_truth_py=textwrap.dedent(test)) as spine:
        ended, document = run(spine)
        assert (ended.code, document["verdict"]) == (1, "failed"), ended.shown[-3000:]
        assert "“Run the tests” changed the schema (table left_behind new)" in ended.reason
        assert columns(spine, "rating") == []
        # A later run asks about such tests before it runs them.
        again, second = run(spine)
        assert (again.code, second["verdict"]) == (4, "waiting"), again.shown[-3000:]
