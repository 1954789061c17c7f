"""The model files as a phase asks for them: path -> new text, with as few changes as possible."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from safemig.models.asked import Asked, Definition, shown_class
from safemig.models.edits import CannotEdit, with_code
from safemig.models.imports import Import, add, bound_names, imports_of
from safemig.models.reading import ModelClass, ModelFile, Models, model_class, module_of, snake, target_name
from safemig.models.relations import Fresh, relationships
from safemig.spec.pieces import parse, reindent

_BASE = re.compile(r"\w*Base|Model|db\.Model|DeclarativeBase")


@dataclass(frozen=True)
class Proposal:
    """``texts`` are the new texts of the files that change (path relative to the root), ``classes`` the mapped classes
    that are new, ``attributes`` (class, attribute) what is added to others; ``problems`` is what was not taken."""

    texts: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[ModelClass, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """What goes where before any text is made."""

    added: Mapping[str, list[str]]
    attributes: Mapping[str, list[Fresh]]


def propose(asked: Asked, models: Models, texts: Mapping[str, str], *, folder: str, width: int = 88) -> Proposal:
    """The edits. ``texts`` are the project's Python files (path -> text), ``folder`` the service's folder.

    Raises CannotEdit where the code cannot be placed.
    """
    problems = list(asked.problems)
    added: dict[str, list[str]] = {}
    attributes: dict[str, list[Fresh]] = {}
    fresh: list[ModelClass] = []
    files: dict[str, str] = {}
    for one in asked.definitions:
        known = models.find(one.name)
        node = shown_class(one)
        if known and isinstance(one.node, ast.ClassDef):
            _extend(known, one.node, one, attributes, problems)
            continue
        if node is None and any(one.name in _bound(text) for text in texts.values() if one.name in text):
            continue
        path = _place(one, asked, models, texts, folder)
        added.setdefault(path, []).append(_in_style(one, models))
        if node is not None:
            fresh.append(model_class(node))
            files[one.name] = path
    relations = list(asked.relations)
    for one in asked.loose:
        owner = next((owner for owner, name in relations if name == one.name), "")
        known = models.find(owner)
        if known is None:
            problems.append(f"line {one.line}: it is not said which class gets {one.name}; it is left out")
        elif one.name not in known[1].attributes:
            attributes.setdefault(known[0].path, []).append(Fresh(owner, one.name, one.code))
    given = {(each.owner, each.name) for several in attributes.values() for each in several}
    wanted, unclear = relationships([pair for pair in relations if pair not in given], fresh, models)
    problems += unclear
    for each in wanted:
        known = models.find(each.owner)
        path = known[0].path if known else files.get(each.owner, "")
        if path and (each.owner, each.name) not in given:
            attributes.setdefault(path, []).append(each)
    made = _texts(asked, models, texts, _Plan(added, attributes), folder, width)
    listed = tuple((each.owner, each.name) for several in attributes.values() for each in several)
    return Proposal(made, tuple(fresh), listed, files, tuple(problems))


def _texts(
    asked: Asked, models: Models, texts: Mapping[str, str], plan: _Plan, folder: str, width: int
) -> dict[str, str]:
    own = module_of(_first_path(models, folder), folder).partition(".")[0]
    made: dict[str, str] = {}
    for path in dict.fromkeys([*plan.added, *plan.attributes]):
        before = texts.get(path, "")
        text = before or _head(models, path)
        # A class that is new gets its attributes after it stands in the file.
        there = {file.path: {one.name for one in file.classes} for file in models.files}.get(path, set())
        attributes = plan.attributes.get(path, [])
        known = [*_known(models, path), *_defined(models, path, folder), *asked.imports]
        first = [one for one in attributes if one.owner in there]
        text = with_code(text, classes=plan.added.get(path, []), attributes=first, known=known, own=own, width=width)
        later = [one for one in attributes if one.owner not in there]
        if later:
            text = with_code(text, attributes=later, known=known, own=own, width=width)
        if text != before:
            made[path] = text
        made |= _listed(path, plan.added.get(path, []), {**texts, **made}, new=not before)
    return made


def _first_path(models: Models, folder: str) -> str:
    return models.files[0].path if models.files else str(PurePosixPath(folder) / "models.py")


def _known(models: Models, path: str) -> list[Import]:
    """The imports of the models' files, this file's first; relative ones only from the same folder."""
    parent = PurePosixPath(path).parent
    files = sorted(models.files, key=lambda one: one.path != path)
    found: list[Import] = []
    for file in files:
        tree = parse(file.text)
        here = PurePosixPath(file.path).parent == parent
        found += [one for one in imports_of(tree.body if tree else []) if here or not one.level]
    return found


def _defined(models: Models, path: str, folder: str) -> list[Import]:
    """What the other model files define themselves: a base class, an enum."""
    found: list[Import] = []
    for file in models.files:
        tree = parse(file.text)
        names = [node.name for node in (tree.body if tree else []) if isinstance(node, ast.ClassDef)]
        if file.path != path:
            found += [Import(module_of(file.path, folder), name) for name in names]
    return found


def _head(models: Models, path: str) -> str:
    """The beginning of a new file as its neighbours have it."""
    parent = PurePosixPath(path).parent
    near = [file for file in models.files if PurePosixPath(file.path).parent == parent] or list(models.files)
    futures = [file for file in near if "from __future__ import annotations" in file.text]
    return "from __future__ import annotations\n" if near and len(futures) * 2 > len(near) else ""


def _place(one: Definition, asked: Asked, models: Models, texts: Mapping[str, str], folder: str) -> str:
    """The file that the definition goes to: the one the phase names, the only one, or a new one beside the others."""
    said = one.file or next((file for name, file in asked.named if name == one.name), "")
    if said:
        fitting = [path for path in texts if path == said or path.endswith(f"/{said}")]
        inside = [path for path in fitting if folder in ("", ".") or path.startswith(f"{folder}/")]
        if len(inside or fitting) == 1:
            return (inside or fitting)[0]
        if not fitting:
            return str(PurePosixPath(folder) / said)
    if len(models.files) == 1:
        return models.files[0].path
    if not models.files:
        raise CannotEdit(f"no file with models was found for {one.name}; name it in the item: `{one.name}` in `FILE`")
    return _beside(one, models)


def _beside(one: Definition, models: Models) -> str:
    """Several files: the one with the most classes, or in a package of one class a file a new one."""
    biggest = max(models.files, key=lambda file: len(file.classes))
    if len(biggest.classes) > 2:
        return biggest.path
    parent = PurePosixPath(biggest.path).parent
    node = shown_class(one)
    table = model_class(node).table if node else ""
    stems = [(PurePosixPath(file.path).stem, each) for file in models.files for each in file.classes]
    by_table = table and sum(stem == each.table for stem, each in stems) > sum(
        stem == snake(each.name) for stem, each in stems
    )
    return str(parent / f"{table if by_table else snake(one.name)}.py")


def _in_style(one: Definition, models: Models) -> str:
    """The code with the project's base class where the spec writes another one."""
    node = one.node
    if not isinstance(node, ast.ClassDef) or not models.base or shown_class(one) is None:
        return one.code
    written = [ast.unparse(base) for base in node.bases]
    if models.base in written or not written or not _BASE.fullmatch(written[-1]):
        return one.code
    base = node.bases[-1]
    lines = one.code.split("\n")
    at = base.lineno - (node.lineno - next(n for n, line in enumerate(lines) if line.startswith("class ")))
    line = lines[at]
    lines[at] = line[: base.col_offset] + models.base + line[base.end_col_offset or 0 :]
    return "\n".join(lines)


