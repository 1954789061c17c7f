"""A project's models as they are: files, classes, base class and style, read by `ast` and never imported."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from safemig.migrations.fragments import parse

_MODELS = re.compile(
    r"\b__tablename__\b|\bmapped_column\s*\(|\bMapped\s*\[|\bColumn\s*\(|\brelationship\s*\(|\btable\s*=\s*True\b"
)
RELATES = ("relationship", "Relationship")
_SQLMODEL = re.compile(r"\btable\s*=\s*True\b")
_DATACLASS = re.compile(r"^class\s+\w+\([^)]*\bMappedAsDataclass\b", re.M)
_DECORATED = re.compile(r"^@[\w.]*\bmapped_as_dataclass\b", re.M)
_NO_BASE = re.compile(r"(?:\w+\.)*(?:\w*Mixin|MappedAsDataclass|object|ABC|Generic\b.*|Protocol\b.*)")
_BASE_NAME = re.compile(r"(?:\w+\.)*\w*(?:Base|Model)(?:\[.*\])?")
_SUPPORT = re.compile(r"^\s*(?:from|import)\s+(?:sqlalchemy|sqlmodel|enum|flask_sqlalchemy)\b", re.M)
_NOT_MODELS = re.compile(r"(?:^|/)(?:tests?/|test_|conftest\.py$|versions/|migrations/|alembic/|\.venv/)")


Kind = Literal["plain", "dataclass", "decorated", "sqlmodel"]


@dataclass(frozen=True)
class ForeignKey:
    """One foreign key of a column: the table it leads to, what happens on delete, whether the column may be null."""

    column: str
    table: str
    ondelete: str
    null: bool
    unique: bool


@dataclass(frozen=True)
class Relationship:
    """One relationship: the attribute, the class it leads to ("" unknown), and its keyword arguments as code."""

    name: str
    target: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class ModelClass:
    """One mapped class. ``attributes`` are the names that it or a class it builds on binds, ``table`` is its table,
    with the schema where it gives one, "" where it gives none."""

    name: str
    table: str
    bases: tuple[str, ...]
    attributes: tuple[str, ...]
    keys: tuple[ForeignKey, ...]
    relationships: tuple[Relationship, ...]
    documented: bool = False


@dataclass(frozen=True)
class ModelFile:
    """One file with models; ``path`` is relative to the project's root, with its text as it is."""

    path: str
    text: str
    classes: tuple[ModelClass, ...]


@dataclass(frozen=True)
class Models:
    """All models of a project. ``base`` is the base class most of them have, as written ("Base", "db.Model"),
    ``support`` the texts that these stand in or are built on."""

    files: tuple[ModelFile, ...]
    base: str
    support: tuple[str, ...] = ()

    def find(self, name: str) -> tuple[ModelFile, ModelClass] | None:
        """The class of that name and its file."""
        return next(((file, one) for file in self.files for one in file.classes if one.name == name), None)

    @property
    def classes(self) -> tuple[ModelClass, ...]:
        """The mapped classes of all files."""
        return tuple(one for file in self.files for one in file.classes)

    @property
    def typed(self) -> bool:
        """Whether the models are annotated with ``Mapped[…]``."""
        return any(re.search(r"\bMapped\s*\[", file.text) for file in self.files)

    @property
    def documented(self) -> bool:
        """Whether most of the classes have a docstring."""
        return sum(one.documented for one in self.classes) * 2 > len(self.classes)

    @property
    def kind(self) -> Kind:
        """What the classes are made with; "decorated" where each of them says that it is a dataclass."""
        if any(_SQLMODEL.search(file.text) for file in self.files):
            return "sqlmodel"
        each = any("MappedAsDataclass" in one.bases for one in self.classes if one.table)
        if each or any(_DECORATED.search(text) for text in self.support):
            return "decorated"
        return "dataclass" if any(_DATACLASS.search(text) for text in self.support) else "plain"


def may_hold_models(path: str, text: str) -> bool:
    """Whether the file is worth reading for models: no test, no migration."""
    return path.endswith(".py") and not _NOT_MODELS.search(path) and bool(_MODELS.search(text))


def may_support_models(path: str, text: str) -> bool:
    """Whether models may take a base, a mixin or an enum from the file."""
    return path.endswith(".py") and not _NOT_MODELS.search(path) and bool(_SUPPORT.search(text))


