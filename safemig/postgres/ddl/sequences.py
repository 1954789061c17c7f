"""How a column gets its numbers (an identity, a serial or nothing), and the statements that lead from one to another.

No number is given twice: the new sequence goes on behind the largest value of the column, and behind the old sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from checks.evidence import Json
from checks.schema.snapshot import LONGEST_NAME, OWNED
from safemig.postgres.ddl.names import last, literal, owner, quoted
from safemig.sql.identifiers import unquote

Attributes = Mapping[str, Json]
ASPECTS = ("identity", "default", "sequence")
_INTEGERS = ("smallint", "integer", "bigint")
_OPTIONS = {
    "start": "START WITH", "increment": "INCREMENT BY", "minimum": "MINVALUE", "maximum": "MAXVALUE", "cache": "CACHE",
}  # fmt: skip
_BEFORE = "_before"  # stands behind the name of a sequence whose name the new one takes


@dataclass(frozen=True)
class Numbers:
    """``kind`` is where the numbers come from; ``sequence`` is the real name of the sequence, quoted where need be.

    ``own_name``: that name is not the one that PostgreSQL gives by itself. ``options`` differ from a new sequence's.
    ``default`` is a default without numbers of the column's own, "" for none.
    """

    kind: Literal["identity", "serial", "nothing"]
    type: str
    how: str = ""
    sequence: str = ""
    own_name: bool = False
    options: Mapping[str, Json] | None = None
    default: str = ""

    def said(self) -> str:
        """In words for a person."""
        return {"identity": f"an identity, {self.how}", "serial": "a serial", "nothing": "no sequence"}[self.kind]


def read(attributes: Attributes, sequence: str) -> Numbers:
    """Where the column's numbers come from; ``sequence`` is the name of its sequence, "" where it has none."""
    special = attributes.get("sequence")
    special = special if isinstance(special, dict) else {}
    options = {name: value for name, value in special.items() if name in (*_OPTIONS, "cycle")}
    type_, default = str(attributes["type"]), attributes.get("default")
    if "identity" in attributes:
        return Numbers("identity", type_, str(attributes["identity"]), sequence, "name" in special, options)
    if default == OWNED:
        return Numbers("serial", type_, "", sequence, "name" in special, options)
    return Numbers("nothing", type_, default=str(default or ""))


def leading(left: Attributes, right: Attributes) -> str:
    """The aspect under which the change of numbering is said, once; "" where it does not differ or none has any."""
    if not any("identity" in one or one.get("default") == OWNED for one in (left, right)):
        return ""
    return next((name for name in ASPECTS if left.get(name) != right.get(name)), "")


def settable(one: Numbers) -> bool:
    """Whether the statements here can make it: an integer whose sequence counts up, with a name that is known."""
    increment = (one.options or {}).get("increment", 1)
    rising = isinstance(increment, int) and increment > 0
    return one.kind == "nothing" or (one.type in _INTEGERS and rising and bool(one.sequence))


def kept(before: Numbers, after: Numbers) -> Numbers:
    """``after`` with what the CREATE leaves open as it was before: the options, and the sequence of the same kind."""
    options = {**(before.options or {}), **(after.options or {})}
    same = before.kind == after.kind
    name = before if same else after
    return replace(after, options=options, sequence=name.sequence, own_name=name.own_name)


def follows(left: Attributes, right: Attributes, sequence: str) -> tuple[str, str] | None:
    """The statements by which the sequence of a serial takes over the column's new type, and back; None for none."""
    special = right.get("sequence")
    own = isinstance(special, dict) and "type" in special
    if left.get("default") != OWNED or right.get("default") != OWNED or not sequence or own:
        return None
    if not {str(left["type"]), str(right["type"])} <= set(_INTEGERS):
        return None
    return f"ALTER SEQUENCE {sequence} AS {left['type']};", f"ALTER SEQUENCE {sequence} AS {right['type']};"


def lead(name: str, before: Numbers, after: Numbers) -> str:
    """The statements that make ``after`` of ``before``; ``name`` is the column's in a snapshot."""
    if before.kind == after.kind:
        return "\n".join(_turned(name, before, after) if after.kind == "identity" else ())
    if after.kind == "nothing":
        return "\n".join(_removed(name, before, after))
    if before.kind == "nothing":
        return "\n".join(_added(name, before, after))
    return "\n".join(_exchanged(name, before, after))


def _alter(name: str) -> str:
    return f"ALTER TABLE {owner(name)} ALTER COLUMN {last(name)}"


def _removed(name: str, before: Numbers, after: Numbers) -> list[str]:
    default = [f"{_alter(name)} SET DEFAULT {after.default};"] if after.default else []
    if before.kind == "identity":
        return [f"{_alter(name)} DROP IDENTITY;", *default]
    return [*(default or [f"{_alter(name)} DROP DEFAULT;"]), f"DROP SEQUENCE {before.sequence};"]


