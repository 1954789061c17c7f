"""The statements that lead a table from what it is to what it is to be, and back: SQL, or operations of Alembic."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from checks.evidence import Json
from checks.schema.difference import Difference
from checks.schema.snapshot import Snapshot
from safemig.migrations.render import escaped
from safemig.postgres.ddl import generated_columns, tables
from safemig.postgres.ddl import names as words
from safemig.postgres.ddl import sequences as numbers
from safemig.sql.identifiers import unquote
from safemig.sql.type_changes import converts

Attributes = Mapping[str, Json]
_SIMPLE_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX \S+ ON (?:ONLY )?[^\s(]+ USING btree \((\w+(?:, \w+)*)\)")
_ACTIONS = "NO ACTION|RESTRICT|CASCADE|SET NULL|SET DEFAULT"
_FOREIGN = re.compile(
    rf"FOREIGN KEY \((?P<own>[\w, ]+)\) REFERENCES (?P<table>(?:\w+\.)?(?:\w+|\"[^\"]+\"))\((?P<other>[\w, ]+)\)"
    rf"(?: ON UPDATE (?P<onupdate>{_ACTIONS}))?(?: ON DELETE (?P<ondelete>{_ACTIONS}))?"
)
# What no statement gives to a column that is there already, or only one that makes its values anew.
_FIXED = ("storage", "options", "inherited")


@dataclass(frozen=True)
class Spoken:
    """How the spec writes the columns of its CREATE.

    ``columns`` are whole columns that can be added as they stand, ``types`` the type of each; both by name, in the
    language of the spec. ``before`` gives the present types as operations of Alembic write them. ``sequences`` are the
    real names of the sequences that columns have, as the CREATE makes them and at present, by the column's key;
    ``hanging`` is what goes with a column that is dropped, by the same.
    """

    columns: Mapping[str, str]
    types: Mapping[str, str]
    before: Mapping[str, str]
    sequences: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    hanging: Mapping[str, generated_columns.Hanging] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One change of an existing table: the code that makes it, and the code that takes it back.

    ``note`` is what to know of it, "" for nothing; ``moves``: one of both makes a column anew, which then stands last.
    """

    up: str
    down: str
    note: str = ""
    moves: bool = False


class NoChange(Exception):
    """No statement makes this difference; says what is left as it is, and why."""


def change(
    one: Difference, aim: Snapshot, present: Snapshot, spoken: Spoken, kind: Literal["op", "sql"]
) -> Change | None:
    """What leads from ``present`` to ``aim`` in this one respect; None for what a CREATE does not speak about.

    Raises NoChange for what is left as it is although the CREATE shows it otherwise.
    """
    say = _Operations(spoken) if kind == "op" else _Statements(spoken)
    object_kind, _, name = one.key.partition(" ")
    if one.aspect == "missing":
        return say.made(one.key, aim)
    if one.aspect in ("unexpected", "column order"):
        return None
    left, right = aim.objects[one.key], present.objects.get(one.key, {})
    if one.aspect == "comment":
        return None if "comment" not in left else say.comment(one.key, left, right)
    if object_kind == "column":
        return _column(one, aim, present, spoken, say)
    if object_kind in ("constraint", "index", "trigger"):
        made, before = say.made(one.key, aim), say.made(one.key, present)
        return Change(f"{before.down}\n{made.up}", f"{made.down}\n{before.up}")
    if object_kind == "table" and one.aspect not in left:
        return None  # an option of the table that CREATE does not name
    raise NoChange(f"{name}: its {one.aspect.replace('_', ' ')} stays {one.found}, the CREATE has {one.wanted}")


