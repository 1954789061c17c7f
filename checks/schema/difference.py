"""The difference of two snapshots: what was wanted, and what was found instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from checks.evidence import Json
from checks.schema.snapshot import Snapshot

# Alembic's own bookkeeping is no part of what a project asks for.
_VERSION_TABLE = re.compile(r"table .*\.alembic_version")
_PARTS_OF_TABLE = ("column", "constraint", "trigger", "policy", "rule")
_TYPE = r"(?:character varying|text|bpchar|character)"

Attributes = Mapping[str, Json]


@dataclass(frozen=True)
class Difference:
    """``aspect`` is "missing" (wanted, not found), "unexpected" (found, not wanted), "column order" or an attribute.

    ``wanted`` and ``found`` are the attribute's values; for a whole object all its attributes, None where it is not.
    """

    key: str
    aspect: str
    wanted: Json
    found: Json


def short(key: str) -> str:
    """The key of an object as it is shown: what stands in public is known by its own name."""
    return key.replace(" public.", " ", 1)


def compare(
    wanted: Snapshot,
    found: Snapshot,
    *,
    open_names: frozenset[str] = frozenset(),
    ignore: frozenset[str] | None = None,
    untouched: tuple[Snapshot, Snapshot] | None = None,
) -> tuple[Difference, ...]:
    """All differences, sorted by key; none means that the schemas are the same.

    ``open_names`` are keys of constraints, indexes and sequences in ``wanted`` whose names nobody fixed: they are
    matched by definition. ``ignore`` are keys to leave out, for a table with all that hangs on it; by default those of
    Alembic's own tables. A table that is
    missing or unexpected is one difference, its columns and constraints are not listed again.

    ``untouched`` is (copy, original) of one schema, such as the one restored from a dump and the one dumped: an object
    that both sides have as they had it there was changed by nobody. PostgreSQL prints some expressions differently
    after a dump and restore; without this the most common of them (``IN`` on a varchar) is still seen as the same.
    """
    if wanted.objects == found.objects:
        return ()
    # Of two large schemas nearly all is the same: only what is not has to be looked at closely.
    changed = {
        key for key in wanted.objects.keys() | found.objects.keys() if wanted.objects.get(key) != found.objects.get(key)
    }
    left_out = version_tables(wanted, found) if ignore is None else ignore
    left, right = _without(wanted, changed, left_out), _without(found, changed, left_out)
    renamed = _matches(left, right, open_names)
    taken = set(renamed.values())
    differences: list[Difference] = []
    for key in sorted({*left, *right}):
        if key in left:
            other = right.get(renamed.get(key, key))
            if key not in renamed and key in taken:
                other = None
            differences += _compare(key, left[key], other, left, right, renamed, untouched)
        spare = key in right and key not in taken and (key not in left or key in renamed)
        if spare and not _in_whole(key, right, left):
            differences.append(Difference(key, "unexpected", None, dict(right[key])))
    moved = {table_of(key, {}) for key in (*left, *right) if key.startswith("column ")}
    return (*differences, *_orders(wanted.objects, found.objects, moved))


def _compare(
    key: str,
    wanted: Attributes,
    found: Attributes | None,
    left: Mapping[str, Attributes],
    right: Mapping[str, Attributes],
    renamed: Mapping[str, str],
    untouched: tuple[Snapshot, Snapshot] | None,
) -> Iterator[Difference]:
    if found is None:
        if not _in_whole(key, left, right):
            yield Difference(key, "missing", dict(wanted), None)
        return
    if wanted == found:
        return
    if untouched and found == untouched[1].objects.get(key) and _same(wanted, untouched[0].objects.get(key)):
        return
    matched = key in renamed
    for name in sorted({*wanted, *found} - {"position", "columns"}):
        mine, other = _unordered(name, wanted.get(name)), _unordered(name, found.get(name))
        if mine == other or (matched and name == "definition" and _nameless(mine) == _nameless(other)):
            continue
        if canonical(_renamed(mine, renamed)) != canonical(other):
            yield Difference(key, name, mine, other)


def version_tables(*snapshots: Snapshot) -> frozenset[str]:
    """The keys of Alembic's own tables in all schemas: by their name, or by the key that Alembic gives each."""
    own = set()
    for snapshot in snapshots:
        for key, value in snapshot.objects.items():
            if _VERSION_TABLE.fullmatch(key):
                own.add(key)
            elif key.endswith("_pkc") and value.get("definition") == "PRIMARY KEY (version_num)":
                own.add(f"table {table_of(key, value)}")
    return frozenset(own)


def _unordered(name: str, value: Json) -> Json:
    """Options stand in the order in which they were set, which means nothing."""
    return [*sorted(map(str, value))] if isinstance(value, list) and name.endswith("options") else value