def _extend(
    known: tuple[ModelFile, ModelClass],
    node: ast.ClassDef,
    one: Definition,
    attributes: dict[str, list[Fresh]],
    problems: list[str],
) -> None:
    """What the spec's form of a class that is there has more; what it has otherwise is said, not changed."""
    file, there = known
    tree = parse(file.text)
    own = next((n for n in (tree.body if tree else []) if isinstance(n, ast.ClassDef) and n.name == there.name), None)
    first = one.line - min([node.lineno, *(each.lineno for each in node.decorator_list)])
    for statement in node.body:
        name = target_name(statement)
        if not name or name == "__tablename__":
            continue
        if name not in there.attributes:
            attributes.setdefault(file.path, []).append(Fresh(there.name, name, _cut(one, node, statement)))
            continue
        mine = next((each for each in (own.body if own else []) if target_name(each) == name), None)
        if mine is not None and ast.dump(mine) != ast.dump(statement):
            problems.append(
                f"{there.name}.{name} is `{ast.unparse(mine)}` in {file.path}:{mine.lineno}, "
                f"line {first + statement.lineno} of the spec says `{ast.unparse(statement)}`; it is left as it is"
            )


def _cut(one: Definition, node: ast.ClassDef, statement: ast.stmt) -> str:
    start = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    lines = one.code.split("\n")[statement.lineno - start : (statement.end_lineno or 0) - start + 1]
    return reindent("\n".join(lines), statement.col_offset)


