"""How a project's models name what they use: ``String``, ``sa.String`` or ``db.String``, and the imports behind it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from safemig.migrations.fragments import parse
from safemig.orm.imports import Import, bound_names, imports_of
from safemig.orm.reader import Kind, Models, target_name, text_of

WIDTH = 88


@dataclass(frozen=True)
class Style:
    """``imports`` are those of the file that the code goes to (or of its neighbour), ``taken`` the names that mean
    something in some models file, each with its import (None: the project's own), ``hidden`` those that the class's
    own attributes hide. ``owner`` is what all of SQLAlchemy is taken from (``db``). ``typed``: with ``Mapped[…]``;
    ``optional``: ``Optional[X]`` for ``X | None``; ``conventions``: names of constraints are made by rules;
    ``kind``: what the classes are made with."""

    base: str = "Base"
    width: int = WIDTH
    typed: bool = True
    optional: bool = False
    conventions: bool = False
    imports: tuple[Import, ...] = ()
    taken: Mapping[str, Import | None] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    owner: str = ""
    kind: Kind = "plain"


def style_of(models: Models, path: str, texts: Iterable[str], width: int = WIDTH) -> Style:
    """The style of the models for code that goes to ``path``; ``texts`` are all Python texts of the project."""
    parent = PurePosixPath(path).parent
    order = sorted(models.files, key=lambda file: (file.path != path, PurePosixPath(file.path).parent != parent))
    taken: dict[str, Import | None] = {}
    for file in reversed(order):
        tree = parse(file.text)
        if tree is not None:
            taken |= dict.fromkeys(bound_names(tree))
            taken |= {imported.bound: imported for imported in imports_of(tree.body)}
    nearest = parse(order[0].text) if order else None
    owner = models.base.rpartition(".")[0]
    uses = any(re.search(rf"\b{re.escape(owner)}\.(?:Column|mapped_column)\(", file.text) for file in models.files)
    return Style(
        models.base or "Base",
        width,
        models.typed or not models.files,
        any("Optional[" in file.text for file in models.files)
        and not any(re.search(r"\| None\b", file.text) for file in models.files),
        any("naming_convention" in text for text in texts),
        imports_of(nearest.body) if nearest else (),
        taken,
        owner=owner if owner and uses else "",
        kind=models.kind,
    )


def unlike(models: Models) -> str:
    """Why no class of plain columns would fit among these models; "" where one does."""
    if models.kind == "decorated":
        return "each of the models says itself that it is a dataclass, which a proposal would not"
    return ""


def documented(code: str, words: str, width: int) -> str:
    """The class with a docstring of those words, else of its table's comment; unchanged where it has one, or where
    nobody says anything that fits on a line."""
    node = ast.parse(code).body[0]
    if not isinstance(node, ast.ClassDef) or ast.get_docstring(node) is not None:
        return code
    said = " ".join((words or _comment(node)).split())
    line = f'    """{said[:1].upper()}{said[1:]}{"" if said[-1:] in ".!?。" else "."}"""'
    if not said or len(line) > width or '"' in said or "\\" in said:
        return code
    lines = code.split("\n")
    at = node.body[0].lineno - 1
    return code if at == node.lineno - 1 else "\n".join([*lines[:at], line, "", *lines[at:]])


def _comment(node: ast.ClassDef) -> str:
    for statement in node.body:
        if target_name(statement) == "__table_args__" and isinstance(statement, ast.Assign):
            for part in ast.walk(statement.value):
                for key, value in zip(part.keys, part.values, strict=True) if isinstance(part, ast.Dict) else ():
                    if text_of(key) == "comment":
                        return text_of(value)
    return ""


def dressed(node: ast.AST, sources: Mapping[str, Import], style: Style) -> tuple[ast.AST, tuple[Import, ...]]:
    """``node`` with the names of ``sources`` written as the project writes them, and the imports this asks for."""
    worker = _Dresser(sources, style)
    return worker.visit(node), tuple(sorted(worker.asked))


class _Dresser(ast.NodeTransformer):
    def __init__(self, sources: Mapping[str, Import], style: Style) -> None:
        self._sources, self._style = sources, style
        self.asked: set[Import] = set()

    def visit_Name(self, node: ast.Name) -> ast.expr:
        source = self._sources.get(node.id)
        if source is None:
            return node
        code, wanted = refer(source, self._style)
        if wanted:
            self.asked.add(wanted)
        return ast.parse(code, mode="eval").body

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        node.value = self.visit(node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = self.visit(node.annotation)
        node.value = self.visit(node.value) if node.value else None
        return node


def refer(source: Import, style: Style) -> tuple[str, Import | None]:
    """The code by which the project speaks of ``source``, and the import that it needs."""
    for one in style.imports:
        same = one.module == source.module or _same_library(one, source)
        if same and one.name == source.name and one.bound not in style.hidden:
            return one.bound, one
    if style.owner and source.module in ("sqlalchemy", "sqlalchemy.orm") and source.name != "Mapped":
        return f"{style.owner}.{source.name}", None
    package, _, module = source.module.rpartition(".")
    for one in style.imports:
        if not one.name and one.module == source.module:
            return f"{one.alias or one.module}.{source.name}", one
        if package and one.module == package and one.name == module:
            return f"{one.bound}.{source.name}", one
    name = source.name
    if name in style.hidden or style.taken.get(name, source) != source:
        sqlalchemy = source.module.startswith("sqlalchemy")
        alias = f"{name}_type" if not sqlalchemy else f"SA{name}" if name[0].isupper() else f"sa_{name}"
        return alias, Import(source.module, name, alias)
    return name, source


def _same_library(one: Import, source: Import) -> bool:
    """``from sqlalchemy.types import String`` is the String of ``sqlalchemy``; a dialect has types of its own."""
    both = (one.module, source.module)
    return all(module.partition(".")[0] == "sqlalchemy" and "dialects" not in module for module in both)
