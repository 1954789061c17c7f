"""Models of many shapes: what is written is valid, loads, is as little as possible, and asks for nothing again."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from safemig.orm.edits import CannotEdit
from safemig.orm.propose import Proposal, propose
from safemig.orm.reader import read_models
from safemig.plan_document.document import read
from safemig.requirements.models import asked

IMPORTS = """from datetime import datetime

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, String, Table, func
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, relationship
"""
BASE = "\n\nclass Base(DeclarativeBase):\n    pass\n"
COURSE = """

class Course(Base):
    __tablename__ = "course"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
"""
PLAIN = IMPORTS + BASE + COURSE
STAMPED = """

class Stamped:
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
"""
RATING = """```python
class Rating(Base):
    __tablename__ = "rating"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
```

- [ ] Relationship `ratings` on `Course`
"""
LINK = """

link = Table("link", Base.metadata, Column("a", ForeignKey("course.id")), Column("b", ForeignKey("tag.id")))
"""
TAG = """class Tag(Base):
    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    courses: Mapped[list["Course"]] = relationship(secondary=link, back_populates="tags")
"""
LISTED = 'ratings: Mapped[list["Rating"]] = relationship(cascade="all, delete-orphan")'
COMPOSITE = PLAIN.replace("    title", "    tenant: Mapped[int] = mapped_column(primary_key=True)\n    title")
BY_TWO = """```python
class Rating(Base):
    __tablename__ = "rating"
    __table_args__ = (ForeignKeyConstraint(["tenant", "course_id"], ["course.tenant", "course.id"]),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[int]
    course_id: Mapped[int | None]
```