def read_models(texts: Mapping[str, str]) -> Models:
    """The models among those files (path relative to the root -> text)."""
    trees = {path: parse(text) for path, text in sorted(texts.items()) if may_hold_models(path, text)}
    everything = {
        node.name: node for tree in trees.values() if tree for node in tree.body if isinstance(node, ast.ClassDef)
    }
    rule = next((rule for node in everything.values() if (rule := _rule(node))), None)
    files = []
    for path, tree in trees.items():
        classes = classes_of(tree.body) if tree else ()
        whole = tuple(
            replace(
                one, attributes=_with_inherited(one, everything), table=one.table or (rule(one.name) if rule else "")
            )
            for one in classes
        )
        if whole:
            files.append(ModelFile(path, texts[path], whole))
    support = tuple(text for path, text in texts.items() if may_support_models(path, text))
    return Models(tuple(files), _base([one for file in files for one in file.classes], everything), support)


def _rule(node: ast.ClassDef) -> Callable[[str], str] | None:
    """How a base class makes the table's name of the class's: in small letters, or with underscores between words."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__tablename__":
            plain = re.search(r"return \w+\.__name__\.lower\(\)$", ast.unparse(statement))
            return str.lower if plain else snake
    return None


def _with_inherited(one: ModelClass, everything: Mapping[str, ast.ClassDef]) -> tuple[str, ...]:
    """The names that the class binds, then those of the mixins and bases that are in the files."""
    names = dict.fromkeys(one.attributes)
    left, seen = [*one.bases], {one.name}
    while left:
        name = left.pop(0).rpartition(".")[2]
        node = everything.get(name)
        if node is not None and name not in seen:
            seen.add(name)
            names |= dict.fromkeys(bound for bound in _bound(node) if not bound.startswith("__"))
            left += [ast.unparse(base) for base in node.bases]
    return tuple(names)


def _base(classes: Sequence[ModelClass], everything: Mapping[str, ast.ClassDef]) -> str:
    """The base class that most have: neither a mixin (a class without bases) nor one that has a table itself."""
    none = {name for name, node in everything.items() if not node.bases or _table(node)}
    found = Counter(base for one in classes for base in one.bases if base not in none and not _NO_BASE.fullmatch(base))
    if any("SQLModel" in (ast.unparse(base) for base in node.bases) for node in everything.values()):
        # Each table may have a base of its own, which schemas share with it.
        found = Counter({base: number for base, number in found.items() if number * 2 > len(classes)})
        return found.most_common(1)[0][0] if found else "SQLModel"
    ranked = sorted(found, key=lambda base: (found[base], bool(_BASE_NAME.fullmatch(base))), reverse=True)
    return ranked[0] if ranked else ""


def classes_of(body: Sequence[ast.stmt]) -> Iterator[ModelClass]:
    """The mapped classes among the statements: those with a table, a column or a relationship."""
    for node in body:
        if isinstance(node, ast.ClassDef) and node.bases and (is_model(node)):
            yield model_class(node)


def is_model(node: ast.ClassDef) -> bool:
    """Whether the class has a table, columns or relationships of its own."""
    values = [statement.value for statement in node.body if isinstance(statement, ast.Assign | ast.AnnAssign)]
    calls = {last(value.func) for value in values if isinstance(value, ast.Call)}
    own = "__tablename__" in _bound(node) or bool(calls & {"Column", "mapped_column", "relationship"})
    return own or _is_sqlmodel(node)


def _is_sqlmodel(node: ast.ClassDef) -> bool:
    """``class Course(SQLModel, table=True)``."""
    return any(word.arg == "table" and ast.unparse(word.value) == "True" for word in node.keywords)


def model_class(node: ast.ClassDef) -> ModelClass:
    """What the class says."""
    return ModelClass(
        node.name,
        _table(node),
        tuple(ast.unparse(base) for base in node.bases),
        _bound(node),
        tuple(_keys(node)),
        tuple(relationships_of(node)),
        ast.get_docstring(node) is not None,
    )


def last(node: ast.expr | None) -> str:
    """``Column`` of ``sa.Column``, "" for what is no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def target_name(statement: ast.stmt) -> str:
    """The name that an assignment binds, "" for any other statement."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return ""


def bound_name(statement: ast.stmt) -> str:
    """What the statement of a module or class binds: a class, a column, a relationship, a method; "" for none."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return statement.name
    return target_name(statement)


