"""Models proposed from the database by sqlacodegen, trimmed to the project's base class and style."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from safemig.migrations.fragments import parse
from safemig.orm.imports import Import, imports_of
from safemig.orm.reader import last, model_class, snake, target_name, text_of
from safemig.orm.style import Style, dressed

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Inspector, Table

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'([^'"\\]*)'""")
_LITERAL = re.compile(r"'([^'\\]*)'::[\w .\"\[\](),]+")
_USUAL = {"start": "1", "increment": "1", "minvalue": "1", "cycle": "False", "cache": "1"}
_LARGEST = frozenset({"32767", "2147483647", "9223372036854775807"})  # of smallint, integer, bigint
# What SQLAlchemy takes from the annotation alone.
_PLAIN = {
    "int": "Integer", "bool": "Boolean", "float": "Float", "str": "String", "Decimal": "Numeric", "UUID": "Uuid",
    "date": "Date", "datetime": "DateTime", "time": "Time", "timedelta": "Interval", "bytes": "LargeBinary",
}  # fmt: skip
_OWN = {
    "Field": "sqlmodel",
    "func": "sqlalchemy",
    "text": "sqlalchemy",
    "ForeignKey": "sqlalchemy",
    "Column": "sqlalchemy",
}
_STANDARD = {
    "datetime": "datetime", "date": "datetime", "time": "datetime", "timedelta": "datetime", "Decimal": "decimal",
    "UUID": "uuid", "Any": "typing", "Optional": "typing",
}  # fmt: skip
_FILLER = "safemig_filler"


@dataclass(frozen=True)
class Generated:
    """sqlacodegen's ``text``, with what it does not tell: the table's columns in their order, and the parts of the
    indexes on expressions (name -> parts, a column by its name, an expression in parentheses)."""

    text: str
    columns: tuple[str, ...] = ()
    expressions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trimmed:
    """The class's code ("" for none) and the imports that it stands on."""

    code: str = ""
    imports: tuple[Import, ...] = ()


def table_for(name: str, tables: Sequence[str]) -> str:
    """The table that a class of that name stands for: course_rating or course_ratings for CourseRating; else ""."""
    own = snake(name)
    fitting = [each for each in (own, f"{own}s", f"{own}es", f"{own.removesuffix('y')}ies") if each in tables]
    return fitting[0] if fitting else ""


def generate(connection: psycopg.Connection, table: str) -> Generated:
    """What sqlacodegen makes of that table and those it refers to."""
    from sqlacodegen.generators import DeclarativeGenerator
    from sqlalchemy import Column, Integer, MetaData, create_engine, inspect
    from sqlalchemy.pool import StaticPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on what is no part of a model: expressions of indexes, unknown types
        # With the usual convention sqlacodegen takes `ix_tags` for the name that `index=True` gives (ix_TABLE_tags).
        metadata = MetaData(naming_convention={"ix": f"{_FILLER}_%(column_0_name)s"})
        metadata.reflect(opened, only=[table])
        found = metadata.tables[table]
        columns = tuple(found.columns.keys())
        if all(column.foreign_keys for column in found.columns):
            found.append_column(Column(_FILLER, Integer))  # a link of two tables would be no class
        # One class is taken out: none may lean on another's columns, on its back reference or on an enum class.
        options = ["nojoined", "nobidi", "nosyntheticenums", "nonativeenums"]
        text = str(DeclarativeGenerator(metadata, opened, options).generate())
        return Generated(text, columns, _expressions(inspect(opened), found))


def _expressions(inspector: Inspector, table: Table) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for index in inspector.get_indexes(table.name):
        if parts := index.get("expressions"):
            plain = set(table.columns.keys())
            found[str(index["name"])] = tuple(part if part in plain else f"({part})" for part in parts)
    return found


