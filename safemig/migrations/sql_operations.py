"""Statements of SQL, from PostgreSQL's own tree, as Alembic's operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from safemig.sql.identifiers import qualify_if_needed
from safemig.sql.parser import Node, Statement, kind_of, strings
from safemig.sql.text import tokens_from

if TYPE_CHECKING:
    from alembic.operations.ops import MigrateOperation
    from sqlalchemy.schema import SchemaItem
    from sqlalchemy.types import TypeEngine

_ACTIONS = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT"}


def operation(statement: Statement) -> MigrateOperation | None:
    """The operation that carries the statement, an ALTER TABLE with one action; None where none does.

    Expressions are left out of it, besides the defaults of columns: their text stands in the statement.
    """
    reader = _READERS.get(statement.kind)
    return reader(statement.node, statement.text) if reader else None


def _create_table(node: Node, text: str) -> MigrateOperation:
    from alembic.operations.ops import CreateTableOp

    elements = [kind_of(element) for element in node.get("tableElts", ())]
    definitions = [inner for kind, inner in elements if kind == "ColumnDef"]
    columns = [_column(inner, text, alone=False) for inner in definitions]
    names = {inner["colname"] for inner in definitions}
    constraints = [
        _constraint(kind_of(constraint)[1], (inner["colname"],), text)
        for inner in definitions
        for constraint in inner.get("constraints", ())
    ]
    for kind, inner in elements:
        keys = strings(inner.get("fk_attrs") or inner.get("keys"))
        if kind == "Constraint" and names.issuperset(keys):
            constraints.append(_constraint(inner, keys, text))
    relation = node["relation"]
    made = [*columns, *(constraint for constraint in constraints if constraint is not None)]
    return CreateTableOp(_name(relation), made, schema=_schema(relation))


def _constraint(node: Node, columns: Sequence[str], text: str) -> SchemaItem | None:
    """The constraint of a table that is made; None for one of a column alone, and for a kind that SQLAlchemy lacks."""
    import sqlalchemy as sa

    name = node.get("conname")
    match node.get("contype"):
        case "CONSTR_PRIMARY":
            return sa.PrimaryKeyConstraint(*columns, name=name)
        case "CONSTR_UNIQUE":
            return sa.UniqueConstraint(*columns, name=name)
        case "CONSTR_FOREIGN":
            return sa.ForeignKeyConstraint(columns, [f"….{at}" for at in range(len(columns))], name=name)
        case "CONSTR_CHECK":
            return sa.CheckConstraint(sa.text(_behind(text, node["location"], "CHECK")), name=name)
    return None


def _create_index(node: Node, _text: str) -> MigrateOperation:
    from alembic.operations.ops import CreateIndexOp
    from sqlalchemy import text

    items = [kind_of(item)[1] for item in node.get("indexParams", ())]
    columns = [item["name"] if "name" in item else text(f"…{at}") for at, item in enumerate(items)]
    options: dict[str, Any] = {"postgresql_concurrently": True} if node.get("concurrent") else {}
    table = node["relation"]
    return CreateIndexOp(
        node.get("idxname"), _name(table), columns, unique=bool(node.get("unique")), schema=_schema(table), **options
    )


def _alter_table(node: Node, text: str) -> MigrateOperation | None:
    if node.get("objtype") != "OBJECT_TABLE" or len(node.get("cmds", ())) != 1:
        return None
    action = kind_of(node["cmds"][0])[1]
    reader = _ALTERS.get(str(action.get("subtype")))
    return reader(node["relation"], action, text) if reader else None


def _add_column(table: Node, action: Node, text: str) -> MigrateOperation:
    from alembic.operations.ops import AddColumnOp

    column, there = _column(kind_of(action["def"])[1], text), action.get("missing_ok")
    return AddColumnOp(_name(table), column, schema=_schema(table), if_not_exists=there)


def _drop_column(table: Node, action: Node, _text: str) -> MigrateOperation:
    from alembic.operations.ops import DropColumnOp

    return DropColumnOp(_name(table), action["name"], schema=_schema(table))


def _drop_constraint(table: Node, action: Node, _text: str) -> MigrateOperation:
    from alembic.operations.ops import DropConstraintOp

    return DropConstraintOp(action["name"], _name(table), schema=_schema(table))


def _not_null(table: Node, action: Node, _text: str) -> MigrateOperation:
    return _altered(table, action["name"], modify_nullable=action["subtype"] == "AT_DropNotNull")


def _default(table: Node, action: Node, _text: str) -> MigrateOperation:
    from sqlalchemy import text

    return _altered(table, action["name"], modify_server_default=text("…") if "def" in action else None)


def _type(table: Node, action: Node, text: str) -> MigrateOperation:
    definition = kind_of(action["def"])[1]
    options: dict[str, Any] = {"postgresql_using": "…"} if "raw_default" in definition else {}
    return _altered(table, action["name"], modify_type=_sql_type(definition.get("typeName"), text), **options)


def _altered(table: Node, column: str, **changes: Any) -> MigrateOperation:
    from alembic.operations.ops import AlterColumnOp

    return AlterColumnOp(_name(table), column, schema=_schema(table), **changes)


def _add_constraint(table: Node, action: Node, _text: str) -> MigrateOperation | None:
    from alembic.operations import ops

    node = kind_of(action["def"])[1]
    name, kind, schema = node.get("conname"), node.get("contype"), _schema(table)
    more: dict[str, Any] = {"postgresql_not_valid": True} if node.get("skip_validation") else {}
    if kind == "CONSTR_FOREIGN":
        target = node["pktable"]
        actions: dict[str, Any] = {
            f"on{which}": _ACTIONS[node[field]]
            for which, field in (("delete", "fk_del_action"), ("update", "fk_upd_action"))
            if node.get(field) in _ACTIONS
        }
        own = list(strings(node.get("fk_attrs")))
        aims = list(strings(node.get("pk_attrs"))) or own  # left out, they are the primary key, which is not known here
        return ops.CreateForeignKeyOp(
            name, _name(table), _name(target), own, aims, source_schema=schema, referent_schema=_schema(target),
            **actions, **more,
        )  # fmt: skip
    if "indexname" in node:
        return None
    columns = list(strings(node.get("keys")))
    for field, option in (("deferrable", "deferrable"), ("including", "postgresql_include"),
                          ("nulls_not_distinct", "postgresql_nulls_not_distinct"), ("options", "postgresql_with"),
                          ("indexspace", "postgresql_tablespace")):  # fmt: skip
        more |= {option: True} if field in node else {}
    if kind == "CONSTR_UNIQUE":
        return ops.CreateUniqueConstraintOp(name, _name(table), columns, schema=schema, **more)
    if kind == "CONSTR_PRIMARY":
        return ops.CreatePrimaryKeyOp(name, _name(table), columns, schema=schema)
    if kind == "CONSTR_CHECK":
        return ops.CreateCheckConstraintOp(name, _name(table), "…", schema=schema, **more)
    return None


def _column(node: Node, text: str, *, alone: bool = True) -> Any:
    """The column, ``alone`` with what hangs on it; of its expressions only the default is told."""
    import sqlalchemy as sa

    hanging: list[Any] = []
    default, nullable = None, True
    for constraint in (kind_of(constraint)[1] for constraint in node.get("constraints", ())):
        match constraint.get("contype"):
            case "CONSTR_NOTNULL":
                nullable = False
            case "CONSTR_DEFAULT":
                default = sa.text(_behind(text, constraint["location"], "DEFAULT"))
            case "CONSTR_IDENTITY":
                hanging.append(sa.Identity())
            case "CONSTR_GENERATED":
                hanging.append(sa.Computed("…"))
            case "CONSTR_FOREIGN" if alone:
                hanging.append(sa.ForeignKey("….…"))
            case "CONSTR_NULL":
                pass
            case _ if alone:
                hanging.append(sa.CheckConstraint("…"))
    hanging += [sa.CheckConstraint("…")] if "collClause" in node else []
    type_ = _sql_type(node.get("typeName"), text)
    return sa.Column(node["colname"], type_, *hanging, nullable=nullable, server_default=default)


# What may stand behind a type or an expression in the definition of a column.
_BEHIND = frozenset({
    "NOT", "NULL", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT", "GENERATED", "COLLATE", "DEFAULT", "USING",
})  # fmt: skip


def expression(text: str, offset: int) -> str:
    """The type or expression that begins at that byte of the text, up to the next word of a column's definition."""
    begin = _character(text, offset)
    own = (token for token in tokens_from(text[begin:], 0) if token.kind != "comment")
    depth, end = 0, 0
    for at, token in enumerate(own):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if depth < 0 or (depth == 0 and (token.text in (",", ";") or (at and token.upper in _BEHIND))):
            break
        end = token.end
    return text[begin : begin + end].strip()