- [ ] Relationship `ratings` on `Course`
"""
TWO_KEYS = """    other_id: Mapped[int | None] = mapped_column(ForeignKey("course.id"))
    course: Mapped["Course"] = relationship(foreign_keys=[course_id], back_populates="ratings")
    at:"""
HALF = (
    '\n\nclass Rating(Base):\n    __tablename__ = "rating"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n'
)
KEY = '    course_id: Mapped[int] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))\n'

# name -> the project's file, the phase, what stands in the new text
SHAPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a byte order mark": ("\ufeff" + PLAIN, RATING, ("\ufefffrom datetime", LISTED)),
    "tabs": (PLAIN.replace("    ", "\t"), RATING, (f"\t{LISTED}", '\t__tablename__ = "rating"')),
    "two spaces": (PLAIN.replace("    ", "  "), RATING, (f"\n  {LISTED}", '\n  __tablename__ = "rating"')),
    "a mixin behind the base": (
        IMPORTS + BASE + STAMPED + COURSE.replace("(Base)", "(Base, Stamped)"), RATING, ("class Rating(Base):",),
    ),
    "another name of the base": (
        PLAIN.replace("Base(", "Entity(").replace("(Base)", "(Entity)"), RATING, ("class Rating(Entity):",),
    ),
    "a dataclass": (
        PLAIN.replace("Base(D", "Base(MappedAsDataclass, D"), RATING, ("relationship(init=False, cascade=",),
    ),
    "a schema": (
        PLAIN.replace('"course"\n', '"course"\n    __table_args__ = {"schema": "shop"}\n'),
        RATING.replace('"course.id"', '"shop.course.id"'),
        (LISTED,),
    ),
    "the metadata's own schema": (
        PLAIN.replace("    pass", '    metadata = MetaData(schema="shop")'),
        RATING.replace('"course.id"', '"shop.course.id"'),
        (LISTED,),
    ),
    "a key of two columns": (COMPOSITE, BY_TWO, ('ratings: Mapped[list["Rating"]] = relationship()',)),
    "two keys, one meant": (
        PLAIN, RATING.replace("    at:", TWO_KEYS), ('relationship(back_populates="course", foreign_keys="Rating.cou',),
    ),
    "a table in between, which stands last": (
        PLAIN + LINK,
        f"```python\n{TAG}```\n",
        ('tags: Mapped[list["Tag"]] = relationship(secondary="link", back_populates="courses")',),
    ),
    "a table in between, which is new": (PLAIN, f"```python\n{LINK.strip()}\n\n\n{TAG}```\n", ('secondary="link"',)),
    "the class is there, the relationship is not": (PLAIN + HALF + KEY, RATING, (LISTED,)),
    "half of the class is there": (PLAIN + HALF, RATING, (HALF + KEY, LISTED)),
    "an enum of both kinds": (
        "import enum\n" + PLAIN,
        RATING.replace("class R", "class Mood(enum.Enum):\n    good = 1\n\n\nclass R").replace(
            "    at:", '    mood: Mapped[Mood] = mapped_column(Enum(Mood, name="m"))\n    at:'
        ),
        ("import Column, DateTime, Enum, ForeignKey,",),
    ),
    "a comment at the end of the class": (PLAIN + "    # more to come\n", RATING, ("\n    # more to come\n\n\nclass",)),
    "code behind the classes": (PLAIN + "\n\nALL = [Course]\n", RATING, ("\n\n\nALL = [Course]\n",)),
}  # fmt: skip


def proposal(tmp_path: Path, text: str, files: dict[str, str]) -> Proposal:
    path = tmp_path / "plan.md"
    path.write_text(f"# Plan\n\n## Phase 2: Models\n\n{text}\n", encoding="utf-8")
    [phase] = read(path, tmp_path).phases
    return propose(asked(phase, "plan.md"), read_models(files), files, folder=".")


@pytest.mark.parametrize(("before", "spec", "parts"), SHAPES.values(), ids=SHAPES)
def test_a_shape(
    tmp_path: Path, before: str, spec: str, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = proposal(tmp_path, spec, {"models.py": before})
    text = found.texts["models.py"]
    assert found.problems == ()
    for part in parts:
        assert part in text
    gone = set(before.splitlines()) - set(text.splitlines())
    assert {line.partition(" ")[0] for line in gone} <= {"from"}
    made = ModuleType("safemig_test_shape")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(text.encode(), "models.py", "exec", dont_inherit=True), made.__dict__)
    made.__dict__["Course"].registry.configure()
    assert proposal(tmp_path, spec, {"models.py": text}).texts == {}


@pytest.mark.parametrize(
    ("before", "spec", "said"),
    [
        (PLAIN.replace("from datetime import datetime", "import datetime"), RATING, "datetime is `import datetime`"),
        ("from enum import Enum\n" + PLAIN, RATING.replace("func.now()", "Enum('a')"), "Enum is `from enum import"),
        (PLAIN, f"```python\n{TAG.replace('secondary=link, ', '')}```\n", "the models would not load"),
        (
            PLAIN.replace("\n    title", "; title"),
            RATING.replace("Relationship", "`Course.x`, relationship"),
            "several",
        ),
    ],
)
def test_what_would_not_load_is_not_written(tmp_path: Path, before: str, spec: str, said: str) -> None:
    with pytest.raises(CannotEdit, match=said):
        proposal(tmp_path, spec, {"models.py": before})


def test_other_files_may_name_things_in_other_ways(tmp_path: Path) -> None:
    other = PLAIN.replace("from datetime import datetime", "import datetime").replace("Course", "Other")
    spec = RATING.replace("- [ ]", "- [ ] `Rating` in `models.py`\n- [ ]")
    assert "at: Mapped[datetime]" in proposal(tmp_path, spec, {"models.py": PLAIN, "z.py": other}).texts["models.py"]


def test_a_neighbours_module_is_not_taken_for_a_class(tmp_path: Path) -> None:
    other = {
        path: text.replace(MODULE, f"import datetime\nfrom enum import Enum\n{MODULE}") for path, text in NEAR.items()
    }
    spec = RATING.replace("    at:", "    mood: Mapped[str] = mapped_column(Enum('a', name='m'))\n    at:")
    text = proposal(tmp_path, spec, other).texts["app/models/rating.py"]
    assert text.startswith("from datetime import datetime\n\nfrom sqlalchemy import DateTime, Enum, ForeignKey, func\n")


def test_of_two_classes_of_one_name_none_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(CannotEdit, match=r"a class Course in a.py and in b.py"):
        proposal(tmp_path, RATING, {"a.py": PLAIN, "b.py": PLAIN})


def test_what_a_mixin_has_and_methods_are_seen(tmp_path: Path) -> None:
    text = IMPORTS + BASE + STAMPED + COURSE.replace("(Base)", "(Stamped, Base)")
    block = COURSE.strip().replace("    title", "    created_at: Mapped[datetime]\n    title")
    method = "\n    @property\n    def shown(self) -> str:\n        return self.title\n"
    found = proposal(tmp_path, f"```python\n{block}\n{method}```\n", {"models.py": text})
    assert found.texts["models.py"] == text + method
    [said] = found.problems
    assert "Course.created_at is a mixin's or base's own" in said


SQLMODEL = """from sqlmodel import Field, SQLModel


