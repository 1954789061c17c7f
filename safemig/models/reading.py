"""A project's models as they are: files, classes, base class and style, read by `ast` and never imported."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from safemig.spec.pieces import parse

_MODELS = re.compile(r"\b__tablename__\b|\bmapped_column\s*\(|\bMapped\s*\[|\bColumn\s*\(|\brelationship\s*\(")
_SUPPORT = re.compile(r"^\s*(?:from|import)\s+(?:sqlalchemy|enum|flask_sqlalchemy)\b", re.M)
_NOT_MODELS = re.compile(r"(?:^|/)(?:tests?/|test_|conftest\.py$|versions/|migrations/|alembic/|\.venv/)")


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
    """One mapped class. ``attributes`` are the names it binds, ``table`` is "" where it gives none."""

    name: str
    table: str
    bases: tuple[str, ...]
    attributes: tuple[str, ...]
    keys: tuple[ForeignKey, ...]
    relationships: tuple[Relationship, ...]


@dataclass(frozen=True)
class ModelFile:
    """One file with models; ``path`` is relative to the project's root, with its text as it is."""

    path: str
    text: str
    classes: tuple[ModelClass, ...]


@dataclass(frozen=True)
class Models:
    """All models of a project. ``base`` is the base class most of them have, as written ("Base", "db.Model")."""

    files: tuple[ModelFile, ...]
    base: str

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


def may_hold_models(path: str, text: str) -> bool:
    """Whether the file is worth reading for models: no test, no migration."""
    return path.endswith(".py") and not _NOT_MODELS.search(path) and bool(_MODELS.search(text))


def may_support_models(path: str, text: str) -> bool:
    """Whether models may take a base, a mixin or an enum from the file."""
    return path.endswith(".py") and not _NOT_MODELS.search(path) and bool(_SUPPORT.search(text))


def read_models(texts: Mapping[str, str]) -> Models:
    """The models among those files (path relative to the root -> text)."""
    files = []
    for path, text in sorted(texts.items()):
        tree = parse(text) if may_hold_models(path, text) else None
        classes = tuple(classes_of(tree.body)) if tree else ()
        if classes:
            files.append(ModelFile(path, text, classes))
    bases = Counter(one.bases[-1] for file in files for one in file.classes if one.bases)
    return Models(tuple(files), bases.most_common(1)[0][0] if bases else "")


def classes_of(body: Sequence[ast.stmt]) -> Iterator[ModelClass]:
    """The mapped classes among the statements: those with a table, a column or a relationship."""
    for node in body:
        if isinstance(node, ast.ClassDef) and node.bases and (is_model(node)):
            yield model_class(node)


def is_model(node: ast.ClassDef) -> bool:
    """Whether the class has a table, columns or relationships of its own."""
    values = [statement.value for statement in node.body if isinstance(statement, ast.Assign | ast.AnnAssign)]
    calls = {last(value.func) for value in values if isinstance(value, ast.Call)}
    return "__tablename__" in _bound(node) or bool(calls & {"Column", "mapped_column", "relationship"})


def model_class(node: ast.ClassDef) -> ModelClass:
    """What the class says."""
    return ModelClass(
        node.name,
        _table(node),
        tuple(ast.unparse(base) for base in node.bases),
        _bound(node),
        tuple(_keys(node)),
        tuple(relationships_of(node)),
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
    names += [one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return tuple(name for name in names if name)


def _table(node: ast.ClassDef) -> str:
    for statement in node.body:
        if target_name(statement) == "__tablename__" and isinstance(statement, ast.Assign | ast.AnnAssign):
            return text_of(statement.value)
    return ""


def text_of(node: ast.expr | None) -> str:
    """The value of a string literal, "" for any other expression."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _keys(node: ast.ClassDef) -> Iterator[ForeignKey]:
    for statement in node.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not isinstance(statement.value, ast.Call):
            continue
        column = statement.value
        if last(column.func) not in ("Column", "mapped_column"):
            continue
        options = {word.arg: ast.unparse(word.value) for word in column.keywords if word.arg}
        annotation = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
        null = "None" in annotation or "Optional" in annotation if annotation else True
        null = options["nullable"] == "True" if "nullable" in options else null
        for part in column.args:
            if isinstance(part, ast.Call) and last(part.func) == "ForeignKey" and part.args:
                ondelete = next((text_of(word.value) for word in part.keywords if word.arg == "ondelete"), "")
                table = text_of(part.args[0]).rpartition(".")[0]
                yield ForeignKey(target_name(statement), table, ondelete.upper(), null, options.get("unique") == "True")


def relationships_of(node: ast.ClassDef) -> Iterator[Relationship]:
    """The relationships that the class's body binds."""
    for statement in node.body:
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call) and last(value.func) == "relationship":
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
