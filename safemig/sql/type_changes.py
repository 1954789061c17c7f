"""Changes of a column's type: whether PostgreSQL converts the values by itself, and whether each keeps its value."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

_TYPE = re.compile(r"([a-z\"][\w .\"]*?)\s*(?:\(([\d, -]+)\))?(?: (with|without) time zone)?((?:\[\])*)", re.I)
_SAME = {
    "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "decimal": "numeric", "float4": "real",
    "float8": "double precision", "float": "double precision", "bool": "boolean", "varchar": "character varying",
    "char": "character", "bpchar": "character", "varbit": "bit varying",
}  # fmt: skip
_OF_CODE = {
    "integer": "integer", "int": "integer", "biginteger": "bigint", "bigint": "bigint", "smallinteger": "smallint",
    "smallint": "smallint", "text": "text", "unicodetext": "text", "string": "character varying",
    "varchar": "character varying", "unicode": "character varying", "char": "character", "numeric": "numeric",
    "decimal": "numeric", "real": "real", "float": "double precision", "double": "double precision",
    "double_precision": "double precision", "boolean": "boolean", "uuid": "uuid", "json": "json", "jsonb": "jsonb",
    "date": "date", "datetime": "timestamp", "timestamp": "timestamp", "time": "time",
}  # fmt: skip
_PARAMETERS = {
    "character varying": ("length",), "character": ("length",), "numeric": ("precision", "scale"),
    "timestamp": ("timezone", "precision"), "time": ("timezone", "precision"),
}  # fmt: skip
_STRINGS = ("text", "character varying", "character")
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
# Groups of types between which PostgreSQL has implicit or assignment casts in every direction (pg_cast of 11 to 17).
_GROUPS = (
    _NUMBERS, _STRINGS, ("date", "timestamp", "timestamptz"), ("json", "jsonb"), ("inet", "cidr"),
    ("bit", "bit varying"), ("time", "timetz"), ("time", "interval"), ("numeric", "money"),
)  # fmt: skip
_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
_WIDER = {
    "smallint": ("integer", "bigint", "numeric", "real", "double precision"),
    "integer": ("bigint", "numeric", "double precision"),
    "bigint": ("numeric",),
    "real": ("double precision",),
    "character": ("character varying", "text"),
    "character varying": ("text",),
    "date": ("timestamp",),
    "cidr": ("inet",),
    "jsonb": ("json",),
}


@dataclass(frozen=True)
class Type:
    """A type as PostgreSQL prints it; ``timestamptz`` and ``timetz`` have a time zone, ``sizes`` stand in brackets."""

    base: str
    sizes: tuple[int, ...] = ()
    arrays: str = ""

    def __str__(self) -> str:
        sizes = f"({','.join(map(str, self.sizes))})" if self.sizes else ""
        return f"{self.base}{sizes}{self.arrays}"


def read(text: str) -> Type | None:
    """``numeric(10,2)``, ``timestamp(3) with time zone``, ``varchar[]``; None for what is no plain name of a type."""
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        return None
    name = match[1] if '"' in match[1] else " ".join(match[1].lower().split())
    base = _SAME.get(name, name).removeprefix("pg_catalog.")
    if match[3]:
        if base not in ("timestamp", "time"):
            return None
        base += "tz" if match[3].lower() == "with" else ""
    sizes = tuple(int(one) for one in match[2].split(",")) if match[2] else ()
    if base == "character" and not sizes and name != "bpchar":
        sizes = (1,)
    return Type(base, (*sizes, 0) if base == "numeric" and len(sizes) == 1 else sizes, match[4])


def of_code(node: ast.expr | None) -> str:
    """The type that ``sa.String(200)`` or ``sa.Integer`` stands for, "" for one that is not known."""
    call = node if isinstance(node, ast.Call) else None
    function = call.func if call else node
    if not isinstance(function, ast.Attribute | ast.Name):
        return ""
    name = function.attr if isinstance(function, ast.Attribute) else function.id
    base = _OF_CODE.get(name.lower(), "")
    takes = _PARAMETERS.get(base, ())
    values = _arguments(call, takes) if call else {}
    if not base or values is None or ("scale" in values and "precision" not in values):
        return ""
    zone = values.pop("timezone", False)
    sizes = [str(values.pop(key)) for key in takes if isinstance(values.get(key), int)]
    if values or not isinstance(zone, bool):
        return ""
    size = f"({','.join(sizes)})" if sizes else ""
    if base in ("timestamp", "time"):
        return f"{base}{size} {'with' if zone else 'without'} time zone"
    return f"{base}{size}"


def _arguments(call: ast.Call, takes: Sequence[str]) -> dict[str, object] | None:
    """What the type is given by name, None for what is no literal; None for more than it takes."""
    if len(call.args) > len(takes):
        return None
    given = dict(zip(takes, call.args, strict=False)) | {word.arg or "**": word.value for word in call.keywords}
    given.pop("asdecimal", None)
    return {name: node.value if isinstance(node, ast.Constant) else None for name, node in given.items()}


def converts(before: str, after: str) -> bool:
    """Whether ``ALTER COLUMN … TYPE`` needs no USING: PostgreSQL casts by itself, and refuses a string that is too long
    and a number that is too large."""
    old, new = read(before), read(after)
    if old is None or new is None:
        return False
    if not new.arrays and new.base in _STRINGS:
        return True
    if old.arrays != new.arrays:
        return False
    return old.base == new.base or any({old.base, new.base} <= set(group) for group in _GROUPS)


def keeps(before: str, after: str) -> bool:
    """Whether the change is known to keep every value: int to bigint, a longer varchar, anything to text."""
    old, new = read(before), read(after)
    if old is None or new is None:
        return False
    if not new.arrays and not new.sizes and new.base in ("text", "character varying"):
        return True
    if old.arrays != new.arrays:
        return False
    if old.base == new.base:
        return _roomier(old, new)
    if new.base not in _WIDER.get(old.base, ()):
        return False
    if new.base == "numeric" and new.sizes:
        return new.sizes[1] >= 0 and new.sizes[0] - new.sizes[1] >= _DIGITS[old.base]
    if old.base in _STRINGS:
        return _roomier(old, new)
    return not new.sizes


def _roomier(old: Type, new: Type) -> bool:
    """Whether the sizes of one type hold every value of the other's; no size is no limit."""
    if old.sizes == new.sizes or not new.sizes:
        return True
    if not old.sizes:
        return False
    if old.base == "numeric":
        return new.sizes[1] >= old.sizes[1] and new.sizes[0] - new.sizes[1] >= old.sizes[0] - old.sizes[1]
    if old.base in (*_STRINGS, "timestamp", "timestamptz", "time", "timetz", "bit varying"):
        return len(old.sizes) == len(new.sizes) and new.sizes[0] >= old.sizes[0]
    return False