class Course(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""
OF_SQLMODEL = """```python
class Rating(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    course_id: int = Field(foreign_key="course.id", ondelete="CASCADE")
    course: "Course" = Relationship(back_populates="ratings")
```
"""


def test_sqlmodel(tmp_path: Path) -> None:
    text = proposal(tmp_path, OF_SQLMODEL, {"models.py": SQLMODEL}).texts["models.py"]
    assert text.startswith("from sqlmodel import Field, Relationship, SQLModel\n")
    assert '    ratings: list["Rating"] = Relationship(back_populates="course", cascade_delete=True)\n' in text
    assert proposal(tmp_path, OF_SQLMODEL, {"models.py": text}).texts == {}


MODULE = "from sqlalchemy import String\nfrom sqlalchemy.orm import Mapped, mapped_column, relationship\n\n"
INIT = "app/models/__init__.py"
NEAR = {
    "app/db.py": "from sqlalchemy.orm import DeclarativeBase\n" + BASE,
    "app/models/course.py": MODULE + "from app.db import Base\n" + COURSE,
    "app/models/user.py": MODULE + "from app.db import Base\n" + COURSE.replace("ourse", "user").replace("Cu", "U"),
}


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        (INIT, "from .course import Course\nfrom .user import User\n", "from .rating import Rating"),
        (INIT, "from . import course, user\n", "from . import course, rating, user"),
        (INIT, "from .course import *\nfrom .user import *\n", "from .rating import Rating"),
        (INIT, "from .course import Course\n__all__ = ('Course',)\n", "__all__ = ('Course', 'Rating',)"),
        (
            "alembic/env.py",
            "from app.models import course, user  # noqa: F401\nx = 1\n",
            "from app.models import rating  # noqa: F401",
        ),
        ("app/all.py", "import app.models.course\nimport app.models.user\n", "import app.models.rating"),
    ],
)  # fmt: skip
def test_a_new_file_is_imported_where_the_others_are(tmp_path: Path, path: str, text: str, line: str) -> None:
    found = proposal(tmp_path, RATING, {**NEAR, path: text})
    assert line in found.texts[path].splitlines()
    assert found.problems == ()


def test_a_new_file_has_the_line_ends_of_the_others(tmp_path: Path) -> None:
    windows = {path: text.replace("\n", "\r\n") for path, text in NEAR.items()}
    for text in proposal(tmp_path, RATING, windows).texts.values():
        assert text.count("\n") == text.count("\r\n")


def test_a_new_file_that_nothing_imports_is_said(tmp_path: Path) -> None:
    service = "from app.models.course import Course\nfrom app.models.user import User\n\n\ndef both():\n    pass\n"
    found = proposal(tmp_path, RATING, {**NEAR, "app/service.py": service})
    assert "app/service.py" not in found.texts
    assert "nothing imports app/models/rating.py yet" in found.problems[0]


def test_classes_of_other_files_are_imported_for_type_checkers(tmp_path: Path) -> None:
    files = {**NEAR, INIT: "from .course import Course\n"}
    text = proposal(tmp_path, RATING, files).texts["app/models/course.py"]
    assert "\nfrom app.db import Base\n\nif TYPE_CHECKING:\n    from app.models.rating import Rating\n\n\nclass" in text
    there = (
        MODULE + "from app.db import Base\n\n"
        "if TYPE_CHECKING:\n    from app.models.a import A\n    from app.models.z import Z\n"
    )
    text = proposal(tmp_path, RATING, {**files, "app/models/course.py": there + COURSE}).texts["app/models/course.py"]
    assert "models.a import A\n    from app.models.rating import Rating\n    from app.models.z import Z\n" in text
    careless = COURSE.replace("ourse", "user").replace("Cu", "U") + '    c: Mapped["Course"] = relationship()\n'
    files["app/models/user.py"] = MODULE + "from app.db import Base\n" + careless
    assert "TYPE_CHECKING" not in proposal(tmp_path, RATING, files).texts["app/models/course.py"]


