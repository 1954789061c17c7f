"""Infers from names how a project makes them: revision ids, file names, constraint names."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

IdStyle = Literal["hash", "date", "counter", "slug"]


class IdTemplate(NamedTuple):
    """A style, the ``%`` template that makes such ids, and how many digits a hash or a counter has."""

    style: IdStyle
    template: str
    length: int


_YEAR, _MONTH, _DAY, _HOUR, _MINUTE, _SECOND = (
    "%(year)d", "%(month).2d", "%(day).2d", "%(hour).2d", "%(minute).2d", "%(second).2d",
)  # fmt: skip
# Longest first: a date is also the beginning of a date with a time.
_DATE = re.compile(
    r"(?P<year>(?:19|20|21)\d\d)(?P<s1>[-_.]?)(?P<month>\d\d)(?P<s2>[-_.]?)(?P<day>\d\d)"
    r"(?:(?P<s3>[-_.T]?)(?P<hour>\d\d)(?P<s4>[-_.]?)(?P<minute>\d\d)(?:(?P<s5>[-_.]?)(?P<second>\d\d))?)?(?!\d)"
)
_HASH = re.compile(r"[0-9a-f]{8,40}\Z")
_COUNTER = re.compile(r"(\d{1,6})(?=[-_.]|\Z)")
_EPOCH = re.compile(r"1\d{9}(?=[-_.]|\Z)")


def id_template(ids: Sequence[str]) -> IdTemplate:
    """How the ids, newest first, are made: what most of them follow; the newest decides a tie."""
    seen = Counter(_id_template(id) for id in ids)
    return seen.most_common(1)[0][0]


def _id_template(id: str) -> IdTemplate:
    date = _date(id)
    if date:
        template, rest = date
        return IdTemplate("date", template + _tail(rest), 0)
    if _EPOCH.match(id):
        return IdTemplate("date", "%(epoch)d" + _tail(id[10:]), 0)
    counter = _COUNTER.match(id)
    if counter and not (len(id) >= 8 and _HASH.match(id)):
        width = len(counter[1])
        return IdTemplate("counter", f"%(counter)0{width}d" + _tail(id[width:]), width)
    if _HASH.match(id):
        return IdTemplate("hash", "%(hash)s", len(id))
    return IdTemplate("slug", "%(slug)s", 0)


def _tail(rest: str) -> str:
    return f"{rest[0]}%(slug)s" if len(rest) > 1 and rest[0] in "-_." else rest.replace("%", "%%")


def _date(text: str) -> tuple[str, str] | None:
    """The template of the date that ``text`` starts with, and what follows it; None when it starts with none."""
    match = _DATE.match(text)
    if not match:
        return None
    part = match.groupdict(default="")
    try:
        datetime(*(int(part[key] or 0) for key in ("year", "month", "day", "hour", "minute", "second")))  # type: ignore[arg-type]
    except ValueError:
        return None
    template = f"{_YEAR}{part['s1']}{_MONTH}{part['s2']}{_DAY}"
    if part["hour"]:
        template += f"{part['s3']}{_HOUR}{part['s4']}{_MINUTE}"
    if part["second"]:
        template += f"{part['s5']}{_SECOND}"
    return template, text[match.end() :]


def counter_of(id: str, stem: str) -> int | None:
    """The number that a counted revision carries in its id, else in its file's name; None when it carries none."""
    for text in (id, stem):
        match = _COUNTER.match(text)
        if match and not _date(text):
            return int(match[1])
    return None


def file_template(files: Sequence[tuple[str, str]]) -> str:
    """The template of file names, newest first, given as (name without suffix, revision id); "" when there is none."""
    seen = Counter(_file_template(stem, id) for stem, id in files)
    return seen.most_common(1)[0][0] if seen else ""


def _file_template(stem: str, id: str) -> str:
    before, found, after = stem.partition(id)
    if not found:
        return _leading(stem, alone=True)
    return f"{_leading(before)}%(rev)s{_slug(after)}"


