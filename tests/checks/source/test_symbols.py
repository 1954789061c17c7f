"""Facts of files: what Python defines, which targets and packages are declared, and what cannot be read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.source import symbols

SOURCE = '''
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from x import Later
LIMIT: int = 3
a, (b, *_) = 1, (2, 3)

try:
    import fast
except ImportError:
    def slow(): ...

@decorated
class Course(Base):
    """Doc."""
    id: Mapped[int] = mapped_column()
    title = "x"
    class Meta:
        ordering = ()
    def __init__(self, slug):
        self.slug = slug
        other.stranger = 1
        hidden = 2
    async def load(self): ...
    @property
    def average(self): ...

Course.ratings = relationship("Rating")

def connect():
    def inner(): ...
    class Local: ...
'''
DEFINED = {
    "LIMIT": "variable", "a": "variable", "b": "variable", "slow": "function", "Course": "class",
    "Course.id": "attribute", "Course.title": "attribute", "Course.Meta": "class", "Course.Meta.ordering": "attribute",
    "Course.__init__": "method", "Course.slug": "attribute", "Course.load": "method", "Course.average": "property",
    "Course.ratings": "relationship", "connect": "function",
}  # fmt: skip


def read(text: str) -> symbols.Module:
    found = symbols.module(text)
    assert found is not None
    return found


def test_what_a_python_file_defines() -> None:
    assert read(SOURCE).defined == DEFINED


def test_a_name_that_is_only_used_is_not_defined() -> None:
    used = read(SOURCE).used
    assert {"Base", "Mapped", "relationship", "Later", "fast", "decorated"} <= used
    assert not {"Base", "Mapped", "relationship", "Later", "fast"} & set(read(SOURCE).defined)


@pytest.mark.parametrize("text", ["def broken(:", "\0", "(" * 5000, "class X:\nx = 1"])
def test_what_is_not_python_is_none_and_not_empty(text: str) -> None:
    assert symbols.module(text) is None


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(SOURCE.splitlines()), max_size=12).map("\n".join)))
def test_any_text_gives_names_of_its_own_or_none(text: str) -> None:
    found = symbols.module(text)
    if found is None:
        with pytest.raises((SyntaxError, ValueError)):
            ast.parse(text)
    else:
        assert all(name.rpartition(".")[2] in text for name in found.defined)


MAKEFILE = """\
.PHONY: test build
VERSION := 1
URL = http://x:80/
test build: deps  ## two at once
\techo no: target
deps::
\ttrue
long \\
  name: deps
%.o: %.c
$(DYNAMIC): x
# comment: none
override FLAG = a:b
"""


def test_make_targets() -> None:
    assert symbols.make_targets(MAKEFILE) == {"test", "build", "deps", "long", "name"}


PYPROJECT = """
[project]
dependencies = ["fastapi>=0.1", "psycopg[binary] ; python_version > '3'"]
[project.optional-dependencies]
dev = ["PyTest_Asyncio==1"]
[dependency-groups]
lint = ["ruff", {include-group = "dev"}]
[tool.uv]
dev-dependencies = ["mypy"]
[tool.poetry.dependencies]
python = "^3.11"
httpx = "*"
[tool.poetry.group.docs.dependencies]
sphinx = {version = "1"}
"""


def test_packages() -> None:
    expected = {"fastapi", "psycopg", "pytest-asyncio", "ruff", "mypy", "httpx", "sphinx"}
    assert symbols.packages("backend/pyproject.toml", PYPROJECT) == frozenset(expected)
    assert symbols.packages("requirements.txt", "# c\nA.b==1 # x\n-r other\n\nfoo[x]\n") == frozenset({"a-b", "foo"})
    assert symbols.packages("pyproject.toml", "[project\n") is None
    assert symbols.packages("pyproject.toml", 'project = 3\n[tool]\npoetry = "x"\n') == frozenset()
    assert symbols.packages("other.toml", PYPROJECT) is None


def test_the_walk_leaves_out_what_is_not_the_project_s_own(tmp_path: Path) -> None:
    own = ["app/models.py", ".github/workflows/ci.yml", "app/__init__.py", "blank.py"]
    others = ["env/pyvenv.cfg", "env/lib/x.py", "node_modules/a.js", ".git/config", "app/__pycache__/m.pyc"]
    for name in own + others:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name.endswith("__init__.py") else " \n" if name == "blank.py" else "x = 1\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "app/models.py")
    tree = symbols.walk(tmp_path)
    assert set(tree.files) == set(own)
    assert tree.complete
    assert tree.digest("app/models.py") and tree.digest("app/__init__.py")
    assert tree.digest("blank.py") == tree.digest("gone.py") == ""
    assert tree.text("app/models.py") == "x = 1\n"
    assert tree.text("gone.py") is None
