"""Reads one revision file with ``ast``: what it is called, what it follows, which tables it makes. Runs nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

IDENTIFIERS = ("revision", "down_revision", "branch_labels", "depends_on")
# No revision file that a person wrote comes near 8 MiB; ast needs about 100 times a file's size in memory.
LARGEST = 1_000_000  # bytes; the tree of that many takes 170 MB
# Before Alembic 0.2 the file name was the id; Alembic still reads such files.
_LEGACY = re.compile(r"([a-f0-9]+)\.py$")


@dataclass(frozen=True)
class Facts:
    """What one file says. ``problems`` and ``notes`` are (line, text); a problem makes the file useless as a revision.

    ``lines`` gives the line of ``revision`` and of ``down_revision`` (1-based, 0 when there is none).
    """

    id: str = ""
    down: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    message: str = ""
    creates: tuple[str, ...] = ()
    lines: tuple[int, int] = (0, 0)
    problems: tuple[tuple[int, str], ...] = ()
    notes: tuple[tuple[int, str], ...] = ()


class NotLiteral(Exception):
    """The expression cannot be read without running the file."""


def read_source(source: bytes, name: str) -> Facts:
    """The facts of a revision file ``name`` (its last path part) with the content ``source``. Never raises."""
    if len(source) > LARGEST:
        return Facts(problems=((1, f"is larger than {LARGEST:,} bytes, which no revision file is"),))
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return Facts(problems=((error.lineno or 1, f"is no valid Python: {error.msg}"),))
    except (ValueError, RecursionError, MemoryError) as error:
        return Facts(problems=((1, f"cannot be parsed: {error or type(error).__name__}"),))
    try:
        return _facts(tree, source, name)
    except RecursionError:
        return Facts(problems=((1, "is nested too deeply to be read"),))


def _facts(tree: ast.Module, source: bytes, name: str) -> Facts:
    bound, conditional = _assignments(tree)
    problems: list[tuple[int, str]] = []
    notes: list[tuple[int, str]] = []
    values: dict[str, tuple[str, ...]] = {}
    for identifier in IDENTIFIERS:
        essential = identifier != "branch_labels"
        if identifier in conditional:
            text = f"{identifier} is assigned inside a block or changed later; only a plain assignment can be read"
            (problems if essential else notes).append((conditional[identifier], text))
        elif identifier in bound:
            try:
                values[identifier] = strings(bound[identifier], bound)
            except NotLiteral:
                text = _no_literal(identifier)
                (problems if essential else notes).append((bound[identifier].lineno, text))
    settled = {line for line, _ in problems}
    own = _own_id(values, bound, conditional, name, problems)
    if "down_revision" not in bound and "down_revision" not in conditional:
        problems.append((1, "down_revision is not assigned in the file"))
    return Facts(
        id=own,
        down=values.get("down_revision", ()),
        depends_on=values.get("depends_on", ()),
        labels=values.get("branch_labels", ()),
        message=_message(tree),
        creates=tuple(_created(tree, bound)) if b"create_table" in source else (),
        lines=(_line(bound, "revision"), _line(bound, "down_revision")),
        problems=tuple(sorted(problems, key=lambda problem: (problem[0] not in settled, problem))),
        notes=tuple(notes),
    )


# The strings of an identifier of that file, None where they cannot be told.
Known = Callable[[str, str], tuple[str, ...] | None]
_FIELDS = {"down_revision": "down", "depends_on": "depends_on", "branch_labels": "labels"}


def _no_literal(identifier: str) -> str:
    return f"{identifier} is no literal, so it cannot be read without running the file"


def settled(facts: Facts, path: str, known: Known) -> Facts:
    """The facts with what ``known`` tells of identifiers that are no literals."""
    for identifier, field in _FIELDS.items():
        text = _no_literal(identifier)
        if (
            text in (said for _, said in (*facts.problems, *facts.notes))
            and (value := known(path, identifier)) is not None
        ):
            facts = replace(
                facts,
                problems=tuple(one for one in facts.problems if one[1] != text),
                notes=tuple(one for one in facts.notes if one[1] != text),
                **{field: value},  # type: ignore[arg-type]
            )
    return facts


def _own_id(
    values: dict[str, tuple[str, ...]],
    bound: dict[str, ast.expr],
    conditional: dict[str, int],
    name: str,
    problems: list[tuple[int, str]],
) -> str:
    found = values.get("revision")
    if found is None:
        legacy = _LEGACY.match(name)
        if "revision" in bound or "revision" in conditional:
            return ""
        if legacy:
            return legacy.group(1)
        problems.append((1, "revision is not assigned in the file"))
        return ""
    if len(found) != 1 or not found[0]:
        problems.append((_line(bound, "revision"), "revision has to be one string that is not empty"))
        return ""
    return found[0]


def _line(bound: dict[str, ast.expr], name: str) -> int:
    return bound[name].lineno if name in bound else 0


def _assignments(tree: ast.Module) -> tuple[dict[str, ast.expr], dict[str, int]]:
    """Names bound once and plainly at module level, and the identifiers bound in any other way with their line."""
    bound: dict[str, ast.expr] = {}
    conditional: dict[str, int] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                _bind(target, statement.value, bound)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            _bind(statement.target, statement.value, bound)
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Expr)):
            imports = isinstance(statement, (ast.Import, ast.ImportFrom))
            for node in (statement,) if imports else ast.walk(statement):
                for name, line in _stored(node):
                    conditional.setdefault(name, line)
    return bound, {name: line for name, line in conditional.items() if name in IDENTIFIERS}


def _bind(target: ast.expr, value: ast.expr, bound: dict[str, ast.expr]) -> None:
    if isinstance(target, ast.Name):
        bound[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        if len(parts) == len(target.elts):
            for part, inner in zip(target.elts, parts, strict=True):
                _bind(part, inner, bound)
        else:
            for part in target.elts:
                _bind(part, value, bound)


def _stored(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield node.id, node.lineno
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield alias.asname or alias.name, node.lineno


def strings(node: ast.expr, bound: dict[str, ast.expr], depth: int = 0) -> tuple[str, ...]:
    """The strings that a literal None, string, tuple, list or set comes to; raises NotLiteral for anything else."""
    if isinstance(node, ast.Constant) and node.value is None:
        return ()
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return tuple(literal(part, bound, depth) for part in node.elts)
    if isinstance(node, ast.Name) and node.id in bound and depth < 8:
        return strings(bound[node.id], bound, depth + 1)
    return (literal(node, bound, depth),)


def literal(node: ast.expr, bound: dict[str, ast.expr], depth: int = 0) -> str:
    """The string that an expression of literals comes to; ``depth`` bounds names that refer to each other."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return literal(node.left, bound, depth) + literal(node.right, bound, depth)
    if isinstance(node, ast.Name) and node.id in bound and depth < 8:
        return literal(bound[node.id], bound, depth + 1)
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part, bound, depth) for part in node.values)
    if isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        return literal(node.value, bound, depth)
    raise NotLiteral