def trimmed(made: Generated, table: str, name: str, style: Style) -> Trimmed:
    """The one class of ``table`` as the project would write it, called ``name``.

    Relationships are left to the phase's items, foreign keys come to their columns, what SQLAlchemy takes from the
    annotation or makes anyway is left out.
    """
    body = getattr(parse(made.text), "body", [])
    node = next(
        (
            statement
            for statement in body
            if isinstance(statement, ast.ClassDef) and model_class(statement).table == table
        ),
        None,
    )
    if node is None:
        return Trimmed()
    own = _Table(table, style, made)
    own.read(node)
    known = {imported.bound: imported for imported in imports_of(body) if imported.name}
    known |= {word: Import(module, word) for word, module in (*_STANDARD.items(), *_OWN.items())}
    statements = [own.column(column) for column in _columns(node, made)]
    if style.kind == "dataclass":
        _by_keyword(statements)
    style = replace(style, hidden=frozenset(target_name(statement) for statement in statements))
    asked: set[Import] = set()
    lines: list[list[str]] = [[], []]
    for kind, parts in ((0, own.arguments), (1, statements)):
        for part in parts:
            fresh, wanted = dressed(part, known, style)
            asked |= set(wanted)
            lines[kind].append(_double(ast.unparse(fresh)))
    table_true = ", table=True" if style.kind == "sqlmodel" else ""
    head = [
        f"class {name}({style.base}{table_true}):",
        f'    __tablename__ = "{table}"',
        *_table_args(lines[0], style.width),
    ]
    body = [_wrapped(f"    {line}", style.width) for line in lines[1]]
    return Trimmed("\n".join([*head, "", *body]), tuple(sorted(asked)))


def _columns(node: ast.ClassDef, made: Generated) -> list[ast.AnnAssign]:
    """The columns of the class in the table's order."""
    columns = [statement for statement in node.body if isinstance(statement, ast.AnnAssign) and not _relates(statement)]
    return sorted(
        (column for column in columns if _column_of(column) != _FILLER), key=lambda one: _place(one, made.columns)
    )


class _Table:
    """One class of sqlacodegen's: what goes from its arguments to its columns, and what stays."""

    def __init__(self, name: str, style: Style, made: Generated) -> None:
        self._name, self._style, self._made = name, style, made
        self.arguments: list[ast.expr] = []
        self._keys: dict[str, ast.Call] = {}
        self._flags: dict[str, list[str]] = {}

    def read(self, node: ast.ClassDef) -> None:
        """Sorts the class's arguments."""
        for one in _listed(node):
            if not isinstance(one, ast.Call) or not self._to_column(one):
                self.arguments.append(self._index(one) if isinstance(one, ast.Call) else one)

    def _to_column(self, one: ast.Call) -> bool:
        """Whether a single column says it: then it is kept for that."""
        kind = last(one.func)
        if kind == "PrimaryKeyConstraint":
            return all(text_of(part) in self._made.columns for part in one.args)
        if kind == "ForeignKeyConstraint":
            columns, targets = one.args[0], one.args[1]
            if isinstance(columns, ast.List) and isinstance(targets, ast.List) and len(columns.elts) == 1:
                column = text_of(columns.elts[0])
                words = self._named(one, f"{self._name}_{column}_fkey")
                self._keys[column] = ast.Call(ast.Name("ForeignKey"), [targets.elts[0]], words)
                return True
        column = text_of(one.args[-1]) if one.args else ""
        if kind == "UniqueConstraint" and len(one.args) == 1:
            return self._flag(column, "unique", not self._named(one, f"{self._name}_{column}_key"))
        if kind == "Index" and len(one.args) == 2 and not self._style.conventions:
            usual = text_of(one.args[0]) == f"ix_{self._name}_{column}"
            unique = [word for word in one.keywords if word.arg == "unique"]
            if usual and len(unique) == len(one.keywords):
                return self._flag(column, "index", True) and (not unique or self._flag(column, "unique", True))
        return False

    def _flag(self, column: str, word: str, holds: bool) -> bool:
        if holds:
            self._flags.setdefault(column, []).append(word)
        return holds

    def _named(self, one: ast.Call, usual: str) -> list[ast.keyword]:
        """Its keywords, without the name that PostgreSQL would give it."""
        if self._style.conventions:
            return one.keywords
        return [word for word in one.keywords if word.arg != "name" or text_of(word.value) != usual]

    def _index(self, one: ast.Call) -> ast.Call:
        parts = self._made.expressions.get(text_of(one.args[0]), ()) if last(one.func) == "Index" else ()
        if not parts:
            return one
        shown = [
            ast.Call(ast.Name("text"), [ast.Constant(part[1:-1])], []) if part[:1] == "(" else ast.Constant(part)
            for part in parts
        ]
        return ast.Call(one.func, [one.args[0], *shown], one.keywords)

    def column(self, one: ast.AnnAssign) -> ast.stmt:
        """The column as the project writes it."""
        name = target_name(one)
        annotation, inner = _annotation(one.annotation, self._style)
        call = one.value if isinstance(one.value, ast.Call) else ast.Call(ast.Name("mapped_column"), [], [])
        args = [_part(part) for part in call.args if not self._style.typed or last(part) != _PLAIN.get(inner, "-")]
        key = self._keys.get(_column_of(one))
        args += [key] if key else []
        silent = ("nullable", "autoincrement") if self._style.typed else ("autoincrement",)
        words = [ast.keyword(word.arg, _default(word)) for word in call.keywords if word.arg not in silent]
        words += [ast.keyword(flag, ast.Constant(True)) for flag in self._flags.get(_column_of(one), [])]
        made = _made_by_server(call)
        if self._style.kind == "sqlmodel":
            return _field(name, annotation, ast.Call(ast.Name("Column"), args, words), made=made)
        if self._style.kind == "dataclass" and (made or "None" in ast.unparse(annotation)):
            words += [ast.keyword("init", ast.Constant(False)) if made else ast.keyword("default", ast.Constant(None))]
        if not self._style.typed:
            return ast.Assign([ast.Name(name)], ast.Call(ast.Name("Column"), args, words), lineno=1)
        value = ast.Call(ast.Name("mapped_column"), args, words) if args or words else None
        return ast.AnnAssign(ast.Name(name), annotation, value, 1)