def test_the_tables_that_are_compared(tmp_path: Path) -> None:
    new = proposal(tmp_path, f"```python\n{LINK.strip()}\n\n\n{TAG}```\n", {"models.py": PLAIN})
    assert new.tables == {"link": "link", "Tag.__table__": "tag"}
    column = COURSE + "    level: Mapped[int]\n"
    assert proposal(tmp_path, f"```python{column}```\n", {"models.py": PLAIN}).tables == {"Course.__table__": "course"}


@pytest.mark.parametrize(
    ("item", "arguments", "docstring"),
    [
        ("`Rating` in `models.py`: how a learner liked a course", "", "How a learner liked a course."),
        ("`Rating` in `models.py` — how a learner liked a course!", "", "How a learner liked a course!"),
        ("`Rating` in `models.py`", '    __table_args__ = {"comment": "one to five"}\n', "One to five."),
        ("`Rating` in `models.py`, with `Course`: both", "", ""),
        ("`Rating` in `models.py`", "", ""),
        ("`Rating` in `models.py`: " + "very " * 30, "", ""),
        ('`Rating` in `models.py`: a """ in it', "", ""),
    ],
)
def test_a_docstring_is_never_invented(tmp_path: Path, item: str, arguments: str, docstring: str) -> None:
    spec = RATING.replace('"rating"\n', f'"rating"\n{arguments}').replace("- [ ]", f"- [ ] {item}\n- [ ]")
    plain = PLAIN.replace("(Base):\n", '(Base):\n    """Learn."""\n\n')
    text = proposal(tmp_path, spec, {"models.py": plain}).texts["models.py"]
    head = text.partition("class Rating(Base):\n")[2]
    assert head.startswith(f'    """{docstring}"""\n\n    __tablename__' if docstring else "    __tablename__")
    assert proposal(tmp_path, spec, {"models.py": PLAIN}).texts["models.py"].count('"""') == 0


def test_a_package_of_one_class_a_file_gets_a_file_though_one_has_more(tmp_path: Path) -> None:
    more = COURSE.replace("ourse", "user").replace("Cu", "U")
    files = {**NEAR, "app/models/many.py": MODULE + "from app.db import Base\n"}
    files["app/models/many.py"] += "".join(more.replace("User", name).replace("cuser", name) for name in "ABC")
    assert set(proposal(tmp_path, RATING, files).files.values()) == {"app/models/rating.py"}


def test_models_in_many_folders_want_the_file_named(tmp_path: Path) -> None:
    files = {f"app/{name}/models.py": MODULE + COURSE.replace("Course", name) for name in ("A", "B", "C")}
    with pytest.raises(CannotEdit, match="in 3 folders; name the file in the item: `Rating` in `FILE`"):
        proposal(tmp_path, RATING.replace("- [ ] R", "- R"), files)


@pytest.mark.parametrize(
    ("returned", "key"),
    [("cls.__name__.lower()", "openday.id"), ("snake(cls.__name__)", "open_day.id")],
)
def test_a_table_whose_name_the_base_makes(tmp_path: Path, returned: str, key: str) -> None:
    rule = f"    @declared_attr.directive\n    def __tablename__(cls) -> str:\n        return {returned}\n"
    text = (
        PLAIN.replace("    pass\n", rule).replace('    __tablename__ = "course"\n\n', "").replace("Course", "OpenDay")
    )
    spec = RATING.replace("course.id", key).replace("Course", "OpenDay")
    found = proposal(tmp_path, spec, {"models.py": text})
    assert f"    {LISTED}\n" in found.texts["models.py"]
    assert found.problems == ()


def test_tables_of_sqlmodel_that_have_a_base_each(tmp_path: Path) -> None:
    bases = SQLMODEL + "\n\nclass UserBase(SQLModel):\n    pass\n\n\nclass User(UserBase, table=True):\n    pass\n"
    assert read_models({"models.py": bases}).base == "SQLModel"
