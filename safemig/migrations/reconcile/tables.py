"""CREATE TABLE of a table that is there already shows it as it is to be: here it becomes the changes that lead there.

What it is to be is found by PostgreSQL: in a transaction of the scratch database that is taken back, the present table
is dropped and the spec's is made in its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from checks.schema.difference import Difference, compare, table_of
from checks.schema.snapshot import LONGEST_NAME, OWNED, Snapshot, part, take_inside
from safemig.migrations import downgrade, evaluator
from safemig.migrations.change import Wanted
from safemig.migrations.online.choices import Text, number_at
from safemig.migrations.reconcile import alter, enum_types
from safemig.migrations.reconcile.statements import Part, parts, spoken
from safemig.migrations.render import spoken_type
from safemig.postgres.ddl import generated_columns
from safemig.postgres.ddl import names as words
from safemig.postgres.ddl import sequences as numbers
from safemig.sql.identifiers import quote_dotted, unquote

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


@dataclass(frozen=True)
class Restated:
    """``wanted`` with changes in the place of each CREATE of a table that is there; its upgrade is empty where the
    tables are as the spec has them. ``kept`` are sentences on what the CREATE leaves out and stays. ``unseen`` are the
    statements of an upgrade that was emptied so although they do more than a schema shows (INSERT, UPDATE, GRANT),
    each with its 1-based line in the spec. ``notes`` are sentences on changes that are more than they look, ``moved``
    the keys of tables in which the way there or back makes a column anew, which then stands last. ``derived`` is the
    downgrade that follows from the changes where the spec has one of its own, "" where none follows.
    """

    wanted: Wanted
    kept: tuple[str, ...] = ()
    unseen: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()
    moved: frozenset[str] = frozenset()
    derived: str = ""


@dataclass(frozen=True)
class _Side:
    """A schema, with the types of the tables' columns as Alembic writes them and the real names of their sequences."""

    snapshot: Snapshot
    types: Types
    sequences: dict[str, str]


# How a column or the index behind a constraint is set up beside its definition.
_SETTINGS = ("storage", "statistics", "compression", "options", "server_options", "valid")
Types = dict[tuple[str, str], str]


def restated_tables(wanted: Wanted, present: Collection[str]) -> tuple[str, ...]:
    """The tables that ``wanted`` makes although they are there (``present``, as in a snapshot's keys), and that none
    of its earlier statements drops or renames."""
    there = [table for table in wanted.tables if _key(table) in present]
    gone: set[str] = set()
    found: list[str] = []
    for one in parts(wanted) if there else ():
        found += [table for table in one.what.created if table in there and table not in gone]
        gone |= {table for table in there if one.removes(table)}
    return tuple(dict.fromkeys(found))


def restate(wanted: Wanted, target: Engine, base: Snapshot) -> Restated:
    """What ``wanted`` comes to on the schema of the scratch database, which is left as it is (``base``).

    Raises what ``operations.apply`` raises where the spec's own CREATE cannot be made.
    """
    tables = restated_tables(wanted, {key.partition(" ")[2] for key in base.objects if key.startswith("table ")})
    own = parts(wanted)
    types = {name: line for name, line in enum_types.made(own).items() if f"enum {name}" in base.objects}
    if wanted.problems or not (tables or types):
        return Restated(wanted)
    first = [one for one in own if one.alters(tables)]
    aim = _shown(wanted, target, tables, types)
    present = _present(wanted, first, target, tables)
    keys = {_key(table) for table in tables}
    differences = [
        one for one in compare(aim.snapshot, present.snapshot, open_names=_unnamed(wanted, aim.snapshot, keys),
                               ignore=frozenset())
        if _concerns(one, keys, aim.snapshot, present.snapshot, types)
    ]  # fmt: skip
    hanging = _hanging(wanted, first, target, differences, present.snapshot)
    made, kept, problems = _changes(wanted, own, differences, aim, present, hanging, types)
    if problems:
        return Restated(replace(wanted, problems=(*wanted.problems, *problems)), kept)
    notes = tuple("{}:{}: {}".format(*wanted.place(line), one.note) for _, one, line in made if one.note)
    moved = frozenset(f"table {table}" for table, one, _ in made if one.moves)
    found, derived = _written(wanted, own, tables, made, present.snapshot, types)
    return Restated(found, kept, notes=notes, moved=moved, derived=derived)


