"""Alembic operations in Python blocks: found and cut out as they stand, never run."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from safemig.migrations.fragments import Piece, parse, reindent
from safemig.plan_document import labels
from safemig.plan_document.document import Block
from safemig.sql.objects import Objects, objects_of

LANGUAGES = ("python", "py", "python3", "alembic", "")
_HEADER = {"revision", "down_revision", "branch_labels", "depends_on"}
_USES_OP = re.compile(r"\bop\s*\.\s*\w+\s*\(|\bbatch_op\s*\.\s*\w+\s*\(")
_UPGRADE = re.compile(r"^\s*def\s+(upgrade|downgrade)\s*\(", re.M)


def concerns(block: Block) -> bool:
    """Whether the block is Python that has to do with a migration."""
    return block.language in LANGUAGES and bool(_USES_OP.search(block.text) or _UPGRADE.search(block.text))


def pieces(block: Block) -> tuple[Piece, ...]:
    """What the block says for upgrade and downgrade; nothing for a skeleton. SyntaxError when it is broken."""
    code = textwrap.dedent(block.text.expandtabs(4) if "\t" in block.text else block.text)
    tree = parse(code)
    if tree is None:
        if is_skeleton(code):
            return ()
        raise SyntaxError(_why(code, block))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    functions = {node.name: node for node in found if node.name in ("upgrade", "downgrade")}
    imports = _imports(tree)
    lines = code.split("\n")
    if functions:
        sides = [(_side(name), node) for name, node in functions.items()]
        made = (_function(block, lines, side, node, imports) for side, node in sides)
        return tuple(piece for piece in made if piece)
    piece = _loose(block, lines, tree.body, imports)
    return (piece,) if piece else ()


def _side(name: str) -> Literal["up", "down"]:
    return "up" if name == "upgrade" else "down"


def _why(code: str, block: Block) -> str:
    try:
        ast.parse(code)
    except SyntaxError as error:
        return f"line {block.line + (error.lineno or 1) - 1}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"line {block.line}: {error}"
    return ""


def is_skeleton(code: str) -> bool:
    """Whether code that cannot be parsed holds nothing but empty functions, comments and placeholders."""
    text = re.sub(r'("""|\'\'\').*?\1', "", code, flags=re.S)
    for line in text.split("\n"):
        bare = line.split("#", 1)[0].strip()
        simple = re.fullmatch(
            r"(async )?def \w+\(.*\).*:|pass|\.{3}|…|(from|import) .*|@.*|\w+(\s*:[^=]*)?\s*=.*|return", bare
        )
        if bare and not simple:
            return False
    return True


def _function(
    block: Block,
    lines: Sequence[str],
    side: Literal["up", "down"],
    node: ast.FunctionDef,
    imports: tuple[str, ...],
) -> Piece | None:
    body = node.body[1:] if _is_docstring(node.body[0]) else node.body
    if _is_empty(body) or _has_placeholder(body):
        return None
    first = body[0]
    above = node.body[0].end_lineno if body is not node.body else _signature_end(node, lines)
    begin = (above or node.lineno) + 1
    if begin > first.lineno:  # def upgrade(): op.drop_table("x")
        begin = first.lineno
        lines = [*lines[: begin - 1], " " * first.col_offset + lines[begin - 1][first.col_offset :], *lines[begin:]]
    end = _with_comments(lines, body[-1].end_lineno or first.lineno, first.col_offset)
    piece = _piece(block, lines, begin, end, first.col_offset, body, side)
    return replace(piece, imports=imports, whole=True)


def _signature_end(node: ast.FunctionDef, lines: Sequence[str]) -> int:
    """The line on which the ``def`` ends: the first from there that ends with a colon."""
    for number in range(node.lineno, node.body[0].lineno):
        if lines[number - 1].split("#", 1)[0].rstrip().endswith(":"):
            return number
    return node.body[0].lineno


def _loose(block: Block, lines: Sequence[str], body: Sequence[ast.stmt], imports: tuple[str, ...]) -> Piece | None:
    """Statements without a function round them; None when there are others than operations among them."""
    own = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom) and not _is_docstring(node)]
    own = [node for node in own if not _is_header(node)]
    if not own or not any(_calls(node) for node in own) or _has_placeholder(own):
        return None
    if not all(isinstance(node, ast.Assign | ast.AnnAssign | ast.With) or _calls(node) for node in own):
        return None
    begin = _comments_above(lines, own[0].lineno)
    end = _with_comments(lines, own[-1].end_lineno or own[-1].lineno, 0)
    piece = _piece(block, lines, begin, end, 0, own, "up")
    label = "\n".join(line for line in lines[: own[0].lineno] if line.lstrip().startswith("#"))
    if labels.is_back(block) or (
        piece.drops_only and labels.mentions_back(f"{label}\n{block.heading}", block.vocabulary)
    ):
        piece = replace(piece, side="down")
    return replace(piece, imports=imports)


def _piece(
    block: Block,
    lines: Sequence[str],
    begin: int,
    end: int,
    columns: int,
    body: Iterable[ast.stmt],
    side: Literal["up", "down"],
) -> Piece:
    while begin < end and not lines[begin - 1].strip():
        begin += 1
    code = reindent("\n".join(lines[begin - 1 : end]), columns)
    numbers = tuple(block.line + number - 1 for number in range(begin, end + 1))
    what = objects(body)
    return Piece(
        "op", side, code, numbers, block.line, what.keys, what.created, what.tables, what.names,
        drops_only=what.drops_only,
    )  # fmt: skip