def _by_keyword(statements: Sequence[ast.stmt]) -> None:
    """A dataclass takes no default before what has none, except by keyword; the table's order stays so."""
    required = False
    for statement in reversed(statements):
        value = statement.value if isinstance(statement, ast.AnnAssign) else None
        words = value.keywords if isinstance(value, ast.Call) else []
        if any(word.arg == "default" for word in words):
            words += [ast.keyword("kw_only", ast.Constant(True))] if required else []
        elif not any(word.arg == "init" for word in words):
            required = True


def _made_by_server(call: ast.Call) -> bool:
    """Whether the database gives the column its value where the application gives none."""
    code = ast.unparse(call)
    return any(word in code for word in ("server_default=", "Identity(", "Computed(", "autoincrement=True"))


def _field(name: str, annotation: ast.expr, column: ast.Call, *, made: bool) -> ast.AnnAssign:
    """The column as SQLModel has it: its own type, None where the database or nobody gives a value."""
    inner = annotation.slice if isinstance(annotation, ast.Subscript) else annotation
    null = "None" in ast.unparse(inner) or "Optional" in ast.unparse(inner)
    if made and not null:
        inner = ast.BinOp(inner, ast.BitOr(), ast.Constant(None))
    words = [ast.keyword("default", ast.Constant(None))] if made or null else []
    value = ast.Call(ast.Name("Field"), [], [*words, ast.keyword("sa_column", column)])
    return ast.AnnAssign(ast.Name(name), inner, value, 1)


def _annotation(node: ast.expr, style: Style) -> tuple[ast.expr, str]:
    """``Mapped[…]`` with the names of modules taken off, and the plain type in it."""
    code = re.sub(r"\b(?:datetime|decimal|uuid)\.(?=\w)", "", ast.unparse(node))
    code = re.sub(r"(?<=[\[ ])object\b", "Any", code)
    plain = re.sub(r"\AMapped\[(?:Optional\[)?|\]+\Z", "", code)
    if not style.optional:
        code = re.sub(r"Optional\[(.+)\]\]\Z", r"\1 | None]", code)
    return ast.parse(code, mode="eval").body, plain


