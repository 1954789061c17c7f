"""SQL for how an object is set up beside its definition: options, states, and what hangs on the columns of a view."""

from __future__ import annotations

import re

from checks.schema.difference import Difference
from safemig.postgres.ddl.names import Attributes, dotted, last, listed, literal, materialized, owner, quoted
from safemig.sql.identifiers import quote

_PAIR = re.compile(r'("(?:[^"]|"")*"|\S+) (.*)', re.S)
_ON_COLUMNS = {"column_comments": "COLUMN", "field_comments": "COLUMN", "constraint_comments": "CONSTRAINT"}


def change(one: Difference, wanted: Attributes, found: Attributes) -> str:
    """The statements that mend how the object is set up; "" for anything else. They lose no data."""
    kind, _, name = one.key.partition(" ")
    if one.aspect in ("storage", "statistics", "compression") and kind == "column":
        return column_state(name, one.aspect, wanted)
    if one.aspect == "options" and kind in ("table", "view", "column", "constraint"):
        return changed_options(_target(one.key, wanted), wanted, found)
    if one.aspect.endswith(("_comments", "column_defaults")):
        return changed_parts(one.key, one.aspect, wanted, found)
    if one.aspect == "server_options":
        column = kind == "column"
        return server_options(f"{owner(name)} ALTER COLUMN {last(name)}" if column else dotted(name), wanted, found)
    if one.aspect == "enabled":
        return enabled(one.key, wanted)
    if kind == "rule" and one.aspect == "definition":
        return f"{str(wanted['definition']).rstrip(';').replace('CREATE RULE', 'CREATE OR REPLACE RULE', 1)};"
    if kind == "statistics" and one.aspect == "target":
        return target(name, wanted)
    if kind == "extension" and one.aspect == "schema":
        return f"ALTER EXTENSION {dotted(name)} SET SCHEMA {quoted(str(wanted['schema']))};"
    return ""


def _target(key: str, attributes: Attributes) -> str:
    """What ALTER … SET and RESET of options name."""
    kind, _, name = key.partition(" ")
    if kind == "column":
        return f"TABLE {owner(name)} ALTER COLUMN {last(name)}"
    if kind == "constraint":
        return f"INDEX {owner(owner(name))}.{last(name)}"
    return f"{materialized(attributes)}{kind.upper()} {dotted(name)}"


def target(name: str, attributes: Attributes) -> str:
    """ALTER STATISTICS … SET STATISTICS; -1 is the usual target."""
    return f"ALTER STATISTICS {dotted(name)} SET STATISTICS {attributes.get('target', -1)};"


def pairs(attributes: Attributes, name: str) -> dict[str, str]:
    """A list of "quoted-name rest" as a mapping; {} where it is not there."""
    found = (_PAIR.fullmatch(one) for one in listed(attributes, name))
    return {one[1]: one[2] for one in found if one}


def options(attributes: Attributes, name: str = "options") -> str:
    """The list of options as it stands in brackets behind WITH and SET; "" for none."""
    given = (one.partition("=") for one in listed(attributes, name))
    return ", ".join(f"{key} = {literal(value)}" for key, _, value in given)


def changed_options(target: str, wanted: Attributes, found: Attributes) -> str:
    """SET and RESET that lead to the wanted options of ``target`` ("TABLE t", "VIEW v")."""
    want = dict(one.split("=", 1) for one in listed(wanted, "options"))
    have = dict(one.split("=", 1) for one in listed(found, "options"))
    gone = [name for name in have if name not in want]
    given = [f"{name} = {literal(value)}" for name, value in want.items() if have.get(name) != value]
    sql = [f"ALTER {target} RESET ({', '.join(gone)});"] if gone else []
    return "\n".join([*sql, *([f"ALTER {target} SET ({', '.join(given)});"] if given else [])])


