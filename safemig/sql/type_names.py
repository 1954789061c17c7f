"""Names of column types in documents and in SQL, as calls of SQLAlchemy."""

from __future__ import annotations

import re

_TYPES = {
    "integer": "sa.Integer()", "int": "sa.Integer()", "int4": "sa.Integer()", "serial": "sa.Integer()",
    "smallint": "sa.SmallInteger()", "smallinteger": "sa.SmallInteger()", "int2": "sa.SmallInteger()",
    "bigint": "sa.BigInteger()", "biginteger": "sa.BigInteger()", "int8": "sa.BigInteger()",
    "bigserial": "sa.BigInteger()", "text": "sa.Text()", "boolean": "sa.Boolean()", "bool": "sa.Boolean()",
    "date": "sa.Date()", "time": "sa.Time()", "timestamp": "sa.DateTime()", "datetime": "sa.DateTime()",
    "timestamp without time zone": "sa.DateTime()", "timestamptz": "sa.DateTime(timezone=True)",
    "timestamp with time zone": "sa.DateTime(timezone=True)", "timestamp with timezone": "sa.DateTime(timezone=True)",
    "uuid": "sa.Uuid()", "json": "sa.JSON()", "jsonb": "postgresql.JSONB()", "bytea": "sa.LargeBinary()",
    "largebinary": "sa.LargeBinary()", "real": "sa.REAL()", "float4": "sa.REAL()", "float": "sa.Double()",
    "double precision": "sa.Double()", "double": "sa.Double()", "float8": "sa.Double()", "interval": "sa.Interval()",
    "inet": "postgresql.INET()", "cidr": "postgresql.CIDR()", "citext": "postgresql.CITEXT()",
    "tsvector": "postgresql.TSVECTOR()", "unicodetext": "sa.Text()",
}  # fmt: skip


_SIZED = {
    "varchar": "sa.String", "character varying": "sa.String", "string": "sa.String", "unicode": "sa.String",
    "char": "sa.CHAR", "character": "sa.CHAR", "numeric": "sa.Numeric", "decimal": "sa.Numeric",
}  # fmt: skip


_MYSQL = {
    "tinyint": "SMALLINT or BOOLEAN", "mediumint": "INTEGER", "longtext": "TEXT", "mediumtext": "TEXT",
    "tinytext": "TEXT", "longblob": "BYTEA", "blob": "BYTEA",
}  # fmt: skip


_NAMES = "|".join(sorted([*_TYPES, *_SIZED, *_MYSQL], key=len, reverse=True))


# What stands in the brackets of a type is a size: "uuid (primary key)" is a uuid, and a key.
_SIZE = r"\(\s*(?P<inner>(?:(?:length|precision|scale|timezone|collation)\s*=\s*)?(?:\d+|max|true|false)" \
        r"(?:\s*,\s*(?:\w+\s*=\s*)?(?:\d+|true|false))*)?\s*\)"  # fmt: skip


TYPE_NAME = re.compile(rf"(?P<name>{_NAMES})(?![\w-])(?:\s*{_SIZE})?(?P<zone>\s+with(?:out)? time ?zone)?"
                   r"(?P<array>\s*\[\])?", re.I)  # fmt: skip


def type_code(text: str) -> str:
    """The type as a call of SQLAlchemy, "" when the whole text is no type of PostgreSQL."""
    match = TYPE_NAME.fullmatch(text.strip().removeprefix("sa."))
    return _type_code(match) if match else ""


def _type_code(found: re.Match[str]) -> str:
    name, inner = " ".join(found["name"].lower().split()), (found["inner"] or "").replace(" ", "")
    if found["zone"]:
        name = f"{name} {' '.join(found['zone'].lower().split()).replace('timezone', 'time zone')}"
    code = _TYPES.get(name, "")
    if name in _SIZED:
        code = f"{_SIZED[name]}({', '.join(re.findall(r'[0-9]+', inner))})"
    elif code == "sa.DateTime()" and "timezone=true" in inner.lower():
        code = "sa.DateTime(timezone=True)"
    elif code.startswith("sa.DateTime") and inner.isdigit():
        zone = "timezone=True, " if "timezone" in code else ""
        code = f"postgresql.TIMESTAMP({zone}precision={inner})"
    return f"postgresql.ARRAY({code})" if found["array"] and code else code


def foreign_type(text: str) -> str:
    """What to write instead of a type that only MySQL has; "" for every other type."""
    match = TYPE_NAME.match(text.strip())
    return _MYSQL.get(match["name"].lower(), "") if match else ""
