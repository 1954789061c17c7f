"""Whether a sequence that is set goes on from the highest number in use.

PostgreSQL's documentation: setval is not undone by a rollback, and RESTART is like it. A sequence that is set back
gives numbers out that rows, or what others have noted, hold already.
"""

from __future__ import annotations

from safemig.sql.functions import bare
from safemig.sql.parser import Node, kind_of, nodes, strings


def counts_on(call: Node, statement: Node) -> bool:
    """Whether this ``setval`` of the statement takes the sequence to the highest number of a column, over all rows of
    its table."""
    arguments = call.get("args", ())
    if len(arguments) not in (2, 3) or not _highest(arguments[1]):
        return False
    inner = [node for kind, node in nodes(statement) if kind == "SelectStmt"]
    if not all(map(_whole_table, inner or [statement])):
        return False
    if len(arguments) == 2:
        return True
    kind, called = kind_of(arguments[2])
    if kind == "NullTest":  # false for a table without rows alone
        return called.get("nulltesttype") == "IS_NOT_NULL" and _is_max(*kind_of(called.get("arg")))
    if kind != "A_Const" or "boolval" not in called:
        return False
    return bool(called["boolval"].get("boolval")) or _adds(arguments[1])


def option_counts_anew(option: Node) -> bool:
    """Whether an option of ALTER SEQUENCE lets it give numbers twice: RESTART, CYCLE, counting down."""
    kind, value = kind_of(option.get("arg"))
    if option.get("defname") == "increment":
        return kind != "Integer" or int(value.get("ival", 0)) <= 0
    cycles = kind == "Boolean" and bool(value.get("boolval"))
    return option.get("defname") == "restart" or (option.get("defname") == "cycle" and cycles)


def _highest(node: Node) -> bool:
    """``max(column)``, also plus a number, the greatest of it and others, or of a table without rows."""
    kind, inner = kind_of(node)
    if _is_max(kind, inner):
        return True
    if kind == "SubLink":
        targets = kind_of(inner.get("subselect"))[1].get("targetList", ())
        return len(targets) == 1 and _highest(kind_of(targets[0])[1].get("val", {}))
    if kind == "CoalesceExpr":
        first, *rest = inner.get("args", ())
        return _highest(first) and all(map(_number, rest))
    if kind == "MinMaxExpr" and inner.get("op") == "IS_GREATEST":
        return any(map(_highest, inner.get("args", ())))
    return _adds(node)


def _adds(node: Node) -> bool:
    """``… + 1``, or any other number above 0."""
    kind, inner = kind_of(node)
    if kind == "SubLink":
        targets = kind_of(inner.get("subselect"))[1].get("targetList", ())
        return len(targets) == 1 and _adds(kind_of(targets[0])[1].get("val", {}))
    plus = kind == "A_Expr" and strings(inner.get("name")) == ("+",)
    return plus and _highest(inner.get("lexpr", {})) and _number(inner.get("rexpr", {}), least=1)


def _is_max(kind: str, node: Node) -> bool:
    argument = kind_of((node.get("args") or [{}])[0])[0] if kind == "FuncCall" else ""
    return argument == "ColumnRef" and bare(strings(node.get("funcname"))) == "max" and set(node) <= _PLAIN


_PLAIN = {"funcname", "args", "funcformat", "location"}  # no FILTER, no window, no DISTINCT


def _number(node: Node, least: int = 0) -> bool:
    kind, inner = kind_of(node)
    return kind == "A_Const" and "ival" in inner and int(inner["ival"].get("ival", 0)) >= least


def _whole_table(select: Node) -> bool:
    """``SELECT … FROM table``: no condition, no groups, nothing that leaves rows out."""
    sources = [kind_of(source) for source in select.get("fromClause", ())]
    plain = set(select) <= {"targetList", "fromClause", "limitOption", "op"}
    return plain and len(sources) == 1 and sources[0][0] == "RangeVar" and sources[0][1].get("inh", False)
