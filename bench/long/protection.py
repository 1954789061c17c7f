"""The longest stall of readers and writers beside a change whose table somebody holds.

Usage: python bench/long/protection.py [--runs 20] [--hold 5] [--kinds NAME …]. For each kind of change a revision is
applied twice to the same small table: by plain `alembic upgrade head`, and by `safemig run` in auto mode (its questions
are answered with yes). Another session holds the table until it has been waited for ``--hold`` seconds; one reader and
one writer work meanwhile. Prints for each kind the 95th percentile of the longest stall, in milliseconds, under both,
and how often safemig ran the command again. Exits 1 where a run of safemig did not pass.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

READ = "SELECT count(*) FROM course"
WRITE = "UPDATE course SET slug = 'b' WHERE id = 1"
SHARED, WRITING = "SELECT FROM course", "LOCK TABLE course IN ROW EXCLUSIVE MODE"
# Body of upgrade(), body of downgrade(), what the holder does: what conflicts with the change.
KINDS = {
    "add column with a default": (
        'op.add_column("course", sa.Column("level", sa.Integer(), server_default="1", nullable=False))',
        'op.drop_column("course", "level")',
        SHARED,
    ),
    "drop column": (
        'op.drop_column("course", "note")',
        'op.add_column("course", sa.Column("note", sa.Text()))',
        SHARED,
    ),
    "rename column": (
        'op.alter_column("course", "note", new_column_name="remark")',
        'op.alter_column("course", "remark", new_column_name="note")',
        SHARED,
    ),
    "set not null": (
        'op.alter_column("course", "slug", nullable=False)',
        'op.alter_column("course", "slug", nullable=True)',
        SHARED,
    ),
    "change type": (
        'op.alter_column("course", "note", type_=sa.String(200), existing_type=sa.Text())',
        'op.alter_column("course", "note", type_=sa.Text(), existing_type=sa.String(200))',
        SHARED,
    ),
    "check": (
        'op.create_check_constraint("ck_course_id", "course", "id > 0")',
        'op.drop_constraint("ck_course_id", "course")',
        SHARED,
    ),
    "unique": (
        'op.create_unique_constraint("uq_course_slug", "course", ["slug"])',
        'op.drop_constraint("uq_course_slug", "course")',
        SHARED,
    ),
    "foreign key": (
        'op.create_foreign_key("fk_tutor_course", "tutor", "course", ["course_id"], ["id"])',
        'op.drop_constraint("fk_tutor_course", "tutor")',
        WRITING,
    ),
    "index": ('op.create_index("ix_course_slug", "course", ["slug"])', 'op.drop_index("ix_course_slug")', WRITING),
    "two tables in one transaction": (
        'op.add_column("tutor", sa.Column("level", sa.Integer()))\n'
        '    op.add_column("course", sa.Column("level", sa.Integer()))',
        'op.drop_column("course", "level")\n    op.drop_column("tutor", "level")',
        SHARED,
    ),
}


@dataclass(frozen=True)
class Outcome:
    """``stall`` in seconds; ``retries`` of the command; ``problem`` is why the run counts as failed."""

    stall: float
    retries: int = 0
    problem: str = ""


def main() -> int:
    """Prints the figures; returns the exit code."""
    options = argparse.ArgumentParser(description="the longest stall beside a change")
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--hold", type=float, default=5.0)
    options.add_argument("--kinds", nargs="*", choices=[*KINDS], default=[*KINDS])
    chosen = options.parse_args()
    bad = 0
    for kind in chosen.kinds:
        plain = [measure(kind, chosen.hold, protected=False) for _ in range(chosen.runs)]
        protected = [measure(kind, chosen.hold, protected=True) for _ in range(chosen.runs)]
        problems = [each.problem for each in (*plain, *protected) if each.problem]
        bad += len(problems)
        retries = max(each.retries for each in protected)
        words = f"; {problems[0]}" if problems else ""
        stalls = f"plain {_p95(plain):7.0f} ms   safemig {_p95(protected):5.0f} ms"
        print(f"{kind:32} {stalls}, run again at most {retries} times{words}", flush=True)
    return 1 if bad else 0


def _p95(outcomes: list[Outcome]) -> float:
    ordered = sorted(each.stall for each in outcomes)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] * 1000


def measure(kind: str, hold: float, *, protected: bool) -> Outcome:
    """One change on a project and a database of its own."""
    from tests.safemig.engine.test_drift_runs import SECOND
    from tests.spine.clients import holding, working
    from tests.spine.project import make_project, remove_project

    up, down, held = KINDS[kind]
    with tempfile.TemporaryDirectory(prefix="safemig-protection-") as folder:
        spine = make_project(Path(folder) / "shop")
        try:
            prepare(spine)
            revision = spine.root / "alembic/versions/2b3c4d5e6f70_second.py"
            revision.write_text(SECOND.format(body=f"    {up}", back=down), encoding="utf-8")
            with working(spine, READ) as reader, working(spine, WRITE) as writer, holding(spine, held) as holder:
                over = threading.Event()
                letting = threading.Thread(target=let_go, args=(spine.dsn, holder, hold, over))
                letting.start()
                problem, retries = migrate(spine, protected=protected)
                over.set()
                letting.join()
            problem = problem or "; ".join((*reader.failed, *writer.failed)[:1])
            return Outcome(max(reader.longest, writer.longest), retries, problem)
        finally:
            remove_project(spine)


def prepare(spine: object) -> None:
    """A database in use, at the first revision."""
    import psycopg

    from safemig.cli.opening import open_project
    from tests.safemig.engine.test_drift_runs import alembic
    from tests.spine.project import Spine

    assert isinstance(spine, Spine)
    first = spine.root / "alembic/versions/1a2b3c4d5e6f_first.py"
    text = first.read_text(encoding="utf-8")
    course = 'sa.Column("slug", sa.Text())'
    assert course in text
    text = text.replace(
        f"{course})",
        f'{course}, sa.Column("note", sa.Text()))\n    op.create_table("tutor", '
        'sa.Column("id", sa.Integer(), primary_key=True), sa.Column("course_id", sa.Integer()))',
    ).replace('    op.drop_table("course")', '    op.drop_table("tutor")\n    op.drop_table("course")')
    first.write_text(text, encoding="utf-8")
    (spine.root / "docs/ratings_plan.md").unlink()
    open_project(argparse.Namespace(project=str(spine.root), command="status")).runtime.start_database()
    alembic(spine, "upgrade", "head")
    with psycopg.connect(spine.dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO course (slug, note) SELECT 's' || n, 'n' FROM generate_series(1, 1000) AS n")


def let_go(dsn: str, holder: object, hold: float, over: threading.Event) -> None:
    """Ends the holder's transaction once a session that is neither reader nor writer has waited for ``hold`` seconds,
    or as soon as the migration is over."""
    import psycopg

    from checks.database.lock_queue import look

    assert isinstance(holder, psycopg.Connection)
    since = 0.0
    with psycopg.connect(dsn, autocommit=True, application_name="lookout") as connection:
        while not over.wait(0.01):
            waiters = () if since else look(connection, "safemig").waiters
            if any(each.application != "shop" and holder.info.backend_pid in each.blockers for each in waiters):
                since = time.monotonic()
            if since and time.monotonic() - since >= hold:
                break
    holder.rollback()


def migrate(spine: object, *, protected: bool) -> tuple[str, int]:
    """Why it failed, "" when it did not, and how often the command was run again."""
    from tests.spine.face import asked, converse, decide, of
    from tests.spine.project import Spine

    assert isinstance(spine, Spine)
    if not protected:
        line = [sys.executable, "-m", "alembic", "upgrade", "head"]
        done = subprocess.run(line, cwd=spine.root, capture_output=True, text=True, check=False)
        return (done.stderr.strip()[-200:] if done.returncode else ""), 0
    code, events = converse(spine, lambda event: [decide(event, "once")] if asked(event) else [], "--mode", "auto")
    seen = [event["data"]["evidence"] for event in of(events, "evidence")]
    retries = sum(int(each["data"]["retries"]) for each in seen if each["kind"] == "protection")
    return ("" if code == 0 else str(events[-1]["data"].get("reason") or code)), retries


if __name__ == "__main__":
    sys.exit(main())
