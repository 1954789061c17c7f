"""SQL for what is no plain table, column, constraint or index: policies, domains, types, partitions, sequences."""

from __future__ import annotations

import re
from collections.abc import Callable

from checks.evidence import Json
from checks.schema.difference import Difference
from checks.schema.snapshot import automatic, part
from safemig.mend_words import Attributes, dotted, last, listed, owner, quoted

_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "x": "EXTENDED", "m": "MAIN"}
_FIELD = re.compile(r'("(?:[^"]|"")*"|\S+) (.+)', re.S)
_CHECK = re.compile(r"(.*?) (CHECK \(.*)", re.S)


def create(kind: str, name: str, attributes: Attributes) -> str:
    """The statement that makes the object; "" where the snapshot does not hold all of its definition."""
    makers: dict[str, Callable[[], str]] = {
        "policy": lambda: _policy(name, attributes),
        "domain": lambda: _domain(name, attributes),
        "type": lambda: _type(name, attributes),
        "sequence": lambda: f"CREATE SEQUENCE {dotted(name)}{_options(attributes)};{_owned(name, attributes)}",
    }
    return makers[kind]() if kind in makers else ""


def change(one: Difference, wanted: Attributes, found: Attributes) -> tuple[str, bool] | None:
    """The statements that mend one attribute of an object that is there, and whether they can lose data."""
    kind, _, name = one.key.partition(" ")
    if kind == "policy":
        return f"DROP POLICY {last(name)} ON {owner(name)};\n{_policy(name, wanted)}", False
    if kind == "domain":
        return _changed_domain(name, one.aspect, wanted, found)
    if kind == "type" and one.aspect == "fields":
        return _changed_fields(name, listed(wanted, "fields"), listed(found, "fields"))
    if kind == "sequence":
        if one.aspect == "owned_by":
            return _owned(name, wanted).lstrip() or f"ALTER SEQUENCE {dotted(name)} OWNED BY NONE;", False
        # All at once: a limit alone may not fit the type that is there.
        cycle = "" if wanted.get("cycle") else " NO CYCLE"
        return f"ALTER SEQUENCE {dotted(name)}{_options(wanted)}{cycle};", False
    if kind == "table":
        return _changed_table(name, one.aspect, wanted, found)
    if kind == "column" and one.aspect == "storage":
        letter = _STORAGE.get(str(one.wanted))
        return (f"{_alter(name)} SET STORAGE {letter};", False) if letter else None
    if kind == "column" and one.aspect == "sequence":
        return _numbering(name, wanted, found)
    return None


_REASONS = {
    ("table", "column order"): "PostgreSQL moves no column; only a table made anew has another order",
    ("table", "partition_key"): "a table cannot be partitioned otherwise afterwards: make it anew and move its rows",
    ("table", "form"): "a table cannot become another kind of table: make it anew and move its rows",
    ("table", "inherits"): "a partition comes and goes with its bound, another parent has to be named by hand",
    ("table", "of_type"): "the type that a table is made of is set when it is made",
    ("enum", "labels"): "PostgreSQL takes no label away and moves none: make a new type and convert the columns",
    ("domain", "type"): "the type below a domain stays: make a new domain and convert the columns",
    ("domain", "collation"): "the collation of a domain stays: make a new domain and convert the columns",
    ("type", "fields"): "fields are only added at the end: make a new type and convert the columns",
    ("column", "generated"): "an expression is given to a new column only: drop the column and make it anew",
    ("column", "generation"): "stored or virtual is decided when the column is made: make it anew",
    ("column", "inherited"): "whether a column is inherited follows from the table's parents",
    ("column", "default"): "the column's own sequence is no default that one statement gives: make the sequence first",
    ("column", "storage"): "only PostgreSQL 16 and later have a word for the type's usual one: SET STORAGE DEFAULT",
    ("column", "collation"): "the collation is the type's own again only by naming the type: ALTER COLUMN … TYPE",
}  # fmt: skip


def reason(one: Difference) -> str:
    """Why no SQL stands beside a difference."""
    kind = one.key.partition(" ")[0]
    if one.aspect == "missing":
        words = {"type": "a range type has more to it than the catalog snapshot holds",
                 "aggregate": "an aggregate has more to it than the catalog snapshot holds",
                 "table": "a table of this form has more to it than the catalog snapshot holds"}  # fmt: skip
        return words.get(kind, f"the definition of this {kind} is not at hand in one piece")
    if (kind, one.aspect) in _REASONS:
        return _REASONS[kind, one.aspect]
    return f"PostgreSQL's own definition gives no single statement for the {one.aspect.replace('_', ' ')} of a {kind}"