def _behind(text: str, offset: int, word: str) -> str:
    """The expression behind that word of a constraint that begins at that byte, perhaps with its name."""
    begin = _character(text, offset)
    end = next((begin + token.end for token in tokens_from(text[begin:], 0) if token.upper == word), begin)
    return expression(text, end if text.isascii() else len(text[:end].encode()))


def _character(text: str, offset: int) -> int:
    """The character at that byte; counted anew for each of thousands of columns, so fast where both are the same."""
    return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))


def _sql_type(node: Node | None, text: str) -> TypeEngine[Any]:
    return sql_type(expression(text, int(node["location"])) if node else "")


def sql_type(name: str) -> TypeEngine[Any]:
    """The type under the name that SQL gives it."""
    from sqlalchemy.types import UserDefinedType

    class SqlType(UserDefinedType[Any]):
        cache_ok = True

        def get_col_spec(self, **_: Any) -> str:
            return name

    return SqlType()


def _rename(node: Node, _text: str) -> MigrateOperation | None:
    from alembic.operations.ops import AlterColumnOp, RenameTableOp

    table, kind = node.get("relation", {}), node.get("renameType")
    if kind == "OBJECT_TABLE":
        return RenameTableOp(_name(table), node["newname"], schema=_schema(table))
    if kind == "OBJECT_COLUMN" and node.get("relationType") == "OBJECT_TABLE":
        return AlterColumnOp(_name(table), node["subname"], modify_name=node["newname"], schema=_schema(table))
    return None