def _with_comments(lines: Sequence[str], end: int, column: int) -> int:
    """``end`` moved past comments of the same indentation right behind it."""
    at = end
    while at < len(lines):
        line = lines[at]
        if not line.strip().startswith("#") or len(line) - len(line.lstrip()) < column:
            break
        at += 1
    return at


def _comments_above(lines: Sequence[str], begin: int) -> int:
    while begin > 1 and lines[begin - 2].lstrip().startswith("#"):
        begin -= 1
    return begin


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_header(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id in _HEADER for target in targets)


def _is_empty(body: Sequence[ast.stmt]) -> bool:
    return all(
        isinstance(node, ast.Pass | ast.Return | ast.Raise)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


def is_empty_upgrade(code: str) -> bool:
    """Whether a revision's text has an upgrade function that does nothing."""
    tree = parse(code)
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"] if tree else []
    return bool(found) and all(_is_empty(node.body) for node in found)


def _has_placeholder(body: Iterable[ast.stmt]) -> bool:
    """``...`` anywhere, or a table without a column: what the spec shows is only where code should go."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and node.value is Ellipsis:
                return True
            if isinstance(node, ast.Call) and _method(node) == "create_table" and len(node.args) < 2:
                return True
    return False


def _calls(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Call) and _method(inner) for inner in ast.walk(node))


def _method(call: ast.Call) -> str:
    """The operation that is called, "" for any other call."""
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id in ("op", "batch_op") else ""
    return ""


def _imports(tree: ast.Module) -> tuple[str, ...]:
    """The import lines that SQLAlchemy and Alembic answer; other modules are the project's and stay out."""
    result = []
    for node in tree.body:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else names
        if names and all(name.split(".")[0] in ("sqlalchemy", "alembic") for name in names):
            result.append(ast.unparse(node))
    return tuple(result)


def literal(node: ast.expr | None) -> str:
    """The string that a literal or ``op.f("…")`` holds, "" for anything else."""
    if isinstance(node, ast.Call) and _method(node) == "f" and node.args:
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """An argument by position or by name."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[place] if 0 <= place < len(call.args) else None


def objects(body: Iterable[ast.stmt]) -> Objects:
    """What the operations in those statements are about."""
    keys: set[str] = set()
    created: list[str] = []
    tables: set[str] = set()
    names: set[str] = set()
    dropped = others = 0
    for statement in body:
        batch = _batch_table(statement)
        for call in [node for node in ast.walk(statement) if isinstance(node, ast.Call)]:
            method = _method(call)
            names |= {literal(argument(call, -1, "name"))} - {""} if not _is_type(call) else set()
            if method == "execute":
                inner = objects_of(sql_of(call))
                keys |= inner.keys
                created += inner.created
                tables |= inner.tables
                names |= inner.names
                dropped, others = dropped + inner.drops_only, others + (not inner.drops_only)
                continue
            if not method or method in ("f", "get_bind", "get_context", "batch_alter_table", "inline_literal"):
                continue
            table, key, name = _object(call, method, batch)
            keys.add(key)
            tables |= {table} - {""}
            names |= {name} - {""}
            created += [table] if method == "create_table" else []
            dropped, others = dropped + method.startswith("drop_"), others + (not method.startswith("drop_"))
    drops_only = bool(dropped) and not others
    return Objects(frozenset(keys), tuple(dict.fromkeys(created)), frozenset(tables), frozenset(names), drops_only)


def _is_type(call: ast.Call) -> bool:
    """Whether the call makes an enum type: its name is no name of a constraint or index."""
    function = call.func
    name = (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
    return name.lower() in ("enum", "domain")


def _batch_table(statement: ast.stmt) -> str:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and _method(node) == "batch_alter_table":
            return literal(argument(node, 0, "table_name"))
    return ""


def sql_of(call: ast.Call) -> str:
    """The SQL of an ``op.execute`` call, "" where it is no literal."""
    node = argument(call, 0, "sqltext")
    if isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    return literal(node)


def _object(call: ast.Call, method: str, batch: str) -> tuple[str, str, str]:
    """The table an operation touches, the key of its object, and the name it fixes."""
    first = literal(argument(call, 0, "table_name" if "table" in method or "column" in method else ""))
    schema = literal(argument(call, -1, "schema"))
    prefix = f"{schema}." if schema not in ("", "public") else ""
    verb = "drop " if method.startswith("drop_") else ""
    if method in ("create_table", "drop_table", "create_table_comment", "drop_table_comment", "rename_table"):
        return prefix + first, f"{verb}table {prefix}{first}", ""
    if "column" in method:
        table = batch or prefix + first
        column = argument(call, 0 if batch else 1, "column_name")
        if isinstance(column, ast.Call) and column.args:
            column = column.args[0]
        return table, f"{verb}column {table}.{literal(column)}", ""
    table = batch or prefix + literal(argument(call, 1, "source_table" if "foreign" in method else "table_name"))
    name = literal(argument(call, 0, "constraint_name" if "index" not in method else "index_name"))
    kind = "index" if "index" in method else "constraint"
    return table, f"{verb}{kind} {table}.{name}" if kind == "constraint" else f"{verb}index {name}", name