def _column(one: Difference, aim: Snapshot, present: Snapshot, spoken: Spoken, say: _Statements) -> Change | None:
    name = one.key.partition(" ")[2]
    left, right = aim.objects[one.key], present.objects[one.key]
    if expression := generated_columns.aspect(left, right):
        if one.aspect == expression:
            up, down, note = generated_columns.lead(
                one.key, left, present, spoken.hanging.get(one.key, generated_columns.Hanging())
            )
            return replace(say.stated(up, down), note=note, moves=True)
        if "generated" in left or one.aspect in ("generated", "generation"):
            return None  # made anew with all its attributes, or said already
    leading = numbers.leading(left, right)
    if leading and one.aspect in numbers.ASPECTS:
        return _numbering(one.key, left, right, spoken, say) if one.aspect == leading else None
    if one.aspect in _FIXED:
        raise NoChange(
            f"{name}: its {one.aspect} stays {one.found}, the CREATE has {one.wanted}: PostgreSQL gives that to a new "
            "column only; write the statements that make the column anew"
        )
    if one.aspect == "not_null":
        return say.not_null(one.key, now=bool(left.get("not_null")))
    if one.aspect == "default":
        if _number(left.get("default")) == _number(right.get("default")):
            return None
        return say.default(one.key, left.get("default"), right.get("default"))
    plain = say.type(one.key, left, right)
    sequence = numbers.follows(left, right, spoken.sequences[1].get(one.key, "")) if one.aspect == "type" else None
    if sequence is None:
        return plain
    more = say.stated(*sequence)
    return Change(f"{plain.up}\n{more.up}", f"{more.down}\n{plain.down}")


def _numbering(key: str, left: Attributes, right: Attributes, spoken: Spoken, say: _Statements) -> Change | None:
    name = key.partition(" ")[2]
    after, before = (
        numbers.read(side, names.get(key, "")) for side, names in zip((left, right), spoken.sequences, strict=True)
    )
    if after.kind == "serial" and before.kind == "identity" and say.language == "op":
        # Column(Integer, primary_key=True) only asks for numbers, and Alembic makes a serial of it.
        raise NoChange(f"{name} takes its numbers as before ({before.said()}), the CREATE has {after.said()}")
    if not (numbers.settable(after) and numbers.settable(before)):
        raise NoChange(
            f"{name} takes its numbers as before ({before.said()}), the CREATE has {after.said()}; write the "
            "statements for another way of numbering"
        )
    after = numbers.kept(before, after)
    up = numbers.lead(name, before, after)
    options = ", ".join(f"{word} {value}" for word, value in (before.options or {}).items())
    if not up and before.kind == "identity" and options:
        raise NoChange(f"{name}: its sequence keeps what the CREATE leaves out ({options})")
    return say.stated(up, numbers.lead(name, after, before)) if up else None


def _number(default: Json) -> Json:
    """A default without the quotes that PostgreSQL keeps round a number: ``'0'::smallint`` is ``0``."""
    match = re.fullmatch(r"'(-?\d+(?:\.\d+)?)'::[\w ]+(?:\([\d,]+\))?", default) if isinstance(default, str) else None
    return re.sub(r"^\((-.*)\)$", r"\1", match[1] if match else default) if isinstance(default, str) else default


class _Statements:
    """The changes as SQL, in PostgreSQL's own words where the spec has none that fit."""

    language: Literal["op", "sql"] = "sql"

    def __init__(self, spoken: Spoken) -> None:
        self._spoken = spoken

    def made(self, key: str, of: Snapshot) -> Change:
        kind, _, name = key.partition(" ")
        if kind == "column":
            written = self._spoken.columns.get(unquote(words.last(name)))
            if not written:
                return Change(tables.create(key, of), tables.drop(key, of))
            add, attributes = f"ALTER TABLE {words.owner(name)} ADD COLUMN {written};", of.objects[key]
            said = f"\n{words.comment(key, attributes)}" if "comment" in attributes else ""
            return Change(add + said, tables.drop(key, of))
        return Change(tables.create(key, of), tables.drop(key, of))

    def comment(self, key: str, left: Attributes, right: Attributes) -> Change:
        return Change(words.comment(key, left), words.comment(key, right))

    def stated(self, up: str, down: str) -> Change:
        """The change that those statements of SQL make and take back."""
        return Change(up, down)

    def not_null(self, key: str, *, now: bool) -> Change:
        on, off = f"{self._alter(key)} SET NOT NULL;", f"{self._alter(key)} DROP NOT NULL;"
        return Change(on, off) if now else Change(off, on)

    def default(self, key: str, now: Json, before: Json) -> Change:
        def to(value: Json) -> str:
            return f"{self._alter(key)} " + ("DROP DEFAULT;" if value is None else f"SET DEFAULT {value};")

        return Change(to(now), to(before))

    def type(self, key: str, left: Attributes, right: Attributes) -> Change:
        column = words.last(key.partition(" ")[2])

        def to(one: Attributes, other: Attributes) -> str:
            collation = f" COLLATE {one['collation']}" if one.get("collation") else ""
            using = _using(column, other, one)
            return f"{self._alter(key)} TYPE {one['type']}{collation}{f' USING {using}' if using else ''};"

        return Change(to(left, right), to(right, left))

    def _alter(self, key: str) -> str:
        name = key.partition(" ")[2]
        return f"ALTER TABLE {words.owner(name)} ALTER COLUMN {words.last(name)}"


