"""Whole runs on databases that are not what their revisions make: nothing of it passes, and what is offered works."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from safemig.journal.events import Event
from safemig.journal.journal import read_events
from tests.safemig.bad_projects import AUTO, Ended, safemig, write
from tests.spine.face import asked, converse, decide
from tests.spine.project import Spine, make_project, migrated, remove_project

pytestmark = pytest.mark.slow
SECOND = '''\
"""second"""
from alembic import op
import sqlalchemy as sa

revision = "2b3c4d5e6f70"
down_revision = "1a2b3c4d5e6f"
branch_labels = None
depends_on = None


def upgrade():
{body}


def downgrade():
    {back}
'''
RATING = (
    "CREATE TABLE rating (id serial PRIMARY KEY, course_id integer NOT NULL, stars smallint NOT NULL, "
    "CONSTRAINT fk_rating_course FOREIGN KEY (course_id) REFERENCES course (id), "
    "CONSTRAINT ck_rating_stars CHECK (stars BETWEEN 1 AND 5)); "
    "CREATE INDEX ix_rating_course_id ON rating (course_id)"
)


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Spine]:
    """The project with a database that is at the first revision."""
    spine = make_project(tmp_path / "shop")
    try:
        migrated(spine)
        yield spine
    finally:
        remove_project(spine)


def alembic(spine: Spine, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "alembic", *arguments], cwd=spine.root, check=True, capture_output=True)


def execute(spine: Spine, sql: str) -> None:
    with psycopg.connect(spine.dsn, autocommit=True) as connection:
        connection.execute(sql.encode())


def phase(spine: Spine, sql: str, item: str = "Table `rating` exists") -> None:
    write(
        spine.root, "docs/ratings_plan.md", f"# Ratings\n\n## Phase 1: Database\n\n```sql\n{sql}\n```\n\n- [ ] {item}\n"
    )


def ended(spine: Spine) -> Event:
    return read_events(spine.runs()[-1])[-1]


def verdict(result: Ended) -> str:
    return str(json.loads(result.out)["verdict"])


def builds_empty(spine: Spine) -> None:
    """`alembic upgrade head` on an empty database works."""
    execute(spine, "CREATE DATABASE empty")
    ini = spine.root / "alembic.ini"
    text = ini.read_text()
    try:
        ini.write_text(text.replace("/spine\n", "/empty\n"))
        assert "/empty\n" in ini.read_text()
        alembic(spine, "upgrade", "head")
    finally:
        ini.write_text(text)


@pytest.mark.parametrize(
    ("body", "back", "missing"),
    [
        (
            'op.add_column("course", sa.Column("level", sa.Integer()))',
            'op.drop_column("course", "level")',
            "column course.level",
        ),
        (
            'op.create_index("ix_course_slug", "course", ["slug"])',
            'op.drop_index("ix_course_slug", "course")',
            "index ix_course_slug",
        ),
        (
            'op.create_table("tutor", sa.Column("id", sa.Integer(), primary_key=True))',
            'op.drop_table("tutor")',
            "table tutor",
        ),
        (
            'op.drop_column("course", "slug")',
            'op.add_column("course", sa.Column("slug", sa.Text()))',
            "column course.slug is still there",
        ),
    ],
)
def test_a_revision_that_was_only_stamped_does_not_pass(used: Spine, body: str, back: str, missing: str) -> None:
    """The database is a fresh one: what is pending is applied before the baseline."""
    alembic(used, "downgrade", "base")
    stamping(used, body, back)
    assert agreed(used) == (1, "failed"), ended(used).data
    assert missing in str(ended(used).data["reason"])


def test_a_stamp_on_a_database_in_use_does_not_pass(used: Spine) -> None:
    stamping(used, 'op.add_column("course", sa.Column("level", sa.Integer()))', 'op.drop_column("course", "level")')
    assert agreed(used) == (1, "failed"), ended(used).data
    assert "column public.course.level" in str(ended(used).data["reason"])


def test_a_stamp_of_what_nothing_told_beforehand_does_not_pass(used: Spine) -> None:
    """One of its tables is there by hand, so that nothing tells what the revision makes there; a person says yes."""
    execute(used, "CREATE TABLE tutor (id integer PRIMARY KEY)")
    tables = "\n    ".join(
        f'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))' for name in ("tutor", "pupil")
    )
    stamping(used, tables, 'op.drop_table("pupil"); op.drop_table("tutor")')
    (used.root / "docs" / "ratings_plan.md").unlink()
    assert agreed(used) == (1, "failed"), ended(used).data
    assert "table pupil is missing" in str(ended(used).data["reason"])


def agreed(spine: Spine) -> tuple[int, str]:
    """Exit code and verdict of a run in auto mode whose questions (a stamp is asked about) are answered with yes."""
    code, events = converse(spine, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto")
    return code, str(events[-1]["data"]["verdict"])


def stamping(spine: Spine, body: str, back: str) -> None:
    """A second revision, and a `make migrate` that only records it."""
    write(spine.root, "alembic/versions/2b3c4d5e6f70_second.py", SECOND.format(body=f"    {body}", back=back))
    makefile = (spine.root / "Makefile").read_text()
    upgrade = "$(PY) -m alembic upgrade head"
    assert upgrade in makefile
    stamped = "$(PY) -m alembic upgrade 1a2b3c4d5e6f && $(PY) -m alembic stamp head"
    write(spine.root, "Makefile", makefile.replace(upgrade, stamped))


def test_a_table_that_no_revision_makes_is_offered_its_revision(used: Spine) -> None:
    execute(used, RATING)
    alone = safemig(used.root, *AUTO)
    assert (alone.code, verdict(alone)) == (4, "waiting")
    assert "table rating is made by no revision" in alone.err
    assert not [name for name in alone.changed if name.startswith("alembic")]
    code, events = converse(used, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    [made] = set((used.root / "alembic/versions").glob("*.py")) - {used.root / "alembic/versions/1a2b3c4d5e6f_first.py"}
    assert "IF NOT EXISTS" in made.read_text()
    builds_empty(used)
    assert verdict(safemig(used.root, *AUTO)) == "unchanged"


def test_no_to_the_revision_leaves_everything(used: Spine) -> None:
    execute(used, RATING)
    code, events = converse(used, lambda event: [decide(event, "no")] if asked(event) else [], "--mode", "auto")
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused")
    assert len(list((used.root / "alembic/versions").glob("*.py"))) == 1


def test_a_table_made_by_hand_in_another_form_is_not_leaned_on(used: Spine) -> None:
    execute(used, "CREATE TABLE rating (id serial PRIMARY KEY, course_id integer NOT NULL)")
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (4, "waiting")
    assert "table rating is made by no revision" in result.err
    assert "cannot be made on an empty database" in result.err


ENUM = """CREATE TYPE mood AS ENUM ('good', 'bad', 'none');
CREATE TABLE rating (id integer PRIMARY KEY, mood mood NOT NULL);"""


@pytest.mark.parametrize("labels", ["'good', 'bad', 'none'", "'good', 'bad'"])
def test_an_enum_that_no_revision_makes_is_made_where_it_is_missing(used: Spine, labels: str) -> None:
    execute(used, f"CREATE TYPE mood AS ENUM ({labels})")
    phase(used, ENUM)
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (0, "passed"), result.err
    assert "enum mood is made by no revision" in result.err
    builds_empty(used)


@pytest.mark.parametrize(
    ("by_hand", "column"),
    [
        ("CREATE DOMAIN stars AS smallint CHECK (VALUE > 0)", "stars stars"),
        ("CREATE EXTENSION citext", "title citext"),
        ("CREATE TABLE tutor (id integer PRIMARY KEY)", "tutor_id integer REFERENCES tutor (id)"),
    ],
)
def test_what_was_made_by_hand_is_never_leaned_on_silently(used: Spine, by_hand: str, column: str) -> None:
    execute(used, by_hand)
    phase(used, f"CREATE TABLE rating (id integer PRIMARY KEY, {column});")
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (4, "waiting")
    assert "cannot be made on an empty database" in result.err
    assert not [name for name in result.changed if name.startswith("alembic")]


def test_other_drift_is_a_warning(used: Spine) -> None:
    execute(used, "ALTER TABLE course ADD COLUMN made_by_hand integer; CREATE TABLE beside (id integer)")
    result = safemig(used.root, *AUTO)
    assert verdict(result) == "passed", result.err
    assert "drift: the database is not what its revisions make" in result.err
    assert "column course.made_by_hand" in result.err
    assert "table beside" in result.err


def test_drift_in_a_table_that_the_phase_changes_asks(used: Spine) -> None:
    execute(used, "ALTER TABLE course ADD COLUMN made_by_hand integer")
    phase(used, "ALTER TABLE course ADD COLUMN level integer;", "Column `course.level` exists")
    result = safemig(used.root, *AUTO)
    assert (result.code, verdict(result)) == (4, "waiting")
    assert "column course.made_by_hand is made by no revision" in result.err


def test_what_is_there_by_a_revision_is_unchanged(used: Spine) -> None:
    first = safemig(used.root, *AUTO)
    assert verdict(first) == "passed", first.err
    plan = used.root / "docs/ratings_plan.md"
    plan.write_text(plan.read_text() + "- [ ] Write a migration that fills in the ratings of before\n")
    again = safemig(used.root, *AUTO, "--spec", "ratings", "--phase", "1")
    assert (again.code, verdict(again)) == (0, "unchanged"), again.err
    assert "Write a migration that fills in the ratings of before" in again.err, "the schema says nothing of rows"
    assert "=== UNCHANGED ===" in again.err
    assert "already everything" in again.err


def test_no_change_asked_is_unchanged_but_no_open_item_is_passed_over(used: Spine) -> None:
    write(used.root, "docs/ratings_plan.md", "# Notes\n\n## Phase 1: Words\n\n- [ ] Tell somebody\n")
    nothing = safemig(used.root, *AUTO)
    assert (nothing.code, verdict(nothing)) == (0, "unchanged"), nothing.err
    write(used.root, "docs/ratings_plan.md", "# Notes\n\n## Phase 1: Words\n\n- [ ] Write the migration for ratings\n")
    unnamed = safemig(used.root, *AUTO)
    assert (unnamed.code, verdict(unnamed)) == (0, "unchanged"), unnamed.err
    assert "docs/ratings_plan.md:5: Write the migration for ratings" in str(ended(used).data["reason"])
    left = safemig(used.root, *AUTO, "--spec", "ratings", "--phase", "1")
    assert (left.code, verdict(left)) == (1, "failed")
    assert "Write the migration for ratings" in left.err


def test_drift_that_cannot_be_told_is_said(used: Spine) -> None:
    first = used.root / "alembic/versions/1a2b3c4d5e6f_first.py"
    first.write_text(first.read_text().replace("def upgrade():\n", "def upgrade():\n    print(open(__file__).name)\n"))
    result = safemig(used.root, *AUTO)
    assert verdict(result) == "passed", result.err
    assert "drift not known: revision 1a2b3c4d5e6f" in result.err


SEEDED = """    bind = op.get_bind()
    courses = sa.table("course", sa.column("slug"))
    op.bulk_insert(courses, [{"slug": str(uuid.uuid4())}])
    for row in bind.execute(sa.text("SELECT id, slug FROM course")):
        bind.execute(sa.text("UPDATE course SET slug = :slug WHERE id = :id"), {"slug": row.slug[:8], "id": row.id})
    op.add_column("course", sa.Column("level", sa.Integer()))"""


def pending_second(spine: Spine, body: str) -> None:
    """The database is empty, and its chain has a second revision."""
    alembic(spine, "downgrade", "base")
    text = SECOND.format(body=body, back='op.drop_column("course", "level")').replace(
        "import sq", "import uuid\nimport sq"
    )
    write(spine.root, "alembic/versions/2b3c4d5e6f70_second.py", text)


def test_a_fresh_clone_whose_chain_fills_tables_is_compared_and_asks_nothing_of_it(used: Spine) -> None:
    pending_second(used, SEEDED)
    result = safemig(used.root, *AUTO)
    assert "drift not known" not in result.err
    assert "not told" not in result.err
    # An UPDATE overwrites what rows hold, which is asked about as ever.
    code, events = converse(used, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    assert [event["data"]["title"] for event in events if event["kind"] == "approval.asked"] == [
        "Apply the pending revisions: 1a2b3c4d5e6f, 2b3c4d5e6f70"
    ]


UNTOLD = """    from subprocess import run
    run(["true"])
    op.add_column("course", sa.Column("level", sa.Integer()))"""


def test_applied_revisions_that_cannot_be_compared_are_asked_about(used: Spine) -> None:
    pending_second(used, UNTOLD)
    titles: list[str] = []

    def answer(event: dict[str, object], words: str) -> list[dict[str, object]]:
        if not asked(event):
            return []
        titles.append(str(event["data"]["title"]))  # type: ignore[index]
        return [decide(event, words if "cannot be told" in titles[-1] else "once")]

    code, events = converse(used, lambda event: answer(event, "no"), "--mode", "auto")
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused"), events[-1]
    [question] = [title for title in titles if "cannot be told" in title]
    assert "applied revisions" in question
    told = next(e["data"] for e in events if e["kind"] == "approval.asked" and e["data"]["title"] == question)
    assert "2b3c4d5e6f70_second.py:" in told["what"]
    assert "migration: {uncompared: accept}" in told["what"]


def test_what_cannot_be_compared_waits_in_auto_unless_the_configuration_accepts_it(used: Spine) -> None:
    pending_second(used, UNTOLD)
    # What the revision runs is not read, so that applying it is asked about, too: that is said beforehand.
    config = (used.root / "safemig.yaml").read_text()
    write(used.root, "safemig.yaml", config + "migration: {uncompared: accept}\n")
    titles: list[str] = []

    def answer(event: dict[str, object]) -> list[dict[str, object]]:
        if not asked(event):
            return []
        titles.append(str(event["data"]["title"]))  # type: ignore[index]
        return [decide(event, "once")]

    code, events = converse(used, answer, "--mode", "auto")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    assert not [title for title in titles if "cannot be told" in title]
    notes = [event["data"]["text"] for event in events if event["kind"] == "note"]
    assert [text for text in notes if "uncompared: accept" in text]
