"""The statements of a spec one by one: which table each makes or alters, and how a CREATE writes its columns."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.schema.snapshot import Snapshot, part
from safemig.migrations import from_python
from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, literal
from safemig.migrations.privileges import beside_schema
from safemig.migrations.reconcile.alter import Spoken
from safemig.sql.objects import Objects, objects_of
from safemig.sql.text import statements, table_elements

_ALTERS = ("alter_column", "drop_column", "drop_constraint", "rename_table", "add_column", "batch_alter_table")
# Operations whose whole effect a snapshot of the schema shows.
_SHOWN = ("create_", "drop_", "add_column", "alter_column", "rename_table", "batch_alter_table")
_NEUTRAL = ("f", "get_bind", "get_context", "inline_literal")
# Words of a column that make objects of their own: those are compared and made by themselves.
_OWN_OBJECTS = ("PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT")


@dataclass(frozen=True)
class Part:
    """One statement: ``lead`` are the comments above it, ``line`` its 1-based first line in the upgrade.

    ``node`` is its tree, None for SQL; ``verb`` its first words or its operation.
    """

    text: str
    lead: str
    end: str
    line: int
    what: Objects
    verb: str
    node: ast.stmt | None = None

    def created_of(self, tables: Collection[str]) -> tuple[str, ...]:
        """Those of the tables that it makes."""
        return tuple(table for table in self.what.created if table in tables)

    def alters(self, tables: Collection[str]) -> bool:
        """Whether it changes one of the tables by a statement of its own."""
        return self.verb in (*_ALTERS, "ALTER") and bool(self.what.tables & set(tables))

    def unseen(self) -> bool:
        """Whether it does what no comparison of schemas shows: rows, privileges, what is no literal."""
        if self.node is None:
            return any(beside_schema(statement) for statement in statements(self.text))
        for call in ast.walk(self.node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr == "execute":
                own = statements(from_python.sql_of(call))
                if not own or any(beside_schema(one) for one in own):
                    return True
            elif ast.unparse(call.func.value) not in ("op", "batch_op") or call.func.attr in _NEUTRAL:
                continue
            elif not call.func.attr.startswith(_SHOWN):
                return True
        return False

    def removes(self, table: str) -> bool:
        """Whether the table has gone, or has another name, after it."""
        renamed = self.verb == "rename_table" or re.search(rf"{re.escape(table)} RENAME TO", " ".join(self.what.keys))
        return f"drop table {table}" in self.what.keys or (table in self.what.tables and bool(renamed))

    def makes(self, present: Snapshot) -> Iterator[str]:
        """The keys of indexes that are not there and that it makes, where it names them."""
        for key in self.what.keys:
            kind, _, name = key.partition(" ")
            if kind == "index" and name and _index(name, self.what.tables) not in present.objects:
                yield _index(name, self.what.tables)

    def settled(self, tables: Collection[str], present: Snapshot) -> bool:
        """Whether comparing the tables says all of it: their comments, and indexes that are there or have no name."""
        if self.verb == "COMMENT" or self.verb in ("create_table_comment",):
            return bool(set(tables) & {*self.what.tables, *_commented(self.text)})
        if not any(key.startswith("index ") for key in self.what.keys) or not self.what.tables & set(tables):
            return False
        return not any(True for _ in self.makes(present))


def _index(name: str, tables: Collection[str]) -> str:
    schema = next((table.rpartition(".")[0] for table in tables if "." in table), "")
    return f"index {part(schema or 'public')}.{part(name.rpartition('.')[2])}"


def _commented(text: str) -> Iterator[str]:
    """The table of COMMENT ON COLUMN and of COMMENT ON CONSTRAINT … ON."""
    match = re.search(r"(?i)\bCOLUMN\s+(?:public\.)?(.+?)\.[^.]+\s+IS\b", text)
    if match:
        yield match[1].replace('"', "")
    match = re.search(r"(?i)\bCONSTRAINT\s+\S+\s+ON\s+(?:public\.)?(\S+)\s+IS\b", text)
    if match:
        yield match[1].replace('"', "")


def parts(wanted: Wanted) -> tuple[Part, ...]:
    """The statements of the upgrade, in their order."""
    if wanted.kind == "sql":
        return tuple(
            Part(statement.text, "", "\n;" if "--" in statement.text.rsplit("\n", 1)[-1] else ";", statement.line,
                 objects_of(statement.text), statement.head)
            for statement in statements(wanted.upgrade)
        )  # fmt: skip
    tree, lines = parse(wanted.upgrade), wanted.upgrade.split("\n")
    found: list[Part] = []
    at = 0
    for node in tree.body if tree else ():
        begin, end = node.lineno - 1, node.end_lineno or node.lineno
        lead = "".join(f"{line}\n" for line in lines[at:begin])
        text = "\n".join(lines[begin:end])
        found.append(Part(text, lead, "", node.lineno, from_python.objects([node]), _verb(node), node))
        at = end
    return tuple(found)


def _verb(node: ast.stmt) -> str:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            if inner.func.attr == "execute":
                heads = [statement.head for statement in statements(from_python.sql_of(inner))]
                return heads[0] if heads else ""
            if ast.unparse(inner.func.value) in ("op", "batch_op"):
                return inner.func.attr
    return ""


@dataclass(frozen=True)
class Said:
    """How the spec writes a table: the line of its CREATE, of each column and constraint, and their words."""

    line: int
    words: Spoken
    lines: Mapping[str, int] = field(default_factory=dict)


def spoken(
    own: Sequence[Part], table: str, types: tuple[Mapping[tuple[str, str], str], Mapping[tuple[str, str], str]]
) -> Said:
    """How the CREATE of that table (as in a snapshot's keys) is written."""
    name = table.removeprefix("public.")
    plain = name.replace('"', "")
    create = next((one for one in own if one.created_of((plain,))), None)
    now, before = ({column: code for (of, column), code in side.items() if of == plain} for side in types)
    if create is None:
        return Said(1, Spoken({}, now, before))
    if create.node is None:
        columns, lines = _sql_columns(create)
        return Said(create.line, Spoken(columns, now, before), lines)
    columns, lines = _op_columns(create)
    return Said(create.line, Spoken(columns, now, before), lines)


def _sql_columns(create: Part) -> tuple[dict[str, str], dict[str, int]]:
    columns: dict[str, str] = {}
    lines: dict[str, int] = {}
    (statement,) = statements(create.text)
    first = statement.tokens[0].start
    for element in table_elements(statement):
        words = [token.upper for token in element]
        named = words[0] == "CONSTRAINT" and len(element) > 1
        name = element[1].name if named else element[0].name
        lines[name] = create.line + create.text.count("\n", first, element[0].start)
        if not set(words) & set(_OWN_OBJECTS) and words[0] not in ("EXCLUDE", "LIKE", "FOREIGN"):
            columns[name] = create.text[element[0].start : element[-1].end]
    return columns, lines


def _op_columns(create: Part) -> tuple[dict[str, str], dict[str, int]]:
    columns: dict[str, str] = {}
    lines: dict[str, int] = {}
    tree = parse(create.text)
    for call in ast.walk(tree) if tree else ():
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute | ast.Name):
            continue
        called = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
        name = literal(argument(call, 0 if called == "Column" else -1, "name"))
        if not name:
            continue
        lines.setdefault(name, create.line + call.lineno - 1)
        if called == "Column":
            columns[name] = _column(call, create.text)
    return columns, lines


def _column(call: ast.Call, text: str) -> str:
    """The column as it stands, or written anew without what makes objects of its own."""
    segment = ast.get_source_segment(text, call) or ""
    own = ("primary_key", "unique", "index")
    args = [argument for argument in call.args if not (isinstance(argument, ast.Call) and _is_constraint(argument))]
    keywords = [keyword for keyword in call.keywords if keyword.arg not in own]
    if len(args) == len(call.args) and len(keywords) == len(call.keywords) and "#" not in segment:
        return re.sub(r"\s*\n\s*", " ", segment).replace("( ", "(").replace(", )", ")")
    code = ast.unparse(ast.Call(call.func, args, keywords))
    return code if '"' in code else code.replace("'", '"')


def _is_constraint(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith(("ForeignKey", "CheckConstraint"))