def _leading(text: str, *, alone: bool = False) -> str:
    """The template of what stands before the id (``alone``: of the whole name)."""
    if not text:
        return ""
    date = _date(text)
    counter = _COUNTER.match(text)
    if date:
        template, rest = date
    elif counter:
        template, rest = f"%(counter)0{len(counter[1])}d", text[counter.end() :]
    else:
        template, rest = "", text
    if alone:
        return template + (_slug(rest) if template else "%(slug)s")
    if len(rest) < 2:
        return template + rest.replace("%", "%%")
    first = rest[0] if rest[0] in "-_." else ""
    last = rest[-1] if rest[-1] in "-_." else ""
    return f"{template}{first}%(slug)s{last}"


def _slug(text: str) -> str:
    separator = re.match(r"[-_.]*", text)
    lead = separator[0] if separator else ""
    return f"{lead}%(slug)s" if len(text) > len(lead) else lead


_KINDS = {
    "PrimaryKeyConstraint": "pk",
    "ForeignKeyConstraint": "fk",
    "UniqueConstraint": "uq",
    "CheckConstraint": "ck",
    "create_index": "ix",
    "create_foreign_key": "fk",
    "create_unique_constraint": "uq",
    "create_check_constraint": "ck",
    "create_primary_key": "pk",
}


def conventions(sources: Sequence[str]) -> dict[str, str]:
    """Kind (pk, fk, uq, ck, ix) -> the naming template most literal names in these files follow.

    A kind is left out when fewer than half of its names fit one template.
    """
    seen: dict[str, Counter[str]] = {}
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for kind, template in _named(tree):
            seen.setdefault(kind, Counter())[template] += 1
    best = {kind: counts.most_common(1)[0] for kind, counts in seen.items()}
    return {
        kind: template
        for kind, (template, count) in sorted(best.items())
        if "%(" in template and 2 * count >= seen[kind].total()
    }


def _named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "create_table" and node.args:
                table = _text(node.args[0])
                for inner in node.args[1:]:
                    if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                        kind = _KINDS.get(inner.func.attr)
                        if kind:
                            name = next((_text(k.value) for k in inner.keywords if k.arg == "name"), "")
                            yield from _template(kind, name, table, inner.args)
            elif node.func.attr.startswith("create_") and node.func.attr in _KINDS and len(node.args) > 2:
                yield from _template(_KINDS[node.func.attr], _text(node.args[0]), _text(node.args[1]), node.args[2:])


def _template(kind: str, name: str, table: str, parts: Sequence[ast.expr]) -> Iterator[tuple[str, str]]:
    if not name or not table:
        return
    strings = [_text(part) for part in parts if not isinstance(part, (ast.List, ast.Tuple))]
    lists = [[_text(inner) for inner in part.elts] for part in parts if isinstance(part, (ast.List, ast.Tuple))]
    columns = lists[0] if lists else ([] if kind == "ck" else [text for text in strings if text])
    referred = _referred(strings, lists) if kind == "fk" else ""
    pieces = [("%(table_name)s", table)]
    if referred:
        pieces.append(("%(referred_table_name)s", referred))
    if columns and all(columns):
        pieces.append(("%(column_0_N_name)s" if len(columns) > 1 else "%(column_0_name)s", "_".join(columns)))
    if kind == "ck":
        # What a CHECK is called after its table is free text.
        before, found, after = name.partition(table)
        yield kind, f"{before}%(table_name)s{'_%(constraint_name)s' if after else ''}" if found else name
        return
    yield kind, _replace(name.replace("%", "%%"), pieces).replace("column_0_N_name", "column_0_name")


def _replace(name: str, pieces: Sequence[tuple[str, str]]) -> str:
    """Every piece replaced once, the longest first, so that ``user`` does not eat a part of ``user_id``."""
    slots: dict[str, str] = {}
    for number, (key, text) in enumerate(sorted(pieces, key=lambda piece: -len(piece[1]))):
        match = re.search(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])", name)
        if match:
            slot = f"\0{number}\0"
            name = name[: match.start()] + slot + name[match.end() :]
            slots[slot] = key
    for slot, key in slots.items():
        name = name.replace(slot, key)
    return name


def _referred(strings: Sequence[str], lists: Sequence[Sequence[str]]) -> str:
    """The table a foreign key points at: ``["course.id"]`` in a table, the first plain string in an operation."""
    if len(lists) > 1 and lists[1] and "." in lists[1][0]:
        return lists[1][0].split(".")[-2]
    return strings[0] if strings else ""


def _text(node: ast.expr) -> str:
    """A literal string, also inside ``op.f(…)``; "" for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "f" and node.args:
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
