"""The elements of a CREATE TABLE, and the column of an ALTER TABLE … ADD, as SQLAlchemy writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from checks.schema.snapshot import LONGEST_NAME
from safemig.migrations.render import Code, Lossy, closing, names_in, parted, string
from safemig.sql.text import Token, qualified
from safemig.sql.type_names import type_code

# The names that SQLAlchemy 1.4 has too: many projects are on it.
_OLD_NAMES = {"sa.Uuid()": "postgresql.UUID(as_uuid=True)", "sa.Double()": "postgresql.DOUBLE_PRECISION()"}
_WHOLE = ("sa.Integer()", "sa.BigInteger()", "sa.SmallInteger()")
CLAUSES = frozenset(
    {"NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT", "GENERATED", "COLLATE",
     "DEFERRABLE", "INITIALLY", "STORAGE", "COMPRESSION", "FOREIGN", "EXCLUDE", "LIKE"}
)  # fmt: skip
# What a description may call a type and PostgreSQL does not, and precisions that SQLAlchemy's type would lose.
_OTHER = re.compile(
    r"^(string|unicode|\w+integer|largebinary|datetime|double$|(float\w*|time|interval|real)\s*\()", re.I
)
_ACTIONS = ("CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT", "NO ACTION")


class Reader(Protocol):
    """Gives back tokens as the spec has them; raises Lossy where they cannot stand on one line."""

    def slice(self, own: Sequence[Token]) -> str: ...

    def sql(self, own: Sequence[Token]) -> Code: ...


@dataclass
class _Column:
    name: str
    type: str
    element: Sequence[Token]
    serial: bool = False
    null: bool = True
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
    key_names: str = ""
    names: set[str] = field(default_factory=set)

    @property
    def columns(self) -> list[tuple[Sequence[Token], Code]]:
        """Each column with its element."""
        return [(column.element, self._column(column)) for column in self.found]

    @property
    def serial(self) -> bool:
        return any(column.serial for column in self.found)

    def constraints(self) -> list[Code]:
        """In the order of autogenerate."""
        return [*self.checks, *self.foreign, *self.key, *self.unique]

    def read(self, element: Sequence[Token]) -> None:
        """One element; Lossy for what this cannot say."""
        name, rest = _named(element)
        head = rest[0].upper
        if head == "PRIMARY" and len(rest) > 2:
            self._primary(*_only(names_in(rest, 2), rest), name)
        elif head == "UNIQUE" and rest[1:2] and rest[1].text == "(":
            self._unique(*_only(names_in(rest, 1), rest), name)
        elif head == "CHECK" and rest[-1] is closing(rest, 1):
            self._check(rest[2:-1], name, "")
        elif head == "FOREIGN" and len(rest) > 2:
            columns, at = names_in(rest, 2)
            if self._foreign(columns, rest, at, name) != len(rest):
                raise Lossy
        elif name or head in CLAUSES or not rest[0].name:
            raise Lossy
        else:
            self._read_column(element)

    def _read_column(self, element: Sequence[Token]) -> None:
        at = next((place for place in range(1, len(element)) if element[place].upper in CLAUSES), len(element))
        if at == 1:
            raise Lossy
        said = self.reader.slice(element[1:at])
        serial = said.upper() in ("SERIAL", "BIGSERIAL")
        column = _Column(element[0].name, column_type(said), element, serial, not serial)
        self.found.append(column)
        while at < len(element):
            at = self._clause(column, element, at)

    def _clause(self, column: _Column, element: Sequence[Token], at: int) -> int:
        """What stands at that place behind the type; the place behind it."""
        name, rest = _named(element[at:])
        at += len(element) - at - len(rest)
        words = [token.upper for token in rest]
        one = f"[{string(column.name)}]"
        if words[:2] == ["NOT", "NULL"]:
            column.null = False
            return at + 2
        if words[0] == "NULL":
            return at + 1
        if words[0] == "DEFAULT" and not column.default:
            end = _expression_end(rest)
            column.default = self.reader.sql(rest[1:end])
            return at + end
        if words[:2] == ["PRIMARY", "KEY"]:
            self._primary(one, name)
            return at + 2
        if words[0] == "UNIQUE" and words[1:2] != ["NULLS"]:
            self._unique(one, name)
            return at + 1
        if words[0] == "CHECK":
            end = rest.index(closing(rest, 1) or rest[0])
            self._check(rest[2:end], name, column.name)
            return at + end + 1
        if words[0] == "REFERENCES":
            return at + self._foreign(one, rest, 0, name)
        if words[0] == "GENERATED" and words[-2:] != ["STORED"] and not name:
            return at + _identity(column, words)
        raise Lossy

    def _column(self, column: _Column) -> Code:
        parts: list[str | Code] = [string(column.name), column.type]
        alone = self.key_names == f"[{string(column.name)}]"
        keyed = f"{string(column.name)}" in self.key_names.strip("[]").split(", ")
        if column.serial and not (alone and column.type in _WHOLE):
            raise Lossy  # only the key gets numbers of a sequence by itself
        if column.identity:
            parts.append(column.identity)
        elif keyed and not column.serial and column.type in _WHOLE:
            parts.append("autoincrement=False")  # else SQLAlchemy makes a serial of it
        if column.default:
            parts.append(Code(f"server_default={column.default.name}", column.default.parts))
        parts.append(f"nullable={column.null and not keyed}")
        return Code("sa.Column", tuple(parts))

    def _primary(self, columns: str, name: str) -> None:
        if self.key:
            raise Lossy
        self.key_names = columns
        self.key.append(Code("sa.PrimaryKeyConstraint", (*columns[1:-1].split(", "), *self._name(name))))

    def _unique(self, columns: str, name: str) -> None:
        self.unique.append(Code("sa.UniqueConstraint", (*columns[1:-1].split(", "), *self._name(name))))

    def _check(self, words: Sequence[Token], name: str, column: str) -> None:
        # A convention for checks asks for a name; this is the one that PostgreSQL would give.
        usual = f"{self.table}_{column}_check" if column else f"{self.table}_check"
        while not name and usual in self.names:
            usual = f"{usual.rstrip('0123456789')}{len(self.names)}"
        text = self.reader.sql(words).parts[0]
        self.checks.append(Code("sa.CheckConstraint", (text, *self._name(name or usual))))

    def _name(self, name: str) -> tuple[str, ...]:
        if not name:
            return ()
        if name in self.names or len(name.encode()) > LONGEST_NAME:
            raise Lossy
        self.names.add(name)
        return (f"name=op.f({string(name)})",)

    def _foreign(self, columns: str, rest: Sequence[Token], at: int, name: str) -> int:
        """The foreign key whose REFERENCES stands at that place; the place behind it."""
        if rest[at : at + 1] and rest[at].upper != "REFERENCES":
            raise Lossy
        table, at = qualified(rest, at + 1)
        last, schema = parted(table)
        whole = f"{table}." if schema else f"{last}."
        aims, at = names_in(rest, at)
        there = ", ".join(string(whole + one) for one in re.findall(r'"([^".]*)"', aims))
        if there.count(",") != columns.count(","):
            raise Lossy
        options = []
        while rest[at : at + 1] and rest[at].upper == "ON":
            which = rest[at + 1].upper if len(rest) > at + 2 else ""
            two = " ".join(token.upper for token in rest[at + 2 : at + 4])
            action = next((one for one in _ACTIONS if one in (two, two.split(" ")[0])), "")
            if which not in ("DELETE", "UPDATE") or not action:
                raise Lossy
            options.append(f"on{which.lower()}={string(action)}")
            at += 2 + len(action.split(" "))
        if rest[at : at + 1] and rest[at].upper in ("MATCH", "DEFERRABLE", "INITIALLY"):
            raise Lossy
        self.foreign.append(Code("sa.ForeignKeyConstraint", (columns, f"[{there}]", *self._name(name), *options)))
        return at


def column_type(said: str) -> str:
    """The type that SQL names so, as SQLAlchemy writes it; Lossy where that has no word that is sure to be the same."""
    kind = type_code(said)
    if not kind or _OTHER.search(said):
        raise Lossy
    return _OLD_NAMES.get(kind, kind)


def _named(own: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    """The name that CONSTRAINT gives, and what stands behind it."""
    if own[0].upper != "CONSTRAINT":
        return "", own
    if len(own) < 3 or not own[1].name:
        raise Lossy
    return own[1].name, own[2:]


def _only(found: tuple[str, int], own: Sequence[Token]) -> tuple[str]:
    """The names that were found, where nothing follows them."""
    if found[1] != len(own):
        raise Lossy
    return (found[0],)


def _expression_end(own: Sequence[Token]) -> int:
    """Where the expression behind DEFAULT ends: at the next clause outside brackets."""
    depth = 0
    for place, token in enumerate(own):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not depth and token.text == ",":
            raise Lossy  # another action of the same ALTER TABLE
        if place > 1 and not depth and token.upper in CLAUSES:
            return place
    return len(own)


def _identity(column: _Column, words: Sequence[str]) -> int:
    for always, said in ((True, ["ALWAYS"]), (False, ["BY", "DEFAULT"])):
        whole = ["GENERATED", *said, "AS", "IDENTITY"]
        if words[: len(whole)] == whole and words[len(whole) : len(whole) + 1] != [""]:
            column.identity = Code("sa.Identity", (f"always={always}",))
            column.null = False
            return len(whole)
    raise Lossy
