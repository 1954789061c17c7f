"""CREATE TYPE … AS ENUM of a type that is there: the labels it lacks are added, and taken back by making it anew."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from checks.schema.difference import Difference
from checks.schema.snapshot import LONGEST_NAME, Snapshot, part
from safemig.migrations import from_python
from safemig.migrations.from_python import argument, literal
from safemig.migrations.reconcile.alter import Change, executed
from safemig.migrations.reconcile.statements import Part
from safemig.postgres.ddl import tables
from safemig.postgres.ddl.generated_columns import OpenPoint
from safemig.postgres.ddl.names import dotted, last, listed, owner, quoted
from safemig.sql.identifiers import unquote
from safemig.sql.objects import objects_of
from safemig.sql.text import statements

_BEFORE = "_before"  # stands behind the name of the type that makes room for the old one


def made(own: Sequence[Part]) -> dict[str, int]:
    """The enum types that the statements make and none drops first: the name as in a snapshot, the 1-based line."""
    found: dict[str, int] = {}
    gone: set[str] = set()
    for one in own:
        for name in (*_by_sql(one), *_by_calls(one)):
            if name not in gone:
                found.setdefault(name, one.line)
        gone |= {_key(key.removeprefix("drop type ")) for key in one.what.keys if key.startswith("drop type ")}
    return found


def drops(own: Sequence[Part], types: Collection[str]) -> bool:
    """Whether one of the statements drops one of the types."""
    names = _variables(own)
    keys = {
        _key(key.removeprefix("drop type ")) for one in own for key in one.what.keys if key.startswith("drop type ")
    }
    calls = {name for one in own for name in _called(one, "drop", names)}
    return bool((keys | calls) & set(types))


def change(key: str, aim: Snapshot, present: Snapshot, kind: Literal["op", "sql"]) -> Change:
    """What adds the labels that the type lacks; OpenPoint where it is more than that."""
    wanted, found = listed(aim.objects[key], "labels"), listed(present.objects[key], "labels")
    mending = tables.mend(Difference(key, "labels", [*wanted], [*found]), aim, present)
    if mending is None:
        name = key.partition(" ")[2].removeprefix("public.")
        raise OpenPoint(
            f"the type {name} has the labels {', '.join(found)}, the CREATE has {', '.join(wanted)}: PostgreSQL takes "
            "no label away and moves none, and rows may hold them; name all that are there, in their order, or write "
            "statements that make the type anew into the spec, with a downgrade"
        )
    back = _back(key, present)
    if kind == "sql":
        return Change(mending.sql, "\n".join(back))
    inner = "\n".join(f"    {executed(line)}" for line in mending.sql.split("\n"))
    return Change(f"with op.get_context().autocommit_block():\n{inner}", "\n".join(map(executed, back)))


def _back(key: str, present: Snapshot) -> Iterator[str]:
    """The type as it was, under the columns that have it. A row with a new label keeps PostgreSQL from it."""
    name = key.partition(" ")[2]
    type_ = dotted(name)
    plain = unquote(last(name))
    spare = quoted(plain.encode()[: LONGEST_NAME - len(_BEFORE)].decode(errors="ignore") + _BEFORE)
    columns = [
        (one.partition(" ")[2], value) for one, value in present.objects.items()
        if one.startswith("column ") and value["type"] in (type_, f"{type_}[]") and not value.get("inherited")
    ]  # fmt: skip
    alters = [(f"ALTER TABLE {owner(one)} ALTER COLUMN {last(one)}", last(one), value) for one, value in columns]
    defaults = [(alter, value["default"]) for alter, _, value in alters if "default" in value]
    yield from (f"{alter} DROP DEFAULT;" for alter, _ in defaults)
    yield f"ALTER TYPE {type_} RENAME TO {spare};"
    yield from tables.create(key, present).split("\n")
    for alter, column, value in alters:
        array = "[]" if str(value["type"]).endswith("[]") else ""
        yield f"{alter} TYPE {value['type']} USING {column}::text{array}::{value['type']};"
    yield from (f"{alter} SET DEFAULT {default};" for alter, default in defaults)
    yield f"DROP TYPE {'.'.join(filter(None, [owner(name), spare]))};"


def without(own: Sequence[Part], types: Collection[str]) -> Iterator[Part]:
    """The statements without those that only make the types, and without the types in those that make more."""
    names = _variables(own)
    left: list[Part] = []
    for one in own:
        by_sql = set(_by_sql(one))
        calls = set(_called(one, "create", names))
        if (by_sql and by_sql <= set(types) and len(by_sql) == len(one.what.keys)) or (calls and calls <= set(types)):
            continue
        left.append(_not_made(one, types) if one.node is not None else one)
    for at, one in enumerate(left):
        used = {node.id for other in left[at + 1 :] if other.node for node in ast.walk(other.node)
                if isinstance(node, ast.Name)}  # fmt: skip
        assigned = _assigned(one)
        if not (assigned and names.get(assigned) in types and assigned not in used):
            yield one


def _key(name: str) -> str:
    schema, _, own = name.rpartition(".")
    return f"{part(schema or 'public')}.{part(own)}"


def _by_sql(one: Part) -> Iterator[str]:
    """The enum types of CREATE TYPE, also inside of ``op.execute``."""
    if one.node is None:
        texts = [one.text]
    else:
        calls = [node for node in ast.walk(one.node) if isinstance(node, ast.Call)]
        texts = [from_python.sql_of(call) for call in calls if ast.unparse(call.func).endswith(".execute")]
    for statement in (each for text in texts for each in statements(text)):
        words = [token.upper for token in statement.tokens]
        if words[:2] == ["CREATE", "TYPE"] and "ENUM" in words[:8]:
            yield from (_key(key.removeprefix("type ")) for key in objects_of(statement.text).keys)


def _by_calls(one: Part) -> Iterator[str]:
    """The enum types that a table, or a call of ``create``, makes on its way; a column that is added makes none."""
    making = one.what.created or _assigned(one) or _method(one.node) == "create"
    for call in _enums(one.node) if one.node is not None and making else ():
        yield _name(call)


def _enums(node: ast.AST) -> Iterator[ast.Call]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in ("Enum", "ENUM"):
            off = [argument(call, -1, word) for word in ("create_type", "native_enum")]
            if literal(argument(call, -1, "name")) and not any(
                isinstance(value, ast.Constant) and value.value is False for value in off
            ):
                yield call


def _name(call: ast.Call) -> str:
    schema = literal(argument(call, -1, "schema"))
    return _key(f"{schema}." * bool(schema) + literal(argument(call, -1, "name")))


def _assigned(one: Part) -> str:
    """The variable that gets an enum, "" for any other statement."""
    node = one.node
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id if ast.unparse(node.value.func).rpartition(".")[2] in ("Enum", "ENUM") else ""
    return ""


def _variables(own: Sequence[Part]) -> Mapping[str, str]:
    """The variables that hold enums, with the types' names."""
    return {
        _assigned(one): _name(one.node.value) for one in own
        if _assigned(one) and isinstance(one.node, ast.Assign) and isinstance(one.node.value, ast.Call)
    }  # fmt: skip


