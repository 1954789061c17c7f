"""What data a statement of SQL takes away: a list of what is known to take none, and a reason for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from safemig.sql.text import Statement, Token, qualified
from safemig.sql.type_changes import keeps

_HARMLESS = frozenset({
    "COMMENT", "SET", "RESET", "SHOW", "GRANT", "REVOKE", "ANALYZE", "VACUUM", "REINDEX", "REFRESH", "LOCK", "BEGIN",
    "COMMIT", "SAVEPOINT", "RELEASE",
})  # fmt: skip
# Kinds of objects whose CREATE, ALTER or DROP (without CASCADE) touches no row.
_CREATED = frozenset({
    "TABLE", "INDEX", "SEQUENCE", "TYPE", "DOMAIN", "SCHEMA", "EXTENSION", "VIEW", "FUNCTION", "PROCEDURE", "TRIGGER",
    "POLICY", "COLLATION", "STATISTICS", "AGGREGATE", "OPERATOR", "CAST", "ROLE", "USER", "PUBLICATION",
})  # fmt: skip
_BEFORE_KIND = frozenset({
    "OR", "REPLACE", "UNIQUE", "TEMP", "TEMPORARY", "GLOBAL", "LOCAL", "UNLOGGED", "MATERIALIZED", "RECURSIVE",
    "CONSTRAINT",
})  # fmt: skip
_ALTERED = frozenset({
    "INDEX", "SEQUENCE", "VIEW", "MATERIALIZED", "FUNCTION", "PROCEDURE", "DOMAIN", "SCHEMA", "POLICY", "TRIGGER",
    "DEFAULT", "COLLATION", "ROLE", "USER",
})  # fmt: skip
_DROPPED = frozenset({
    "INDEX", "VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "ROUTINE", "POLICY", "RULE", "AGGREGATE", "CAST", "COLLATION",
    "STATISTICS", "OPERATOR", "DOMAIN",
})  # fmt: skip
_HOLDS = ("TABLE", "SCHEMA", "MATERIALIZED", "DATABASE", "OWNED", "SEQUENCE", "FOREIGN")
_ACTIONS = frozenset({
    "ADD", "RENAME", "VALIDATE", "OWNER", "SET", "RESET", "ENABLE", "DISABLE", "REPLICA", "INHERIT", "ATTACH",
    "CLUSTER", "FORCE",
})  # fmt: skip
# What a DROP inside of ALTER TABLE may name without a row being lost.
_KEPT = ("CONSTRAINT", "DEFAULT", "NOT", "IDENTITY", "EXPRESSION")
_CHANGES = frozenset({"DELETE", "UPDATE", "MERGE", "TRUNCATE"})
# Names that stand before a bracket and change no row: functions of PostgreSQL, types, and words of SQL.
PLAIN = frozenset({
    "count", "date", "max", "min", "sum", "avg", "coalesce", "nullif", "greatest", "least", "now", "exists", "setval",
    "nextval", "currval", "pg_sleep", "pg_advisory_lock", "pg_advisory_unlock", "pg_advisory_xact_lock",
    "set_config", "current_setting", "to_regclass", "to_regtype", "pg_get_serial_sequence", "pg_get_constraintdef",
    "current_schema", "current_database", "version", "lower", "upper", "trim", "btrim", "ltrim", "rtrim", "length",
    "left", "right", "substring", "substr", "replace", "regexp_replace", "regexp_match", "split_part", "position",
    "concat", "concat_ws", "format", "md5", "encode", "decode", "abs", "round", "floor", "ceil", "ceiling", "mod",
    "random", "date_trunc", "date_part", "extract", "age", "to_char", "to_date", "to_timestamp", "to_number",
    "make_date", "make_interval", "clock_timestamp", "row_number", "rank", "dense_rank", "lag", "lead",
    "first_value", "last_value", "string_agg", "array_agg", "json_agg", "jsonb_agg", "array_length", "array_append",
    "array_to_string", "string_to_array", "unnest", "generate_series", "json_build_object", "jsonb_build_object",
    "json_build_array", "jsonb_build_array", "to_json", "to_jsonb", "row_to_json", "jsonb_set",
    "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_object_keys", "jsonb_typeof", "jsonb_strip_nulls",
    "json_object_agg", "jsonb_object_agg", "gen_random_uuid", "uuid_generate_v4", "to_tsvector", "setweight",
    "bool_and", "bool_or", "in", "any", "some", "all", "not", "and", "or", "as", "from", "select", "where", "on",
    "by", "over", "partition", "filter", "using", "with", "values", "distinct", "cast", "array", "row", "case",
    "when", "then", "else", "end", "is", "like", "ilike", "between", "union", "intersect", "except", "having",
    "limit", "offset", "join", "lateral", "set", "returning", "default", "conflict", "materialized", "interval",
    "varchar", "character", "char", "numeric", "decimal", "timestamp", "time", "varying", "bit",
})  # fmt: skip


def loses(statement: Statement) -> str:
    """Why the statement may lose data, or is not known; "" for one that is known to lose none."""
    words = [token.upper for token in statement.tokens]
    first = _first(statement.tokens)
    head = statement.head
    if head in ("TRUNCATE", "DELETE", "MERGE"):
        return f"takes rows away ({first} …)"
    if head in ("WITH", "EXPLAIN") and _CHANGES & set(words):
        return f"takes rows away or overwrites them ({first} …)"
    if head == "UPDATE" and not _fills(statement.tokens):
        return f"overwrites what rows hold ({first} …)"
    if head in ("SELECT", "WITH", "EXPLAIN", "VALUES", "UPDATE"):
        return _calls(statement.tokens)
    if head == "INSERT":
        return _inserts(statement.tokens, words, first)
    if head in ("DO", "CALL"):
        return f"runs a block of code that is not read ({head})"
    if head in ("DROP", "ALTER") and words[-1:] == ["CASCADE"]:
        return _holds(words, first) or f"drops what others may hang on ({first})"
    if head == "DROP":
        return _drops(words, first)
    if head in ("ALTER", "CREATE"):
        return (_alters if head == "ALTER" else _creates)(statement.tokens, words, first)
    return "" if head in _HARMLESS else _unknown(head, first)


def _first(own: Sequence[Token]) -> str:
    """How the statement begins; its strings may be secrets."""
    return " ".join("'…'" if token.kind == "string" else token.text for token in own[:6])


def _unknown(what: str, first: str) -> str:
    return f"runs {what or 'SQL'}, and what that does is not known ({first} …)"


def _calls(own: Sequence[Token]) -> str:
    for one, after in pairwise(own):
        if after.text == "(" and one.name and one.name not in PLAIN:
            return f"calls {one.name}(), and what that does is not read"
    return ""


def _fills(own: Sequence[Token]) -> bool:
    """Whether an UPDATE sets only one column, and only where it is NULL: SET c = … WHERE c IS NULL."""
    words = [token.upper for token in own]
    if "SET" not in words or "WHERE" not in words or "OR" in words[words.index("WHERE") :]:
        return False
    start, at = words.index("SET") + 1, words.index("WHERE")
    column = own[start].name
    condition = [token.name.upper() if index else token.name for index, token in enumerate(own[at + 1 : at + 4])]
    return bool(column) and condition == [column, "IS", "NULL"] and len(_cut(own[start:at])) == 1


def _cut(own: Sequence[Token]) -> list[list[Token]]:
    """The tokens cut at the commas outside of brackets."""
    result: list[list[Token]] = [[]]
    depth = 0
    for token in own:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and not depth:
            result.append([])
        else:
            result[-1].append(token)
    return result


def _inserts(own: Sequence[Token], words: Sequence[str], first: str) -> str:
    if ("DO", "UPDATE") in set(pairwise(words)):
        return f"overwrites what rows hold ({first} …)"
    _, at = qualified(own, 2)
    return _calls(own[at:])


def _creates(own: Sequence[Token], words: Sequence[str], first: str) -> str:
    kind = next((word for word in words[1:] if word not in _BEFORE_KIND), "")
    if kind not in _CREATED:
        return _unknown(f"CREATE {kind}".strip(), first)
    if kind in ("TABLE", "VIEW") and "SELECT" in words:
        at = words.index("AS") if "AS" in words else 0
        return _unknown(f"CREATE {kind}", first) if _CHANGES & set(words[at:]) else _calls(own[at:])
    return ""


def _holds(words: Sequence[str], first: str) -> str:
    return f"drops what holds data ({first})" if words[0] == "DROP" and {*words[1:2]} & {*_HOLDS} else ""


def _drops(words: Sequence[str], first: str) -> str:
    held = _holds(words, first)
    if held:
        return held
    if words[1:2] == ["TYPE"]:
        return f"drops what others may hang on ({first})"
    return "" if words[1:2] and words[1] in _DROPPED else _unknown(" ".join(words[:2]).strip(), first)


def _alters(own: Sequence[Token], words: Sequence[str], first: str) -> str:
    kind = words[1] if len(words) > 1 else ""
    if kind == "TABLE":
        at = 2 + 2 * (words[2:4] == ["IF", "EXISTS"])
        at += words[at : at + 1] == ["ONLY"]
        name, at = qualified(own, at)
        if not name:
            return _unknown("ALTER TABLE", first)
        at += at < len(own) and own[at].text == "*"
        return next((why for action in _cut(own[at:]) if (why := _acts(action, first))), "")
    if kind == "TYPE":
        known = {"ADD", "RENAME", "OWNER", "SET"} & set(words[2:]) and "DROP" not in words and "ALTER" not in words[1:]
        return "" if known else _unknown("ALTER TYPE", first)
    return "" if kind in _ALTERED else _unknown(f"ALTER {kind}".strip(), first)


def _acts(action: Sequence[Token], first: str) -> str:
    """What one action of an ALTER TABLE loses."""
    words = [token.upper for token in action]
    if words[:1] == ["DROP"]:
        return "" if words[1:2] and words[1] in _KEPT else f"drops a column with its data ({first} …)"
    if words[:1] == ["ALTER"]:
        return _alters_column(action[1 + (words[1:2] == ["COLUMN"]) :], first)
    if not words or words[0] not in _ACTIONS or "UNLOGGED" in words:
        return _unknown("ALTER TABLE", first)
    if words[0] == "ADD" and "DEFAULT" in words:
        return _calls(action[words.index("DEFAULT") : words.index("DEFAULT") + 3])
    return ""


def _alters_column(action: Sequence[Token], first: str) -> str:
    words = [token.upper for token in action]
    words, action = words[1:], action[1:]
    if words[:2] == ["SET", "DATA"]:
        words, action = words[2:], action[2:]
    if words[:1] != ["TYPE"]:
        known = words[:1] and words[0] in ("SET", "ADD", "RESET", "RESTART")
        known = known or (words[:1] == ["DROP"] and words[1:2] and words[1] in _KEPT)
        return "" if known else _unknown("ALTER COLUMN", first)
    if "USING" in words:
        return f"changes a type with USING, and what does not fit the new one is lost ({first} …)"
    end = words.index("COLLATE") if "COLLATE" in words else len(words)
    # The type before does not stand here: only what holds the values of every type is known.
    if keeps("unknown", "".join(_spaced(action[1:end]))):
        return ""
    return f"changes a type, and what does not fit the new one may be lost ({first} …)"


def _spaced(own: Sequence[Token]) -> Iterator[str]:
    for before, token in pairwise([None, *own]):
        assert token is not None
        yield f" {token.text}" if before is not None and before.name and token.name else token.text