def partition(name: str, attributes: Attributes) -> str:
    """CREATE TABLE … PARTITION OF for a partition; "" for any other table. Columns and constraints are its parent's."""
    parents = listed(attributes, "inherits")
    bound = attributes.get("partition_bound")
    if not bound or len(parents) != 1:
        return ""
    below = f" PARTITION BY {attributes['partition_key']}" if "partition_key" in attributes else ""
    return f"CREATE TABLE {dotted(name)} PARTITION OF {parents[0]} {bound}{below};"


def _alter(name: str) -> str:
    return f"ALTER TABLE {owner(name)} ALTER COLUMN {last(name)}"


def _policy(name: str, attributes: Attributes) -> str:
    # PostgreSQL has one word for everybody, which is no role.
    roles = ["PUBLIC" if role == "public" else quoted(role) for role in listed(attributes, "roles")]
    said = [f"CREATE POLICY {last(name)} ON {owner(name)}"]
    said += ["AS RESTRICTIVE"] if attributes.get("restrictive") else []
    said += [f"FOR {str(attributes.get('command', 'all')).upper()}", f"TO {', '.join(roles) or 'PUBLIC'}"]
    said += [f"USING ({attributes['using']})"] if "using" in attributes else []
    said += [f"WITH CHECK ({attributes['with_check']})"] if "with_check" in attributes else []
    return " ".join(said) + ";"


def _domain(name: str, attributes: Attributes) -> str:
    said = [f"CREATE DOMAIN {dotted(name)} AS {attributes['type']}"]
    said += [f"COLLATE {attributes['collation']}"] if "collation" in attributes else []
    said += [f"DEFAULT {attributes['default']}"] if "default" in attributes else []
    said += ["NOT NULL"] if attributes.get("not_null") else []
    said += [f"CONSTRAINT {quoted(own)} {text}" for own, text in _checks(attributes).items()]
    return " ".join(said) + ";"


def _checks(attributes: Attributes) -> dict[str, str]:
    found = (_CHECK.fullmatch(one) for one in listed(attributes, "constraints"))
    return {one[1]: one[2] for one in found if one}


def _changed_domain(name: str, aspect: str, wanted: Attributes, found: Attributes) -> tuple[str, bool] | None:
    alter = f"ALTER DOMAIN {dotted(name)}"
    if aspect == "not_null":
        return f"{alter} {'SET' if wanted.get(aspect) else 'DROP'} NOT NULL;", False
    if aspect == "default":
        default = wanted.get(aspect)
        return (f"{alter} DROP DEFAULT;" if default is None else f"{alter} SET DEFAULT {default};"), False
    if aspect != "constraints":
        return None
    want, have = _checks(wanted), _checks(found)
    sql = [f"{alter} DROP CONSTRAINT {quoted(own)};" for own in have if have[own] != want.get(own)]
    sql += [f"{alter} ADD CONSTRAINT {quoted(own)} {text};" for own, text in want.items() if have.get(own) != text]
    return ("\n".join(sql), False) if sql else None


def _type(name: str, attributes: Attributes) -> str:
    return (
        f"CREATE TYPE {dotted(name)} AS ({', '.join(listed(attributes, 'fields'))});" if "fields" in attributes else ""
    )


def _changed_fields(name: str, wanted: list[str], found: list[str]) -> tuple[str, bool] | None:
    want, have = _fields(wanted), _fields(found)
    kept = [field for field in have if field in want]
    if [*kept, *(field for field in want if field not in have)] != list(want):
        return None  # a new field comes last
    alter = f"ALTER TYPE {dotted(name)}"
    sql = [f"{alter} DROP ATTRIBUTE {field};" for field in have if field not in want]
    sql += [f"{alter} ALTER ATTRIBUTE {field} TYPE {want[field]};" for field in kept if want[field] != have[field]]
    risky = bool(sql)
    sql += [f"{alter} ADD ATTRIBUTE {field} {type_};" for field, type_ in want.items() if field not in have]
    return ("\n".join(sql), risky) if sql else None