def table_of(key: str, attributes: Attributes) -> str:
    """The name of the table that an object hangs on, as it stands in the table's key; "" when it hangs on none."""
    kind, _, name = key.partition(" ")
    if kind in _PARTS_OF_TABLE:
        if not name.endswith('"'):
            return name.rpartition(".")[0]
        return re.sub(r'\."(?:[^"]|"")*"\Z', "", name)
    if kind == "index":
        # PostgreSQL quotes a keyword such as "user", a key does not.
        return re.sub(r'"([^\s.\"(),]+)"', r"\1", str(attributes.get("table", "")))
    return ""


def _without(snapshot: Snapshot, keys: Collection[str], ignore: frozenset[str]) -> dict[str, Attributes]:
    """The objects of ``keys`` but those to ignore, and but what hangs on a table to ignore."""
    names = [key.partition(" ")[2] for key in ignore if key.startswith("table ")]
    beginnings = tuple(f"{kind} {name}." for name in names for kind in _PARTS_OF_TABLE)
    return {
        key: value
        for key, value in ((key, snapshot.objects[key]) for key in keys if key in snapshot.objects)
        if not (
            key in ignore
            or key.startswith(beginnings)
            or (names and key.startswith("index ") and table_of(key, value) in names)
        )
    }


def _in_whole(key: str, there: Mapping[str, Attributes], elsewhere: Mapping[str, Attributes]) -> bool:
    """Whether the object's whole table is on one side only: the table's own difference says it."""
    table = f"table {table_of(key, there[key])}"
    return table in there and table not in elsewhere


def _matches(
    left: Mapping[str, Attributes], right: Mapping[str, Attributes], open_names: frozenset[str]
) -> dict[str, str]:
    """Wanted key -> found key, for open names whose object is there under another name."""
    unsettled = [key for key in sorted(open_names) if key in left and not _same(left[key], right.get(key))]
    free = [key for key in sorted(right) if key not in left or key in unsettled]
    renamed: dict[str, str] = {}
    for key in unsettled:
        kind, table = key.partition(" ")[0], table_of(key, left[key])
        for candidate in free:
            if (
                candidate.partition(" ")[0] == kind
                and table_of(candidate, right[candidate]) == table
                and _same(left[key], right[candidate])
            ):
                renamed[key] = candidate
                free.remove(candidate)
                break
    return renamed


def _same(wanted: Attributes, found: Attributes | None) -> bool:
    if found is None:
        return False
    return all(
        canonical(_nameless(wanted.get(name))) == canonical(_nameless(found.get(name))) for name in {*wanted, *found}
    )


def _nameless(definition: Json) -> Json:
    """An index definition without the name; everything else as it is."""
    if not isinstance(definition, str):
        return definition
    return re.sub(r'^(CREATE (?:UNIQUE )?INDEX) (?:"(?:[^"]|"")*"|\S+) ON ', r"\1 ON ", definition)


def _renamed(value: Json, renamed: Mapping[str, str]) -> Json:
    """A default that names a sequence of an open name, with the name that was found."""
    if isinstance(value, str) and "nextval(" in value:
        for old, new in renamed.items():
            if old.startswith("sequence "):
                value = value.replace(f"'{old.partition(' ')[2]}'::", f"'{new.partition(' ')[2]}'::")
    return value


def canonical(value: Json) -> Json:
    """Text with the one rewriting undone that every dump and restore does: where the casts of an array stand.

    ``(ARRAY['a'::character varying])::text[]`` is printed as ``ARRAY[('a'::character varying)::text]`` by a server that
    has read its own output back.
    """
    if isinstance(value, list):  # the constraints of a domain
        return [canonical(one) for one in value]
    if not isinstance(value, str) or "ARRAY[" not in value:
        return value
    literal = r"'(?:[^']|'')*'"
    element = rf"{literal}::{_TYPE}(?:\(\d+\))?"
    return re.sub(
        rf"\(ARRAY\[({element}(?:, {element})*)\]\)::({_TYPE})\[\]",
        lambda found: "ARRAY[" + ", ".join(f"({one})::{found[2]}" for one in re.findall(element, found[1])) + "]",
        value,
    )


def _orders(
    left: Mapping[str, Attributes], right: Mapping[str, Attributes], moved: Collection[str]
) -> Iterator[Difference]:
    """One difference for each table of ``moved`` on both sides whose common columns stand in another order."""
    if not moved:
        return
    ours, theirs = _columns(left, moved), _columns(right, moved)
    for table in sorted(ours.keys() & theirs.keys()):
        common = set(ours[table]) & set(theirs[table])
        mine = [name for name in ours[table] if name in common]
        other = [name for name in theirs[table] if name in common]
        if mine != other:
            yield Difference(f"table {table}", "column order", list(mine), list(other))


def _columns(objects: Mapping[str, Attributes], tables: Collection[str]) -> dict[str, list[str]]:
    placed: dict[str, list[tuple[int, str]]] = {}
    for key, attributes in objects.items():
        if key.startswith("column "):
            table = table_of(key, attributes)
            if table not in tables:
                continue
            position = attributes.get("position")
            placed.setdefault(table, []).append(
                (position if isinstance(position, int) else 0, key.removeprefix(f"column {table}."))
            )
    return {table: [name for _, name in sorted(columns)] for table, columns in placed.items()}
