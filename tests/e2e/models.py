"""What the second phase of the demo's plan must have come to, on any runtime."""

from __future__ import annotations

import json
import subprocess

from safemig.journal.journal import read_events
from tests.e2e.world import PLAN, Demo, check_no_password

TICKED = (147, 148)  # line 149 asks for a test, which nobody has written
# Deleting a course takes its ratings with it, through the project's own models on a database in memory.
DELETES = """
from datetime import datetime
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session
from app.models import Base, Course, CourseRating
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    course = Course(slug="a", title="A", created_at=datetime.now())
    course.ratings.append(CourseRating(user_id=7, rating=4, created_at=datetime.now()))
    session.add(course)
    session.commit()
    assert session.scalar(select(func.count()).select_from(CourseRating)) == 1
    session.delete(course)
    session.commit()
    print(session.scalar(select(func.count()).select_from(CourseRating)))
"""


def check_models(world: Demo, before: str, done: subprocess.CompletedProcess[str], python: list[str]) -> None:
    """``before`` is the text of the models before the run, ``python`` the argv of the project's own Python."""
    assert done.returncode == 0, done.stderr[-3000:]
    document = json.loads(done.stdout)
    assert document["verdict"] == "passed"
    assert {step["status"] for step in document["steps"]} == {"done"}
    assert [(one["file"], one["line"]) for one in document["ticked"]] == [(PLAN, line) for line in TICKED]
    assert document["revision"]["before"] == document["revision"]["after"]
    _check_text(before, (world.folder / "app/models.py").read_text(encoding="utf-8"))
    _check_evidence(world, document["run"])
    check_no_password(world, done.stdout, done.stderr)
    line = [*python, "-c", DELETES]
    ran = subprocess.run(line, cwd=world.folder, capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout.strip() == "0", ran.stderr[-2000:]


def _check_text(before: str, after: str) -> None:
    lines = after.splitlines()
    gone = [line for line in before.splitlines() if line not in lines]
    assert gone == ["from sqlalchemy import DateTime, ForeignKey, Index, String, Text, func"]
    assert "from sqlalchemy import DateTime, ForeignKey, Index, String, Text, UniqueConstraint, func" in lines
    assert '    ratings: Mapped[list["CourseRating"]] = relationship(cascade="all, delete-orphan")' in lines
    assert "class CourseRating(Base):" in lines


def _check_evidence(world: Demo, run: str) -> None:
    """The mappers were configured in the project's environment; what differs is listed with both sides."""
    events = read_events(world.root / ".safemig" / "runs" / run)
    found = [event.data["evidence"] for event in events if event.kind == "evidence"]
    [seen] = [one for one in found if isinstance(one, dict) and one["kind"] == "models"]
    data = seen["data"]
    assert isinstance(data, dict)
    assert data["loaded"] == ["course course_rating Course.ratings"]
    assert isinstance(data["differences"], list)
    listed = {tuple(one.values()) for one in data["differences"] if isinstance(one, dict)}
    assert ("column public.course_rating.rating", "type", "integer", "smallint") in listed
    assert (
        "constraint public.course_rating.ck_course_rating_rating_range",
        "only in the database",
        "nothing",
        "CHECK (((rating >= 1) AND (rating <= 5)))",
    ) in listed
    assert {key for key, *_ in listed} == {
        "column public.course_rating.id",
        "column public.course_rating.rating",
        "constraint public.course_rating.ck_course_rating_rating_range",
    }
