"""What SQLAlchemy would create for a project's models, told by the project's own environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from safemig.orm.check import import_code, of_statements, told

MAPPED = """import enum
from datetime import datetime
from typing import Annotated

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Key = Annotated[int, mapped_column(primary_key=True)]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    type_annotation_map = {datetime: DateTime(timezone=True)}


class Kind(enum.Enum):
    good = 1
    bad = 2


class Rating(Base):
    __tablename__ = "rating"
    id: Mapped[Key]
    at: Mapped[datetime]
    kind: Mapped[Kind]


link = Table("link", Base.metadata, Column("rating_id", ForeignKey("rating.id")))
print("not of the models")
"""


def test_what_sqlalchemy_would_create_is_told_by_the_projects_own_environment(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(MAPPED, encoding="utf-8")
    files = {"Rating": "models.py", "link": "models.py"}
    code = import_code(files, [("Rating", "at")], ".", ["Rating.__table__", "link"])
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded, created = told(done.stdout.replace("\n", "\r\n"))
    assert loaded == "rating link Rating.at"
    wanted, known = of_statements(created + "DROP TABLE course;\nSELECT 1;", {"public.other": ["x"]})
    assert (wanted.tables, known) == (("rating", "link"), {})
    assert wanted.named == frozenset({"pk_rating"})
    assert "at TIMESTAMP WITH TIME ZONE NOT NULL" in wanted.upgrade
    assert "CREATE TYPE kind AS ENUM" in wanted.upgrade
    assert "DROP" not in wanted.upgrade
    wanted, known = of_statements(created, {"public.kind": ["good"]})
    assert "CREATE TYPE" not in wanted.upgrade
    assert known == {"public.kind": ("good", "bad")}


def test_a_table_that_no_model_has_does_not_fail_the_import(tmp_path: Path) -> None:
    text = MAPPED.replace("rating.id", "elsewhere.id")
    (tmp_path / "models.py").write_text(text, encoding="utf-8")
    code = import_code({"link": "models.py"}, [], ".", ["link"])
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told(done.stdout) == ("link", "")
    assert "elsewhere" in done.stdout


def test_an_import_that_tells_nothing_creates_nothing() -> None:
    assert told("a warning\nrating\n") == ("rating", "")
    assert of_statements("", {})[0].tables == ()