class _Operations(_Statements):
    """The same as operations of Alembic, as statements in op.execute where no operation says it whole."""

    language: Literal["op", "sql"] = "op"

    def made(self, key: str, of: Snapshot) -> Change:
        kind, _, name = key.partition(" ")
        plain = super().made(key, of)
        makers: dict[str, Callable[[str, Snapshot], Change | None]] = {
            "column": self._column_made, "constraint": self._constraint_made, "index": self._index_made,
        }  # fmt: skip
        found = makers[kind](name, of) if kind in makers else None
        return found or _executed(plain)

    def comment(self, key: str, left: Attributes, right: Attributes) -> Change:
        kind, _, name = key.partition(" ")
        if kind == "column":
            return self._altered(name, f"comment={_py(left['comment'])}", f"comment={_py(right.get('comment'))}")
        if kind != "table":
            return _executed(super().comment(key, left, right))
        table, tail = _named(name)
        up, before = f"op.create_table_comment({table}, {_py(left['comment'])}{tail})", right.get("comment")
        back = f"op.create_table_comment({table}, {_py(before)}{tail})" if before else ""
        return Change(up, back or f"op.drop_table_comment({table}{tail})")

    def stated(self, up: str, down: str) -> Change:
        return _executed(Change(up, down))

    def not_null(self, key: str, *, now: bool) -> Change:
        return self._altered(key.partition(" ")[2], f"nullable={not now}", f"nullable={now}")

    def default(self, key: str, now: Json, before: Json) -> Change:
        def to(value: Json) -> str:
            return "server_default=None" if value is None else f"server_default=sa.text({_py(escaped(str(value)))})"

        return self._altered(key.partition(" ")[2], to(now), to(before))

    def type(self, key: str, left: Attributes, right: Attributes) -> Change:
        name = key.partition(" ")[2]
        column = unquote(words.last(name))
        now, before = self._spoken.types.get(column), self._spoken.before.get(column)
        if not now or not before or "collation" in (*left, *right):
            return _executed(super().type(key, left, right))

        def to(code: str, one: Attributes, other_code: str, other: Attributes) -> str:
            # With the type before, it can be read from the file alone whether the change keeps every value.
            using = _using(words.last(name), other, one)
            more = f", postgresql_using={_py(using)}" if using else ""
            return f"type_={code}, existing_type={other_code}{more}"

        return self._altered(name, to(now, left, before, right), to(before, right, now, left))

    def _altered(self, name: str, up: str, down: str) -> Change:
        table, tail = _named(words.owner(name))
        call = f"op.alter_column({table}, {_py(unquote(words.last(name)))}, {{}}{tail})"
        return Change(call.replace("{}", up), call.replace("{}", down))

    def _column_made(self, name: str, of: Snapshot) -> Change | None:
        column = unquote(words.last(name))
        written = self._spoken.columns.get(column)
        table, tail = _named(words.owner(name))
        if not written:
            return None
        up = f"op.add_column({table}, {written}{tail})"
        if "comment" in (attributes := of.objects[f"column {name}"]) and "comment=" not in written:
            up += "\n" + self.comment(f"column {name}", attributes, {}).up
        return Change(up, f"op.drop_column({table}, {_py(column)}{tail})")

    def _constraint_made(self, name: str, of: Snapshot) -> Change | None:
        attributes = of.objects[f"constraint {name}"]
        said = str(attributes["definition"])
        table, tail = _named(words.owner(name))
        own = _py(unquote(words.last(name)))
        unique, check = re.fullmatch(r"UNIQUE \(([\w, ]+)\)", said), re.fullmatch(r"CHECK \((.*)\)", said, re.S)
        foreign = _FOREIGN.fullmatch(said)
        if "comment" in attributes:
            return None
        if unique:
            up, kind = f"op.create_unique_constraint({own}, {table}, {_list(unique[1])}{tail})", "unique"
        elif check and "NO INHERIT" not in said:
            # A naming convention of the project would put its own words round the name of a CHECK.
            own = f"op.f({own})"
            up, kind = f"op.create_check_constraint({own}, {table}, {_py(escaped(check[1]))}{tail})", "check"
        elif foreign:
            up, kind = _foreign_key(own, table, foreign, tail), "foreignkey"
        else:
            return None
        return Change(up, f'op.drop_constraint({own}, {table}, type_="{kind}"{tail})')

    def _index_made(self, name: str, of: Snapshot) -> Change | None:
        attributes = of.objects[f"index {name}"]
        match = _SIMPLE_INDEX.fullmatch(str(attributes["definition"]))
        if not match or "comment" in attributes:
            return None
        table, tail = _named(str(attributes["table"]))
        own, unique = _py(unquote(words.last(name))), ", unique=True" if match[1] else ""
        return Change(
            f"op.create_index({own}, {table}, {_list(match[2])}{unique}{tail})",
            f"op.drop_index({own}, table_name={table}{tail})",
        )


