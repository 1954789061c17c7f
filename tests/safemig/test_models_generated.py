"""What sqlacodegen 4.0 makes of a table, trimmed to the project's own form."""

from __future__ import annotations

import pytest

from safemig.models.generated import table_for, trimmed

GENERATED = """import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, Identity, Index, Integer, PrimaryKeyConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass


class Course(Base):
    __tablename__ = 'course'

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)

    rating: Mapped[list['Rating']] = relationship('Rating', back_populates='course')


class Rating(Base):
    __tablename__ = 'rating'
    __table_args__ = (
        CheckConstraint('stars >= 1 AND stars <= 5', name='ck_stars'),
        ForeignKeyConstraint(['course_id'], ['course.id'], ondelete='CASCADE', name='fk_course'),
        PrimaryKeyConstraint('id', name='pk_rating'),
        Index('ix_rating_course_id', 'course_id')
    )

    id: Mapped[int] = mapped_column(Integer, Identity(start=1, increment=1, minvalue=1, maxvalue=2147483647, \
cycle=False, cache=1), primary_key=True, autoincrement=True)
    course_id: Mapped[int] = mapped_column(Integer, nullable=False)
    stars: Mapped[Optional[int]] = mapped_column(SmallInteger)
    at: Mapped[datetime.datetime] = mapped_column(DateTime(True), nullable=False, server_default=text('now()'))
    kind: Mapped[str] = mapped_column(Text, nullable=False, server_default=text("'a'::text"))

    course: Mapped['Course'] = relationship('Course', back_populates='rating')
"""
TRIMMED = """class CourseRating(db.Model):
    __tablename__ = "rating"
    __table_args__ = (
        CheckConstraint("stars >= 1 AND stars <= 5", name="ck_stars"),
        Index("ix_rating_course_id", "course_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    course_id: Mapped[int] = mapped_column(
        ForeignKey("course.id", ondelete="CASCADE", name="fk_course")
    )
    stars: Mapped[int | None] = mapped_column(SmallInteger)
    at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    kind: Mapped[str] = mapped_column(Text, server_default=text("'a'::text"))"""


def test_one_class_in_the_projects_form() -> None:
    assert trimmed(GENERATED, "rating", "CourseRating", "db.Model") == TRIMMED
    compile(TRIMMED, "models.py", "exec")


def test_what_is_not_there_or_broken_gives_nothing() -> None:
    assert trimmed(GENERATED, "absent", "Absent", "Base") == ""
    assert trimmed("class (", "rating", "Rating", "Base") == ""


@pytest.mark.parametrize(
    ("name", "tables", "table"),
    [
        ("CourseRating", ("course", "course_rating"), "course_rating"),
        ("CourseRating", ("course_ratings",), "course_ratings"),
        ("Category", ("categories",), "categories"),
        ("Other", ("course",), ""),
    ],
)
def test_the_table_of_a_class(name: str, tables: tuple[str, ...], table: str) -> None:
    assert table_for(name, tables) == table
