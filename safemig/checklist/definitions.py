"""What an item says of a thing besides its name, in SQL's words or in numbers, against the definition that was found.

A definition is one line in PostgreSQL's words: "smallint not null default 5", "CHECK (stars >= 1)".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TYPES = {
    "varchar": "character varying", "char": "character", "int": "integer", "int4": "integer", "int8": "bigint",
    "int2": "smallint", "bool": "boolean", "decimal": "numeric", "timestamptz": "timestamp with time zone",
    "float": "double precision",
}  # fmt: skip
_SERIAL = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}
_SIZE = r"(?:\(\d+(?:,\d+)?\))?"
_TYPE = re.compile(
    rf"(?:(?:small|big)?serial|smallint|integer|bigint|character(?: varying)?{_SIZE}|numeric{_SIZE}|real"
    rf"|double precision|boolean|text|uuid|jsonb?|bytea|date|interval"
    rf"|(?:timestamp|time){_SIZE}(?: with(?:out)? time zone)?)(?![\w\[])"
)
# What says no more than what kind of thing a name is, or that it is to be made.
_KIND_ONLY = frozenset({"create", "add", "alter", "table", "column", "constraint", "index"})
_BETWEEN = re.compile(r"([\w.]+)\s+between\s+(\S+)\s+and\s+([^\s()]+)", re.I)
# Numbers that count nothing of what is made: of a list, an issue, an address, a day, an estimate.
_ASIDE = re.compile(
    r"^\s*\d+(?:\.\d+)*[.):]?\s|#\d+|https?://\S+|\]\([^)]*\)|\b\d{4}-\d\d-\d\d\b|\([~≈]?\s*[\d.–-]+\s*\w{0,7}\)"
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")


def is_claim(code: str) -> bool:
    """Whether SQL's words claim something: `NOT NULL` does, `CREATE TABLE` does not."""
    return not set(re.split(r"[\s(),]+", code.lower().strip())) <= _KIND_ONLY | {""}


def says(definition: str, code: str) -> bool:
    """Whether the definition has what SQL's words say: the same type, NOT NULL, a default, an action."""
    have, said = normal(definition), normal(code)
    if match := _TYPE.match(said):
        if not _same_type(match[0], have):
            return False
        said = said[match.end() :].strip()
    if "not null" in said:
        if "not null" not in have:
            return False
        said = said.replace("not null", "").strip()
    if re.search(r"\bnull\b", said):
        return said == "null" and "not null" not in have
    return not said or re.search(rf"(?<!\w){re.escape(said)}(?!\w)", have) is not None


def denies(column: str, code: str) -> bool:
    """Whether a column's definition plainly is another: of another type, or without the NOT NULL that is said."""
    have, said = normal(column), normal(code)
    found, known = _TYPE.match(said), _TYPE.match(have)
    if found and known and not _same_type(found[0], have):
        return True
    return bool(re.search(r"\bnot null\b", said)) and "not null" not in have


def _same_type(said: str, have: str) -> bool:
    match = _TYPE.match(have)
    if not match:
        return False
    if said in _SERIAL:
        return match[0] == _SERIAL[said] and ("nextval(" in have or "identity" in have)
    own, sized = match[0], "(" in said
    if re.match(r"time(?:stamp)?\b", said) and "time zone" not in said:
        said += " without time zone"
    return said == (own if sized else re.sub(r"\([\d,]+\)", "", own))


def normal(text: str) -> str:
    """In lower case, with the types' long names, and blanks only where they part words."""
    words = re.sub(r"\s*([(),])\s*", r"\1", " ".join(text.lower().split()))
    words = re.sub(r"\)(?=\w)", ") ", words)
    return re.sub(r"[a-z]\w*", lambda found: _TYPES.get(found[0], found[0]), words)


def numbers(words: str) -> tuple[str, ...]:
    """The numbers that an item's words claim; those of a list, a phase, an issue or an estimate left out."""
    return tuple(_NUMBER.findall(_ASIDE.sub(" ", words)))


def unsaid(words: str, definitions: Iterable[str]) -> str:
    """The first number of the words that no definition holds, "" when each is in one, or no definition gives any."""
    known = {
        number
        for definition in definitions
        for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)", definition)
    }
    return next((number for number in numbers(words) if number not in known), "") if known else ""


def squeezed(text: str) -> str:
    """A constraint's definition as it can be compared: without blanks, quotes, schema, casts and brackets."""
    plain = _BETWEEN.sub(r"\1>=\2 and \1<=\3", re.sub(r"::[\w ]+?(?=[\s(),=<>\]]|$)", "", text))
    bare = re.sub(r"\bpublic\.|\s+|\"", "", plain.lower())
    mixed = re.search(r"\band\b", plain, re.I) and re.search(r"\bor\b", plain, re.I)  # there the brackets count
    return re.sub(r"[()]", "", bare) if bare.startswith("check") and not mixed else bare
