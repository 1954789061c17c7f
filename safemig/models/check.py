"""How new models are proved: the line that imports them where the tests run, and their tables as operations."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping, Sequence

from safemig.models.reading import module_of
from safemig.spec.document import Block
from safemig.spec.model_source import pieces
from safemig.spec.pieces import Piece, parse
from safemig.spec.sources import Wanted

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def import_code(classes: Mapping[str, str], attributes: Sequence[tuple[str, str]], folder: str) -> str:
    """Python without quotes that imports the classes (name -> file), configures all mappers and names the added
    attributes; "" where a file's name is no module's."""
    modules: dict[str, list[str]] = {}
    for name, path in sorted(classes.items()):
        module = module_of(path, folder)
        if not _NAME.fullmatch(module) or any(map(keyword.iskeyword, module.split("."))) or not name.isidentifier():
            return ""
        modules.setdefault(module, []).append(name)
    lines = [f"from {module} import {', '.join(names)}" for module, names in modules.items()]
    lines = [*lines, "from sqlalchemy.orm import configure_mappers", "configure_mappers()"]
    shown = [f"{owner}.{name}" for owner, name in attributes if owner in classes]
    tables = [f"{name}.__table__" for name in sorted(classes)]
    return "; ".join([*lines, f"print({', '.join([*tables, *shown])})"])


def tables_of(texts: Mapping[str, str], tables: Collection[str]) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """The models of those tables as the operations that make them, one a table; and what could not be read.

    ``texts`` are the files with models and with what these build on (path -> text).
    """
    found: list[Wanted] = []
    unread: list[str] = []
    left = set(tables)
    trees = {path: tree for path, text in texts.items() if (tree := parse(text)) is not None}
    for path, text in sorted(texts.items()):
        others = [tree for other, tree in trees.items() if other != path]
        for piece in pieces(Block("python", text, 1), others):
            if not left & set(piece.created):
                continue
            left -= set(piece.created)
            unread += [f"{path}:{line}: {problem}" for line, problem in piece.problems]
            if not piece.problems:
                found.append(_wanted(piece, path))
    unread += [f"no model of the table {table} could be read" for table in sorted(left)]
    return tuple(found), tuple(unread)


def _wanted(piece: Piece, path: str) -> Wanted:
    return Wanted(
        "op", piece.code, "", piece.created, piece.names, (path, piece.lines[0]), imports=piece.imports,
        touched=tuple(sorted(piece.tables)), upgrade_lines=piece.lines,
    )  # fmt: skip
