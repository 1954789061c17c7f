"""Autocommit blocks as this project's env.py lets them run: as they are, in the team's own way, or not at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from safemig.migrations.change import Wanted
from safemig.migrations.evaluator import needs_autocommit
from safemig.migrations.fragments import parse
from safemig.migrations.from_sql import executed
from safemig.migrations.online.choices import Text, number_at
from safemig.migrations.render import AUTOCOMMIT, COMMIT
from safemig.sql.text import statements

_BLOCK = "op.get_context().autocommit_block()"
_ARGUMENT = re.compile(
    r",\s*postgresql_concurrently\s*=\s*True(?=\s*[,)])|^\s*postgresql_concurrently\s*=\s*True,?\s*$"
)
_WORD = re.compile(r"(?i)\bconcurrently\s+")


@dataclass(frozen=True)
class Way:
    """How a statement outside of the transaction is written: in Alembic's ``block``, after a ``commit`` of the
    connection, in the ``helper`` of the project that ``words`` call and ``line`` imports, or ``plain``, within the
    transaction. ``place`` is the revision of the team that does so."""

    kind: Literal["block", "commit", "helper", "plain"] = "block"
    words: str = ""
    line: str = ""
    place: str = ""


def team_way(sources: Mapping[str, str]) -> Way | None:
    """How the newest of these revisions (file -> text, the newest first) that runs something outside of its transaction
    does it; None where none does."""
    for file, text in sources.items():
        tree = parse(text)
        upgrades = (one for one in (tree.body if tree else ()) if isinstance(one, ast.FunctionDef))
        ways = (way for one in upgrades if tree and one.name == "upgrade" for way in _ways(one, tree, file))
        if found := next(ways, None):
            return found
    return None


def _ways(function: ast.FunctionDef, tree: ast.Module, file: str) -> Iterator[Way]:
    commits = False
    for node in function.body:
        commits = commits or ast.unparse(node) == COMMIT
        if not isinstance(node, ast.With) or not re.search(r"(?i)concurrently|add value", ast.unparse(node)):
            continue
        words, place = ast.unparse(node.items[0].context_expr), f"{file}:{node.lineno}"
        if words == _BLOCK:
            yield Way("commit" if commits else "block", place=place)
        elif line := _import_of(tree, words):
            yield Way("helper", words, line, place)


def _import_of(tree: ast.Module, words: str) -> str:
    """The line that imports what those words call."""
    name = re.split(r"\W", words, maxsplit=1)[0]
    imports = (
        one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom) and not getattr(one, "level", 0)
    )
    binding = (one for one in imports if any((a.asname or a.name.split(".")[0]) == name for a in one.names))
    return next(map(ast.unparse, binding), "")


def uses_blocks(wanted: Wanted) -> bool:
    """Whether any of it is to run outside of the transaction."""
    if wanted.kind == "op":
        return "autocommit_block" in wanted.upgrade + wanted.downgrade
    return any(needs_autocommit(one) for side in (wanted.upgrade, wanted.downgrade) for one in statements(side))


def written(wanted: Wanted, way: Way) -> Wanted:
    """``wanted`` in that way; the schema that results is the same."""
    if way.kind == "block" or not uses_blocks(wanted):
        return wanted
    wanted = _in_python(wanted)
    up, up_lines = _side(wanted.upgrade, wanted.upgrade_lines, wanted.origin[1], way)
    down, down_lines = _side(wanted.downgrade, wanted.downgrade_lines, wanted.origin[1], way)
    imports = (*wanted.imports, way.line) if way.kind == "helper" else wanted.imports
    return replace(
        wanted, upgrade=up, upgrade_lines=up_lines, downgrade=down, downgrade_lines=down_lines, imports=imports
    )


def _in_python(wanted: Wanted) -> Wanted:
    if wanted.kind == "op":
        return wanted
    up, down = Text([], []), Text([], [])
    for text, made, lines in (
        (wanted.upgrade, up, wanted.upgrade_lines),
        (wanted.downgrade, down, wanted.downgrade_lines),
    ):
        for one in statements(text):
            made.add(executed(one), number_at(lines, one.line - 1, wanted.origin[1]))
    return replace(
        wanted, kind="op", upgrade="\n".join(up.lines), upgrade_lines=tuple(up.numbers),
        downgrade="\n".join(down.lines), downgrade_lines=tuple(down.numbers),
    )  # fmt: skip


def _side(code: str, numbers: Sequence[int], origin: int, way: Way) -> tuple[str, tuple[int, ...]]:
    tree, lines, made = parse(code), code.split("\n"), Text([], [])
    blocks = {node.lineno: node for node in (tree.body if tree else ()) if is_block(node)}
    inside = {row: node for node in blocks.values() for row in range(node.lineno + 1, (node.end_lineno or 0) + 1)}
    for row, line in enumerate(lines, 1):
        number = number_at(tuple(numbers), row - 1, origin)
        if row in blocks and way.kind == "commit":
            made.add(f"{COMMIT}\n{line}", number)
        elif row in blocks and way.kind == "helper":
            made.add(line.replace(AUTOCOMMIT, f"with {way.words}:"), number)
        elif row in inside and way.kind == "plain":
            if inner := _within(line.removeprefix("    ")):
                made.add(inner, number)
        elif row not in blocks or way.kind != "plain":
            made.add(line, number)
    return "\n".join(made.lines), tuple(made.numbers)


def unwrapped(code: str, numbers: Sequence[int], origin: int) -> tuple[str, tuple[int, ...]]:
    """The statements within the transaction, with the spec's line of each of their lines."""
    return _side(code, numbers, origin, Way("plain"))


def is_block(node: ast.stmt) -> bool:
    """Whether it is an autocommit block of Alembic."""
    return isinstance(node, ast.With) and ast.unparse(node.items[0].context_expr) == _BLOCK


def _within(line: str) -> str:
    """A line without CONCURRENTLY, as an argument and as a word of SQL; a comment stays as it is."""
    line = _ARGUMENT.sub("", line)
    is_sql = re.search(r"(?i)\b(?:index|view|reindex|attach|detach)\b", line.partition("#")[0])
    return _WORD.sub("", line) if is_sql else line
