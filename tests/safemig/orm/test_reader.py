"""What is read of a project's models and of a phase's words about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from safemig.orm.check import import_code, tables_of
from safemig.orm.reader import module_of, read_models, snake
from safemig.orm.requested import Asked
from safemig.plan_document.document import read
from safemig.planning.facts import CommandFact
from safemig.planning.plan import Plan
from safemig.planning.planner import draft
from safemig.requirements.models import asked
from safemig.requirements.selection import Choice, choose
from safemig.shell.rewrite import python_line
from tests.safemig.plans import FACTS, edit, ids

MODELS = """
class Base(DeclarativeBase):
    pass

class Course(Base):
    __tablename__ = "course"
    id: Mapped[int] = mapped_column(primary_key=True)
    lessons: Mapped[list["Lesson"]] = relationship(back_populates="course")

class Lesson(Base):
    __tablename__ = "lesson"
    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int | None] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    course: Mapped["Course | None"] = relationship(back_populates="lessons")
"""


def phase_of(tmp_path: Path, text: str) -> Asked:
    path = tmp_path / "plan.md"
    path.write_text(f"# Plan\n\n## Phase 2: Models\n\n{text}\n", encoding="utf-8")
    [phase] = read(path, tmp_path).phases
    return asked(phase, "plan.md")


def test_classes_keys_and_relationships_are_read() -> None:
    models = read_models({"app/models.py": MODELS, "app/main.py": "x = 1\n", "tests/test_x.py": MODELS})
    assert [file.path for file in models.files] == ["app/models.py"]
    assert models.base == "Base"
    assert [one.name for one in models.classes] == ["Course", "Lesson"]
    [key] = models.classes[1].keys
    assert (key.column, key.table, key.ondelete, key.null) == ("course_id", "course", "CASCADE", True)
    [back] = models.classes[1].relationships
    assert (back.name, back.target, back.options) == ("course", "Course", {"back_populates": "'lessons'"})


def test_broken_or_hostile_files_hold_no_models() -> None:
    broken = "class A(Base):\n    x = mapped_column(\n"
    assert read_models({"a.py": broken, "b.py": "Mapped[" + "(" * 5000}).files == ()


@pytest.mark.parametrize(
    ("path", "folder", "module"),
    [
        ("backend/app/models.py", "backend", "app.models"),
        ("app/models/__init__.py", ".", "app.models"),
        ("src/shop/models.py", ".", "shop.models"),
    ],
)
def test_the_name_of_a_module(path: str, folder: str, module: str) -> None:
    assert module_of(path, folder) == module


def test_snake() -> None:
    assert [snake(name) for name in ("CourseRating", "HTTPLog", "User2Role")] == [
        "course_rating",
        "http_log",
        "user2_role",
    ]


@pytest.mark.parametrize(
    "item",
    [
        "Relationship `ratings` on `Course` in `app/models.py`",
        "Add the relationship `Course.ratings`",
        "Relación `ratings` en `Course`",
        "Beziehung `ratings` an `Course`",
    ],
)
def test_a_relationship_is_named_by_an_item(tmp_path: Path, item: str) -> None:
    found = phase_of(tmp_path, f"- [ ] {item}")
    assert found.relations == (("Course", "ratings"),)
    assert found.named == ()


@pytest.mark.parametrize(
    "item",
    ["Column `ratings` of `Course`", "Endpoint `ratings` in `app/main.py`", "`Rating` in `app/schemas.py`"],
)
def test_other_items_ask_for_no_models(tmp_path: Path, item: str) -> None:
    assert not phase_of(tmp_path, f"- [ ] {item}").anything


def test_migrations_are_no_model_code(tmp_path: Path) -> None:
    block = '```python\nop.create_table("a", sa.Column("id", sa.Integer()))\n```'
    assert not phase_of(tmp_path, block).anything


def test_what_is_no_model_is_left_out_and_said(tmp_path: Path) -> None:
    found = phase_of(tmp_path, '```python\nclass A(Base):\n    __tablename__ = "a"\n\nprint("x")\n```')
    assert [one.name for one in found.definitions] == ["A"]
    assert "left out" in found.problems[0]
    assert "plan.md:9" in found.problems[0]


def planned(**more: object) -> Plan:
    facts = replace(
        FACTS,
        migration=None,
        models=(edit("backend/app/models.py"),),
        models_check=CommandFact("uv run python -c x", effect="read"),
        models_tables=("course_rating",),
    )
    return draft(replace(facts, **more))  # type: ignore[arg-type]


def test_the_plan_writes_then_imports_the_models() -> None:
    plan = planned()
    assert ids(plan)[-7:] == ["baseline", "models-1", "models-check", "test-after", "prove", "judge", "tick"]
    assert plan.step("models-check").action.effect == "read"
    assert plan.step("models-1").action.effect == "write"


def test_models_in_an_image_are_built_in() -> None:
    assert ids(planned(reachable_source=False))[-8:-4] == ["models-1", "models-build", "models-start", "models-check"]


def test_a_phase_number_means_the_plan_that_asks_for_models(tmp_path: Path) -> None:
    block = '```python\nclass A(Base):\n    __tablename__ = "a"\n    id: Mapped[int] = mapped_column()\n```\n'
    made = '```python\nop.create_table("a", sa.Column("id", sa.Integer()))\n```\n'
    items = "\n- [ ] Something\n"
    texts = {
        "one.md": f"# One\n\n## Phase 1: Table\n\n{made}{items}\n## Phase 2: Models\n\n{block}{items}",
        "two.md": f"# Two\n\n## Phase 1: Page\n{items}\n## Phase 2: Style\n{items}",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    chosen = choose([read(tmp_path / name, tmp_path) for name in texts], frozenset({"a"}), phase="2")
    assert isinstance(chosen, Choice)
    assert chosen.document.path == "one.md"


CODE = "import app.models; print(app.models)"


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("uv run --frozen pytest tests", f'uv run --frozen python -c "{CODE}"'),
        ("python -m pytest -q", f'python -c "{CODE}"'),
        ("docker-compose exec api uv run pytest", f'docker-compose exec api uv run python -c "{CODE}"'),
        ("cd backend && .venv/bin/pytest -x", f'cd backend && .venv/bin/python -c "{CODE}"'),
        (
            'docker compose exec -T api sh -c "cd /app && pytest -q"',
            f"docker compose exec -T api sh -c \"cd /app && python -c '{CODE}'\"",
        ),
        ("uv run alembic upgrade head", f'uv run python -c "{CODE}"'),
        ("npm test", None),
    ],
)
def test_the_line_that_imports_where_the_tests_run(line: str, made: str | None) -> None:
    assert python_line(line, {}, CODE) == made


@pytest.mark.parametrize("code", ['print("x")', "print('x')", "print($HOME)", "print(`id`)"])
def test_code_that_a_shell_would_change_is_never_put_into_a_line(code: str) -> None:
    assert python_line("pytest", {}, code) is None


def test_the_import_names_classes_and_relationships() -> None:
    code = import_code({"Course": "b/app/m.py", "Rating": "b/app/m.py"}, [("Course", "ratings")], "b")
    assert code.startswith("from app.m import Course, Rating; ")
    assert "configure_mappers(); " in code
    assert "Course.ratings" in code
    assert import_code({"Course": "b/app/my-models.py"}, [], "b") == ""


def test_the_models_of_a_table_as_operations() -> None:
    [made], unread = tables_of({"app/models.py": MODELS}, ["lesson"])
    assert unread == ()
    assert made.tables == ("lesson",)
    assert "op.create_table(" in made.upgrade
    none, unread = tables_of({"app/models.py": MODELS}, ["absent"])
    assert none == ()
    assert "absent" in unread[0]