def server_options(target: str, wanted: Attributes, found: Attributes) -> str:
    """OPTIONS that lead to those of a foreign table or its column."""
    want = dict(one.split("=", 1) for one in listed(wanted, "server_options"))
    have = dict(one.split("=", 1) for one in listed(found, "server_options"))
    said = [f"DROP {quote(name)}" for name in have if name not in want]
    said += [
        f"{'SET' if name in have else 'ADD'} {quote(name)} {literal(value)}"
        for name, value in want.items() if have.get(name) != value
    ]  # fmt: skip
    return f"ALTER FOREIGN TABLE {target} OPTIONS ({', '.join(said)});"


def enabled(key: str, attributes: Attributes) -> str:
    """The statement that gives a trigger or rule the state that ``attributes`` say."""
    kind, _, name = key.partition(" ")
    state = attributes.get("enabled")
    word = "ENABLE" if state is None else "DISABLE" if state == "disabled" else f"ENABLE {str(state).upper()}"
    return f"ALTER TABLE {owner(name)} {word} {kind.upper()} {last(name)};"


def column_more(name: str, attributes: Attributes) -> list[str]:
    """What of a column no CREATE TABLE of PostgreSQL 13 says."""
    alter = f"ALTER TABLE {owner(name)} ALTER COLUMN {last(name)}"
    sql = [column_state(name, one, attributes) for one in ("storage", "statistics", "compression") if one in attributes]
    return [*sql, *([f"{alter} SET ({options(attributes)});"] if "options" in attributes else [])]


def column_state(name: str, aspect: str, wanted: Attributes) -> str:
    """ALTER COLUMN for one of a column's settings; "" where no statement takes it back."""
    value = wanted.get(aspect)
    said = {
        "storage": {"p": "PLAIN", "e": "EXTERNAL", "x": "EXTENDED", "m": "MAIN"}.get(str(value), ""),
        "statistics": "-1" if value is None else str(value),
        "compression": "default" if value is None else str(value),
    }[aspect]
    return f"ALTER TABLE {owner(name)} ALTER COLUMN {last(name)} SET {aspect.upper()} {said};" if said else ""


def view(name: str, attributes: Attributes, *, replace: bool = False) -> str:
    """CREATE VIEW with what hangs on its columns; the comment on the view itself is left out."""
    given = options(attributes)
    word = "OR REPLACE " if replace else materialized(attributes)
    definition = str(attributes["definition"]).rstrip().rstrip(";")
    head = f"CREATE {word}VIEW {dotted(name)}{f' WITH ({given})' if given else ''} AS"
    more = [changed_parts(f"view {name}", one, attributes, {}) for one in ("column_comments", "column_defaults")]
    return "\n".join([head, f"{definition};", *(one for one in more if one)])


def replaceable(wanted: Attributes, found: Attributes) -> bool:
    """Whether CREATE OR REPLACE VIEW will do: it adds columns at the end and changes none."""
    if wanted.get("materialized") or found.get("materialized"):
        return False
    have = listed(found, "columns")
    return listed(wanted, "columns")[: len(have)] == have


def changed_parts(key: str, aspect: str, wanted: Attributes, found: Attributes) -> str:
    """Comments and defaults of a view's columns, comments of a type's fields and a domain's constraints."""
    kind, _, name = key.partition(" ")
    want, have = pairs(wanted, aspect), pairs(found, aspect)
    sql: list[str] = []
    for part in [*want, *(one for one in have if one not in want)]:
        now = want.get(part)
        if now == have.get(part):
            continue
        if aspect == "column_defaults":
            sql.append(
                f"ALTER VIEW {dotted(name)} ALTER COLUMN {part} "
                + ("DROP DEFAULT;" if now is None else f"SET DEFAULT {now};")
            )
            continue
        target = f"{part} ON DOMAIN {dotted(name)}" if kind == "domain" else f"{dotted(name)}.{part}"
        sql.append(f"COMMENT ON {_ON_COLUMNS[aspect]} {target} IS {'NULL' if now is None else literal(now)};")
    return "\n".join(sql)
