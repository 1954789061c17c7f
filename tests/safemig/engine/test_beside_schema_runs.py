"""Phases that ask for what no comparison of tables shows, and things that are there in another form."""

from __future__ import annotations

import json

import psycopg
import pytest

from safemig.journal.journal import read_events
from tests.safemig.bad_projects import AUTO, safemig, write
from tests.safemig.engine.test_drift_runs import alembic, execute, phase, used, verdict
from tests.spine.project import Spine

pytestmark = pytest.mark.slow
__all__ = ["used"]


def test_a_phase_of_one_grant_is_written_and_looked_at(used: Spine) -> None:
    execute(used, "DROP ROLE IF EXISTS reader; CREATE ROLE reader")
    phase(used, "GRANT SELECT ON course TO reader;", "Reader may read")
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (0, "passed"), result.err
    assert safemig(used.root, "verify", "--spec", "ratings", "--phase", "1").code == 0
    execute(used, "REVOKE SELECT ON course FROM reader")
    again = safemig(used.root, "verify", "--spec", "ratings", "--phase", "1")
    assert again.code == 1, again.shown
    assert "as the spec asks" not in again.out
    gone = safemig(used.root, *AUTO, "--spec", "ratings", "--phase", "1")
    assert (gone.code, verdict(gone)) == (1, "failed"), gone.err
    assert "privilege SELECT on course for reader" in gone.err
    execute(used, "GRANT ALL ON course TO reader")
    wide = safemig(used.root, "verify", "--spec", "ratings", "--phase", "1")
    assert wide.code == 1, wide.shown
    assert "not checked" in wide.out


def test_a_phase_of_one_publication_is_written_and_named_as_not_checked(used: Spine) -> None:
    phase(used, "CREATE PUBLICATION feed FOR TABLE course;", "The feed is published")
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (0, "passed"), result.err
    assert "CREATE PUBLICATION feed" in json.loads(result.out)["schema"]["not_checked"][0]
    with psycopg.connect(used.dsn) as connection:
        assert connection.execute("SELECT pubname FROM pg_publication").fetchall() == [("feed",)]
    told = safemig(used.root, "verify", "--spec", "ratings", "--phase", "1")
    assert told.code == 1, told.shown
    assert "not checked: docs/ratings_plan.md:6: CREATE PUBLICATION" in told.out
    again = safemig(used.root, *AUTO, "--spec", "ratings", "--phase", "1")
    assert verdict(again) == "unchanged", again.err
    assert "everything of the spec that a look shows" in again.err
    assert "statements that a revision has and no look shows: docs/ratings_plan.md:6: CREATE PUBLICATION" in again.err
    execute(used, "DROP PUBLICATION feed")
    gone = safemig(used.root, *AUTO, "--spec", "ratings", "--phase", "1")
    assert (gone.code, verdict(gone)) == (1, "failed"), gone.err
    assert "publication feed: there is no such publication" in gone.err
    assert "publication feed: missing" in safemig(used.root, "verify", "--spec", "ratings", "--phase", "1").out


@pytest.mark.parametrize("sql", ["UPDATE course SET slug = 'x' WHERE slug IS NULL;", "DELETE FROM course;"])
def test_a_phase_of_rows_alone_is_named_as_not_done(used: Spine, sql: str) -> None:
    phase(used, sql, "The rows are right")
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (1, "failed"), result.err
    assert f"docs/ratings_plan.md:6: {sql.rstrip(';')}" in result.err


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ('op.create_index("ix_c", "course", ["id"])', "CREATE INDEX IF NOT EXISTS ix_c ON course (slug);"),
        (
            'op.add_column("course", sa.Column("level", sa.Text()))',
            "ALTER TABLE course ADD COLUMN IF NOT EXISTS level integer;",
        ),
    ],
)
def test_if_not_exists_over_another_form_is_not_there(used: Spine, there: str, asked: str) -> None:
    """A revision makes it, in another form: it is no drift, and it is not what is asked for."""
    first = used.root / "alembic/versions/1a2b3c4d5e6f_first.py"
    first.write_text(first.read_text().replace("\n\n\ndef downgrade", f"\n    {there}\n\n\ndef downgrade"))
    alembic(used, "downgrade", "base")
    alembic(used, "upgrade", "head")
    phase(used, f"CREATE TABLE rating (id integer PRIMARY KEY);\n{asked}")
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (1, "failed"), result.err
    assert "is there in another form, which IF NOT EXISTS passes over" in result.err
    assert len(list((used.root / "alembic/versions").glob("*.py"))) == 1


def test_an_invalid_index_is_not_there(used: Spine) -> None:
    execute(used, "INSERT INTO course (slug) VALUES ('a'), ('a')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(used, "CREATE UNIQUE INDEX CONCURRENTLY ix_c ON course (slug)")
    execute(used, "DELETE FROM course")
    phase(used, "CREATE UNIQUE INDEX IF NOT EXISTS ix_c ON course (slug);", "Index `ix_c`")
    result = safemig(used.root, *AUTO)
    assert verdict(result) not in ("passed", "unchanged"), result.err
    assert "ix_c" in result.err


def test_a_foreign_key_that_is_not_enforced_is_not_as_asked(used: Spine) -> None:
    assert verdict(safemig(used.root, *AUTO)) == "passed"
    assert safemig(used.root, "verify", "--spec", "ratings", "--phase", "1").code == 0
    execute(used, "ALTER TABLE course DISABLE TRIGGER ALL")
    told = safemig(used.root, "verify", "--spec", "ratings", "--phase", "1")
    assert told.code == 1, told.shown
    assert "fk_rating_course: enforcement" in told.out
    execute(used, "ALTER TABLE course ENABLE TRIGGER ALL; CREATE TABLE beside (id integer)")
    drifted = safemig(used.root, "verify", "--spec", "ratings", "--phase", "1")
    assert drifted.code == 5, drifted.shown
    assert "table public.beside: unexpected" in drifted.out


def test_a_service_that_dies_some_seconds_after_the_change_fails_the_run(used: Spine) -> None:
    """The migration leaves a mark, some seconds after which the service ends itself."""
    service = used.root / "service.py"
    text = service.read_text()
    watch = (
        "import os, threading, time\n\n\n"
        "def watch():\n"
        "    while not os.path.exists('changed'):\n"
        "        time.sleep(0.05)\n"
        "    time.sleep(8)\n"
        "    os._exit(3)\n\n\n"
        "threading.Thread(target=watch, daemon=True).start()\n\n\n"
    )
    service.write_text(watch + text)
    makefile = (used.root / "Makefile").read_text()
    write(used.root, "Makefile", makefile.replace("\techo migrate >> calls.log\n", "\ttouch changed\n"))
    config = used.root / "safemig.yaml"
    config.write_text(config.read_text().replace("settle: 0.2", "settle: 12\ntimeouts: {healthy: 5}"))
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (1, "failed"), result.err
    events = read_events(used.runs()[-1])
    assert any(event.kind == "progress" and "after the change" in str(event.data["text"]) for event in events)
