"""SQL for what is no plain table, column, constraint or index: policies, domains, types, partitions, sequences."""

from __future__ import annotations

import re
from collections.abc import Callable

from checks.evidence import Json
from checks.schema.difference import Difference
from checks.schema.snapshot import OWNED, Snapshot, automatic
from safemig.postgres.ddl import options
from safemig.postgres.ddl.names import PART, Attributes, comment, dotted, last, listed, owner, quoted
from safemig.sql.identifiers import unquote

_FIELD = re.compile(r'("(?:[^"]|"")*"|\S+) (.+)', re.S)
_CHECK = re.compile(r"(.*?) (CHECK \(.*)", re.S)


def create(kind: str, name: str, attributes: Attributes) -> str:
    """The statement that makes the object; "" where the snapshot does not hold all of its definition."""
    makers: dict[str, Callable[[], str]] = {
        "policy": lambda: _policy(name, attributes),
        "domain": lambda: _domain(name, attributes),
        "type": lambda: _type(name, attributes),
        "sequence": lambda: (
            f"CREATE {'UNLOGGED ' if 'persistence' in attributes else ''}SEQUENCE {dotted(name)}"
            f"{_options(attributes)};{_owned(name, attributes)}"
        ),
    }
    return makers[kind]() if kind in makers else ""


def change(one: Difference, wanted: Attributes, found: Attributes) -> tuple[str, bool] | None:
    """The statements that mend one attribute of an object that is there, and whether they can lose data."""
    kind, _, name = one.key.partition(" ")
    if said := options.change(one, wanted, found):
        return said, False
    if kind == "policy":
        said = f"\n{comment(one.key, wanted)}" if "comment" in wanted else ""
        return f"DROP POLICY {last(name)} ON {owner(name)};\n{_policy(name, wanted)}{said}", False
    if kind == "domain":
        return _changed_domain(name, one.aspect, wanted, found)
    if kind == "type" and one.aspect == "fields":
        return _changed_fields(name, listed(wanted, "fields"), listed(found, "fields"))
    if kind == "sequence":
        if one.aspect == "owned_by":
            return _owned(name, wanted).lstrip() or f"ALTER SEQUENCE {dotted(name)} OWNED BY NONE;", False
        if one.aspect == "persistence":
            return f"ALTER SEQUENCE {dotted(name)} SET {'UNLOGGED' if 'persistence' in wanted else 'LOGGED'};", False
        # All at once: a limit alone may not fit the type that is there.
        cycle = "" if wanted.get("cycle") else " NO CYCLE"
        return f"ALTER SEQUENCE {dotted(name)}{_options(wanted)}{cycle};", False
    if kind == "table":
        return _changed_table(name, one.aspect, wanted, found)
    if kind == "column" and one.aspect == "sequence":
        said = numbering(name, wanted, found)
        return (said, False) if said else None
    return None