def _comment(node: Node, _text: str) -> MigrateOperation | None:
    from alembic.operations.ops import AlterColumnOp, CreateTableCommentOp, DropTableCommentOp

    parts, comment = strings(kind_of(node.get("object"))[1].get("items")), node.get("comment")
    if node.get("objtype") == "OBJECT_TABLE":
        schema = parts[-2] if len(parts) > 1 else None
        made = CreateTableCommentOp(parts[-1], comment, schema=schema)
        return made if comment is not None else DropTableCommentOp(parts[-1], schema=schema)
    if node.get("objtype") == "OBJECT_COLUMN" and len(parts) > 1:
        schema = parts[-3] if len(parts) > 2 else None
        return AlterColumnOp(parts[-2], parts[-1], modify_comment=comment, schema=schema)
    return None


def _drop(node: Node, _text: str) -> MigrateOperation | None:
    from alembic.operations.ops import DropIndexOp, DropTableOp

    objects = [strings(kind_of(object_)[1].get("items")) for object_ in node.get("objects", ())]
    if len(objects) != 1 or node.get("behavior") == "DROP_CASCADE":
        return None
    schema = objects[0][-2] if len(objects[0]) > 1 else None
    if node.get("removeType") == "OBJECT_TABLE":
        return DropTableOp(objects[0][-1], schema=schema)
    if node.get("removeType") == "OBJECT_INDEX":
        options: dict[str, Any] = {"postgresql_concurrently": True} if node.get("concurrent") else {}
        return DropIndexOp(objects[0][-1], schema=schema, **options)
    return None


def table_of(operation: MigrateOperation | None) -> str:
    """The table of an operation, with its schema in front unless that is public; "" for none."""
    schema, table = _place(operation)
    return f"{schema}.{table}" if table and schema not in ("", "public") else table


def table_text(operation: MigrateOperation) -> str:
    """The table of an operation, as SQL writes it."""
    return qualify_if_needed(*_place(operation))


def _place(operation: MigrateOperation | None) -> tuple[str, str]:
    schema = getattr(operation, "schema", None) or (getattr(operation, "kw", None) or {}).get("source_schema")
    table = getattr(operation, "source_table", None) or getattr(operation, "table_name", None)
    return str(schema or ""), str(table or "")


def _name(relation: Node) -> str:
    return str(relation["relname"])


def _schema(relation: Node) -> str | None:
    return relation.get("schemaname") or None


_READERS: Mapping[str, Callable[[Node, str], MigrateOperation | None]] = {
    "CreateStmt": _create_table, "IndexStmt": _create_index, "AlterTableStmt": _alter_table, "RenameStmt": _rename,
    "CommentStmt": _comment, "DropStmt": _drop,
}  # fmt: skip
_ALTERS: Mapping[str, Callable[[Node, Node, str], MigrateOperation | None]] = {
    "AT_AddColumn": _add_column, "AT_DropColumn": _drop_column, "AT_DropConstraint": _drop_constraint,
    "AT_SetNotNull": _not_null, "AT_DropNotNull": _not_null, "AT_ColumnDefault": _default,
    "AT_AlterColumnType": _type, "AT_AddConstraint": _add_constraint,
}  # fmt: skip
