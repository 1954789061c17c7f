"""What a ``psql`` command line does: only a plain question to the database is a read."""

from __future__ import annotations

import re

from safemig.effects_lex import HOLE, names
from safemig.effects_tools import Effects, Words, destroys, reads, unknown

_ALONE = re.compile(
    r"-[tAqXxEeawnW1]+|--(tuples-only|no-align|quiet|no-psqlrc|csv|expanded|no-password)|--list|-l|--version"
)
_VALUE = names("-U --username -d --dbname -h --host -p --port -v --set --variable -P --pset -F --field-separator")
_COMMAND = re.compile(r"-[tAqXx]*c|--command")

# Meta-commands that list; backquotes in their arguments would run a shell, so only names are let through.
_LISTS = re.compile(r"\\(?:d[A-Za-z+]*|l\+?|conninfo)(?:\s+[\w.\"*]+)*\s*")
_QUESTION = re.compile(r"(?:select|show|table|values)\b", re.IGNORECASE)
_ACTS = re.compile(
    r"\b(?:into|insert|update|delete|merge|drop|truncate|alter|create|grant|revoke|copy|do|call|execute|prepare|lock"
    r"|vacuum|cluster|reindex|refresh|set|reset|listen|notify|comment|import|share)\b",
    re.IGNORECASE,
)
# A function can do anything, so only these are known to look and no more.
_FUNCTIONS = names(
    "count min max sum avg version now current_database current_schema current_schemas current_user coalesce lower"
    " upper length round exists in any all values and or not as on where from select over filter to_regclass"
    " pg_is_in_recovery current_setting pg_size_pretty pg_database_size pg_total_relation_size pg_relation_size"
    " array_agg string_agg json_agg jsonb_agg row_number format_type pg_get_constraintdef pg_get_indexdef"
)
_CALL = re.compile(r"([\w.$\"]*)\s*\(")


def psql(args: Words) -> Effects:
    """A read when every ``-c`` is a question and no other source of statements (file, standard input) is used."""
    rest, questions, listing, operands = list(args), 0, False, 0
    while rest:
        word = rest.pop(0)
        if word.startswith("--command="):
            rest.insert(0, word.partition("=")[2])
            word = "--command"
        if _COMMAND.fullmatch(word):
            verdict = statements(rest.pop(0) if rest else HOLE)
            if verdict.effect != "read":
                return verdict
            questions += 1
        elif word in _VALUE:
            rest = rest[1:]
        elif word in ("-l", "--list", "--version"):
            listing = True
        elif word.startswith("-") and HOLE not in word and (_ALONE.fullmatch(word) or _glued(word)):
            continue
        elif word.startswith("-"):
            return unknown(("psql", *args))
        else:
            operands += 1
            # An unquoted variable may hold further options, so it is trusted only inside a URL or a name.
            if word.startswith(HOLE):
                return unknown(("psql", *args))
    if (questions or listing) and operands <= 2:
        return reads()
    return destroys("database", "psql runs statements that safemig cannot see")


def _glued(word: str) -> bool:
    """``-Uname`` and ``--username=name``."""
    option = word.partition("=")[0] if word.startswith("--") else word[:2]
    return option in _VALUE and len(word) > len(option)


def statements(sql: str) -> Effects:
    """The effect of the text of one ``-c``."""
    if _LISTS.fullmatch(sql.strip()):
        return reads()
    if HOLE in sql or any(mark in sql for mark in ("\\", "--", "/*")):
        return destroys("database", "the SQL holds a comment, a backslash or text that is not known beforehand")
    found = [one.strip() for one in sql.split(";") if one.strip()]
    for one in found:
        acts = _ACTS.search(one)
        if acts is not None or not _QUESTION.match(one):
            return destroys("database", f"psql runs `{one[:60]}`")
        calls = [name.lower() for name in _CALL.findall(one)]
        strange = [name for name in calls if name and name not in _FUNCTIONS]
        if strange:
            return destroys("database", f"psql calls {strange[0]}(), which may do anything")
    return reads() if found else destroys("database", "psql without a statement")