_REASONS = {
    ("table", "column order"): "PostgreSQL moves no column; only a table made anew has another order",
    ("table", "partition_key"): "a table cannot be partitioned otherwise afterwards: make it anew and move its rows",
    ("table", "form"): "a table cannot become another kind of table: make it anew and move its rows",
    ("table", "inherits"): "a partition comes and goes with its bound",
    ("table", "of_type"): "the type that a table is made of is set when it is made",
    ("enum", "labels"): "PostgreSQL takes no label away and moves none: make a new type and convert the columns",
    ("domain", "type"): "the type below a domain stays: make a new domain and convert the columns",
    ("domain", "collation"): "the collation of a domain stays: make a new domain and convert the columns",
    ("type", "fields"): "fields are only added at the end: make a new type and convert the columns",
    ("column", "generated"): "an expression is given to a new column only: drop the column and make it anew",
    ("column", "generation"): "stored or virtual is decided when the column is made: make it anew",
    ("column", "inherited"): "whether a column is inherited follows from the table's parents",
    ("constraint", "inherited"): "whether a constraint is inherited follows from the table's parents",
    ("constraint", "valid"): "no REINDEX makes the index of a partitioned table valid: attach one of each partition",
    ("index", "valid"): "no REINDEX makes the index of a partitioned table valid: attach one of each partition",
    ("type", "range_of"): "what a range type is made of stays: make a new type and convert the columns",
    ("type", "range_options"): "what a range type is made of stays: make a new type and convert the columns",
    ("aggregate", "definition"): "the catalog has no definition of an aggregate in one piece: make it anew",
    ("table", "server"): "the server of a foreign table stays: drop the table and make it anew, no row is lost by that",
    ("column", "default"): "a sequence of its own is no default that one statement gives: make the sequence first; "
    "where the type differs too, the SQL beside the type sets the default",
    ("column", "storage"): "only PostgreSQL 16 and later have a word for the type's usual one: SET STORAGE DEFAULT",
    ("column", "collation"): "it comes with the SQL beside the column's type",
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
    which = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return f"PostgreSQL's own definition gives no single statement for the {one.aspect.replace('_', ' ')} of {which}"


def partition(name: str, attributes: Attributes) -> str:
    """CREATE TABLE … PARTITION OF for a partition; "" for any other table. Columns and constraints are its parent's."""
    parents = listed(attributes, "inherits")
    bound = attributes.get("partition_bound")
    if not bound or len(parents) != 1:
        return ""
    below = f" PARTITION BY {attributes['partition_key']}" if "partition_key" in attributes else ""
    below += f" WITH ({options.options(attributes)})" if "options" in attributes else ""
    unlogged = "UNLOGGED " if "persistence" in attributes else ""
    return f"CREATE {unlogged}TABLE {dotted(name)} PARTITION OF {parents[0]} {bound}{below};"


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
    found = (_FIELD.fullmatch(field) for field in listed_fields)
    return {one[1]: one[2] for one in found if one}


def _changed_table(name: str, aspect: str, wanted: Attributes, found: Attributes) -> tuple[str, bool] | None:
    table, value = f"ALTER TABLE {dotted(name)}", wanted.get(aspect)
    had, has = listed(found, "inherits"), listed(wanted, "inherits")
    match aspect:
        case "row_security":
            return f"{table} {'ENABLE' if value else 'DISABLE'} ROW LEVEL SECURITY;", False
        case "force_row_security":
            return f"{table} {'' if value else 'NO '}FORCE ROW LEVEL SECURITY;", False
        case "persistence":
            return f"{table} SET {'UNLOGGED' if value else 'LOGGED'};", False
        case "replica_identity" if value != "index":
            return f"{table} REPLICA IDENTITY {str(wanted.get(aspect, 'default')).upper()};", False
        case "inherits" if "partition_bound" not in {*wanted, *found}:
            sql = [f"{table} NO INHERIT {one};" for one in had if one not in has]
            return "\n".join([*sql, *(f"{table} INHERIT {one};" for one in has if one not in had)]), True
        case "partition_bound":
            return _changed_partition(name, wanted, found)
    return None


def _changed_partition(name: str, wanted: Attributes, found: Attributes) -> tuple[str, bool] | None:
    """Off the one table and onto the other."""
    had, has = listed(found, "inherits"), listed(wanted, "inherits")
    sql = [f"ALTER TABLE {had[0]} DETACH PARTITION {dotted(name)};"] if "partition_bound" in found and had else []
    if "partition_bound" in wanted and has:
        sql.append(f"ALTER TABLE {has[0]} ATTACH PARTITION {dotted(name)} {wanted['partition_bound']};")
    # The rows of a partition that is taken off are no longer seen in the table.
    return ("\n".join(sql), "partition_bound" in found) if sql else None


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


def numbered(name: str, found: Snapshot) -> bool:
    """Whether the default of a column takes its numbers from that sequence, which nothing owns."""
    call = f"nextval('{dotted(name)}'::regclass)"
    return any(value.get("default") == call for value in found.objects.values())


def hidden(name: str, wanted: Snapshot, found: Snapshot) -> bool:
    """Whether the sequence is there, but owned by the column whose default names it."""
    call = f"nextval('{dotted(name)}'::regclass)"
    for key, value in wanted.objects.items():
        there = found.objects.get(key, {})
        if key.startswith("column ") and value.get("default") == call and there.get("default") == OWNED:
            special = there.get("sequence")
            own = _sequence_of(key.partition(" ")[2], special if isinstance(special, dict) else {})
            return own == dotted(name)
    return False


def owning(name: str, found: Attributes) -> str:
    """The statement that makes the sequence in a column's default the column's own; "" where none stands there."""
    call = re.fullmatch(r"nextval\('((?:[^']|'')+)'::regclass\)", str(found.get("default", "")))
    return (
        f"ALTER SEQUENCE {call[1].replace(chr(39) * 2, chr(39))} OWNED BY {owner(name)}.{last(name)};" if call else ""
    )


def numbering(name: str, wanted: Attributes, found: Attributes) -> str:
    """Statements for the options of the sequence behind an identity or serial column; "" for none."""
    want, have = wanted.get("sequence"), found.get("sequence")
    want, have = want if isinstance(want, dict) else {}, have if isinstance(have, dict) else {}
    identity = "identity" in wanted
    sequence = _sequence_of(name, have)
    sql: list[str] = []
    for aspect in sorted({*want, *have}, key=lambda one: (one == "name", one)):  # renamed last
        if want.get(aspect) == have.get(aspect):
            continue
        said = _option(aspect, want.get(aspect))
        if aspect == "type" and aspect not in want:
            said = f"AS {wanted['type']}"  # the column's own
        if aspect == "name" and sequence:
            new = str(want.get(aspect) or _sequence_of(name, {}))
            sql.append(f"ALTER SEQUENCE {sequence} RENAME TO {last(new)};")
        elif identity and said and aspect != "type":
            sql.append(f"{_alter(name)} SET {said};")
        elif said and sequence:
            sql.append(f"ALTER SEQUENCE {sequence} {said};")
        else:
            return ""
    return "\n".join(sql)


def _sequence_of(name: str, special: dict[str, Json]) -> str:
    """The name of the sequence behind a column; "" where PostgreSQL has shortened its name."""
    if "name" in special:
        return dotted(str(special["name"]))
    bare = [unquote(one) for one in PART.findall(name)[-2:]]
    plain = f"{bare[0]}_{bare[1]}_seq"
    if not automatic(plain, bare[0], bare[1], "seq") or len(plain.encode()) > 63:
        return ""
    return f"{owner(owner(name))}.{quoted(plain)}"
