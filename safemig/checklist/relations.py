"""Whether things that an item names together, and that all came about, also belong together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from safemig.checklist.kinds import kinds_of
from safemig.checklist.lookup_result import Found

_COLUMNS = re.compile(r'^(?:CREATE .* USING \w+ |UNIQUE |PRIMARY KEY |FOREIGN KEY )\(([\w", ]+)\)')
_DEEP = ("index ", "constraint ", "trigger ", "policy ")


def belongs(standing: Found, made: Found) -> bool:
    """Whether something that was there before is only where the new thing is: its file, class or table."""
    if standing.span.kind in {"file", "folder"}:
        return any(place.startswith(tuple(standing.places)) for place in made.places)
    for place, shown in made.places.items():
        symbol = place.rpartition(": ")[2]
        for known in standing.places:
            kind, _, name = known.partition(" ")
            table, _, column = name.rpartition(".")
            if kind == "column" and all(_says(part, f"{place} {shown}") for part in (table, column)):
                return True  # an index or constraint on it
            if symbol.startswith(f"{known.rpartition(': ')[2]}.") and ": " in known:
                return True
            if kind in {"table", "column"} and (place.partition(" ")[2].startswith(f"{name}.") or _says(name, shown)):
                return True
    return False


def apart(came: Sequence[Found]) -> str:
    """Why what the item names together may not belong together, "" when it does: a constraint and a column that it is
    not on, a file and a class that is not in it, a column beside two tables."""
    return _not_on(came) or _not_in(came) or _of_which(came)


def not_on(found: Sequence[Found]) -> str:
    """An index or constraint and a column that it is not on, where nothing else of the item could join them."""
    tables = any(place.startswith("table ") for one in found for place in one.places)
    return "" if tables else _not_on([one for one in found if one.state == "made"])


def _not_on(came: Sequence[Found]) -> str:
    places = [(place, shown) for one in came for place, shown in _own(one)]
    deep = [each for each in places if each[0].startswith(_DEEP)]
    flat = [place for place, _ in places if place.startswith(("column ", "table "))]
    named = {place.rpartition(".")[2] for place in flat if place.startswith("column ")}
    for place, shown in deep:
        if named and (more := _columns_of(shown) - named):
            return f"{place} is on {', '.join(sorted(more))} too"
        owner = place.partition(" ")[2].rpartition(".")[0]
        for other in flat:
            kind, _, name = other.partition(" ")
            table, _, column = name.rpartition(".")
            on = name == owner or _says(name, shown) if kind == "table" else _says(column, shown)
            if not on or (kind == "column" and not (owner == table or _says(table, shown))):
                return f"{place} is not on {name}"
    return ""


def _columns_of(definition: str) -> frozenset[str]:
    """The columns that an index, a key or a unique constraint is on; none of a check or an expression."""
    match = _COLUMNS.search(definition)
    return frozenset(name.strip().strip('"') for name in match[1].split(",")) if match else frozenset()


def _own(one: Found) -> list[tuple[str, str]]:
    """Its places, of a described table only the table itself."""
    return list(one.places.items())[: 1 if _is_described(one) else None]


def _not_in(came: Sequence[Found]) -> str:
    files = [one for one in came if one.span.kind in ("file", "folder") and "revision" not in kinds_of(one)]
    others = [one for one in came if one.span.kind not in ("file", "folder", "command")]
    for file in files:
        for other in others:
            if not any(place.startswith(tuple(file.places)) for place in other.places):
                return f"nothing shows that {other.span.text} is in {file.span.text}"
    return ""


def _of_which(came: Sequence[Found]) -> str:
    """A column, attribute or method whose table or class the item does not tell."""
    owners = {_name(one) for one in came if kinds_of(one) & {"table", "class"} and "." not in _name(one)}
    members = [one for one in came if kinds_of(one) & {"column", "attribute", "method"} and not _is_described(one)]
    for member in members if owners else ():
        tables = {place.partition(" ")[2].rpartition(".")[0] for place in member.places if place.startswith("column ")}
        if "." in member.span.text:
            continue
        if len(owners) > 1:
            return f"it does not say which of {' and '.join(sorted(owners))} {member.span.text} is of"
        if tables and not tables & owners:
            return f"{member.span.text} is a column of {tables.pop()}, which the item does not name"
    return ""


def _name(one: Found) -> str:
    return one.span.thing.name if one.span.thing else one.span.text


def _is_described(one: Found) -> bool:
    return one.span.thing is not None and one.span.thing.kind == "object"


def _says(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
