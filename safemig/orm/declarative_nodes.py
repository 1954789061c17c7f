"""What single nodes of a model's class say: types, enums, annotations, methods that return columns."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, literal


def assigned(node: ast.ClassDef, name: str) -> ast.expr | None:
    """What the class's body assigns to that name."""
    for statement in node.body:
        targets: Sequence[ast.expr] = ()
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = (statement.target,)
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    return None


def assignment(statement: ast.stmt) -> tuple[str, ast.expr | None, ast.expr | None] | None:
    """Name, annotation and value of an attribute of a class, a ``declared_attr`` among these; None for all else."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.annotation, statement.value
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, None, statement.value
    if isinstance(statement, ast.FunctionDef) and is_declared(statement):
        return statement.name, statement.returns, returned(statement)
    return None


def annotation_map(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """The types that the class's ``type_annotation_map`` gives, by what stands in annotations."""
    value = assigned(node, "type_annotation_map")
    for key, type_ in zip(value.keys, value.values, strict=True) if isinstance(value, ast.Dict) else ():
        if key is not None:
            yield type_key(key), type_


def arguments_of_column(call: ast.Call | None) -> tuple[str, ast.expr | None, list[ast.expr]]:
    """The name and the type that a column is given, and what else it is given by position; "" and None for none."""
    if call is None:
        return "", None, []
    name, args = (literal(call.args[0]) if call.args else ""), call.args
    args = args[1:] if name else args
    kind = argument(call, -1, "type_")
    if kind is None and args and not is_item(args[0]):
        return name, args[0], args[1:]
    return name, kind, args


def is_excerpt(node: ast.ClassDef) -> bool:
    """``...`` in the class: the block shows only a part of it."""
    return any(isinstance(inner, ast.Constant) and inner.value is Ellipsis for inner in ast.walk(node))


def is_enum(node: ast.ClassDef) -> bool:
    """Whether the class is an enum."""
    return any(last(base) in ("Enum", "StrEnum", "IntEnum") for base in node.bases)


def enum_labels(node: ast.ClassDef, *, by_value: bool) -> tuple[str, ...]:
    """SQLAlchemy keeps an enum's names, with ``values_callable`` its values."""
    members = [
        statement
        for statement in node.body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    ]
    named = [
        (member.targets[0].id, literal(member.value)) for member in members if isinstance(member.targets[0], ast.Name)
    ]
    return tuple(value if by_value else name for name, value in named if not name.startswith("_"))


def annotated_types(tree: ast.Module) -> Iterator[tuple[str, tuple[ast.expr, ast.Call | None]]]:
    """The names for ``Annotated[type, mapped_column(…)]``, with both."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Subscript) and last(value.value) == "Annotated":
            parts = value.slice.elts if isinstance(value.slice, ast.Tuple) else [value.slice]
            calls = [part for part in parts[1:] if isinstance(part, ast.Call) and last(part.func) == "mapped_column"]
            yield target.id, (parts[0], calls[0] if calls else None)


def is_declared(node: ast.FunctionDef) -> bool:
    """Whether the method is a ``declared_attr`` of some form."""
    return any("declared_attr" in ast.unparse(decorator) for decorator in node.decorator_list)


def returned(node: ast.FunctionDef) -> ast.expr | None:
    """What a function of one statement returns."""
    body = [
        statement
        for statement in node.body
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None


def type_key(node: ast.expr) -> str:
    """datetime for ``datetime.datetime``, list[str] as it stands."""
    return last(node) or ast.unparse(node)


def without_none(mapped: ast.expr) -> ast.expr:
    """The type without Optional and ``| None``."""
    if isinstance(mapped, ast.BinOp):
        return without_none(mapped.right if ast.unparse(mapped.left) == "None" else mapped.left)
    if isinstance(mapped, ast.Subscript) and last(mapped.value) == "Optional":
        return without_none(mapped.slice)
    return mapped


def last(node: ast.expr | None) -> str:
    """X of ``sa.X`` or ``X``, "" for any other expression."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def true(node: ast.expr | None) -> bool:
    """Whether it is the literal True."""
    return isinstance(node, ast.Constant) and node.value is True


def mapped_type(annotation: ast.expr | None) -> ast.expr | None:
    """What stands in ``Mapped[…]``; quoted annotations are read too."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        tree = parse(annotation.value)
        inner = tree.body[0] if tree and len(tree.body) == 1 else None
        annotation = inner.value if isinstance(inner, ast.Expr) else None
    if isinstance(annotation, ast.Subscript) and last(annotation.value) == "Mapped":
        inside = annotation.slice
        if isinstance(inside, ast.Constant) and isinstance(inside.value, str):
            tree = parse(inside.value)
            first = tree.body[0] if tree and tree.body else None
            return first.value if isinstance(first, ast.Expr) else inside
        return inside
    return None


def is_optional(mapped: ast.expr) -> bool:
    """Whether the type may be None."""
    if isinstance(mapped, ast.Subscript):
        return last(mapped.value) == "Optional"
    return isinstance(mapped, ast.BinOp) and "None" in (ast.unparse(mapped.left), ast.unparse(mapped.right))


def bare(mapped: ast.expr) -> ast.expr:
    """The type without Optional, ``| None`` and subscripts."""
    if isinstance(mapped, ast.BinOp):
        return bare(mapped.right if ast.unparse(mapped.left) == "None" else mapped.left)
    if isinstance(mapped, ast.Subscript):
        return bare(mapped.slice) if last(mapped.value) in ("Optional", "list", "List", "set") else mapped.value
    return mapped


def is_item(node: ast.expr) -> bool:
    """A foreign key or the like, where a type could stand."""
    names = ("ForeignKey", "Identity", "Computed", "Sequence", "CheckConstraint", "FetchedValue")
    return isinstance(node, ast.Call) and last(node.func) in names
