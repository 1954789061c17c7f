"""The course catalogue's HTTP interface."""

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session, selectinload

from app import models, schemas
from app.database import get_session

app = FastAPI(title="Course catalogue", version="0.1.0")
Database = Annotated[Session, Depends(get_session)]


@app.exception_handler(DBAPIError)
def database_unavailable(request: Request, error: DBAPIError) -> JSONResponse:
    """A database that cannot answer is a passing state of the service, not an error of the request."""
    return JSONResponse({"detail": "The catalogue is not available yet."}, status_code=503)


@app.get("/")
def root() -> dict[str, str]:
    """Name and version of the service."""
    return {"name": app.title, "version": app.version}


@app.get("/health", response_model=schemas.Health)
def health(database: Database) -> schemas.Health | JSONResponse:
    """Degraded while the tables are missing, 503 while the database does not answer at all."""
    try:
        courses = database.scalar(select(func.count()).select_from(models.Course))
    except ProgrammingError:
        return schemas.Health(status="degraded", database="tables are missing")
    except OperationalError:
        return JSONResponse({"status": "down", "database": "does not answer"}, status_code=503)
    return schemas.Health(status="ok", database="ok", courses=courses)


@app.get("/courses", response_model=list[schemas.CourseSummary])
def list_courses(database: Database) -> list[models.Course]:
    """All courses by title."""
    return list(database.scalars(select(models.Course).order_by(models.Course.title)))


@app.get("/courses/{slug}", response_model=schemas.Course)
def get_course(slug: str, database: Database) -> models.Course:
    """One course with its lessons."""
    query = select(models.Course).where(models.Course.slug == slug)
    course = database.scalar(query.options(selectinload(models.Course.lessons)))
    if course is None:
        raise HTTPException(status_code=404, detail="There is no such course.")
    return course