def snake(name: str) -> str:
    """CourseRating -> course_rating."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def module_of(path: str, folder: str) -> str:
    """The dotted name under which that file is imported from ``folder`` (both relative to the root)."""
    inside = PurePosixPath(path)
    if folder not in ("", "."):
        inside = inside.relative_to(folder)
    parts = list(inside.with_suffix("").parts)
    parts = parts[1:] if parts[0] == "src" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _bound(node: ast.ClassDef) -> tuple[str, ...]:
    names = [target_name(statement) for statement in node.body]
    names += [
        statement.name for statement in node.body if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return tuple(name for name in names if name)


def _table(node: ast.ClassDef) -> str:
    values = {
        target_name(statement): statement.value
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
    }
    name = text_of(values.get("__tablename__"))
    if not name and _is_sqlmodel(node):
        return node.name.lower()
    if not name and any(ast.unparse(base) == "db.Model" for base in node.bases) and "__abstract__" not in values:
        return snake(node.name)  # Flask-SQLAlchemy's own rule
    arguments = values.get("__table_args__")
    for part in ast.walk(arguments) if name and arguments else ():
        for key, value in zip(part.keys, part.values, strict=True) if isinstance(part, ast.Dict) else ():
            if text_of(key) == "schema" and text_of(value):
                return f"{text_of(value)}.{name}"
    return name


def text_of(node: ast.expr | None) -> str:
    """The value of a string literal, "" for any other expression."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _keys(node: ast.ClassDef) -> Iterator[ForeignKey]:
    nulls: dict[str, bool] = {}
    for statement in node.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        column = statement.value if isinstance(statement.value, ast.Call) else None
        name = target_name(statement)
        options = {word.arg: word.value for word in column.keywords if word.arg} if column else {}
        annotation = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
        null = "None" in annotation or "Optional" in annotation if annotation else True
        null = nulls[name] = ast.unparse(options["nullable"]) == "True" if "nullable" in options else null
        if column is None or last(column.func) not in ("Column", "mapped_column", "Field"):
            continue
        unique = "unique" in options and ast.unparse(options["unique"]) == "True"
        for part in column.args:
            if isinstance(part, ast.Call) and last(part.func) == "ForeignKey" and part.args:
                yield ForeignKey(name, text_of(part.args[0]).rpartition(".")[0], _ondelete(part), null, unique)
        if table := text_of(options.get("foreign_key")).rpartition(".")[0]:
            yield ForeignKey(name, table, _ondelete(column), null, unique)
    yield from _several_columns(node, nulls)


def _several_columns(node: ast.ClassDef, nulls: Mapping[str, bool]) -> Iterator[ForeignKey]:
    """The foreign keys of ``__table_args__``: under their first column, null where one of the columns may be."""
    arguments = [
        statement.value
        for statement in node.body
        if target_name(statement) == "__table_args__" and isinstance(statement, ast.Assign)
    ]
    for part in ast.walk(arguments[0]) if arguments else ():
        if isinstance(part, ast.Call) and last(part.func) == "ForeignKeyConstraint" and len(part.args) > 1:
            lists = [argument.elts if isinstance(argument, ast.List | ast.Tuple) else [] for argument in part.args[:2]]
            columns, targets = ([text_of(one) for one in each] for each in lists)
            if columns and targets:
                null = any(nulls.get(column, True) for column in columns)
                yield ForeignKey(columns[0], targets[0].rpartition(".")[0], _ondelete(part), null, False)


def _ondelete(call: ast.Call) -> str:
    return next((text_of(word.value) for word in call.keywords if word.arg == "ondelete"), "").upper()


def relationships_of(node: ast.ClassDef) -> Iterator[Relationship]:
    """The relationships that the class's body binds."""
    for statement in node.body:
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call) and last(value.func) in RELATES:
            yield relationship_of(statement, value)


def relationship_of(statement: ast.stmt, value: ast.Call) -> Relationship:
    """The relationship that this assignment makes."""
    target = ""
    if value.args:
        target = text_of(value.args[0]) or last(value.args[0])
    elif isinstance(statement, ast.AnnAssign):
        names = re.findall(r"\w+", ast.unparse(statement.annotation))
        left = [name for name in names if name not in _CONTAINERS]
        target = left[-1] if left else ""
    options = {word.arg: ast.unparse(word.value) for word in value.keywords if word.arg}
    return Relationship(target_name(statement), target, options)


_CONTAINERS = frozenset({
    "Mapped", "list", "List", "set", "Set", "Optional", "None", "Sequence", "WriteOnlyMapped", "DynamicMapped", "Union",
})  # fmt: skip
