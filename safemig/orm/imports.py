"""The imports that new model code needs, added to a file as the file's own imports are written."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from safemig.migrations.fragments import parse

_STANDARD = {
    "datetime": "datetime", "date": "datetime", "time": "datetime", "timedelta": "datetime", "UTC": "datetime",
    "timezone": "datetime", "Decimal": "decimal", "UUID": "uuid", "uuid4": "uuid", "Any": "typing",
    "Optional": "typing", "List": "typing", "Annotated": "typing", "Literal": "typing", "Enum": "enum",
    "StrEnum": "enum", "IntEnum": "enum",
}  # fmt: skip
_MODULES = {"sa": "import sqlalchemy as sa", "uuid": "import uuid", "enum": "import enum", "decimal": "import decimal"}


@dataclass(frozen=True, order=True)
class Import:
    """One name that is imported: ``from module import name as alias``, or with an empty name the whole module."""

    module: str
    name: str
    alias: str = ""
    level: int = 0

    @property
    def bound(self) -> str:
        """The name that it binds."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def line(self) -> str:
        """It as a statement."""
        tail = f" as {self.alias}" if self.alias else ""
        if not self.name:
            return f"import {self.module}{tail}"
        return f"from {'.' * self.level}{self.module} import {self.name}{tail}"


def imports_of(body: Iterable[ast.stmt]) -> tuple[Import, ...]:
    """The names that the statements themselves import."""
    found: list[Import] = []
    for node in body:
        if isinstance(node, ast.Import):
            found += [Import(name.name, "", name.asname or "") for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            found += [Import(node.module or "", name.name, name.asname or "", node.level) for name in node.names]
    return tuple(found)


def free_names(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """The names that the code uses and does not bind itself; quoted annotations are left to SQLAlchemy's registry."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in nodes:
        for one in ast.walk(node):
            if isinstance(one, ast.Name):
                (used if isinstance(one.ctx, ast.Load) else bound).add(one.id)
            elif isinstance(one, ast.arg):
                bound.add(one.arg)
            elif isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                bound.add(one.name)
    return frozenset(name for name in used - bound if not hasattr(builtins, name))


def bound_names(tree: ast.Module) -> frozenset[str]:
    """The names that a file's own statements bind."""
    names = {imported.bound for imported in imports_of(tree.body)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return frozenset(names)


def called_names(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """The names that the code calls: the ``Enum`` of ``Enum(Mood)`` is SQLAlchemy's, that of a base is not."""
    calls = [one.func for node in nodes for one in ast.walk(node) if isinstance(one, ast.Call)]
    return frozenset(call.id for call in calls if isinstance(call, ast.Name))


def means(one: Import, nodes: Sequence[ast.AST], called: Collection[str]) -> bool:
    """Whether the code may mean the import by its name: a module only before a dot, enum's ``Enum`` only uncalled."""
    if one.module == "enum" and one.bound in called:
        return False
    inner = {id(each.value) for node in nodes for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    names = (each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == one.bound)
    return bool(one.name) or all(id(name) in inner for name in names)


def clashes(names: Iterable[str], tree: ast.Module, spec: Sequence[Import], called: Collection[str]) -> tuple[str, ...]:
    """The names that the file has from elsewhere than the code takes them from: a module ``datetime``, another
    ``Enum``."""
    there = {imported.bound: imported for imported in imports_of(tree.body)}
    said: list[str] = []
    for name in sorted(names):
        mine = there.get(name)
        meant = [one for one in spec if one.bound == name and one != mine]
        wanted = meant[-1] if meant else _usual(name, called)
        if mine and wanted and _kind(mine) != _kind(wanted):
            said.append(f"{name} is `{mine.line}` in the file, and the new code means `{wanted.line}`")
    return tuple(said)


def _kind(one: Import) -> tuple[str, bool]:
    """The package that it comes from, and whether it is a module."""
    top = one.module.partition(".")[0]
    return (top if top in sys.stdlib_module_names or top == "sqlalchemy" else "", bool(one.name))


def sources(
    names: Iterable[str], known: Mapping[str, Import], called: Collection[str] = ()
) -> tuple[tuple[Import, ...], tuple[str, ...]]:
    """Where each name comes from, and the names nobody knows. ``known`` (the project's and the spec's own imports)
    counts before SQLAlchemy and the standard library. ``called`` are those that the code calls."""
    found: list[Import] = []
    unknown: list[str] = []
    for name in sorted(names):
        source = known.get(name) or _usual(name, called)
        if source:
            found.append(source)
        else:
            unknown.append(name)
    return tuple(found), tuple(unknown)


def _usual(name: str, called: Collection[str]) -> Import | None:
    import sqlalchemy
    from sqlalchemy import orm
    from sqlalchemy.dialects import postgresql

    if name in ("Field", "Relationship", "SQLModel"):
        return Import("sqlmodel", name)
    if name == "Enum" and name in called:
        return Import("sqlalchemy", name)
    if name in _MODULES:
        return next(iter(imports_of(ast.parse(_MODULES[name]).body)))
    for module in (sqlalchemy, orm, postgresql):
        public = getattr(module, "__all__", ()) or vars(module)
        if name in public or (module is not postgresql and name in vars(module) and not name.startswith("_")):
            if module is sqlalchemy and name in {"Enum", "UUID", "Any"} and name in _STANDARD:
                continue
            return Import(module.__name__, name)
    return Import(_STANDARD[name], name) if name in _STANDARD else None


def add(text: str, wanted: Iterable[Import], own: str = "", width: int = 88) -> str:
    """The file's text (with ``\\n``) with those imports. ``own`` is the project's own top package."""
    first = parse(text)
    has_imports = first is not None and bool(imports_of(first.body))
    for one in sorted(set(wanted)):
        tree = parse(text)
        if tree is not None and one.bound not in bound_names(tree):
            text = _add(text, tree, one, own, width)
    return text if has_imports else _apart(text)


def _apart(text: str) -> str:
    """Two blank lines between the imports and a class right below them."""
    tree = parse(text)
    body = tree.body if tree else []
    for above, below in pairwise(body):
        if isinstance(below, ast.ClassDef) and isinstance(above, ast.Import | ast.ImportFrom):
            lines = text.split("\n")
            end = above.end_lineno or above.lineno
            begin = min([below.lineno, *(decorator.lineno for decorator in below.decorator_list)]) - 1
            between = lines[end:begin]
            if not any(line.strip() for line in between):
                lines[end:begin] = ["", ""]
            return "\n".join(lines)
    return text


def _add(text: str, tree: ast.Module, one: Import, own: str, width: int) -> str:
    lines = text.split("\n")
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or not one.name:
            continue
        span = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        if (node.module or "", node.level) == (one.module, one.level) and "#" not in span and ";" not in span:
            lines[node.lineno - 1 : node.end_lineno] = _extended(node, one, "(" in span and "\n" in span, width)
            return "\n".join(lines)
    return _new_line(lines, tree, one, own)


def _extended(node: ast.ImportFrom, one: Import, wrapped: bool, width: int) -> list[str]:
    """The statement with one name more, in its order if it has one."""
    names = [f"{each.name} as {each.asname}" if each.asname else each.name for each in node.names]
    fresh = f"{one.name} as {one.alias}" if one.alias else one.name
    for order in (_by_kind, str.lower, str):
        if names == sorted(names, key=order):
            names = sorted([*names, fresh], key=order)
            break
    else:
        names.append(fresh)
    start = f"from {'.' * node.level}{node.module or ''} import "
    line = start + ", ".join(names)
    if not wrapped and len(line) <= width:
        return [line]
    return [f"{start}(", *(f"    {name}," for name in names), ")"]


def _by_kind(name: str) -> tuple[int, str, str]:
    """As isort and ruff sort: CONSTANTS, Classes, functions."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower(), name


def _section(module: str, level: int, own: str) -> int:
    top = module.partition(".")[0]
    if top == "__future__":
        return 0
    if level or (own and top == own):
        return 3
    return 1 if top in sys.stdlib_module_names else 2


def _new_line(lines: list[str], tree: ast.Module, one: Import, own: str) -> str:
    at, fresh = _place(lines, tree, one, own)
    lines[at:at] = fresh
    return "\n".join(lines)


def _place(lines: Sequence[str], tree: ast.Module, one: Import, own: str) -> tuple[int, list[str]]:
    """Before which 0-based line the import stands, and its line with the empty ones that part it from others."""
    section = _section(one.module, one.level, own)
    earlier, same, later = (
        [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) and test(_section_of(node, own))]
        for test in (section.__gt__, section.__eq__, section.__lt__)
    )
    if same:
        above = [node for node in same if _order(lines[node.lineno - 1]) < _order(one.line)]
        return (above[-1].end_lineno or 0) if above else same[0].lineno - 1, [one.line]
    if earlier:
        return earlier[-1].end_lineno or 0, ["", one.line]
    if later:
        return later[0].lineno - 1, [one.line, ""]
    if tree.body and isinstance(tree.body[0], ast.Expr):  # the docstring
        return tree.body[0].end_lineno or 0, ["", one.line, ""]
    return 0, [one.line, ""] if any(lines) else [one.line]


def _order(line: str) -> tuple[bool, str]:
    """As isort and ruff sort within a section: ``import x`` before ``from x import y``."""
    return line.startswith("from "), line


def _section_of(node: ast.Import | ast.ImportFrom, own: str) -> int:
    if isinstance(node, ast.Import):
        return _section(node.names[0].name, 0, own)
    return _section(node.module or "", node.level, own)
