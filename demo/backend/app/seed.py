"""Example data: `python -m app.seed`. Courses that are there already stay as they are."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import engine
from app.models import Course, Lesson

COURSES = (
    ("sourdough-basics", "Sourdough basics", "beginner", ("Flour and water", "The starter", "The first loaf")),
    ("bicycle-repair", "Bicycle repair", "beginner", ("Tools", "Brakes", "A wheel in true")),
    ("night-sky-photography", "Night sky photography", "advanced", ("Planning", "Long exposure")),
)


def seed(session: Session) -> int:
    """Add the missing example courses and return how many that were."""
    present = set(session.scalars(select(Course.slug)))
    added = 0
    for slug, title, level, lessons in COURSES:
        if slug in present:
            continue
        course = Course(slug=slug, title=title, level=level)
        course.lessons = [Lesson(position=number, title=name) for number, name in enumerate(lessons, 1)]
        session.add(course)
        added += 1
    session.commit()
    return added


if __name__ == "__main__":
    with Session(engine) as database:
        print(f"{seed(database)} courses added")
