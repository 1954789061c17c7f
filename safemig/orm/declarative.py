"""SQLAlchemy models in Python blocks, read by ast and written as the operations that make their tables."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from safemig.migrations.fragments import Piece, parse
from safemig.migrations.from_python import LANGUAGES, argument, literal
from safemig.migrations.table_draft import Shape, piece_of, quoted
from safemig.orm.declarative_nodes import (
    annotated_types,
    annotation_map,
    arguments_of_column,
    assigned,
    assignment,
    bare,
    enum_labels,
    is_enum,
    is_excerpt,
    is_item,
    is_optional,
    last,
    mapped_type,
    true,
    type_key,
    without_none,
)
from safemig.plan_document.document import Block

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
    reader = _Reader(tree, block.line - 1, tuple(others))
    shapes = [*reader.models(), *reader.tables()]
    made = (piece_of(shape, block.line, "model") for shape in shapes)
    return tuple(piece for piece in made if piece)


class _Reader:
    """One block's classes, enums and import names."""

    def __init__(self, tree: ast.Module, above: int, others: Sequence[ast.Module]) -> None:
        self._tree, self._above = tree, above
        self._others = dict(pair for other in others for pair in _classes(other))
        self._classes = dict(_classes(tree))
        imports = [(node, alias) for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
        self._dialect = {name.asname or name.name for node, name in imports if "postgresql" in (node.module or "")}
        self._aliases = {name.asname: name.name for _, name in imports if name.asname}
        known = self._others | self._classes
        self._enums = {name: node for name, node in known.items() if is_enum(node)}
        self._types = dict(pair for node in known.values() for pair in annotation_map(node))
        self._annotated = dict(pair for other in (*others, tree) for pair in annotated_types(other))

    def models(self) -> Iterable[Shape]:
        """The shapes of the declarative classes."""
        for node in self._classes.values():
            table = literal(assigned(node, "__tablename__"))
            if table and not is_excerpt(node):
                shape = self._model(node, table)
                if shape.elements:
                    yield shape

    def tables(self) -> Iterable[Shape]:
        """The shapes of ``Table("name", metadata, Column(…))``."""
        for statement in self._tree.body:
            call = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
            if isinstance(call, ast.Call) and last(call.func) == "Table" and literal(argument(call, 0, "name")):
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
        arguments = assigned(node, "__table_args__")
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
            name = last(base.value if isinstance(base, ast.Subscript) else base)
            name = self._aliases.get(name, name)
            base_class = self._classes.get(name) or self._others.get(name)
            above = base_class is not None and (name not in self._classes or base_class.lineno < node.lineno)
            if base_class is not None and base_class is not node and above:
                if not literal(assigned(base_class, "__tablename__")):
                    found += self._lineage(base_class, shape)
            elif not _BASES.match(name):
                place = self._above + node.lineno
                shape.problems.append((place, f"{node.name} takes columns from {name}, which the block does not show"))
        return [node, *found]

    def _attribute(self, statement: ast.stmt, shape: Shape) -> None:
        read = assignment(statement)
        if read is None:
            return
        name, annotation, value = read
        computed = isinstance(statement, ast.FunctionDef) and value is None
        if computed and (not name.startswith("__") or name == "__table_args__"):
            what = f"{name} of table {shape.table} is computed; write it out"
            shape.problems.append((self._above + statement.lineno, what))
        mapped = mapped_type(annotation)
        call = value if isinstance(value, ast.Call) else None
        if call is not None and last(call.func) == "deferred" and call.args and isinstance(call.args[0], ast.Call):
            call = call.args[0]
        if call is not None and last(call.func) not in ("Column", "mapped_column"):
            return  # relationship, column_property
        if name.startswith("__") or (call is None and (mapped is None or value is not None)):
            return
        if call is None and isinstance(mapped, ast.expr) and self._is_relation(mapped):
            return
        self._column(name, mapped, call, self._above + statement.lineno, shape)

    def _is_relation(self, mapped: ast.expr) -> bool:
        name = last(bare(mapped))
        return name in self._classes and name not in self._enums

    def _column(self, name: str, mapped: ast.expr | None, call: ast.Call | None, line: int, shape: Shape) -> None:
        mapped, call = self._resolved(mapped, call)
        named, kind, args = arguments_of_column(call)
        name = named or name
        type_code = self._type_code(kind, mapped, args, f"{shape.table}.{name}", line, shape)
        options = {word.arg: word.value for word in call.keywords if word.arg} if call else {}
        parts = [quoted(name), type_code, *(self._code(argument) for argument in args)]
        primary = true(options.get("primary_key"))
        if "nullable" not in options and not primary:
            parts.append(f"nullable={mapped is None or is_optional(mapped)}")
        parts += [f"{key}={self._code(value)}" for key, value in options.items() if key not in _PYTHON_ONLY]
        unique, index = true(options.get("unique")), true(options.get("index"))
        if unique and not index:
            parts.append("unique=True")
        shape.elements.append((f"sa.Column({', '.join(parts)})", line))
        shape.fixed |= {literal(argument(one, -1, "name")) for one in args if isinstance(one, ast.Call)} - {""}
        if index:
            code = [quoted(f"ix_{shape.table}_{name}"), quoted(shape.table), f"[{quoted(name)}]"]
            code += ["unique=True"] if unique else []
            shape.after.append((f"op.create_index({', '.join([*code, *_schema(shape)])})", line))

    def _type_code(
        self, kind: ast.expr | None, mapped: ast.expr | None, args: Sequence[ast.expr], column: str, line: int,
        shape: Shape,
    ) -> str:  # fmt: skip
        """The column's type as code; where nothing tells it, a problem is noted and any type stands in its place."""
        if kind is not None:
            code = self._code(self._typed(kind))
        else:
            code = self._followed(args, self._plain(mapped), column, line, shape)
        if not code:
            shape.problems.append((line, f"the type of column {column} is not said; write it out"))
        return code or "sa.Integer()"

    def _resolved(self, mapped: ast.expr | None, call: ast.Call | None) -> tuple[ast.expr | None, ast.Call | None]:
        """The type and the column with what ``Annotated[…]`` says of them; the column's own words count first."""
        name = last(bare(mapped)) if mapped is not None else ""
        if mapped is None or name not in self._annotated or name in self._types:
            return mapped, call
        inner, made = self._annotated[name]
        kind = ast.Subscript(ast.Name("Optional"), inner) if is_optional(mapped) else inner
        if made is None or call is None:
            return kind, call or made
        own = {word.arg for word in call.keywords}
        words = [*call.keywords, *(word for word in made.keywords if word.arg not in own)]
        return kind, ast.Call(call.func, call.args or made.args, words)

    def _followed(self, args: Sequence[ast.expr], assumed: str, column: str, line: int, shape: Shape) -> str:
        """SQLAlchemy gives a foreign key without a type that of what it refers to, whatever its annotation says."""
        calls = [
            argument
            for argument in args
            if isinstance(argument, ast.Call) and last(argument.func) == "ForeignKey" and argument.args
        ]
        target = literal(calls[0].args[0]) if calls else ""
        shown = self._type_of(target) if target else ""
        if target and not shown and assumed in ("sa.Integer()", "sa.String()"):
            said = f"{column} takes its type from {target}, which the block does not show"
            shape.notes.append((line, f"{said}; {assumed} is assumed"))
        return shown or assumed

    def _type_of(self, target: str) -> str:
        """The type of a column ("table.column") of the block's classes as code, "" where no class shows it."""
        table, _, column = target.rpartition(".")
        for node in self._classes.values():
            value = assigned(node, column) if literal(assigned(node, "__tablename__")) == table else None
            args = value.args if isinstance(value, ast.Call) else []
            kinds = [argument for argument in args if not is_item(argument) and not literal(argument)]
            if kinds:
                return self._code(self._typed(kinds[0]))
            marks = [
                statement
                for statement in node.body
                if isinstance(statement, ast.AnnAssign) and last(statement.target) == column
            ]
            if value is not None and marks:
                return self._plain(mapped_type(marks[0].annotation))
        return ""

    def _part(self, part: ast.expr, shape: Shape) -> None:
        """A column, constraint or index among the arguments of a table."""
        if not isinstance(part, ast.Call):
            return
        name, line = last(part.func), self._above + part.lineno
        if name == "Column":
            self._column("", None, part, line, shape)
        elif name in _CONSTRAINTS:
            shape.elements.append((self._code(part), line))
            shape.fixed |= {literal(argument(part, -1, "name"))} - {""}
        elif name == "Index" and part.args:
            columns = [self._index_item(argument) for argument in part.args[1:]]
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
            if node.func.value.id == "func" and all(
                isinstance(argument, ast.Name) or literal(argument) for argument in node.args
            ):
                inner = ", ".join(
                    argument.id if isinstance(argument, ast.Name) else literal(argument) for argument in node.args
                )
                return f"sa.text({quoted(f'{node.func.attr}({inner})')})"
        return self._code(node)

    def _plain(self, mapped: ast.expr | None) -> str:
        """The type that the annotation alone says: by the type map, an enum, SQLAlchemy's own rules; else ""."""
        inner = without_none(mapped) if mapped is not None else None
        if inner is None:
            return ""
        if type_key(inner) in self._types:
            return self._code(self._typed(self._types[type_key(inner)]))
        name = last(inner)
        if name in self._enums:
            return self._code(self._typed(ast.Call(ast.Name("Enum"), [ast.Name(name)], [])))
        return _PLAIN_TYPES.get(self._aliases.get(name, name), "")

    def _typed(self, node: ast.expr) -> ast.expr:
        """Enum(Kind) with the labels of the block's own class Kind; a bare type is called."""
        if isinstance(node, ast.Call) and last(node.func) in ("Enum", "ENUM") and node.args:
            name = last(node.args[0])
            if name in self._enums:
                words = {word.arg: word.value for word in node.keywords if word.arg}
                labels = enum_labels(self._enums[name], by_value=words.pop("values_callable", None) is not None)
                if not all(labels):
                    return node  # a value that is no text: what is refused then names the line
                words = {"name": ast.Constant(name.lower()), **words}
                kept = [ast.keyword(word, value) for word, value in words.items() if word != "validate_strings"]
                return ast.Call(ast.Name("Enum"), [ast.Constant(label) for label in labels], kept)
        if isinstance(node, ast.Name | ast.Attribute):
            return ast.Call(node, [], [])
        return node

    def _code(self, node: ast.expr) -> str:
        fresh = ast.parse(ast.unparse(node), mode="eval").body  # the block's own tree stays as it is
        return _double_quoted(ast.unparse(_Qualified(self._dialect, self._aliases).visit(fresh)))


def _classes(tree: ast.Module) -> Iterable[tuple[str, ast.ClassDef]]:
    return ((node.name, node) for node in tree.body if isinstance(node, ast.ClassDef))


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