def _fields(listed_fields: list[str]) -> dict[str, str]:
    found = (_FIELD.fullmatch(one) for one in listed_fields)
    return {one[1]: one[2] for one in found if one}


def _changed_table(name: str, aspect: str, wanted: Attributes, found: Attributes) -> tuple[str, bool] | None:
    table = f"ALTER TABLE {dotted(name)}"
    if aspect == "force_row_security":
        return f"{table} {'' if wanted.get(aspect) else 'NO '}FORCE ROW LEVEL SECURITY;", False
    if aspect == "persistence":
        return f"{table} SET {'UNLOGGED' if wanted.get(aspect) else 'LOGGED'};", False
    if aspect == "replica_identity" and wanted.get(aspect) != "index":
        return f"{table} REPLICA IDENTITY {str(wanted.get(aspect, 'default')).upper()};", False
    if aspect != "partition_bound":
        return None
    had, has = listed(found, "inherits"), listed(wanted, "inherits")
    sql = [f"ALTER TABLE {had[0]} DETACH PARTITION {dotted(name)};"] if "partition_bound" in found and had else []
    if "partition_bound" in wanted and has:
        sql.append(f"ALTER TABLE {has[0]} ATTACH PARTITION {dotted(name)} {wanted['partition_bound']};")
    return ("\n".join(sql), False) if sql else None


def _options(attributes: Attributes) -> str:
    words = {"type": "AS", "increment": "INCREMENT", "minimum": "MINVALUE", "maximum": "MAXVALUE", "start": "START",
             "cache": "CACHE"}  # fmt: skip
    said = "".join(f" {word} {attributes[name]}" for name, word in words.items() if name in attributes)
    return said + (" CYCLE" if attributes.get("cycle") else "")


def _owned(name: str, attributes: Attributes) -> str:
    by = attributes.get("owned_by")
    return f"\nALTER SEQUENCE {dotted(name)} OWNED BY {dotted(str(by))};" if by else ""


def _option(aspect: str, value: Json) -> str:
    """One option of a sequence; None stands for the usual value."""
    if aspect == "cycle":
        return "CYCLE" if value else "NO CYCLE"
    if aspect in ("minimum", "maximum"):
        word = "MINVALUE" if aspect == "minimum" else "MAXVALUE"
        return f"NO {word}" if value is None else f"{word} {value}"
    words = {"type": "AS", "increment": "INCREMENT BY", "start": "START WITH", "cache": "CACHE"}
    # A new start says where RESTART begins, not what comes next.
    return f"{words[aspect]} {1 if value is None else value}" if aspect in words else ""


def _numbering(name: str, wanted: Attributes, found: Attributes) -> tuple[str, bool] | None:
    """The options of the sequence behind an identity or serial column."""
    want, have = wanted.get("sequence"), found.get("sequence")
    want, have = want if isinstance(want, dict) else {}, have if isinstance(have, dict) else {}
    identity = "identity" in wanted
    sequence = _sequence_of(name, have)
    sql: list[str] = []
    for aspect in sorted({*want, *have}):
        if want.get(aspect) == have.get(aspect):
            continue
        said = _option(aspect, want.get(aspect))
        if aspect == "name" and sequence:
            new = str(want.get(aspect) or _sequence_of(name, {}))
            sql.append(f"ALTER SEQUENCE {sequence} RENAME TO {last(new)};")
        elif identity and said and aspect != "type":
            sql.append(f"{_alter(name)} SET {said};")
        elif said and sequence and not (aspect == "type" and aspect not in want):
            sql.append(f"ALTER SEQUENCE {sequence} {said};")
        else:
            return None
    return ("\n".join(sql), False) if sql else None


def _sequence_of(name: str, special: dict[str, Json]) -> str:
    """The name of the sequence behind a column; "" where PostgreSQL has shortened its name."""
    if "name" in special:
        return dotted(str(special["name"]))
    table, column = owner(name), last(name)
    bare = [one.strip('"') for one in (table.rpartition(".")[2], column)]
    plain = f"{bare[0]}_{bare[1]}_seq"
    if not automatic(plain, bare[0], bare[1], "seq") or len(plain.encode()) > 63:
        return ""
    return f"{table.rpartition('.')[0]}.{quoted(part(plain))}"