def _message(tree: ast.Module) -> str:
    """The first paragraph of the first bare string of the module (some projects import before their docstring)."""
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            value = statement.value.value
            if isinstance(value, str):
                first = value.strip().split("\n\n")[0]
                # A docstring that starts with these facts has no message.
                return "" if first.startswith(("Revision ID:", "Revises:", "Create Date:")) else first
    return ""


def _created(tree: ast.Module, bound: dict[str, ast.expr]) -> Iterator[str]:
    """Tables of literal ``op.create_table`` calls anywhere but in ``downgrade``, as ``table`` or ``schema.table``."""
    operations = {"op"} | {
        alias.asname
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module == "alembic"
        for alias in statement.names
        if alias.name == "op" and alias.asname
    }
    todo: list[ast.stmt] = [
        statement
        for statement in reversed(tree.body)
        if not (isinstance(statement, ast.FunctionDef) and statement.name == "downgrade")
    ]
    # Only statements are visited: the call is one of its own or what a name is bound to, and walking the columns inside
    # of it would take half as long as parsing the file.
    while todo:
        statement = todo.pop()
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and _is_create_table(value.func, operations):
            yield from _table(value, bound)
        for field in ("finalbody", "orelse", "handlers", "body"):
            todo += reversed(getattr(statement, field, ()))


def _is_create_table(function: ast.expr, operations: set[str]) -> bool:
    if not isinstance(function, ast.Attribute) or function.attr != "create_table":
        return False
    value = function.value
    return (isinstance(value, ast.Name) and value.id in operations) or (
        isinstance(value, ast.Attribute) and value.attr == "op"
    )


def _table(call: ast.Call, bound: dict[str, ast.expr]) -> Iterator[str]:
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    name = call.args[0] if call.args else keywords.get("table_name")
    schema = keywords.get("schema")
    if name is None:
        return
    try:
        table = literal(name, bound)
        none = schema is None or (isinstance(schema, ast.Constant) and schema.value is None)
        yield table if none or schema is None else f"{literal(schema, bound)}.{table}"
    except NotLiteral:
        return