def _using(column: str, before: Attributes, after: Attributes) -> str:
    """The conversion of the values, "" where PostgreSQL has its own: that one refuses a string that is too long, which
    a written cast cuts without a word."""
    return "" if converts(str(before["type"]), str(after["type"])) else f"{column}::{after['type']}"


def _foreign_key(own: str, table: str, found: re.Match[str], tail: str) -> str:
    schema, _, other = found["table"].rpartition(".")
    more = "".join(f', {word}="{found[word]}"' for word in ("onupdate", "ondelete") if found[word])
    more += tail.replace("schema=", "source_schema=")
    more += f", referent_schema={_py(schema)}" if schema not in ("", "public") else ""
    columns = f"{_list(found['own'])}, {_list(found['other'])}"
    return f"op.create_foreign_key({own}, {table}, {_py(unquote(other))}, {columns}{more})"


def executed(sql: str) -> str:
    """SQL statements as ``op.execute``, which takes ":name" for a parameter."""
    return f"op.execute({_py(escaped(sql.rstrip().rstrip(';')))})"


def _executed(plain: Change) -> Change:
    up, down = ("\n".join(map(executed, _cut(side))) for side in (plain.up, plain.down))
    return Change(up, down)


def _cut(sql: str) -> list[str]:
    from safemig.sql.text import statements

    return [statement.text for statement in statements(sql)]


def _named(table: str) -> tuple[str, str]:
    """A table as operations name it, and the argument for its schema."""
    parts = [unquote(part) for part in re.findall(r'"(?:[^"]|"")*"|[^.]+', table)]
    schema = ".".join(parts[:-1])
    return _py(parts[-1]), f", schema={_py(schema)}" if schema not in ("", "public") else ""


def _py(value: Json) -> str:
    return "None" if value is None else json.dumps(str(value), ensure_ascii=False)


def _list(names: str) -> str:
    return "[" + ", ".join(_py(name.strip()) for name in names.split(",")) + "]"
