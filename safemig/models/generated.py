"""Models proposed from the database by sqlacodegen, trimmed to the project's base class and style."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from safemig.models.reading import last, model_class, snake, target_name, text_of
from safemig.spec.pieces import parse

if TYPE_CHECKING:
    import psycopg

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'([^'"\\]*)'""")
_USUAL = {"start": "1", "increment": "1", "minvalue": "1", "cycle": "False", "cache": "1"}
_LARGEST = frozenset({"32767", "2147483647", "9223372036854775807"})  # of smallint, integer, bigint
_PLAIN = {"int": "Integer", "bool": "Boolean", "float": "Float"}
WIDTH = 88


def table_for(name: str, tables: Sequence[str]) -> str:
    """The table that a class of that name stands for: course_rating or course_ratings for CourseRating; else ""."""
    own = snake(name)
    fitting = [each for each in (own, f"{own}s", f"{own}es", f"{own.removesuffix('y')}ies") if each in tables]
    return fitting[0] if fitting else ""


def generate(connection: psycopg.Connection, table: str) -> str:
    """What sqlacodegen makes of that table and those it refers to."""
    from sqlacodegen.generators import DeclarativeGenerator
    from sqlalchemy import MetaData, create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as opened:
        metadata = MetaData()
        metadata.reflect(opened, only=[table])
        # One class is taken out: none may lean on another's columns, on its back reference or on an enum class.
        options = ["nojoined", "nobidi", "nosyntheticenums", "nonativeenums"]
        return str(DeclarativeGenerator(metadata, opened, options).generate())


def trimmed(text: str, table: str, name: str, base: str, width: int = WIDTH) -> str:
    """The one class of ``table`` as the project would write it, called ``name``; "" where the text has none.

    Relationships are left to the phase's items, foreign keys come to their columns, what SQLAlchemy takes from the
    annotation or makes anyway is left out.
    """
    tree = parse(text)
    nodes = [node for node in (tree.body if tree else []) if isinstance(node, ast.ClassDef)]
    node = next((one for one in nodes if model_class(one).table == table), None)
    if node is None:
        return ""
    arguments, keys = _arguments(node)
    lines = [f"class {name}({base}):", f'    __tablename__ = "{table}"']
    lines += _table_args(arguments, width)
    columns = [_column(one, keys) for one in node.body if isinstance(one, ast.AnnAssign) and not _relates(one)]
    return "\n".join([*lines, "", *(_wrapped(f"    {_double(column)}", width) for column in columns)])


def _wrapped(line: str, width: int) -> str:
    start, call, rest = line.partition("mapped_column(")
    return line if len(line) <= width or not call else f"{start}{call}\n        {rest.removesuffix(')')}\n    )"


def _relates(one: ast.AnnAssign) -> bool:
    return isinstance(one.value, ast.Call) and last(one.value.func) == "relationship"


def _arguments(node: ast.ClassDef) -> tuple[list[ast.expr], dict[str, ast.Call]]:
    """What stays among the table's arguments, and the foreign keys of single columns, which go to these."""
    kept: list[ast.expr] = []
    keys: dict[str, ast.Call] = {}
    for one in _listed(node):
        kind = last(one.func) if isinstance(one, ast.Call) else ""
        if isinstance(one, ast.Call) and kind == "ForeignKeyConstraint":
            columns, targets = one.args[0], one.args[1]
            if isinstance(columns, ast.List) and isinstance(targets, ast.List) and len(columns.elts) == 1:
                keys[text_of(columns.elts[0])] = ast.Call(ast.Name("ForeignKey"), [targets.elts[0]], one.keywords)
                continue
        if isinstance(one, ast.Call) and kind == "PrimaryKeyConstraint" and len(one.args) == 1:
            continue  # the column says it
        kept.append(one)
    return kept, keys


def _listed(node: ast.ClassDef) -> Iterator[ast.expr]:
    for statement in node.body:
        if target_name(statement) == "__table_args__" and isinstance(statement, ast.Assign):
            yield from statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]


def _table_args(arguments: Sequence[ast.expr], width: int) -> list[str]:
    if not arguments:
        return []
    codes = [_double(ast.unparse(one)) for one in arguments]
    single = f"    __table_args__ = ({', '.join(codes)}{',' if len(codes) == 1 else ''})"
    if len(single) <= width:
        return [single]
    return ["    __table_args__ = (", *(f"        {code}," for code in codes), "    )"]


def _column(one: ast.AnnAssign, keys: dict[str, ast.Call]) -> str:
    annotation = re.sub(r"\b(datetime|decimal|uuid)\.(\w+)", r"\2", ast.unparse(one.annotation))
    annotation = re.sub(r"Optional\[(.+)\]\]\Z", r"\1 | None]", annotation)
    name = target_name(one)
    call = one.value if isinstance(one.value, ast.Call) else ast.Call(ast.Name("mapped_column"), [], [])
    inner = re.sub(r"\AMapped\[|\]\Z| \| None", "", annotation)
    parts = [_part(part) for part in call.args if last(part) != _PLAIN.get(inner, "-")]
    parts += [ast.unparse(keys[name])] if name in keys else []
    for word in call.keywords:
        if word.arg not in ("nullable", "autoincrement"):
            parts.append(f"{word.arg}={_part(word.value)}")
    return f"{name}: {annotation} = mapped_column({', '.join(parts)})" if parts else f"{name}: {annotation}"


def _part(node: ast.expr) -> str:
    code = ast.unparse(node)
    if code == "text('now()')":
        return "func.now()"
    if code == "DateTime(True)":
        return "DateTime(timezone=True)"
    if isinstance(node, ast.Call) and last(node.func) == "Identity":
        own = {word.arg or "": ast.unparse(word.value) for word in node.keywords}
        told = [f"{key}={value}" for key, value in own.items() if _USUAL.get(key) != value]
        return f"Identity({', '.join(one for one in told if not _is_largest(one))})"
    return code


def _is_largest(code: str) -> bool:
    key, _, value = code.partition("=")
    return key == "maxvalue" and value in _LARGEST


def _double(code: str) -> str:
    return _QUOTED.sub(lambda found: found[0] if found[1] is None else f'"{found[1]}"', code)