def _bound(text: str) -> frozenset[str]:
    tree = parse(text)
    return bound_names(tree) if tree else frozenset()


def _listed(path: str, codes: Sequence[str], texts: Mapping[str, str], *, new: bool) -> dict[str, str]:
    """The package's ``__init__`` with the new classes, where it lists those of the other files."""
    where = PurePosixPath(path)
    init = str(where.parent / "__init__.py")
    text = texts.get(init, "")
    tree = parse(text) if text and path != init else None
    if tree is None:
        return {}
    names = [node.name for code in codes for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]
    lists = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and (node.level == 1 or _same_package(node, where, texts))
    ]
    if not names or not lists:
        return {}
    nearest = lists[-1]
    module = where.stem if nearest.level else f"{(nearest.module or '').rpartition('.')[0]}.{where.stem}"
    fresh = add(text.replace("\r\n", "\n"), [Import(module, name, "", nearest.level) for name in names])
    fresh = _in_all(fresh, names)
    return {init: fresh.replace("\n", "\r\n") if "\r\n" in text else fresh} if fresh != text or new else {}


def _same_package(node: ast.ImportFrom, where: PurePosixPath, texts: Mapping[str, str]) -> bool:
    """``from app.models.course import …`` in app/models/__init__.py."""
    package, _, stem = (node.module or "").rpartition(".")
    parts = package.split(".") if package else []
    return (
        bool(parts) and where.parent.parts[-len(parts) :] == tuple(parts) and str(where.parent / f"{stem}.py") in texts
    )


def _in_all(text: str, names: Sequence[str]) -> str:
    tree = parse(text)
    for node in tree.body if tree else []:
        if target_name(node) != "__all__" or not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        if not isinstance(node.value, ast.List | ast.Tuple) or not node.value.elts:
            continue
        listed = [ast.literal_eval(one) for one in node.value.elts if isinstance(one, ast.Constant)]
        final = node.value.elts[-1]
        lines = text.split("\n")
        multi = node.value.lineno != (node.value.end_lineno or 0)
        for name in [name for name in names if name not in listed]:
            elements = node.value.elts
            later = next((e for e, said in zip(elements, listed, strict=False) if said > name), None)
            if later is not None and listed == sorted(listed):
                row, column = later.lineno - 1, later.col_offset
                if multi and lines[row][:column].strip() == "":
                    lines.insert(row, f'{lines[row][:column]}"{name}",')
                else:
                    lines[row] = f'{lines[row][:column]}"{name}", {lines[row][column:]}'
            else:
                row, column = (final.end_lineno or 0) - 1, final.end_col_offset or 0
                if multi:
                    rest = lines[row][column:]
                    lines[row] = lines[row][:column] + (rest if rest.startswith(",") else f",{rest}")
                    lines.insert(row + 1, f'{" " * final.col_offset}"{name}",')
                else:
                    lines[row] = f'{lines[row][:column]}, "{name}"{lines[row][column:]}'
            return _in_all("\n".join(lines), names)
    return text
