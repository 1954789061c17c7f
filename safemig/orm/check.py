"""How new models are proved: the line that imports them where the tests run, and their tables as operations."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping, Sequence

from safemig.migrations.change import Wanted
from safemig.migrations.fragments import Piece, parse
from safemig.orm.declarative import pieces
from safemig.orm.reader import module_of
from safemig.plan_document.document import Block
from safemig.sql.objects import objects_of
from safemig.sql.text import Statement, qualified, statements

_MARK = "create_mock_engine"  # stands alone on the line above what SQLAlchemy would create
_CREATES = frozenset({"TABLE", "INDEX", "UNIQUE", "TYPE", "SEQUENCE", "ON"})
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def import_code(
    files: Mapping[str, str], attributes: Sequence[tuple[str, str]], folder: str, tables: Collection[str] = ()
) -> str:
    """Python without quotes that imports the names (name -> file), configures all mappers, names the added attributes,
    and says what SQLAlchemy would create for ``tables`` (code that gives one); "" where a file's name is no module's.

    Needs SQLAlchemy 1.4 or newer.
    """
    modules: dict[str, list[str]] = {}
    for name, path in sorted(files.items()):
        module = module_of(path, folder)
        if not _NAME.fullmatch(module) or any(map(keyword.iskeyword, module.split("."))) or not name.isidentifier():
            return ""
        modules.setdefault(module, []).append(name)
    lines = [f"from {module} import {', '.join(names)}" for module, names in modules.items()]
    lines = [*lines, "from sqlalchemy.orm import configure_mappers", "configure_mappers()"]
    shown = [f"{owner}.{name}" for owner, name in attributes if owner in files]
    named = [name if name in tables else f"{name}.__table__" for name in sorted(files)]
    lines.append(f"print({', '.join([*named, *shown])})")
    if tables:
        lines += [
            f"from sqlalchemy import {_MARK}, engine",
            "import sqlalchemy.dialects.postgresql as pg",
            "from concurrent.futures import ThreadPoolExecutor",
            f"print({_MARK}.__name__)",
            # In a thread, whose errors (a foreign key to a table without a model) are told and do not end the line.
            f"print(ThreadPoolExecutor(1).submit({min(tables)}.metadata.create_all, {_MARK}(engine.URL.create("
            "pg.dialect.name), lambda ddl, *_, **__: print(ddl.compile(dialect=pg.dialect()), end=chr(59) + chr(10))), "
            f"tables=[{', '.join(tables)}], checkfirst=False).exception())",
        ]
    return "; ".join(lines)


def told(output: str) -> tuple[str, str]:
    """What the import printed last, and the statements after it ("" where they could not all be told)."""
    above, _, below = "\n".join(output.splitlines()).partition(f"\n{_MARK}\n")
    created, mark, _ = f"{below}\n".rpartition("\nNone\n")
    return (above.strip().splitlines() or [""])[-1], f"{created}\n" if mark else ""


def of_statements(text: str, enums: Mapping[str, Sequence[str]]) -> tuple[Wanted, dict[str, tuple[str, ...]]]:
    """What creates something among the statements, and the labels of the enum types that are left out of it since the
    database has them already: ``enums`` are its own, both by schema.name."""
    kept: list[Statement] = []
    there: dict[str, tuple[str, ...]] = {}
    for statement in statements(text):
        words = [token.upper for token in statement.tokens[:3]]
        if statement.head not in ("CREATE", "COMMENT") or not set(words[1:]) & _CREATES:
            continue
        name = qualified(statement.tokens, 2)[0] if words[1] == "TYPE" else ""
        name = name if "." in name else f"public.{name}"
        if name in enums:
            strings = [token.text for token in statement.tokens if token.kind == "string"]
            there[name] = tuple(text[1:-1].replace("''", "'") for text in strings)
        else:
            kept.append(statement)
    found = objects_of(";\n".join(one.text for one in kept))
    code = ";\n".join(one.text.strip() for one in kept) + ";"
    wanted = Wanted(
        "sql", code, "", found.created, found.names, ("the models", 1), touched=tuple(sorted(found.tables)),
        upgrade_lines=tuple(range(1, code.count("\n") + 2)),
    )  # fmt: skip
    return wanted, there


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
