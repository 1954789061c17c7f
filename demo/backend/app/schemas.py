"""What the endpoints answer with."""

from pydantic import BaseModel, ConfigDict


class Lesson(BaseModel):
    """A lesson inside its course."""

    model_config = ConfigDict(from_attributes=True)

    position: int
    title: str


class CourseSummary(BaseModel):
    """A row of the list of courses."""

    model_config = ConfigDict(from_attributes=True)

    slug: str
    title: str
    level: str


class Course(CourseSummary):
    """A course with all its lessons."""

    summary: str
    lessons: list[Lesson]


class Health(BaseModel):
    """The state of the service and of its database."""

    status: str
    database: str
    courses: int | None = None
