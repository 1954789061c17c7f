"""SQLAlchemy models in Python blocks, read by ast and written as the operations that make their tables."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from safemig.spec.document import Block
from safemig.spec.pieces import Piece, parse
from safemig.spec.python_source import LANGUAGES, argument, literal
from safemig.spec.shape import Shape, piece_of, quoted

_USES = re.compile(r"\b__tablename__\b|\bmapped_column\s*\(|\bColumn\s*\(")
_OPERATIONS = re.compile(r"\bop\s*\.\s*\w+\s*\(")
_PLAIN_TYPES = {
    "int": "sa.Integer()", "str": "sa.String()", "bool": "sa.Boolean()", "float": "sa.Float()",
    "bytes": "sa.LargeBinary()", "datetime": "sa.DateTime()", "date": "sa.Date()", "time": "sa.Time()",
    "timedelta": "sa.Interval()", "Decimal": "sa.Numeric()", "UUID": "sa.Uuid()", "dict": "",
}  # fmt: skip
_POSTGRESQL = frozenset({
    "JSONB", "INET", "CIDR", "MACADDR", "TSVECTOR", "TSQUERY", "HSTORE", "CITEXT", "BYTEA", "ENUM", "OID", "BIT",
    "INT4RANGE", "INT8RANGE", "NUMRANGE", "DATERANGE", "TSRANGE", "TSTZRANGE", "ExcludeConstraint", "MONEY",
})  # fmt: skip
_CONSTRAINTS = frozenset({
    "UniqueConstraint", "CheckConstraint", "ForeignKeyConstraint", "PrimaryKeyConstraint", "ExcludeConstraint",
})  # fmt: skip
# Arguments of a column that say nothing about the database.
_PYTHON_ONLY = frozenset({
    "default", "onupdate", "default_factory", "insert_default", "init", "repr", "compare", "kw_only", "key", "info",
    "doc", "index", "unique", "deferred", "sort_order", "active_history", "deferred_group", "name", "type_", "hash",
})  # fmt: skip
_BASES = re.compile(
    r"(?:\w*Base|Model|DeclarativeBase\w*|MappedAsDataclass|\w*BaseModel|object|ABC|Generic|Protocol)\Z"
)


def concerns(block: Block) -> bool:
    """Whether the block is Python with models, and no migration."""
    return block.language in LANGUAGES and bool(_USES.search(block.text)) and not _OPERATIONS.search(block.text)


def pieces(block: Block, others: Iterable[ast.Module] = ()) -> tuple[Piece, ...]:
    """The tables that the block's models make, one piece a table; excerpts of a class are none.

    ``others`` are files that the block may take bases, mixins and enums from.
    """
    tree = parse(textwrap.dedent(block.text.expandtabs(4)))
    if tree is None:
        return ()
    reader = _Reader(tree, block.line - 1, others)
    shapes = [*reader.models(), *reader.tables()]
    made = (piece_of(shape, block.line, "model") for shape in shapes)
    return tuple(piece for piece in made if piece)


class _Reader:
    """One block's classes, enums and import names."""

    def __init__(self, tree: ast.Module, above: int, others: Iterable[ast.Module]) -> None:
        self._tree, self._above = tree, above
        self._others = {node.name: node for one in others for node in one.body if isinstance(node, ast.ClassDef)}
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self._dialect = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and "postgresql" in (node.module or "")
            for alias in node.names
        }
        self._aliases = {
            alias.asname: alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname
        }
        known = self._others | self._classes
        self._enums = {name: _members(node) for name, node in known.items() if _is_enum(node)}

    def models(self) -> Iterable[Shape]:
        """The shapes of the declarative classes."""
        for node in self._classes.values():
            table = literal(_assigned(node, "__tablename__"))
            if table and not _is_excerpt(node):
                shape = self._model(node, table)
                if shape.elements:
                    yield shape

    def tables(self) -> Iterable[Shape]:
        """The shapes of ``Table("name", metadata, Column(…))``."""
        for statement in self._tree.body:
            call = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
            if isinstance(call, ast.Call) and _last(call.func) == "Table" and literal(argument(call, 0, "name")):
                shape = Shape(literal(call.args[0]), self._above + call.lineno)
                for part in call.args[2:]:
                    self._part(part, shape)
                if any(code.startswith("sa.Column") for code, _ in shape.elements):
                    yield shape

    def _model(self, node: ast.ClassDef, table: str) -> Shape:
        shape = Shape(table, self._above + node.lineno)
        for owner in self._lineage(node, shape):
            for statement in owner.body:
                self._attribute(statement, shape)
        arguments = _assigned(node, "__table_args__")
        for part in arguments.elts if isinstance(arguments, ast.Tuple) else [arguments] if arguments else []:
            if isinstance(part, ast.Dict):
                for key, value in zip(part.keys, part.values, strict=True):
                    if literal(key) in ("schema", "comment") and literal(value):
                        shape.options.append(f"{literal(key)}={quoted(literal(value))}")
            else:
                self._part(part, shape)
        return shape

    def _lineage(self, node: ast.ClassDef, shape: Shape) -> list[ast.ClassDef]:
        """The class and the mixins of the block that it takes columns from."""
        found: list[ast.ClassDef] = []
        for base in node.bases:
            name = _last(base.value if isinstance(base, ast.Subscript) else base)
            name = self._aliases.get(name, name)
            base_class = self._classes.get(name) or self._others.get(name)
            above = base_class is not None and (name not in self._classes or base_class.lineno < node.lineno)
            if base_class is not None and base_class is not node and above:
                if not literal(_assigned(base_class, "__tablename__")):
                    found += self._lineage(base_class, shape)
            elif not _BASES.match(name):
                place = self._above + node.lineno
                shape.problems.append((place, f"{node.name} takes columns from {name}, which the block does not show"))
        return [node, *found]

    def _attribute(self, statement: ast.stmt, shape: Shape) -> None:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, annotation, value = statement.target.id, statement.annotation, statement.value
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, annotation, value = statement.targets[0].id, None, statement.value
        else:
            return
        mapped = _mapped(annotation)
        call = value if isinstance(value, ast.Call) else None
        if call is not None and _last(call.func) not in ("Column", "mapped_column"):
            return  # relationship, column_property
        if name.startswith("__") or (call is None and (mapped is None or value is not None)):
            return
        if call is None and isinstance(mapped, ast.expr) and self._is_relation(mapped):
            return
        self._column(name, mapped, call, self._above + statement.lineno, shape)

    def _is_relation(self, mapped: ast.expr) -> bool:
        name = _last(_bare(mapped))
        return name in self._classes and name not in self._enums

    def _column(self, name: str, mapped: ast.expr | None, call: ast.Call | None, line: int, shape: Shape) -> None:
        args = list(call.args) if call else []
        if args and literal(args[0]):
            name, args = literal(args[0]), args[1:]
        kind = argument(call, -1, "type_") if call else None
        if kind is None and args and not _is_item(args[0]):
            kind, args = args[0], args[1:]
        type_code = self._code(self._typed(kind)) if kind is not None else self._plain(mapped)
        if not type_code:
            shape.problems.append((line, f"the type of column {shape.table}.{name} is not said; write it out"))
            type_code = "sa.Integer()"
        options = {word.arg: word.value for word in call.keywords if word.arg} if call else {}
        parts = [quoted(name), type_code, *(self._code(one) for one in args)]
        primary = _true(options.get("primary_key"))
        if "nullable" not in options and not primary:
            parts.append(f"nullable={mapped is None or _is_optional(mapped)}")
        parts += [f"{key}={self._code(value)}" for key, value in options.items() if key not in _PYTHON_ONLY]
        unique, index = _true(options.get("unique")), _true(options.get("index"))
        if unique and not index:
            parts.append("unique=True")
        shape.elements.append((f"sa.Column({', '.join(parts)})", line))
        for one in args:
            if isinstance(one, ast.Call):
                shape.fixed |= {literal(argument(one, -1, "name"))} - {""}
        if index:
            code = [quoted(f"ix_{shape.table}_{name}"), quoted(shape.table), f"[{quoted(name)}]"]
            code += ["unique=True"] if unique else []
            shape.after.append((f"op.create_index({', '.join([*code, *_schema(shape)])})", line))

    def _part(self, part: ast.expr, shape: Shape) -> None:
        """A column, constraint or index among the arguments of a table."""
        if not isinstance(part, ast.Call):
            return
        name, line = _last(part.func), self._above + part.lineno
        if name == "Column":
            self._column("", None, part, line, shape)
        elif name in _CONSTRAINTS:
            shape.elements.append((self._code(part), line))
            shape.fixed |= {literal(argument(part, -1, "name"))} - {""}
        elif name == "Index" and part.args:
            columns = [self._index_item(one) for one in part.args[1:]]
            rest = [f"{word.arg}={self._code(word.value)}" for word in part.keywords if word.arg]
            shape.fixed |= {literal(part.args[0])} - {""}
            call = [self._code(part.args[0]), quoted(shape.table), f"[{', '.join(columns)}]", *rest, *_schema(shape)]
            shape.after.append((f"op.create_index({', '.join(call)})", line))

    def _index_item(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return quoted(node.id)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            if node.func.attr in ("desc", "asc"):  # created_at.desc()
                return f"sa.text({quoted(f'{node.func.value.id} {node.func.attr.upper()}')})"
            if node.func.value.id == "func" and all(isinstance(one, ast.Name) or literal(one) for one in node.args):
                inner = ", ".join(one.id if isinstance(one, ast.Name) else literal(one) for one in node.args)
                return f"sa.text({quoted(f'{node.func.attr}({inner})')})"
        return self._code(node)

    def _plain(self, mapped: ast.expr | None) -> str:
        name = _last(_bare(mapped)) if mapped is not None else ""
        if name in self._enums:
            return self._enum(name)
        return _PLAIN_TYPES.get(self._aliases.get(name, name), "")

    def _typed(self, node: ast.expr) -> ast.expr:
        """Enum(Kind) with the labels of the block's own class Kind; a bare type is called."""
        if isinstance(node, ast.Call) and _last(node.func) in ("Enum", "ENUM") and node.args:
            name = _last(node.args[0])
            if name in self._enums:
                given = literal(argument(node, -1, "name"))
                return ast.parse(self._enum(name, given), mode="eval").body
        if isinstance(node, ast.Name | ast.Attribute):
            return ast.Call(node, [], [])
        return node

    def _enum(self, name: str, given: str = "") -> str:
        labels = ", ".join(map(quoted, self._enums[name]))
        return f"sa.Enum({labels}, name={quoted(given or name.lower())})"

    def _code(self, node: ast.expr) -> str:
        fresh = ast.parse(ast.unparse(node), mode="eval").body  # the block's own tree stays as it is
        return _double_quoted(ast.unparse(_Qualified(self._dialect, self._aliases).visit(fresh)))


class _Qualified(ast.NodeTransformer):
    """Names of SQLAlchemy as the migration knows them: sa.X, postgresql.X."""

    def __init__(self, dialect: Iterable[str], aliases: Mapping[str, str]) -> None:
        self._names, self._aliases = {*dialect, *_POSTGRESQL}, aliases

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in ("sa", "postgresql"):
            return node
        owner = "postgresql" if node.id in self._names else "sa"
        return ast.Attribute(ast.Name(owner), self._aliases.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id in ("sa", "db", "sqlalchemy", "orm", "types"):
            return ast.Attribute(ast.Name("sa"), node.attr)
        if isinstance(node.value, ast.Name) and node.value.id in ("postgresql", "pg", "psql", "dialect"):
            return ast.Attribute(ast.Name("postgresql"), node.attr)
        return ast.Attribute(self.visit(node.value), node.attr)


def _double_quoted(code: str) -> str:
    """ast.unparse writes strings in single quotes; a migration has double ones."""
    pattern = r""""(?:[^"\\]|\\.)*"|'([^'"\\]*)'"""
    return re.sub(pattern, lambda found: found[0] if found[1] is None else f'"{found[1]}"', code)


def _schema(shape: Shape) -> list[str]:
    return [option for option in shape.options if option.startswith("schema=")]


def _assigned(node: ast.ClassDef, name: str) -> ast.expr | None:
    for statement in node.body:
        targets: Sequence[ast.expr] = ()
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = (statement.target,)
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    return None


def _is_excerpt(node: ast.ClassDef) -> bool:
    """``...`` in the class: the block shows only a part of it."""
    return any(isinstance(inner, ast.Constant) and inner.value is Ellipsis for inner in ast.walk(node))


def _is_enum(node: ast.ClassDef) -> bool:
    return any(_last(base) in ("Enum", "StrEnum", "IntEnum") for base in node.bases)


def _members(node: ast.ClassDef) -> tuple[str, ...]:
    """SQLAlchemy keeps an enum's names, not its values."""
    targets = [one.targets[0] for one in node.body if isinstance(one, ast.Assign)]
    return tuple(one.id for one in targets if isinstance(one, ast.Name) and not one.id.startswith("_"))


def _last(node: ast.expr | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _mapped(annotation: ast.expr | None) -> ast.expr | None:
    """What stands in ``Mapped[…]``; quoted annotations are read too."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        tree = parse(annotation.value)
        inner = tree.body[0] if tree and len(tree.body) == 1 else None
        annotation = inner.value if isinstance(inner, ast.Expr) else None
    if isinstance(annotation, ast.Subscript) and _last(annotation.value) == "Mapped":
        inside = annotation.slice
        if isinstance(inside, ast.Constant) and isinstance(inside.value, str):
            tree = parse(inside.value)
            first = tree.body[0] if tree and tree.body else None
            return first.value if isinstance(first, ast.Expr) else inside
        return inside
    return None


def _is_optional(mapped: ast.expr) -> bool:
    if isinstance(mapped, ast.Subscript):
        return _last(mapped.value) == "Optional"
    return isinstance(mapped, ast.BinOp) and "None" in (ast.unparse(mapped.left), ast.unparse(mapped.right))


def _bare(mapped: ast.expr) -> ast.expr:
    """The type without Optional, ``| None`` and subscripts."""
    if isinstance(mapped, ast.BinOp):
        return _bare(mapped.right if ast.unparse(mapped.left) == "None" else mapped.left)
    if isinstance(mapped, ast.Subscript):
        return _bare(mapped.slice) if _last(mapped.value) in ("Optional", "list", "List", "set") else mapped.value
    return mapped


def _is_item(node: ast.expr) -> bool:
    """A foreign key or the like, where a type could stand."""
    names = ("ForeignKey", "Identity", "Computed", "Sequence", "CheckConstraint", "FetchedValue")
    return isinstance(node, ast.Call) and _last(node.func) in names
