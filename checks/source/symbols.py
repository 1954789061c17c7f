"""What a project's files hold: which files there are, what a Python file defines and uses, make targets, packages.

Facts only, read without running anything: Python by `ast`, pyproject.toml by its parser. What cannot be read is None,
never an empty answer.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from checks.files import HUGE, content

Kind = Literal["class", "function", "method", "property", "attribute", "relationship", "variable"]

MOST_FILES = 50_000
LARGEST = 2_000_000  # bytes of a file that is still read
_SKIP = frozenset({
    ".git", ".hg", ".svn", ".safemig", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea",
    "__pycache__", "__pypackages__", "node_modules", "site-packages",
})  # fmt: skip
_RULE = re.compile(r"^([^\s:#=][^:#=\n]*?)\s*::?(?![:=])", re.M)
_PACKAGE = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")


@dataclass(frozen=True)
class Tree:
    """The files below ``root``, as relative paths, sorted. ``complete`` is False when there were too many of them."""

    root: Path
    files: tuple[str, ...]
    complete: bool = True

    def text(self, path: str) -> str | None:
        """The text of that file; None when it cannot be read or is larger than any source."""
        try:
            return content(self.root / path, LARGEST).decode("utf-8", "replace")
        except OSError:
            return None

    def digest(self, path: str) -> str:
        """The sha256 of that file, "" when it cannot be read or says nothing (an ``__init__.py`` may be empty)."""
        try:
            raw = content(self.root / path, HUGE)
        except OSError:
            return ""
        blank = not raw.strip() and not path.endswith("__init__.py")
        return "" if blank else hashlib.sha256(raw).hexdigest()


def walk(root: Path) -> Tree:
    """Every file below ``root`` without links, caches, installed packages and virtual environments."""
    found: list[str] = []
    for folder, below, names in os.walk(root):
        if "pyvenv.cfg" in names:
            below.clear()
            continue
        below[:] = [name for name in below if name not in _SKIP and not name.endswith(".egg-info")]
        here = Path(folder)
        found += [(here / name).relative_to(root).as_posix() for name in names if not (here / name).is_symlink()]
        if len(found) > MOST_FILES:
            return Tree(root, tuple(sorted(found[:MOST_FILES])), complete=False)
    return Tree(root, tuple(sorted(found)))


class Module:
    """What one Python file defines and uses; its code is parsed once and never run."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    @cached_property
    def defined(self) -> Mapping[str, Kind]:
        """ "Course", "Course.ratings", "Course.average", "connect", "LIMIT". What stands in a function is its own and
        left out, except attributes set on ``self``."""
        return dict(_definitions(self._tree.body, "", inside=False))

    @cached_property
    def used(self) -> frozenset[str]:
        """The names that it uses, without regard to who defines them."""
        names: set[str] = set()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.alias):
                names.update((node.name.rpartition(".")[2], node.asname or ""))
            elif isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
        return frozenset(names - {""})

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names that it imports, by the name that they have in the file."""
        return frozenset(
            name
            for node in ast.walk(self._tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for one in node.names
            for name in (one.asname or one.name.rpartition(".")[2],)
        )


def module(text: str) -> Module | None:
    """The Python file with that text; None when it is not Python."""
    tree = _parsed(text)
    return None if tree is None else Module(tree)


def _parsed(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a SyntaxWarning of the project's own code is none of ours
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _definitions(body: Iterable[ast.stmt], owner: str, *, inside: bool) -> Iterator[tuple[str, Kind]]:
    """(qualified name, kind) of the statements; ``inside`` says that they stand in the class ``owner``."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield owner + node.name, "class"
            yield from _definitions(node.body, f"{owner}{node.name}.", inside=True)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield owner + node.name, _kind_of(node) if inside else "function"
            if inside:
                yield from ((owner + name, "attribute") for name in _set_on_self(node))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            kind: Kind = "relationship" if _relates(node.value) else "attribute" if inside else "variable"
            yield from ((owner + name, kind) for target in targets for name in _bound(target))
        else:
            for field in ("body", "orelse", "finalbody"):
                yield from _definitions(getattr(node, field, ()), owner, inside=inside)
            for handler in getattr(node, "handlers", ()):
                yield from _definitions(handler.body, owner, inside=inside)


def _kind_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Kind:
    decorators = (
        _last(decorator.func if isinstance(decorator, ast.Call) else decorator) for decorator in node.decorator_list
    )
    return "property" if any(name.endswith("property") for name in decorators) else "method"


def _relates(value: ast.expr | None) -> bool:
    """Whether it is ``relationship(...)`` of SQLAlchemy, or ``Relationship(...)`` of SQLModel."""
    return isinstance(value, ast.Call) and _last(value.func).lower() == "relationship"


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _bound(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        yield f"{target.value.id}.{target.attr}"  # Course.ratings = relationship(...)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for elt in target.elts:
            yield from _bound(elt)


def _set_on_self(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    arguments = [*function.args.posonlyargs, *function.args.args]
    own = arguments[0].arg if arguments else ""
    for node in ast.walk(function):
        stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if stored and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == own:
            yield node.attr


def make_targets(text: str) -> frozenset[str]:
    """The names of the targets that a Makefile's text has rules for, without make's own and those with variables."""
    joined = re.sub(r"\\\r?\n", " ", text)
    names = {name for match in _RULE.finditer(joined) for name in match[1].split()}
    return frozenset(name for name in names if not name.startswith(".") and not set(name) & set("$%()"))


def packages(path: str, text: str) -> frozenset[str] | None:
    """The distributions that pyproject.toml or a requirements file declares, normalised; None when it is neither or
    broken."""
    name = path.rpartition("/")[2]
    if name.endswith((".txt", ".in")):
        lines = (line.partition("#")[0] for line in text.splitlines())
        return frozenset(_normal(match[1]) for line in lines if (match := _PACKAGE.match(line)))
    if name != "pyproject.toml":
        return None
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    return frozenset(_normal(requirement) for requirement in _requirements(document))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(document: Mapping[str, object]) -> Iterator[str]:
    project, tool = _table(document, "project"), _table(document, "tool")
    lists = [project.get("dependencies"), _table(tool, "uv").get("dev-dependencies")]
    lists += [*_table(project, "optional-dependencies").values(), *_table(document, "dependency-groups").values()]
    for entries in lists:
        for entry in entries if isinstance(entries, list) else ():
            match = _PACKAGE.match(entry) if isinstance(entry, str) else None
            if match:
                yield match[1]
    poetry = _table(tool, "poetry")
    groups = [group for group in _table(poetry, "group").values() if isinstance(group, dict)]
    tables = [_table(poetry, "dependencies"), _table(poetry, "dev-dependencies")]
    for table in (*tables, *(_table(group, "dependencies") for group in groups)):
        yield from (name for name in table if name != "python")


def _table(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}