def _method(node: ast.stmt | None) -> str:
    call = node.value if isinstance(node, ast.Expr) else None
    return call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""


def _called(one: Part, method: str, names: Mapping[str, str]) -> Iterator[str]:
    """The enum types on which the statement calls ``create`` or ``drop``."""
    if _method(one.node) != method or not isinstance(one.node, ast.Expr) or not isinstance(one.node.value, ast.Call):
        return
    function = one.node.value.func
    on = function.value if isinstance(function, ast.Attribute) else function
    if isinstance(on, ast.Name) and on.id in names:
        yield names[on.id]
    elif isinstance(on, ast.Call) and ast.unparse(on.func).rpartition(".")[2] in ("Enum", "ENUM"):
        yield _name(on)


def _not_made(one: Part, types: Collection[str]) -> Part:
    """The statement with those types taken for there: ``postgresql.ENUM(…, create_type=False)``."""
    assert one.node is not None
    lines = one.text.encode().split(b"\n")
    calls = [call for call in _enums(one.node) if _name(call) in types]
    for call in sorted(calls, key=lambda each: (each.lineno, each.col_offset), reverse=True):
        behind = max((*call.args, *(word.value for word in call.keywords)), key=_end)
        said, (end, column) = argument(call, -1, "create_type"), _end(behind)
        if said is None:
            _put(lines, (end - one.line, column), column, b", create_type=False")
        else:
            _put(lines, (said.lineno - one.line, said.col_offset), _end(said)[1], b"False")
        at, begin = call.func.lineno - one.line, call.func.col_offset
        _put(lines, (at, begin), _end(call.func)[1], b"postgresql.ENUM")
    if not calls:
        return one
    text = b"\n".join(lines).decode()
    return replace(one, text=text, node=ast.parse(text).body[0])


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _put(lines: list[bytes], place: tuple[int, int], until: int, text: bytes) -> None:
    line = lines[place[0]]
    lines[place[0]] = line[: place[1]] + text + line[until:]


__all__ = ["change", "drops", "made", "without"]