def _unnamed(wanted: Wanted, aim: Snapshot, keys: Collection[str]) -> frozenset[str]:
    """The constraints and indexes that the spec leaves unnamed: PostgreSQL may have named them otherwise."""
    names = {name for full in wanted.named for name in (full, full.lower(), full[:LONGEST_NAME])}
    return frozenset(
        key for key, value in aim.objects.items()
        if key.startswith(("constraint ", "index ")) and table_of(key, value) in keys and _last(key) not in names
    )  # fmt: skip


def _key(table: str) -> str:
    """The table's name as it stands in a snapshot's keys."""
    schema, _, name = table.rpartition(".")
    return f"{part(schema or 'public')}.{part(name)}"


def _last(key: str) -> str:
    return unquote(words.last(key.partition(" ")[2]))


def _shown(wanted: Wanted, target: Engine, tables: Sequence[str], types: Collection[str]) -> _Side:
    """The schema with those tables and enum types as the spec's CREATE makes them."""
    from sqlalchemy import text

    drops = [f"DROP TABLE {quote_dotted(table)} CASCADE" for table in tables]
    drops += [f"DROP TYPE {words.dotted(name)} CASCADE" for name in types]
    with target.connect() as connection:
        for lenient in (True, False):
            with connection.begin() as transaction:
                for drop in drops:
                    connection.execute(text(drop.replace(":", "\\:")))
                # What else the spec does may need the tables as they are now: it is judged where it is run for good.
                evaluator.apply(wanted, connection, lenient=lenient)
                found = _side(connection, tables, wanted)
                transaction.rollback()
            if all(f"table {_key(table)}" in found.snapshot.objects for table in tables):
                break
    return found


def _present(wanted: Wanted, first: Sequence[Part], target: Engine, tables: Sequence[str]) -> _Side:
    """The schema after what the spec's own ALTER statements do to the tables as they are."""
    with target.connect() as connection, connection.begin() as transaction:
        _alter(wanted, first, connection)
        found = _side(connection, tables, wanted)
        transaction.rollback()
    return found


def _alter(wanted: Wanted, first: Sequence[Part], connection: Connection) -> None:
    text = "\n".join(one.text + (";" if wanted.kind == "sql" else "") for one in first)
    if first:
        evaluator.apply(replace(wanted, upgrade=text), connection, lenient=True)


def _hanging(
    wanted: Wanted, first: Sequence[Part], target: Engine, differences: Sequence[Difference], present: Snapshot
) -> dict[str, generated_columns.Hanging]:
    """What goes with each generated column that is to have another expression, as PostgreSQL drops it."""
    from sqlalchemy.exc import DBAPIError

    found: dict[str, generated_columns.Hanging] = {}
    for key in {one.key for one in differences if one.aspect in ("generated", "generation")}:
        name = key.partition(" ")[2]
        with target.connect() as connection, connection.begin() as transaction:
            _alter(wanted, first, connection)
            try:
                connection.exec_driver_sql(
                    f"ALTER TABLE {words.owner(name)} DROP COLUMN {words.last(name)}",
                    execution_options={"no_parameters": True},
                )
                after = take_inside(_raw(connection)).objects
                gone = tuple(one for one in present.objects if one not in after and one != key)
                found[key] = generated_columns.Hanging(gone)
            except DBAPIError as error:
                found[key] = generated_columns.Hanging(refused=" ".join(str(error.orig).split()))
            transaction.rollback()
    return found


def _side(connection: Connection, tables: Sequence[str], wanted: Wanted) -> _Side:
    snapshot = take_inside(_raw(connection))
    return _Side(snapshot, _types(connection, tables, wanted), _sequences(connection, tables))


_SEQUENCES = """
SELECT n.nspname, t.relname, a.attname, quote_ident(m.nspname) || '.' || quote_ident(s.relname)
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace m ON m.oid = s.relnamespace
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
ORDER BY d.deptype, s.oid
"""


def _sequences(connection: Connection, tables: Sequence[str]) -> dict[str, str]:
    """The real names of the sequences of the tables' columns, by the column's key; an identity's before others."""
    keys = {_key(table) for table in tables}
    rows = [tuple(row) for row in connection.exec_driver_sql(_SEQUENCES)]
    return {
        f"column {part(schema)}.{part(table)}.{part(column)}": name for schema, table, column, name in rows
        if f"{part(schema)}.{part(table)}" in keys
    }  # fmt: skip


