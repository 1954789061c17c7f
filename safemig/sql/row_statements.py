"""Statements that read and write rows, and leave every definition as it is."""

from __future__ import annotations

from safemig.sql.functions import SETS_SEQUENCE, bare, is_harmless
from safemig.sql.parser import Node, Statement, nodes, strings

_OF_ROWS = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


def keeps_definitions(statement: Statement) -> bool:
    """Whether the statement makes, changes and drops nothing but rows; a function that is not known may do anything."""
    return statement.kind in _OF_ROWS and all(
        kind != "intoClause" and (kind != "FuncCall" or _is_known(node)) for kind, node in nodes(statement.node)
    )


def _is_known(call: Node) -> bool:
    name = strings(call.get("funcname"))
    return call.get("funcformat") == "COERCE_SQL_SYNTAX" or is_harmless(name) or bare(name) == SETS_SEQUENCE
