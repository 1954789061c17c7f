"""What a statement of SQL may lose, or changes so that a person is asked, judged on PostgreSQL's own parse tree.

The lists hold what is known to lose nothing; every other statement, action and function counts as a loss.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from safemig.sql.counters import counts_on, option_counts_anew
from safemig.sql.functions import HARMLESS, SETS_SEQUENCE, bare, is_harmless
from safemig.sql.parser import Node, Statement, kind_of, nodes, relation, strings
from safemig.sql.row_filling import fills
from safemig.sql.settings import meaning_of_set, meaning_of_transaction, setting
from safemig.sql.text import tokens
from safemig.sql.type_changes import keeps

Kind = Literal[
    "data loss", "unknown", "irreversible",
    "constraint dropped", "weakens access", "trigger", "rename", "type change", "transaction",
]  # fmt: skip
LOSSES: tuple[Kind, ...] = ("data loss", "unknown", "irreversible")


@dataclass(frozen=True)
class Hazard:
    """``kind`` says whether data may be lost (LOSSES) or a person is only to be asked; ``what`` is said of the line."""

    kind: Kind
    what: str


# Statements that touch no row and change no right.
_HARMLESS = frozenset({
    "CommentStmt", "VariableShowStmt", "ConstraintsSetStmt", "LockStmt", "VacuumStmt", "ReindexStmt", "ClusterStmt",
    "RefreshMatViewStmt", "ListenStmt", "UnlistenStmt", "NotifyStmt", "CheckPointStmt",
    "CreateStmt", "CreateSeqStmt", "CreateEnumStmt", "CompositeTypeStmt", "CreateRangeStmt", "CreateDomainStmt",
    "CreateExtensionStmt", "CreateStatsStmt",
    "CreatePublicationStmt", "CreateCastStmt", "CreateOpClassStmt", "CreateOpFamilyStmt", "DefineStmt", "ViewStmt",
    "CreateForeignTableStmt", "AlterTypeStmt", "AlterStatsStmt",
    "AlterCollationStmt", "AlterObjectDependsStmt", "AlterOperatorStmt",
})  # fmt: skip
# Statements that leave nothing behind unless one inside of them does: a downgrade of these alone is none.
_LEAVES_NOTHING = frozenset({
    "SelectStmt", "VariableSetStmt", "VariableShowStmt", "TransactionStmt", "ExplainStmt", "LockStmt", "VacuumStmt",
    "ListenStmt", "UnlistenStmt", "NotifyStmt", "CheckPointStmt", "ConstraintsSetStmt", "DiscardStmt", "ReindexStmt",
    "ClusterStmt",
})  # fmt: skip
# Statements whose expressions are run at once or for each row that is there.
_RUNS = frozenset({
    "SelectStmt", "InsertStmt", "UpdateStmt", "CreateTableAsStmt", "ExplainStmt", "IndexStmt", "CreateStmt",
    "VariableSetStmt", "CreateDomainStmt", "AlterDomainStmt", "CommentStmt", "CreateSchemaStmt",
})  # fmt: skip
# What a DROP without CASCADE takes away besides a definition: PostgreSQL refuses it while something hangs on it.
_DROPPED = frozenset({
    "INDEX", "VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "ROUTINE", "POLICY", "RULE", "AGGREGATE", "CAST", "COLLATION",
    "CONVERSION", "STATISTIC_EXT", "OPERATOR", "OPCLASS", "OPFAMILY", "DOMAIN", "TYPE",
})  # fmt: skip
_HOLDS = frozenset({"TABLE", "SCHEMA", "MATVIEW", "SEQUENCE", "FOREIGN_TABLE"})
_ACTIONS = frozenset({
    "AT_AddColumn", "AT_ColumnDefault", "AT_DropNotNull", "AT_SetNotNull", "AT_DropExpression", "AT_SetStatistics",
    "AT_SetOptions", "AT_ResetOptions", "AT_SetStorage", "AT_SetCompression", "AT_AddIndex", "AT_AddConstraint",
    "AT_AddIndexConstraint", "AT_AlterConstraint", "AT_ValidateConstraint", "AT_ClusterOn", "AT_DropCluster",
    "AT_SetLogged", "AT_SetTableSpace", "AT_SetRelOptions", "AT_ResetRelOptions", "AT_EnableTrig",
    "AT_EnableAlwaysTrig", "AT_EnableTrigAll", "AT_EnableTrigUser", "AT_EnableRule", "AT_EnableAlwaysRule",
    "AT_AddInherit", "AT_AttachPartition", "AT_ReplicaIdentity",
    "AT_AddIdentity", "AT_SetIdentity",
})  # fmt: skip
_ACCESS_ACTIONS = {
    "AT_DisableTrig": "disables a trigger", "AT_DisableTrigAll": "disables the triggers, foreign keys among them",
    "AT_EnableReplicaTrig": "lets a trigger act in replicas alone", "AT_EnableReplicaRule": "keeps a rule to replicas",
    "AT_DisableTrigUser": "disables the triggers", "AT_DisableRule": "disables a rule",
    "AT_DisableRowSecurity": "disables row level security",
    "AT_NoForceRowSecurity": "lets the owner pass row level security", "AT_ChangeOwner": "gives it to another owner",
}  # fmt: skip
_NO_RENAME = frozenset({
    "INDEX", "TABCONSTRAINT", "DOMCONSTRAINT", "TRIGGER", "POLICY", "RULE", "STATISTIC_EXT", "EXTENSION",
})  # fmt: skip
_POWERS = frozenset({"superuser", "bypassrls", "createrole", "createdb", "isreplication", "canlogin", "addroleto"})


def hazards(statement: Statement, made: Collection[str] = ()) -> tuple[Hazard, ...]:
    """Why the statement may lose data, or what a person should be asked about; () for one known to do neither.

    ``made`` is what the same change has made before (``makes``): nobody relies on it yet.
    """
    shown = _Shown(statement)
    found = tuple(_judged(statement.kind, statement.node, shown, made))
    return tuple(dict.fromkeys(found))


def writes(statement: Statement) -> bool:
    """Whether the statement does more than to look, to set something for its session or to refuse."""
    if statement.kind == "DoStmt":
        return _REFUSES.search(statement.text) is None
    where = kind_of(statement.node.get("whereClause"))[1]
    if "boolval" in where and not where["boolval"].get("boolval"):
        return False
    return statement.kind not in _LEAVES_NOTHING or any(
        kind in _MODIFIES or kind == "intoClause" for kind, _ in nodes(statement.node)
    )


def makes(statement: Statement) -> Iterator[str]:
    """The tables that the statement makes, and ``constraint TABLE.NAME`` and ``column TABLE.NAME`` of what it adds to
    tables; nothing that IF NOT EXISTS may have left as it was."""
    node = statement.node
    table = relation(node.get("relation"))
    if statement.kind == "CreateStmt" and not node.get("if_not_exists"):
        yield table
    elif statement.kind == "CreateTableAsStmt" and not node.get("if_not_exists"):
        yield relation(node.get("into", {}).get("rel"))
    elif statement.kind == "AlterTableStmt":
        for command in node.get("cmds", ()):
            action = kind_of(command)[1]
            kind, definition = kind_of(action.get("def"))
            if action.get("subtype") == "AT_AddConstraint" and kind == "Constraint" and definition.get("conname"):
                yield f"constraint {table}.{definition['conname']}"
            elif action.get("subtype") == "AT_AddColumn" and not action.get("missing_ok"):
                yield f"column {table}.{definition.get('colname')}"


_REFUSES = re.compile(r"\braise\s+(exception\b|')", re.I)


class _Shown:
    """How a statement is named: its first words; its strings may be secrets."""

    def __init__(self, statement: Statement) -> None:
        self._text = statement.text

    def __str__(self) -> str:
        own = [token for token in tokens(self._text[:400]) if token.kind != "comment"]
        words = " ".join("'…'" if token.kind == "string" else token.text for token in own[:6])
        return words if len(own) <= 6 and len(self._text) <= 400 else f"{words} …"


_Judge = Callable[[Node, _Shown, Collection[str]], Iterator[Hazard]]
_MODIFIES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


def _judged(kind: str, node: Node, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    judge = _JUDGES.get(kind)
    if judge is not None:
        yield from judge(node, shown, made)
    elif kind not in _HARMLESS and kind != "SelectStmt":
        yield _unknown(shown)
    if kind in _RUNS:
        yield from _expressions(node, shown)


def _unknown(shown: _Shown) -> Hazard:
    return Hazard("unknown", f"runs a statement, and what that does is not known ({shown})")


def _loss(what: str, shown: _Shown) -> Hazard:
    return Hazard("data loss", f"{what} ({shown})")


def _expressions(node: Node, shown: _Shown) -> Iterator[Hazard]:
    """What the parts of a statement do: the functions that it calls, and rows that a WITH takes away."""
    for kind, inner in nodes(node):
        if kind == "FuncCall":
            yield from _calls(inner, node, shown)
        elif kind == "A_Expr" and len(strings(inner.get("name"))) > 1 and inner["name"][0] != _CATALOG:
            yield Hazard("unknown", f"uses the operator {'.'.join(strings(inner['name']))}, which is not read")
        elif kind in _MODIFIES:
            yield from _JUDGES[kind](inner, shown, ())
        elif kind == "ExecuteStmt":
            yield _unknown(shown)


_CATALOG = {"String": {"sval": "pg_catalog"}}


def _calls(call: Node, statement: Node, shown: _Shown) -> Iterator[Hazard]:
    name = strings(call.get("funcname"))
    if name[-1:] == ("set_config",) and len(name) == 1:
        first = kind_of((call.get("args") or [{}])[0])[1].get("sval", {}).get("sval", "")
        if not first:
            yield Hazard("weakens access", f"sets a setting for the session ({shown})")
        elif meaning := setting(first):
            yield Hazard(meaning[0], f"{meaning[1]} ({shown})")
    elif bare(name) == SETS_SEQUENCE:
        if not counts_on(call, statement):
            yield _loss("sets a sequence to another number than the highest in use; it may give numbers twice", shown)
    elif call.get("funcformat") != "COERCE_SQL_SYNTAX" and not is_harmless(name):
        yield Hazard("unknown", f"calls {'.'.join(name)}(), and what that does is not read")


def _takes_rows(_node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    yield _loss("takes rows away", shown)


def _update(node: Node, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    if not fills(node, made):
        yield _loss("overwrites what rows hold", shown)


def _insert(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    if node.get("onConflictClause", {}).get("action") == "ONCONFLICT_UPDATE":
        yield _loss("overwrites what rows hold", shown)


def _nothing(_node: Node, _shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    yield from ()


def _block(_node: Node, _shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    yield Hazard("unknown", "runs a block of code that is not read (DO or CALL)")


def _transaction(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    if meaning := meaning_of_transaction(node):
        yield Hazard(meaning[0], f"{meaning[1]} ({shown})")


def _sets(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    if meaning := meaning_of_set(node):
        yield Hazard(meaning[0], f"{meaning[1]} ({shown})")


def _policy(node: Node, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    if node.get("permissive") and relation(node.get("table")) not in made:
        yield Hazard("weakens access", f"lets more rows through row level security ({shown})")


def _grant(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    grantees = [kind_of(role)[1] for role in node.get("grantees", ())]
    if not node.get("is_grant"):
        yield Hazard("weakens access", f"takes rights away from roles that may use them ({shown})")
    elif any(role.get("roletype") == "ROLESPEC_PUBLIC" for role in grantees):
        yield Hazard("weakens access", f"gives rights to every role ({shown})")


def _role(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    names = {str(kind_of(option)[1].get("defname", "")) for option in node.get("options", ())}
    if names & _POWERS:
        yield Hazard("weakens access", f"makes a role with powers of its own ({shown})")


def _makes_function(node: Node, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    yield from _alters_function(node, shown, made)
    returned = strings(node.get("returnType", {}).get("names"))
    if node.get("replace") and returned[-1:] in (("trigger",), ("event_trigger",)):
        yield Hazard("trigger", f"may replace what a trigger on a table in use does ({shown})")
    if strings(node.get("funcname"))[-1:] and strings(node.get("funcname"))[-1] in {*HARMLESS, SETS_SEQUENCE}:
        yield Hazard("unknown", f"makes a function under a name of PostgreSQL's own, which it may stand for ({shown})")


def _alters_function(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    for option in (*node.get("actions", ()), *node.get("options", ())):
        action = kind_of(option)[1]
        if action.get("defname") == "security" and action.get("arg", {}).get("Boolean", {}).get("boolval"):
            yield Hazard("weakens access", f"lets a function act with its owner's rights ({shown})")


def _schema(node: Node, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    for element in node.get("schemaElts", ()):
        yield from _judged(*kind_of(element), shown, made)


def _access(_node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    yield Hazard("weakens access", f"changes who may do what ({shown})")


def _moves(_node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    yield Hazard("weakens access", f"moves it to another schema, where other rights and names hold ({shown})")


def _renames(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    kind = str(node.get("renameType", "")).removeprefix("OBJECT_")
    if kind not in _NO_RENAME:
        yield Hazard("rename", f"renames what running code may use by its old name ({shown})")


def _enum(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    if node.get("oldVal"):
        yield Hazard("rename", f"renames what running code may use by its old name ({shown})")


def _trigger(node: Node, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    if relation(node.get("relation")) not in made:
        yield Hazard("trigger", f"puts a trigger on a table that is in use ({shown})")


def _drops(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    kind = str(node.get("removeType", "")).removeprefix("OBJECT_")
    if kind in _HOLDS:
        yield _loss("drops what holds data", shown)
    elif node.get("behavior") == "DROP_CASCADE":
        yield _loss("drops what others may hang on", shown)
    elif kind not in _DROPPED:
        yield _unknown(shown)
    elif kind == "TRIGGER":
        yield Hazard("trigger", f"takes a trigger from a table that is in use ({shown})")
    elif kind == "POLICY":
        yield Hazard("weakens access", f"drops a policy of row level security ({shown})")


def _drops_data(_node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    yield _loss("drops what holds data", shown)


def _domain(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    if node.get("behavior") == "DROP_CASCADE":
        yield _loss("drops what others may hang on", shown)
    elif node.get("subtype") == "X":
        yield Hazard("constraint dropped", f"drops a constraint ({shown})")


def _sequence(node: Node, shown: _Shown, _made: Collection[str]) -> Iterator[Hazard]:
    if any(option_counts_anew(kind_of(option)[1]) for option in node.get("options", node.get("items", ()))):
        yield _loss("counts anew, and where the sequence stood is lost", shown)


def _alters_table(node: Node, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    for command in node.get("cmds", ()):
        yield from _acts(kind_of(command)[1], relation(node.get("relation")), shown, made)


def _acts(action: Node, table: str, shown: _Shown, made: Collection[str]) -> Iterator[Hazard]:
    """What one action of an ALTER TABLE does."""
    kind = str(action.get("subtype", ""))
    definition = kind_of(action.get("def"))[1]
    if kind == "AT_DropColumn":
        yield _loss("drops a column with its data", shown)
    elif action.get("behavior") == "DROP_CASCADE":
        yield _loss("drops what others may hang on", shown)
    elif kind == "AT_DropConstraint":
        if f"constraint {table}.{action.get('name')}" not in made:
            yield Hazard("constraint dropped", f"drops the constraint {action.get('name')} ({shown})")
    elif kind == "AT_AlterColumnType":
        yield _type_change(definition, shown)
    elif kind == "AT_DropIdentity":
        yield _loss("drops the sequence of a column, and where it stood is lost", shown)
    elif kind in ("AT_EnableRowSecurity", "AT_ForceRowSecurity"):
        if table not in made:
            yield Hazard("weakens access", f"hides the rows of a table in use that no policy lets through ({shown})")
    elif kind in _ACCESS_ACTIONS:
        yield Hazard("weakens access", f"{_ACCESS_ACTIONS[kind]} ({shown})")
    elif kind not in _ACTIONS:
        yield _unknown(shown)
    elif kind == "AT_SetIdentity":
        yield from _sequence(definition, shown, made)
    elif kind in ("AT_AddColumn", "AT_AddConstraint"):
        # Run for each row that is there; a new default of a column is not.
        yield from _expressions(action, shown)


def _type_change(definition: Node, shown: _Shown) -> Hazard:
    if "raw_default" in definition:
        return _loss("changes a type with USING, and what does not fit the new one is lost", shown)
    # The type before does not stand here: only what holds the values of every type is known.
    if keeps("unknown", type_name(definition.get("typeName"))):
        return Hazard("type change", f"changes the type of a column ({shown})")
    return _loss("changes a type, and what does not fit the new one may be lost", shown)


def type_name(node: Node | None) -> str:
    """``varchar(3)[]`` for a ``TypeName``; "" for one with parameters that are no numbers."""
    if not node:
        return ""
    names = [name for name in strings(node.get("names")) if name != "pg_catalog"]
    sizes = [kind_of(size)[1].get("ival", {}).get("ival") for size in node.get("typmods", ())]
    if any(not isinstance(size, int) for size in sizes):
        return ""
    size = f"({','.join(map(str, sizes))})" if sizes else ""
    return ".".join(names) + size + "[]" * len(node.get("arrayBounds", ()))


_JUDGES: Mapping[str, _Judge] = {
    "TruncateStmt": _takes_rows, "DeleteStmt": _takes_rows, "MergeStmt": _takes_rows, "UpdateStmt": _update,
    "InsertStmt": _insert, "CreateTableAsStmt": _nothing, "ExplainStmt": _nothing, "IndexStmt": _nothing,
    "DoStmt": _block, "CallStmt": _block, "TransactionStmt": _transaction, "VariableSetStmt": _sets,
    "GrantStmt": _grant, "GrantRoleStmt": _access, "AlterDefaultPrivilegesStmt": _access, "CreateRoleStmt": _role,
    "AlterRoleStmt": _access, "AlterRoleSetStmt": _access, "AlterOwnerStmt": _access, "AlterPolicyStmt": _access,
    "SecLabelStmt": _access,
    "AlterObjectSchemaStmt": _moves, "RenameStmt": _renames, "AlterEnumStmt": _enum, "CreateTrigStmt": _trigger,
    "DropStmt": _drops, "DropOwnedStmt": _drops_data, "DropdbStmt": _drops_data, "AlterDomainStmt": _domain,
    "AlterTableStmt": _alters_table, "CreateFunctionStmt": _makes_function, "AlterFunctionStmt": _alters_function,
    "CreateSchemaStmt": _schema, "CreatePolicyStmt": _policy, "AlterSeqStmt": _sequence,
}  # fmt: skip