def _raw(connection: Connection) -> Any:
    # No statement may have been sent yet, and a savepoint needs a transaction that has begun.
    connection.exec_driver_sql("SELECT 1")
    return connection.connection.driver_connection


def _types(connection: Connection, tables: Sequence[str], wanted: Wanted) -> Types:
    """The types of the tables' columns as Alembic writes them: (table, column) -> code; none for SQL."""
    from sqlalchemy import inspect

    found: Types = {}
    for table in tables if wanted.kind == "op" else ():
        schema, _, name = table.rpartition(".")
        reader = inspect(connection)
        if not reader.has_table(name, schema=schema or None):
            continue
        for one in reader.get_columns(name, schema=schema or None):
            if code := spoken_type(one["type"]):
                found[table, one["name"]] = code
    return found


def _concerns(one: Difference, keys: Collection[str], aim: Snapshot, present: Snapshot, types: Collection[str]) -> bool:
    kind, _, name = one.key.partition(" ")
    if kind == "table":
        return name in keys
    if kind == "enum":
        return name in types and one.aspect == "labels"
    attributes = aim.objects.get(one.key) or present.objects.get(one.key) or {}
    if one.aspect in _SETTINGS and one.wanted is None:
        return False  # a CREATE that does not name it does not speak about it
    return table_of(one.key, attributes) in keys


def _changes(
    wanted: Wanted,
    own: Sequence[Part],
    differences: Sequence[Difference],
    aim: _Side,
    present: _Side,
    hanging: dict[str, generated_columns.Hanging],
    types: Mapping[str, int],
) -> tuple[list[tuple[str, alter.Change, int]], tuple[str, ...], tuple[str, ...]]:
    """The changes by table, each with its line; what is kept; what only the person can tell."""
    made: list[tuple[str, alter.Change, int]] = []
    kept: list[str] = []
    left, right = aim.snapshot, present.snapshot
    problems = list(_renames(wanted, own, differences, left, right))
    standing = {key for one in own for key in one.makes(right)}
    for one in sorted(differences, key=lambda one: _order(one, left, right)):
        table = table_of(one.key, left.objects.get(one.key) or right.objects.get(one.key) or {})
        table = table or one.key.partition(" ")[2]
        said = spoken(own, table, (aim.types, present.types))
        at = types[table] if one.key.startswith("enum ") else said.lines.get(_last(one.key), said.line)
        file, line = wanted.place(at)
        if (one.aspect == "missing" and one.key in standing) or _of_key(one, right):
            continue  # a statement of its own makes it, and stays as the spec writes it
        if one.aspect == "unexpected" and one.key.startswith(("column ", "constraint ")):
            word = one.key.replace(" public.", " ")
            kept.append(f"{file}:{line}: the CREATE leaves {word} out: it stays; a DROP of its own would take it away")
        how = replace(said.words, sequences=(aim.sequences, present.sequences), hanging=hanging)
        try:
            if one.key.startswith("enum "):
                change: alter.Change | None = enum_types.change(one.key, left, right, wanted.kind)
            else:
                change = alter.change(one, left, right, how, wanted.kind)
        except alter.NoChange as error:
            kept.append(f"{file}:{line}: {str(error).replace('public.', '', 1)}")
            continue
        except generated_columns.OpenPoint as error:
            problems.append(f"{file}:{line}: {error}")
            continue
        if change:
            made.append((table, change, at))
    return made, tuple(kept), tuple(problems)


def _of_key(one: Difference, present: Snapshot) -> bool:
    """Whether a column may be null only in the CREATE: it is part of a primary key that stays."""
    table = table_of(one.key, {})
    if one.aspect != "not_null" or one.wanted:
        return False
    keys = [
        str(value["definition"]) for key, value in present.objects.items()
        if key.startswith("constraint ") and table_of(key, value) == table
    ]  # fmt: skip
    listed = [match[1] for said in keys if (match := re.match(r"PRIMARY KEY \(([^)]*)\)", said))]
    names = [name.strip().strip('"') for text in listed for name in text.split(",")]
    return _last(one.key) in names


