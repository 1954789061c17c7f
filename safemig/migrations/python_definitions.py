"""What a revision's own functions and classes are made of, and what is run where they are made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from safemig.migrations.python_scopes import run_at_definition
from safemig.migrations.python_values import BUILT, EXPRESSION, PLAIN, UNKNOWN, Value, is_library_type, shown

if TYPE_CHECKING:
    from safemig.migrations.python_reader import Reader

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SPELLING = re.compile(r"[\w ]+(?:\([\w, ]*\))?[\w ]*(?:\[\])*")  # of a type in SQL
_BODIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def make_function(reader: Reader, node: Function, at: int) -> None:
    """A function of the file, followed where it is called."""
    plain = not [decorator for decorator in node.decorator_list if not _decorates(reader, decorator, at)]
    if node.name == "__getattr__" and reader.scopes[at].parent is None:
        reader.unknown(node, "answers for names that the file has not, and what that does is not read")
    signature(reader, node.args, at)
    if node.returns is not None:
        reader.value(node.returns, at)
    reader.bind(node.name, Value("function", node.name, code=node, scope=at) if plain else UNKNOWN, at)


def signature(reader: Reader, arguments: ast.arguments, at: int) -> None:
    """Reads defaults and annotations."""
    for node in run_at_definition(arguments):
        reader.value(node, at)


def _decorates(reader: Reader, node: ast.expr, at: int) -> bool:
    """Whether the decorator leaves what it decorates as it is; anything else is an event."""
    made = reader.value(node, at, used=True)
    if made.kind == "function":
        reader.follow(node, made, ())
        return False
    harmless = made.name in ("functools.wraps", "functools.lru_cache", "functools.cache", "dataclasses.dataclass")
    if isinstance(node, ast.Call) or harmless or made.name in ("staticmethod", "classmethod", "property"):
        return True
    reader.unknown(node, f"is wrapped by {shown(node)}, and what that does is not read")
    return False


def asked_for_its_name(reader: Reader, node: ast.AST, own: Value) -> None:
    """A type of the file's own in a column: its methods are called, and what one returns is put into the statement."""
    assert isinstance(own.code, ast.ClassDef)
    for method in own.code.body:
        if isinstance(method, ast.FunctionDef):
            count = len(method.args.posonlyargs) + len(method.args.args)
            function = Value("function", method.name, code=method, scope=own.scope)
            returned = reader.follow(node, function, (EXPRESSION,) * count)
            spelled = returned.kind == "text" and _SPELLING.fullmatch(returned.name)
            if method.name == "get_col_spec" and not spelled:
                reader.unknown(node, f"has the type {own.code.name}, and what that is in SQL is not known")


def _is_simple(node: ast.ClassDef, bases: Sequence[Value], members: Iterable[Value]) -> bool:
    """Whether nothing of the class is run when one is made: no method, and bases and members that are known."""
    known = all(base.kind in ("expression", "data") or is_library_type(base) or base.simple for base in bases)
    plain = all(member.kind in (*PLAIN, *BUILT) or is_library_type(member) for member in members)
    return known and plain and not any(isinstance(inner, _BODIES) for inner in node.body)


def make_class(reader: Reader, node: ast.ClassDef, at: int) -> None:
    """A class of the file; its body is run where it is made."""
    bases = [reader.value(base, at, used=True) for base in node.bases]
    for word in node.keywords:
        reader.value(word.value, at)
    if node.keywords:
        reader.unknown(node, f"makes the class {node.name} by another one, and what that does is not read")
    wrapped = [decorator for decorator in node.decorator_list if not _decorates(reader, decorator, at)]
    members = reader.scopes[reader.inner(at, node.body)].names.values()
    if any(base.kind == "class" and not (base.simple or base.name) for base in bases):
        reader.unknown(node, f"derives {node.name} from a class whose methods are not followed")
    known = not (node.keywords or wrapped) and _is_simple(node, bases, members)
    typed = bool(bases) and bases[0].kind == "imported" and bases[0].name.startswith("sqlalchemy")
    reader.bind(node.name, Value("class", node.name if typed else "", code=node, scope=at, simple=known), at)
