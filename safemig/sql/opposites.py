"""The statement of SQL that takes another one back, from PostgreSQL's own tree, where that loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from safemig.sql.identifiers import qualify_if_needed, quote_if_needed
from safemig.sql.parser import Node, Statement, kind_of, relation, strings
from safemig.sql.text import tokens


def opposite(statement: Statement) -> str:
    """The statement, an ALTER TABLE with one action, that takes it back, without a semicolon; "" for none."""
    writer = _WRITERS.get(statement.kind)
    if writer is None or statement.node.get("replace"):
        return ""
    found = writer(statement.node)
    return found if isinstance(found, str) else found(statement.text)


def target(statement: Statement) -> str:
    """The table whose rows, privileges or comments the statement changes; "" for any other statement."""
    node = statement.node
    if statement.kind in ("InsertStmt", "UpdateStmt", "DeleteStmt"):
        return relation(node.get("relation"))
    if statement.kind == "GrantStmt" and node.get("objtype") == "OBJECT_TABLE":
        tables = {relation(kind_of(object_)[1]) for object_ in node.get("objects", ())}
        return tables.pop() if len(tables) == 1 else ""
    if statement.kind == "CommentStmt":
        parts = strings(kind_of(node.get("object"))[1].get("items"))
        parts = parts if node.get("objtype") == "OBJECT_TABLE" else parts[:-1] if _of_table(node) else ()
        return ".".join(parts[1:] if parts[:1] == ("public",) and len(parts) > 1 else parts)
    return ""


def _of_table(node: Node) -> bool:
    return str(node.get("objtype")).removeprefix("OBJECT_") in ("COLUMN", "TABCONSTRAINT", "TRIGGER", "POLICY", "RULE")


def type_text(node: Node | None) -> str:
    """The type as SQL writes it: ``varchar(3)[]``; "" for one whose parameters are no plain values."""
    if not node or node.get("pct_type"):
        return ""
    parts = strings(node.get("names"))
    name = ".".join(parts[1:]) if parts[:1] == ("pg_catalog",) else qualify_if_needed(*parts)
    sizes = [kind_of(size)[1].get("ival", {"ival": ""}).get("ival", 0) for size in node.get("typmods", ())]
    size = f"({', '.join(map(str, sizes))})" if sizes else ""
    return name + size + "[]" * len(node.get("arrayBounds", ()))


def relation_text(node: Node | None) -> str:
    """The table, view, sequence or type that a RangeVar names, as SQL writes it."""
    return qualify_if_needed(*(str(node.get(part, "")) for part in ("schemaname", "relname"))) if node else ""


def _dropped(kind: str, field: str) -> Callable[[Node], str]:
    """What a CREATE makes under that field: a relation, a list of names or a name."""

    def write(node: Node) -> str:
        named = node.get(field)
        if isinstance(named, Mapping):
            return f"DROP {kind} {relation_text(named)}"
        return f"DROP {kind} {qualify_if_needed(*([named] if isinstance(named, str) else strings(named)))}"

    return write


def _hanging(kind: str, name: str, table: str) -> Callable[[Node], str]:
    return lambda node: f"DROP {kind} {quote_if_needed(node[name])} ON {relation_text(node[table])}"


def _table_as(node: Node) -> str:
    kind = "MATERIALIZED VIEW" if node.get("objtype") == "OBJECT_MATVIEW" else "TABLE"
    return f"DROP {kind} {relation_text(node['into']['rel'])}"


def _schema(node: Node) -> str:
    name = node.get("schemaname")
    return f"DROP SCHEMA {quote_if_needed(name)}" if name and not node.get("schemaElts") else ""


def _defined(node: Node) -> str:
    return _dropped("TYPE", "defnames")(node) if node.get("kind") == "OBJECT_TYPE" else ""


def _routine(node: Node) -> str:
    """A function or a procedure goes by its name and arguments: others may have the same name."""
    parameters = [kind_of(parameter)[1] for parameter in node.get("parameters", ())]
    return _signed(f"DROP {'PROCEDURE' if node.get('is_procedure') else 'FUNCTION'}", node["funcname"], parameters)


_MODES = {"FUNC_PARAM_OUT": "OUT ", "FUNC_PARAM_INOUT": "INOUT ", "FUNC_PARAM_VARIADIC": "VARIADIC "}


def _signed(head: str, name: Sequence[Node], parameters: Sequence[Node]) -> str:
    types = [type_text(parameter.get("argType")) for parameter in parameters]
    if not all(types):
        return ""
    arguments = [
        f"{_MODES.get(one.get('mode', ''), '')}{quote_if_needed(one['name']) + ' ' if 'name' in one else ''}{type_}"
        for one, type_ in zip(parameters, types, strict=True)
        if one.get("mode") != "FUNC_PARAM_TABLE"
    ]
    return f"{head} {qualify_if_needed(*strings(name))}({', '.join(arguments)})"


def _grant(node: Node) -> str | Callable[[str], str]:
    if not node.get("is_grant") or node.get("grant_option") or node.get("targtype") != "ACL_TARGET_OBJECT":
        return ""
    return _revoked


def _revoked(text: str) -> str:
    own = tokens(text)
    to = max(at for at, token in enumerate(own) if token.upper == "TO")
    return f"REVOKE {text[own[1].start : own[to].start].rstrip()} FROM {text[own[to].end :].strip()}"


def _comment(node: Node) -> str | Callable[[str], str]:
    """No comment in the place of a new one; whether there was another before is seen when the revision is proved."""
    return _uncommented if node.get("comment") is not None else ""


def _uncommented(text: str) -> str:
    end = max(token.start for token in tokens(text) if token.upper == "IS")
    return f"{text[:end].rstrip()} IS NULL"


_BY_RELATION = {
    "INDEX": "INDEX", "VIEW": "VIEW", "MATVIEW": "MATERIALIZED VIEW", "SEQUENCE": "SEQUENCE",
    "FOREIGN_TABLE": "FOREIGN TABLE",
}  # fmt: skip


def _renamed(node: Node) -> str:
    kind = str(node.get("renameType")).removeprefix("OBJECT_")
    table, new = node.get("relation"), quote_if_needed(node["newname"])
    old = quote_if_needed(node["subname"]) if "subname" in node else ""
    back = f"RENAME TO {old}"
    if kind in _BY_RELATION and table:
        there = qualify_if_needed(str(table.get("schemaname", "")), node["newname"])
        return f"ALTER {_BY_RELATION[kind]} {there} RENAME TO {quote_if_needed(table['relname'])}"
    if kind == "TABCONSTRAINT":
        return f"ALTER TABLE {relation_text(table)} RENAME CONSTRAINT {new} TO {old}"
    if kind == "COLUMN":
        owner = _BY_RELATION.get(str(node.get("relationType")).removeprefix("OBJECT_"))
        return f"ALTER {owner} {relation_text(table)} RENAME COLUMN {new} TO {old}" if owner else ""
    if kind == "ATTRIBUTE":
        return f"ALTER TYPE {relation_text(table)} RENAME ATTRIBUTE {new} TO {old}"
    if kind in ("TRIGGER", "POLICY", "RULE"):
        return f"ALTER {kind} {new} ON {relation_text(table)} {back}"
    if kind == "SCHEMA":
        return f"ALTER SCHEMA {new} {back}"
    shape, value = kind_of(node.get("object"))
    parts = strings(value.get("items") if shape == "List" else value.get("objname"))
    aim = (*parts[:-1], node["newname"])
    if kind in ("TYPE", "DOMAIN"):
        return f"ALTER {kind} {qualify_if_needed(*aim)} RENAME TO {quote_if_needed(parts[-1])}"
    if kind in ("FUNCTION", "PROCEDURE"):
        parameters = [kind_of(objfuncarg)[1] for objfuncarg in value.get("objfuncargs", ())]
        signed = _signed(f"ALTER {kind}", [{"String": {"sval": part}} for part in aim], parameters)
        return f"{signed} RENAME TO {quote_if_needed(parts[-1])}" if signed else ""
    return ""


def _enum(node: Node) -> str:
    if not node.get("oldVal"):
        return ""
    new, old = (node[field].replace("'", "''") for field in ("newVal", "oldVal"))
    return f"ALTER TYPE {qualify_if_needed(*strings(node['typeName']))} RENAME VALUE '{new}' TO '{old}'"


def _sequence(node: Node) -> str:
    options = [kind_of(option)[1].get("defname") for option in node.get("options", ())]
    return f"ALTER SEQUENCE {relation_text(node['sequence'])} OWNED BY NONE" if options == ["owned_by"] else ""


_SWITCHES = {
    "AT_EnableRowSecurity": "DISABLE ROW LEVEL SECURITY", "AT_DisableRowSecurity": "ENABLE ROW LEVEL SECURITY",
    "AT_ForceRowSecurity": "NO FORCE ROW LEVEL SECURITY", "AT_NoForceRowSecurity": "FORCE ROW LEVEL SECURITY",
    "AT_EnableTrigAll": "DISABLE TRIGGER ALL", "AT_DisableTrigAll": "ENABLE TRIGGER ALL",
    "AT_EnableTrigUser": "DISABLE TRIGGER USER", "AT_DisableTrigUser": "ENABLE TRIGGER USER",
}  # fmt: skip
_OF_NAME = {
    "AT_EnableTrig": "DISABLE TRIGGER {}", "AT_DisableTrig": "ENABLE TRIGGER {}",
    "AT_AddIdentity": "ALTER COLUMN {} DROP IDENTITY",
}  # fmt: skip


def _altered(node: Node) -> str:
    """The change that is the opposite of one that loses nothing; what was there before, if anything, is seen when the
    revision is proved."""
    action = kind_of(node["cmds"][0])[1]
    kind, definition = str(action.get("subtype")), kind_of(action.get("def"))[1]
    there = _SWITCHES.get(kind, "")
    if kind in _OF_NAME:
        there = _OF_NAME[kind].format(quote_if_needed(action["name"]))
    elif kind == "AT_AttachPartition" and node.get("objtype") == "OBJECT_TABLE":
        there = f"DETACH PARTITION {relation_text(definition['name'])}"
    elif kind == "AT_AddConstraint" and "conname" in definition:
        there = f"DROP CONSTRAINT {quote_if_needed(definition['conname'])}"
    return f"ALTER TABLE {relation_text(node['relation'])} {there}" if there else ""


_WRITERS: Mapping[str, Callable[[Node], str | Callable[[str], str]]] = {
    "ViewStmt": _dropped("VIEW", "view"), "CreateTableAsStmt": _table_as, "CreateFunctionStmt": _routine,
    "CreateEnumStmt": _dropped("TYPE", "typeName"), "CompositeTypeStmt": _dropped("TYPE", "typevar"),
    "CreateRangeStmt": _dropped("TYPE", "typeName"), "DefineStmt": _defined,
    "CreateDomainStmt": _dropped("DOMAIN", "domainname"), "CreateSeqStmt": _dropped("SEQUENCE", "sequence"),
    "CreateExtensionStmt": _dropped("EXTENSION", "extname"), "CreateSchemaStmt": _schema,
    "CreatePublicationStmt": _dropped("PUBLICATION", "pubname"), "CreateStatsStmt": _dropped("STATISTICS", "defnames"),
    "CreateForeignTableStmt": lambda node: f"DROP FOREIGN TABLE {relation_text(node['base']['relation'])}",
    "CreateEventTrigStmt": _dropped("EVENT TRIGGER", "trigname"),
    "CreateTrigStmt": _hanging("TRIGGER", "trigname", "relation"),
    "CreatePolicyStmt": _hanging("POLICY", "policy_name", "table"),
    "RuleStmt": _hanging("RULE", "rulename", "relation"),
    "GrantStmt": _grant, "CommentStmt": _comment, "RenameStmt": _renamed, "AlterEnumStmt": _enum,
    "AlterSeqStmt": _sequence, "AlterTableStmt": _altered,
}  # fmt: skip
