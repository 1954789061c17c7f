"""The text that model files become: as few changes as possible, in the project's own style."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.orm.edits import CannotEdit
from safemig.orm.imports import Import, add
from safemig.orm.propose import Proposal, propose, propose_or_leave
from safemig.orm.reader import read_models
from safemig.orm.requested import with_parts
from safemig.plan_document.document import read
from safemig.planning.collect.models import code_left_out
from safemig.project.config import Config
from safemig.project.layout import discover
from safemig.requirements.models import asked

ONE = '''"""Models."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Model(DeclarativeBase):
    """Base."""


class Course(Model):
    __tablename__ = "course"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
'''
RATING = """```python
class Rating(Base):
    __tablename__ = "rating"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
```
"""


def made(tmp_path: Path, text: str, files: dict[str, str], folder: str = ".") -> Proposal:
    path = tmp_path / "plan.md"
    path.write_text(f"# Plan\n\n## Phase 2: Models\n\n{text}\n", encoding="utf-8")
    [phase] = read(path, tmp_path).phases
    return propose(asked(phase, "plan.md"), read_models(files), files, folder=folder)


def test_class_imports_and_base(tmp_path: Path) -> None:
    found = made(tmp_path, RATING, {"app/models.py": ONE})
    text = found.texts["app/models.py"]
    assert "from datetime import datetime\n\nfrom sqlalchemy import DateTime, ForeignKey, String\n" in text
    assert "String(80))\n\n\nclass Rating(Model):\n" in text
    assert text.endswith("mapped_column(DateTime(timezone=True))\n")
    compile(text, "models.py", "exec")
    assert found.files == {"Rating": "app/models.py"}
    assert found.problems == ()


def test_nothing_else_moves(tmp_path: Path) -> None:
    text = made(tmp_path, RATING, {"app/models.py": ONE}).texts["app/models.py"]
    gone = [line for line in ONE.splitlines() if line not in text.splitlines()]
    assert gone == ["from sqlalchemy import ForeignKey, String"]


def test_line_ends_are_kept(tmp_path: Path) -> None:
    text = made(tmp_path, RATING, {"app/models.py": ONE.replace("\n", "\r\n")}).texts["app/models.py"]
    assert text.count("\n") == text.count("\r\n")


def test_a_relationship_that_an_item_names(tmp_path: Path) -> None:
    item = "- [ ] Relationship `ratings` on `Course` in `app/models.py`\n"
    found = made(tmp_path, f"{RATING}\n{item}", {"app/models.py": ONE})
    line = '    ratings: Mapped[list["Rating"]] = relationship(cascade="all, delete-orphan")\n'
    text = found.texts["app/models.py"]
    assert f"String(80))\n\n{line}\n\nclass Rating(" in text
    assert "import DeclarativeBase, Mapped, mapped_column, relationship\n" in text
    assert found.attributes == (("Course", "ratings"),)


def test_both_sides_where_the_project_writes_both(tmp_path: Path) -> None:
    files = {
        "m.py": ONE
        + """    lessons: Mapped[list["Lesson"]] = relationship(back_populates="course")


class Lesson(Model):
    __tablename__ = "lesson"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"))
    course: Mapped["Course"] = relationship(back_populates="lessons")
"""
    }
    text = made(tmp_path, f"{RATING}\n- [ ] Relationship `ratings` on `Course`\n", files).texts["m.py"]
    assert (
        'ratings: Mapped[list["Rating"]] = relationship(back_populates="course", cascade="all, delete-orphan")' in text
    )
    assert 'course: Mapped["Course"] = relationship(back_populates="ratings")' in text
    compile(text, "m.py", "exec")


def test_the_other_side_of_a_back_populates_is_added(tmp_path: Path) -> None:
    block = RATING.replace("    at:", '    course: Mapped["Course"] = relationship(back_populates="ratings")\n    at:')
    text = made(tmp_path, block, {"m.py": ONE}).texts["m.py"]
    assert 'ratings: Mapped[list["Rating"]] = relationship(back_populates="course", cascade=' in text


def test_a_class_that_is_there_is_extended_and_never_changed(tmp_path: Path) -> None:
    block = """```python
class Course(Base):
    ...
    title: Mapped[str] = mapped_column(String(200))
    level: Mapped[str] = mapped_column(String(20))
```
"""
    found = made(tmp_path, block, {"m.py": ONE})
    assert "String(80))\n    level: Mapped[str] = mapped_column(String(20))\n" in found.texts["m.py"]
    assert "String(200)" not in found.texts["m.py"]
    assert "Course.title" in found.problems[0]
    assert "String(200)" in found.problems[0]


def test_done_already(tmp_path: Path) -> None:
    first = made(tmp_path, RATING, {"m.py": ONE}).texts["m.py"]
    again = made(tmp_path, RATING.replace("(Base)", "(Model)"), {"m.py": first})
    assert again.texts == {}
    assert again.problems == ()


PACKAGE = {
    "app/models/__init__.py": 'from .course import Course\nfrom .user import User\n\n__all__ = ["Course", "User"]\n',
    "app/models/base.py": "class Base(DeclarativeBase):\n    pass\n",
    "app/models/course.py": "from sqlalchemy import ForeignKey\nfrom sqlalchemy.orm import Mapped, mapped_column\n\n"
    "from .base import Base\n\n\nclass Course(Base):\n"
    '    __tablename__ = "course"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n',
    "app/models/user.py": "from sqlalchemy.orm import Mapped, mapped_column\n\n"
    "from .base import Base\n\n\nclass User(Base):\n"
    '    __tablename__ = "user"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n',
}


def test_a_package_gets_a_file_and_lists_it(tmp_path: Path) -> None:
    found = made(tmp_path, RATING, PACKAGE)
    assert set(found.texts) == {"app/models/rating.py", "app/models/__init__.py"}
    assert found.texts["app/models/__init__.py"] == (
        "from .course import Course\nfrom .rating import Rating\nfrom .user import User\n\n"
        '__all__ = ["Course", "Rating", "User"]\n'
    )
    text = found.texts["app/models/rating.py"]
    assert text.startswith("from datetime import datetime\n")
    assert "from .base import Base\n" in text
    compile(text, "rating.py", "exec")


def test_the_file_that_the_phase_names(tmp_path: Path) -> None:
    found = made(tmp_path, f"{RATING}\n- [ ] `Rating` in `models/score.py`", {"b/m.py": ONE}, folder="b")
    assert found.files == {"Rating": "b/models/score.py"}
    assert "from m import Model\n" in found.texts["b/models/score.py"]


def test_a_name_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    block = RATING.replace("DateTime(timezone=True)", "UtcMoment()")
    with pytest.raises(CannotEdit, match="UtcMoment"):
        made(tmp_path, block, {"m.py": ONE})


def test_without_models_there_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(CannotEdit, match="no file with models"):
        made(tmp_path, RATING, {"main.py": "x = 1\n"})


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("from a import b\n", "from a import B, b\n"),
        ("from a import (\n    C,\n    b,\n)\n", "from a import (\n    B,\n    C,\n    b,\n)\n"),
        ("from a import z, C\n", "from a import z, C, B\n"),
        ("from a import b  # kept\n", "from a import B\nfrom a import b  # kept\n"),
        ('"""Doc."""\n\nx = 1\n', '"""Doc."""\n\nfrom a import B\n\n\nx = 1\n'),
        ("import os\n\nx = 1\n", "import os\n\nfrom a import B\n\nx = 1\n"),
        ("from a import B\n", "from a import B\n"),
        ("class C:\n    x = 1\n", "from a import B\n\n\nclass C:\n    x = 1\n"),
        ('"""Doc."""\n\n\nclass C:\n    x = 1\n', '"""Doc."""\n\nfrom a import B\n\n\nclass C:\n    x = 1\n'),
    ],
)
def test_an_import_comes_where_it_belongs(text: str, after: str) -> None:
    assert add(text, [Import("a", "B")]) == after


def test_a_long_import_is_wrapped() -> None:
    assert add("from a import Aa, Bb\n", [Import("a", "Cc")], width=20) == (
        "from a import (\n    Aa,\n    Bb,\n    Cc,\n)\n"
    )


def test_a_whole_module_comes_before_names_of_others() -> None:
    wanted = [Import("sqlalchemy", "", "sa"), Import("sqlalchemy.orm", "Mapped"), Import("datetime", "", "dt")]
    assert add("class C:\n    x = 1\n", wanted) == (
        "import datetime as dt\n\nimport sqlalchemy as sa\nfrom sqlalchemy.orm import Mapped\n\n\nclass C:\n    x = 1\n"
    )


PROPERTY = """```python
class Course(Base):
    @property
    def short(self) -> str:
        return self.title[:10]

    @short.setter
    def short(self, value: str) -> None:
        self.title = value

    def rename(self, title: str) -> None:
        self.title = title
```
"""
FUNCTION = """```python
@property
def short(self) -> str:
    return self.title[:10]
```
"""


def parts(tmp_path: Path, text: str, files: dict[str, str]) -> Proposal:
    path = tmp_path / "plan.md"
    path.write_text(f"# Plan\n\n## Phase 2: Models\n\n{text}\n", encoding="utf-8")
    [phase] = read(path, tmp_path).phases
    models = read_models(files)
    return propose(with_parts(asked(phase, "plan.md"), models), models, files, folder=".")


def test_properties_and_methods_of_a_class_that_is_there_are_part_of_the_edit(tmp_path: Path) -> None:
    found = parts(tmp_path, PROPERTY, {"app/models.py": ONE})
    text = found.texts["app/models.py"]
    compile(text, "models.py", "exec")
    assert text.startswith(ONE.rstrip("\n"))
    own = "    @property\n    def short(self) -> str:\n        return self.title[:10]\n\n    @short.setter\n"
    assert own in text
    assert text.endswith("    def rename(self, title: str) -> None:\n        self.title = title\n")
    assert found.problems == ()
    assert parts(tmp_path, PROPERTY, {"app/models.py": text}).texts == {}


@pytest.mark.parametrize(
    "item", ["`Course.short` in `app/models.py`", "Property `short` on `Course`", "`Course.short()`"]
)
def test_a_function_goes_to_the_class_that_an_item_names(tmp_path: Path, item: str) -> None:
    text = parts(tmp_path, f"{FUNCTION}\n- [ ] {item}\n", {"app/models.py": ONE}).texts["app/models.py"]
    assert text.endswith("\n    @property\n    def short(self) -> str:\n        return self.title[:10]\n")


def test_code_that_cannot_be_written_is_named_as_left_out_and_the_rest_is_written(tmp_path: Path) -> None:
    path = tmp_path / "plan.md"
    unknown = PROPERTY.replace("self.title[:10]", "shorten(self.title)")
    path.write_text(f"# Plan\n\n## Phase 2: Models\n\n{RATING}\n{unknown}\n", encoding="utf-8")
    [phase] = read(path, tmp_path).phases
    files = {"app/models.py": ONE}
    models, alone = read_models(files), asked(phase, "plan.md")
    found = propose_or_leave(with_parts(alone, models), alone, models, files, folder=".")
    assert "class Rating(Model)" in found.texts["app/models.py"]
    assert "def short" not in found.texts["app/models.py"]
    [said] = found.problems
    assert "the code for Course is left out: nobody says where shorten comes from" in said


def test_a_function_of_no_known_class_is_named_as_left_out(tmp_path: Path) -> None:
    found = parts(tmp_path, f"{RATING}\n{FUNCTION}", {"app/models.py": ONE})
    [said] = found.problems
    assert "it is not said which model gets short; it is left out" in said
    assert "def short" not in found.texts["app/models.py"]


def test_classes_of_something_else_are_none_of_the_models(tmp_path: Path) -> None:
    service = PROPERTY.replace("class Course(Base)", "class CourseService")
    found = parts(tmp_path, f"{RATING}\n{service}", {"app/models.py": ONE})
    assert "CourseService" not in found.texts["app/models.py"]
    assert found.problems == ()


def test_in_a_phase_about_the_schema_such_code_is_named_as_left_out(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(ONE, encoding="utf-8")
    schema = "```sql\nCREATE TABLE rating (id int PRIMARY KEY);\n```\n"
    service = PROPERTY.replace("class Course(Base)", "class CourseService")
    text = f"# Plan\n\n## Phase 1: Schema\n\n{schema}\n{PROPERTY}\n{FUNCTION}\n{service}\n- [ ] `Course.short`\n"
    (tmp_path / "plan.md").write_text(text, encoding="utf-8")
    document = read(tmp_path / "plan.md", tmp_path)
    lines = text.splitlines()
    left = code_left_out(discover(tmp_path, Config()), document, document.phases[0])
    assert [one.partition(": ")[0] for one in left] == [
        f"plan.md:{lines.index('class Course(Base):') + 1}",
        f"plan.md:{lines.index('@property') + 1}",
    ]
    assert all("the code for Course is left out" in one for one in left)