def _column_of(one: ast.AnnAssign) -> str:
    """The column's own name, which an attribute called ``class_`` or ``metadata_`` gives first."""
    first = one.value.args[0] if isinstance(one.value, ast.Call) and one.value.args else None
    return text_of(first) or target_name(one)


def _place(one: ast.AnnAssign, columns: Sequence[str]) -> int:
    name = _column_of(one)
    return columns.index(name) if name in columns else len(columns)


def _relates(one: ast.AnnAssign) -> bool:
    return isinstance(one.value, ast.Call) and last(one.value.func) == "relationship"


def _listed(node: ast.ClassDef) -> Iterator[ast.expr]:
    for statement in node.body:
        if target_name(statement) == "__table_args__" and isinstance(statement, ast.Assign):
            yield from statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]


def _default(word: ast.keyword) -> ast.expr:
    """A default that is a plain text stands as one."""
    value = word.value
    if word.arg == "server_default" and isinstance(value, ast.Call) and last(value.func) == "text" and value.args:
        match = _LITERAL.fullmatch(text_of(value.args[0]))
        if match:
            return ast.Constant(match[1])
    return _part(value)


def _part(node: ast.expr) -> ast.expr:
    code = ast.unparse(node)
    usual = {"text('now()')": "func.now()", "DateTime(True)": "DateTime(timezone=True)"}
    if code in usual:
        return ast.parse(usual[code], mode="eval").body
    if not isinstance(node, ast.Call):
        return node
    words = [replaced for word in node.keywords if (replaced := _told(word, last(node.func)))]
    args = [_part(part) for part in node.args]
    bare = last(node.func)[:1].isupper() and last(node.func) != "Identity" and not args and not words
    return node.func if bare else ast.Call(node.func, args, words)


def _told(word: ast.keyword, owner: str) -> ast.keyword | None:
    """A keyword that says something: neither SQLAlchemy's private ones nor what an identity has anyway."""
    code = ast.unparse(word.value)
    if (word.arg or "").startswith("_"):
        return None
    if owner == "DOMAIN" and word.arg in ("metadata", "schema", "not_null") and code in ("MetaData()", "None", "False"):
        return None
    if owner == "Identity" and (_USUAL.get(word.arg or "") == code or (word.arg == "maxvalue" and code in _LARGEST)):
        return None
    return ast.keyword(word.arg, _part(word.value))


def _table_args(codes: Sequence[str], width: int) -> list[str]:
    if not codes:
        return []
    single = f"    __table_args__ = ({', '.join(codes)}{',' if len(codes) == 1 else ''})"
    if len(single) <= width:
        return [single]
    return ["    __table_args__ = (", *(_wrapped(f"        {code},", width) for code in codes), "    )"]


def _wrapped(line: str, width: int) -> str:
    """A line that is too long, with the arguments of its outermost call on lines of their own, as black has it."""
    indent = " " * (len(line) - len(line.lstrip()))
    match = re.match(r"(.*?(?:= |\A\s*)[\w.]+\()", line)
    if len(line) <= width or not match:
        return line
    tail = ")," if line.endswith("),") else ")"
    inner = line[match.end() : -len(tail)]
    if len(indent) + 4 + len(inner) <= width:
        return f"{match[1]}\n{indent}    {inner}\n{indent}{tail}"
    call = ast.parse(f"f({inner})", mode="eval").body
    assert isinstance(call, ast.Call)
    parts = [*call.args, *call.keywords]
    shown = [f"{indent}    {_double(ast.unparse(part))}," for part in parts]
    return "\n".join([match[1], *shown, f"{indent}{tail}"])


def _double(code: str) -> str:
    return _QUOTED.sub(lambda found: found[0] if found[1] is None else f'"{found[1]}"', code)