def _order(one: Difference, aim: Snapshot, present: Snapshot) -> tuple[int, str]:
    """Columns before what is made of them; a changed constraint is dropped and made after them. A column stops taking
    numbers or being generated before the rest of it changes, and begins after that."""
    kind = one.key.partition(" ")[0]
    rank = {"enum": 0, "column": 3, "constraint": 5, "index": 5, "table": 6}.get(kind, 7)
    if kind == "column":
        left, right = aim.objects.get(one.key, {}), present.objects.get(one.key, {})
        if one.aspect == "missing":
            rank = 1
        elif one.aspect in ("generated", "generation"):
            rank = 4 if "generated" in left else 2
        elif one.aspect in numbers.ASPECTS and numbers.leading(left, right):
            rank = 4 if "identity" in left or left.get("default") == OWNED else 2
    return rank, one.key


def _renames(
    wanted: Wanted, own: Sequence[Part], differences: Sequence[Difference], aim: Snapshot, present: Snapshot
) -> Iterator[str]:
    """A column that is left out beside a new one of its type may be that one under another name: the person knows."""
    columns = [one for one in differences if one.key.startswith("column ")]
    for new in columns:
        for old in columns:
            table = table_of(new.key, {})
            same = table == table_of(old.key, {}) and new.aspect == "missing" and old.aspect == "unexpected"
            if not same or aim.objects[new.key]["type"] != present.objects[old.key]["type"]:
                continue
            said = spoken(own, table, ({}, {}))
            file, line = wanted.place(said.lines.get(_last(new.key), said.line))
            before, after = _last(old.key), _last(new.key)
            yield (
                f"{file}:{line}: the CREATE of {table.removeprefix('public.')} has the new column {after} and leaves "
                f"{before} out, of the same type: is it renamed? Write ALTER TABLE … RENAME COLUMN {before} TO {after} "
                f"into the spec; if not, name {before} in the CREATE too, or drop it with a statement of its own"
            )


def _written(
    wanted: Wanted,
    own: Sequence[Part],
    tables: Sequence[str],
    made: Sequence[tuple[str, alter.Change, int]],
    present: Snapshot,
    types: Collection[str],
) -> tuple[Wanted, str]:
    """The change with the statements that are kept, and the changes of each table after its last ALTER; the downgrade
    that follows from them where the spec's own is used."""
    text, backs, problems = Text([], []), list[str](), list[str]()
    left = tuple(table for table in wanted.tables if table not in tables)

    def add(keys: Collection[str]) -> None:
        for _, change, line in (change for change in made if change[0] in keys):
            text.add(change.up, number_at(wanted.upgrade_lines, line - 1, wanted.origin[1]))
            backs.append(change.down)

    add(types)  # first, and taken back last: all columns then have the type that they have now
    own = tuple(enum_types.without(own, types))
    whole, fits = "\n".join(one.text for one in own), _fits(wanted, tables, types)
    for number, one in enumerate(own):
        restated = one.created_of(tables)
        if not restated and not one.settled(tables, present):
            text.add(one.lead + one.text + one.end, number_at(wanted.upgrade_lines, one.line - 1, wanted.origin[1]))
            try:
                step = replace(wanted, upgrade=one.text, tables=left, downgrade="")
                backs.append(downgrade.derive(step, whole=whole))
            except downgrade.NoUndo as error:
                file, place = wanted.place(one.line)
                problems.append(f"{file}:{place}: {error.text!r} has no downgrade that follows from it; write one")
        for table in tables:
            if number == _last_of(own, table):
                add({_key(table)})
    derived = "\n".join(back for back in reversed(backs) if back)
    down = wanted.downgrade if fits else derived
    lines = wanted.downgrade_lines if fits else ()
    changed = replace(
        wanted, upgrade="\n".join(text.lines), upgrade_lines=tuple(text.numbers), tables=left, downgrade=down,
        downgrade_lines=lines, problems=(*wanted.problems, *(problems if not fits else ())),
        touched=tuple(sorted({*wanted.touched, *tables})),
        named=wanted.named | set(chain.from_iterable(one.what.names for one in own)),
    )  # fmt: skip
    return changed, derived if fits and not problems else ""


def _last_of(own: Sequence[Part], table: str) -> int:
    """The number of the last statement that makes or alters the table: the changes follow it."""
    return max(number for number, one in enumerate(own) if one.created_of((table,)) or one.alters((table,)))


def _fits(wanted: Wanted, tables: Sequence[str], types: Collection[str]) -> bool:
    """Whether the spec's own downgrade takes a change back, not the whole table or type."""
    if not wanted.downgrade.strip():
        return False
    downs = parts(replace(wanted, upgrade=wanted.downgrade))
    whole = enum_types.drops([*parts(wanted), *downs], types)
    return not (whole or any(one.removes(table) for one in downs for table in tables))