def _added(name: str, before: Numbers, after: Numbers) -> list[str]:
    first = [f"{_alter(name)} DROP DEFAULT;"] if before.default else []
    if after.kind == "identity":
        return [*first, _identity(name, after), _caught_up(name, after)]
    made = f"{_sequence(after)} OWNED BY {owner(name)}.{last(name)};"
    return [*first, made, _nextval(name, after), _caught_up(name, after)]


def _exchanged(name: str, before: Numbers, after: Numbers) -> list[str]:
    """Serial and identity, either way: the old sequence is read before it goes."""
    old, rename = before.sequence, list[str]()
    if before.sequence == after.sequence:
        # Cut as PostgreSQL cuts it, with room for what stands behind.
        stem = _plain(before.sequence).encode()[: LONGEST_NAME - len(_BEFORE)].decode(errors="ignore")
        rename = [f"ALTER SEQUENCE {before.sequence} RENAME TO {quoted(stem + _BEFORE)};"]
        old = f"{owner(before.sequence)}.{quoted(stem + _BEFORE)}"
    if after.kind == "identity":
        free = f"ALTER SEQUENCE {before.sequence} OWNED BY NONE;"
        made = [_identity(name, after), _caught_up(name, after, old), f"DROP SEQUENCE {old};"]
        return [f"{_alter(name)} DROP DEFAULT;", free, *rename, *made]
    return [
        # Otherwise a number could be given between reading the old sequence and dropping it.
        f"LOCK TABLE {owner(name)} IN ACCESS EXCLUSIVE MODE;", *rename, f"{_sequence(after)};",
        _caught_up(name, after, old), f"{_alter(name)} DROP IDENTITY;",
        f"ALTER SEQUENCE {after.sequence} OWNED BY {owner(name)}.{last(name)};", _nextval(name, after),
    ]  # fmt: skip


def _turned(name: str, before: Numbers, after: Numbers) -> list[str]:
    how = [f"SET GENERATED {after.how.upper()}"] if before.how != after.how else []
    said, now = _usual(replace(before, type=after.type)), _usual(after)  # another type sets its bounds by itself
    options = [f"SET {_option(key, now[key])}" for key in now if now[key] != said[key]]
    if options:
        # The position first: PostgreSQL refuses bounds that it does not lie in.
        lock = f"LOCK TABLE {owner(name)} IN ACCESS EXCLUSIVE MODE;"
        return [lock, _caught_up(name, after, before.sequence), f"{_alter(name)} {' '.join([*how, *options])};"]
    # Until now rows may have come with numbers of their own.
    more = [_caught_up(name, after, before.sequence)] if after.how == "always" and how else []
    return [f"{_alter(name)} {' '.join(how)};", *more] if how else []


def _usual(one: Numbers) -> dict[str, Json]:
    """All options of the sequence, those of a new one filled in."""
    options = one.options or {}
    largest = {"smallint": 2**15 - 1, "integer": 2**31 - 1}.get(one.type, 2**63 - 1)
    least = options.get("minimum", 1)
    usual: dict[str, Json] = {"start": least, "increment": 1, "minimum": 1, "maximum": largest, "cache": 1}
    return usual | {"cycle": False} | dict(options)


def _option(name: str, value: Json) -> str:
    if name == "cycle":
        return "CYCLE" if value else "NO CYCLE"
    return f"{_OPTIONS[name]} {value}"


def _identity(name: str, after: Numbers) -> str:
    words = [f"SEQUENCE NAME {after.sequence}"] if after.own_name else []
    words += [_option(key, value) for key, value in (after.options or {}).items()]
    inside = f" ({' '.join(words)})" if words else ""
    return f"{_alter(name)} ADD GENERATED {after.how.upper()} AS IDENTITY{inside};"


def _sequence(after: Numbers) -> str:
    words = [_option(key, value) for key, value in (after.options or {}).items()]
    return " ".join([f"CREATE SEQUENCE {after.sequence} AS {after.type}", *words])


def _nextval(name: str, after: Numbers) -> str:
    return f"{_alter(name)} SET DEFAULT nextval({literal(after.sequence)}::regclass);"


def _caught_up(name: str, after: Numbers, old: str = "") -> str:
    """The position set behind the largest value, behind that of the ``old`` sequence, and not before the start."""
    usual = _usual(after)
    step = usual["increment"]
    largest = f"(SELECT max({last(name)})::bigint + {step} FROM {owner(name)})"
    next_ = f"(SELECT last_value + CASE WHEN is_called THEN {step} ELSE 0 END FROM {old})" if old else ""
    wanted = ", ".join(filter(None, [largest, next_, str(usual["start"])]))
    own = after.kind == "identity" and not (old and old == after.sequence)
    table = literal(owner(name))
    to = f"pg_get_serial_sequence({table}, {literal(_plain(name))})" if own else literal(after.sequence)
    return f"SELECT setval({to}, GREATEST({wanted}), false);"


def _plain(name: str) -> str:
    """The last part of a name as SQL writes it, without its quotes."""
    return unquote(last(name))
