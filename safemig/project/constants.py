"""Constants of a project's own modules, read from their source: nothing of it is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from checks.revisions.reader import Known, NotLiteral, literal, strings
from safemig.base.files import head

_SIZE = 262_144
_DEEPEST = 4  # modules that take a constant from one another


class Constants:
    """The names that a module binds once at its top, and those that it takes from modules below ``root``."""

    def __init__(self, tree: ast.Module, file: Path, root: Path, depth: int = 0) -> None:
        self._bound = dict(_assigned(tree))
        if depth < _DEEPEST:
            for name, module, original, level in _imported(tree):
                value = _elsewhere(file, root, module, original, level, depth)
                if value is not None:
                    self._bound.setdefault(name, value)

    def text(self, node: ast.expr) -> str | None:
        """The string that an expression comes to, None where only running the module would tell."""
        try:
            return literal(node, self._bound)
        except NotLiteral:
            return None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """The strings that a name of the module stands for; None where only running it would tell."""
        if name not in self._bound:
            return None
        try:
            return strings(self._bound[name], self._bound)
        except NotLiteral:
            return None


def of_revisions(root: Path) -> Known:
    """What the files of revisions name by constants of the project, their own and imported ones."""

    def known(path: str, identifier: str) -> tuple[str, ...] | None:
        file = Path(path)
        try:
            tree = ast.parse(head(file, _SIZE))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return Constants(tree, file, root).texts(identifier)

    return known


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign):
                names.setdefault(target.id, []).append(node.value)
        if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
            names.setdefault(node.target.id, []).extend(
                [node.value] * (1 + isinstance(node, ast.AugAssign)) if node.value else []
            )
    top = {id(node.value) for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value}
    yield from ((name, values[0]) for name, values in names.items() if len(values) == 1 and id(values[0]) in top)


def _imported(tree: ast.Module) -> Iterator[tuple[str, str, str, int]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield from ((name.asname or name.name, node.module or "", name.name, node.level) for name in node.names)


def _elsewhere(file: Path, root: Path, module: str, name: str, level: int, depth: int) -> ast.expr | None:
    """The constant of another module as a literal, None where it is none or lies elsewhere."""
    above = file.parents[:level][-1:] if level else (*file.parents, root / "src")
    inside = module.split(".") if module else []
    for folder in above:
        if not folder.is_relative_to(root):
            continue
        for path in (folder.joinpath(*inside).with_suffix(".py"), folder.joinpath(*inside, "__init__.py")):
            if path.is_file() and path.resolve().is_relative_to(root):
                value = _text_in(path, root, name, depth)
                return None if value is None else ast.Constant(value)
    return None


def _text_in(path: Path, root: Path, name: str, depth: int) -> str | None:
    try:
        tree = ast.parse(head(path, _SIZE))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Constants(tree, path, root, depth + 1).text(ast.Name(name))
