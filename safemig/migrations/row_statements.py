"""The statements of revisions that change rows alone, or nothing: what a schema becomes is told without them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from safemig.migrations.fragments import parse
from safemig.migrations.hazards import read_sql, sql_forms
from safemig.migrations.python_events import Acts, Event, RunsSql
from safemig.migrations.python_reader import Reader
from safemig.migrations.python_scopes import TooMuch
from safemig.sql.parser import Parsed, parse_apart
from safemig.sql.row_statements import keeps_definitions

_OWN_NAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class _ByStatement(Reader):
    """A reader that keeps what each statement of the function that is followed first comes to, by its line."""

    def __init__(self) -> None:
        super().__init__()
        self.read: dict[int, list[Event]] = {}

    def statement(self, node: ast.stmt, at: int) -> None:
        began = len(self.events)
        super().statement(node, at)
        if self.depth == 1:
            self.read.setdefault(node.lineno, []).extend(self.events[began:])


def row_lines(texts: Sequence[str]) -> tuple[frozenset[int], ...]:
    """For each revision's text the lines on which those statements of its ``upgrade`` begin; one child process parses
    the SQL of them all. What cannot be followed, or leaves the function, is none."""
    readings = [_statements(text) for text in texts]
    events = [event for reading in readings for found in reading.values() for event in found]
    sql = list(dict.fromkeys(form for event in events if isinstance(event, RunsSql) for form in sql_forms(event)))
    parsed = dict(zip(sql, parse_apart(sql), strict=True)) if sql else {}
    return tuple(
        frozenset(line for line, found in reading.items() if all(_keeps(event, parsed) for event in found))
        for reading in readings
    )


def statement_events(text: str) -> list[Event]:
    """What the revision's upgrade comes to, in order, as far as it can be followed."""
    return [event for found in _statements(text, all_of_it=True).values() for event in found]


def _statements(text: str, *, all_of_it: bool = False) -> Mapping[int, Sequence[Event]]:
    tree = parse(text)
    if tree is None:
        return {}
    reader = _ByStatement()
    try:
        upgrade = reader.look_up("upgrade", reader.module(tree))
        code = upgrade.code
        if upgrade.kind != "function" or not isinstance(code, ast.FunctionDef):
            return {}
        reader.follow(tree, upgrade, ())
    except (RecursionError, TooMuch):
        return {}
    return {node.lineno: reader.read.get(node.lineno, []) for node in code.body if all_of_it or not any(_leaves(node))}


def _leaves(node: ast.AST) -> Iterator[ast.AST]:
    """Where the statement may end the function before its end, or gives names another meaning in it."""
    if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom | ast.Global | ast.Nonlocal):
        yield node
    elif not isinstance(node, _OWN_NAMES):
        for inner in ast.iter_child_nodes(node):
            yield from _leaves(inner)


def _keeps(event: Event, parsed: Mapping[str, Parsed]) -> bool:
    """Whether what was come upon leaves every definition as it is. A hazard is told beside what acts."""
    if isinstance(event, Acts):
        return event.known and event.rows
    if isinstance(event, RunsSql):
        read = read_sql(event, parsed)
        return not read.error and all(keeps_definitions(statement) for statement in read.statements)
    return True
