"""Text in the arguments of a call that becomes a piece of the statement as it stands."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from safemig.migrations.from_python import argument
from safemig.migrations.operation_targets import is_none
from safemig.migrations.python_values import BUILT

if TYPE_CHECKING:
    from safemig.migrations.python_reader import Reader

# Arguments whose plain string is a piece of SQL, by the last name of what is called.
_RAW = {"Computed": (0, "sqltext"), "CheckConstraint": (0, "sqltext"), "create_check_constraint": (2, "condition")}


def check_raw_text(reader: Reader, node: ast.Call, called: str, at: int) -> None:
    """Plain strings that become a piece of the statement as they stand."""
    place, name = _RAW.get(called, (-1, ""))
    texts = [argument(node, place, name)] if name else []
    texts += [word.value for word in node.keywords if word.arg in ("postgresql_where", "sqlite_where", "where")]
    for text in texts:
        if text is None or is_none(text):
            continue
        value = reader.value(text, at)
        if value.kind == "text":
            reader.consume(text, replace(value, sql=True))
        elif value.kind not in BUILT and not (value.kind == "data" and value.items):
            reader.unknown(text, f"puts text that is no literal into the statement as it stands ({called})")
    if called == "column" and len(node.args) > 2:
        reader.unknown(node, "puts text into the statement as it stands (is_literal)")
    for word in node.keywords:
        if word.arg == "is_literal" or _may_end_statement(reader, word, at):
            reader.unknown(word.value, f"puts text into the statement as it stands ({word.arg})")


def _may_end_statement(reader: Reader, word: ast.keyword, at: int) -> bool:
    """Whether an option that stands in the statement as it is holds what may end that, or hide its rest."""
    if not ((word.arg or "").startswith("postgresql_") or word.arg in ("prefixes", "using")):
        return False
    value = reader.value(word.value, at)
    pieces = [inner.value for inner in ast.walk(word.value) if isinstance(inner, ast.Constant)]
    pieces += [item.name for item in (value, *value.items) if item.kind == "text"]
    return any(isinstance(piece, str) and (";" in piece or "--" in piece) for piece in pieces)
