"""What a ``psql`` command line does: only a plain question to the database is a read.

The statements are read by PostgreSQL's own grammar, against a short list of the kinds of node that only look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from safemig.shell.options import Known
from safemig.shell.outcome import Effects, Words, destroys, reads, unknown
from safemig.shell.parser import names
from safemig.shell.quoting import HOLE
from safemig.sql.parser import parse

_OPTIONS = Known(
    "-t -A -q -X -x -E -e -a -w -n -W -1 -l --tuples-only --no-align --quiet --no-psqlrc --csv --expanded --no-password"
    " --list --version -V -U= --username= -d= --dbname= -h= --host= -p= --port= -v= --set= --variable= -P= --pset= -F="
    " --field-separator= -R= --record-separator= -c= --command="
)
# Meta-commands that list; backquotes in their arguments would run a shell, so only names are let through.
_LISTS = re.compile(r"\\(?:d[A-Za-z+]*|l\+?|conninfo|z|x)(?:\s+[\w.\"*]+)*\s*")
_LONGEST = 4_000
# A function can do anything, so only these are known to look and no more.
_FUNCTIONS = names(
    "count min max sum avg version now current_database current_schema current_schemas current_user coalesce lower"
    " upper length round to_regclass pg_is_in_recovery current_setting pg_size_pretty pg_database_size"
    " pg_total_relation_size pg_relation_size array_agg string_agg json_agg jsonb_agg row_number format_type"
    " pg_get_constraintdef pg_get_indexdef pg_get_viewdef bool_and bool_or date_trunc extract btrim ltrim rtrim"
    " concat concat_ws abs floor ceil md5 to_char to_date to_timestamp replace split_part left right substring"
    " position string_to_array array_to_string array_length cardinality unnest generate_series jsonb_array_length rank"
    " dense_rank lag lead first_value last_value ntile age pg_table_size pg_indexes_size pg_get_functiondef pg_get_expr"
    " obj_description col_description pg_backend_pid pg_postmaster_start_time pg_relation_filepath"
)
_TYPES = names(
    "int2 int4 int8 numeric float4 float8 bool text varchar bpchar date time timetz timestamp timestamptz interval json"
    " jsonb uuid bytea regclass name oid"
)
_NODES = names(
    "SelectStmt ResTarget ColumnRef A_Const A_Star RangeVar A_Expr BoolExpr NullTest BooleanTest SortBy String Integer"
    " Float FuncCall TypeCast TypeName List JoinExpr SubLink RangeSubselect Alias CaseExpr CaseWhen CoalesceExpr"
    " RangeFunction MinMaxExpr WithClause CommonTableExpr VariableShowStmt SQLValueFunction WindowDef A_ArrayExpr"
    " RowExpr GroupingSet ExplainStmt A_Indirection A_Indices CollateClause Boolean NullIfExpr"
)


def psql(args: Words) -> Effects:
    """A read when every ``-c`` is a question and no other source of statements (file, standard input) is used."""
    found = _OPTIONS.parse(args)
    if found is None:
        return unknown(("psql", *args))
    # "options=-c…", "service=…" and "?options=" load code or lead to another server.
    places = (*found.operands, *found.values("-d", "--dbname"))
    if len(found.operands) > 2 or any(re.search(r"[=?]", place) for place in places):
        return unknown(("psql", *args))
    questions = found.values("-c", "--command")
    for question in questions:
        verdict = statements(question)
        if verdict.effect != "read":
            return verdict
    if questions or found.has("-l", "--list", "--version", "-V"):
        return reads()
    return destroys("database", "psql runs statements that safemig cannot see")


def statements(sql: str) -> Effects:
    """The effect of the text of one ``-c``."""
    if _LISTS.fullmatch(sql.strip()):
        return reads()
    if HOLE in sql or any(mark in sql for mark in ("\\", "--", "/*")) or len(sql) > _LONGEST:
        return destroys("database", "the SQL holds a comment, a backslash or text that is not known beforehand")
    found = parse(sql)
    if found.error or not found.statements:
        return destroys("database", found.error or "psql without a statement")
    for why in _beyond_looking([{each.kind: each.node} for each in found.statements]):
        return destroys("database", f"psql runs `{sql.strip()[:60]}`: {why}")
    return reads()


def _beyond_looking(node: Any) -> Iterator[str]:
    """Why a tree does more than look, or may."""
    if isinstance(node, list):
        for each in node:
            yield from _beyond_looking(each)
    elif isinstance(node, Mapping):
        for name, value in node.items():
            if name[:1].isupper():
                yield from _of_node(name, value)
            yield from _of_field(name, value)
            yield from _beyond_looking(value)


def _of_node(name: str, value: Any) -> Iterator[str]:
    if name not in _NODES:
        yield f"a {name} is not known to look only"
    elif name == "ExplainStmt" and value.get("options"):
        yield "an option of EXPLAIN may run the statement"
    elif name == "FuncCall" and _last(value.get("funcname"), "pg_catalog") not in _FUNCTIONS:
        yield f"{_last(value.get('funcname'), '') or 'a function'}() may do anything"
    elif name == "TypeCast" and _last(value.get("typeName", {}).get("names"), "pg_catalog") not in _TYPES:
        yield "a type's input function may do anything"


def _of_field(name: str, value: Any) -> Iterator[str]:
    if name in ("intoClause", "lockingClause") and value:
        yield "it makes a table or locks rows"
    if name == "name" and isinstance(value, list) and len(value) > 1:
        yield "an operator of a schema may do anything"


def _last(path: Any, schema: str) -> str:
    """The last of a name's pieces; "" when another schema stands before it."""
    pieces = [str(each.get("String", {}).get("sval", "")) for each in path or () if isinstance(each, dict)]
    return pieces[-1] if pieces and (len(pieces) == 1 or pieces[:-1] == [schema]) else ""
