"""The elements of a CREATE TABLE, and the column of an ALTER TABLE … ADD, as SQLAlchemy writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from checks.schema.snapshot import LONGEST_NAME
from safemig.migrations.render import Code, Lossy, listed, string
from safemig.sql.parser import Node, kind_of, strings
from safemig.sql.type_names import type_code

# The names that SQLAlchemy 1.4 has too: many projects are on it.
_OLD_NAMES = {"sa.Uuid()": "postgresql.UUID(as_uuid=True)", "sa.Double()": "postgresql.DOUBLE_PRECISION()"}
_WHOLE = ("sa.Integer()", "sa.BigInteger()", "sa.SmallInteger()")
# What a description may call a type and PostgreSQL does not, and precisions that SQLAlchemy's type would lose.
_OTHER = re.compile(
    r"^(string|unicode|\w+integer|largebinary|datetime|double$|(float\w*|time|interval|real)\s*\()", re.I
)
_ACTIONS = {"c": "CASCADE", "r": "RESTRICT", "n": "SET NULL", "d": "SET DEFAULT"}
# What a constraint of each kind may say: anything else has no word in the operations.
_WORDS = {
    "CONSTR_NOTNULL": set(), "CONSTR_NULL": set(), "CONSTR_DEFAULT": {"raw_expr"},
    "CONSTR_IDENTITY": {"generated_when"},
    "CONSTR_PRIMARY": {"conname", "keys"}, "CONSTR_UNIQUE": {"conname", "keys"},
    "CONSTR_CHECK": {"conname", "raw_expr", "initially_valid"},
    "CONSTR_FOREIGN": {
        "conname", "pktable", "fk_attrs", "pk_attrs", "fk_matchtype", "fk_upd_action", "fk_del_action",
        "initially_valid",
    },
}  # fmt: skip


class Reader(Protocol):
    """Gives back pieces of a statement as the spec has them; raises Lossy where they cannot stand on one line."""

    def type(self, offset: int) -> str:
        """The type that begins at that byte."""

    def default(self, offset: int) -> Code:
        """The expression of the DEFAULT that begins at that byte."""

    def check(self, offset: int) -> Code:
        """The expression in the brackets of the CHECK that begins at that byte."""


@dataclass
class _Column:
    name: str
    type: str
    serial: bool
    null: bool
    default: Code | None = None
    identity: Code | None = None


@dataclass
class TableShape:
    """What the elements of a table come to. Every name that the spec gives or that a naming convention would ask for
    stands in ``op.f``, so that no convention of the project makes another of it."""

    reader: Reader
    table: str
    found: list[_Column] = field(default_factory=list)
    checks: list[Code] = field(default_factory=list)
    foreign: list[Code] = field(default_factory=list)
    unique: list[Code] = field(default_factory=list)
    key: list[Code] = field(default_factory=list)
    key_names: tuple[str, ...] = ()
    names: set[str] = field(default_factory=set)

    @property
    def columns(self) -> list[Code]:
        """In their order."""
        return [self._column(column) for column in self.found]

    @property
    def serial(self) -> bool:
        return any(column.serial for column in self.found)

    def constraints(self) -> list[Code]:
        """In the order of autogenerate."""
        return [*self.checks, *self.foreign, *self.key, *self.unique]

    def read(self, element: Node) -> bool:
        """One element, whether it is a column; Lossy for what this cannot say."""
        kind, node = kind_of(element)
        if kind == "Constraint":
            self._constraint(node, None)
        elif kind != "ColumnDef" or set(node) - {"colname", "typeName", "is_local", "constraints", "location"}:
            raise Lossy
        else:
            said = self.reader.type(int(node["typeName"]["location"]))
            serial = said.upper() in ("SERIAL", "BIGSERIAL")
            column = _Column(node["colname"], column_type(said), serial, not serial)
            self.found.append(column)
            for constraint in node.get("constraints", ()):
                self._constraint(kind_of(constraint)[1], column)
        return kind == "ColumnDef"

    def _constraint(self, node: Node, column: _Column | None) -> None:
        kind = str(node.get("contype"))
        if set(node) - {"contype", "location"} - _WORDS.get(kind, set()) or kind not in _WORDS:
            raise Lossy
        one = (column.name,) if column else ()
        match kind:
            case "CONSTR_PRIMARY" if not self.key:
                self.key_names = strings(node.get("keys")) or one
                self.key.append(self._named("sa.PrimaryKeyConstraint", map(string, self.key_names), node))
            case "CONSTR_UNIQUE":
                self.unique.append(
                    self._named("sa.UniqueConstraint", map(string, strings(node.get("keys")) or one), node)
                )
            case "CONSTR_CHECK":
                self._check(node, column.name if column else "")
            case "CONSTR_FOREIGN":
                self._foreign(node, strings(node.get("fk_attrs")) or one)
            case _ if column is not None:
                self._of_column(node, kind, column)
            case _:
                raise Lossy

    def _of_column(self, node: Node, kind: str, column: _Column) -> None:
        if kind == "CONSTR_DEFAULT":
            column.default = self.reader.default(int(node["location"]))
        elif kind == "CONSTR_IDENTITY":
            column.identity = Code("sa.Identity", (f"always={node['generated_when'] == 'a'}",))
        elif kind == "CONSTR_PRIMARY":
            raise Lossy  # a second key
        column.null = column.null and kind not in ("CONSTR_NOTNULL", "CONSTR_IDENTITY")

    def _column(self, column: _Column) -> Code:
        parts: list[str | Code] = [string(column.name), column.type]
        if column.serial and not (self.key_names == (column.name,) and column.type in _WHOLE):
            raise Lossy  # only the key gets numbers of a sequence by itself
        keyed = column.name in self.key_names
        if column.identity:
            parts.append(column.identity)
        elif keyed and not column.serial and column.type in _WHOLE:
            parts.append("autoincrement=False")  # else SQLAlchemy makes a serial of it
        if column.default:
            parts.append(Code(f"server_default={column.default.name}", column.default.parts))
        parts.append(f"nullable={column.null and not keyed}")
        return Code("sa.Column", tuple(parts))

    def _check(self, node: Node, column: str) -> None:
        # A convention for checks asks for a name; this is the one that PostgreSQL would give.
        usual = f"{self.table}_{column}_check" if column else f"{self.table}_check"
        while "conname" not in node and usual in self.names:
            usual = f"{usual.rstrip('0123456789')}{len(self.names)}"
        text = self.reader.check(int(node["location"])).parts[0]
        self.checks.append(self._named("sa.CheckConstraint", [text], {"conname": usual, **node}))

    def _foreign(self, node: Node, columns: Sequence[str]) -> None:
        target, aims = node["pktable"], strings(node.get("pk_attrs"))
        if len(aims) != len(columns) or node.get("fk_matchtype", "s") != "s" or target.get("catalogname"):
            raise Lossy
        schema = target.get("schemaname", "")
        if "." in f"{schema}{target['relname']}":
            raise Lossy
        whole = f"{schema}.{target['relname']}" if schema and schema != "public" else target["relname"]
        options = [
            f"{word}={string(_ACTIONS[node[name]])}"
            for word, name in (("ondelete", "fk_del_action"), ("onupdate", "fk_upd_action"))
            if node.get(name) in _ACTIONS
        ]
        there = listed([f"{whole}.{aim}" for aim in aims])
        self.foreign.append(self._named("sa.ForeignKeyConstraint", [listed(columns), there], node, options))

    def _named(self, call: str, parts: Any, node: Mapping[str, Any], options: Sequence[str] = ()) -> Code:
        name = node.get("conname", "")
        if name in self.names or len(name.encode()) > LONGEST_NAME:
            raise Lossy
        self.names |= {name} - {""}
        given = [f"name=op.f({string(name)})"] if name else []
        return Code(call, (*parts, *given, *options))


def column_type(said: str) -> str:
    """The type that SQL names so, as SQLAlchemy writes it; Lossy where that has no word that is sure to be the same."""
    kind = type_code(said)
    if not kind or _OTHER.search(said):
        raise Lossy
    return _OLD_NAMES.get(kind, kind)
