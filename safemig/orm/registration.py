"""Where new models are made known: the files that import all models, and the names that only type checkers read."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from safemig.migrations.fragments import parse
from safemig.orm.imports import Import, add, bound_names, imports_of
from safemig.orm.reader import Models, module_of, target_name

_SEARCHES = re.compile(r"\b(?:import_module|walk_packages|iter_modules)\s*\(")
_CLASS = re.compile(r"\b[A-Z]\w*")


def collected(
    path: str, names: Sequence[str], models: Models, texts: Mapping[str, str], folder: str
) -> tuple[dict[str, str], bool]:
    """New texts of the files that import the models beside the new file ``path``, and whether there is any: without
    one neither the application nor Alembic's env.py would see the new classes."""
    parent, stem = PurePosixPath(path).parent, PurePosixPath(path).stem
    files = [PurePosixPath(file.path) for file in models.files]
    siblings = {file.stem for file in files if file.parent == parent} - {stem, "__init__"}
    if not siblings:
        return {}, True
    package = module_of(str(parent / "__init__.py"), folder)
    found: dict[str, str] = {}
    reached = False
    for where, text in texts.items():
        last = _last_import(where, text, parent, package, siblings) if where != path else None
        if last is not None:
            reached = True
            fresh = _with_line(text, last, stem, names, siblings)
            found |= {where: fresh} if fresh != text else {}
    near = [text for where, text in texts.items() if where == str(parent / "__init__.py") or where.endswith("env.py")]
    return found, reached or any(_SEARCHES.search(text) for text in near)


def _last_import(
    where: str, text: str, parent: PurePosixPath, package: str, siblings: Collection[str]
) -> ast.stmt | None:
    """The last import of a sibling in a file that imports them all, the package's own any of them; None elsewhere."""
    tree = parse(text) if _may_collect(where, parent, text, siblings) else None
    inside = parent == PurePosixPath(where).parent
    lines = [
        (node, there)
        for node in (tree.body if tree else ())
        if (there := _modules(node, package, near=inside).intersection(siblings))
    ]
    listed = {module for _, there in lines for module in there}
    whole = bool(listed) and (where == str(parent / "__init__.py") or listed == siblings)
    return lines[-1][0] if whole else None


def _may_collect(where: str, parent: PurePosixPath, text: str, siblings: Collection[str]) -> bool:
    """The package's own file, Alembic's, or one that does nothing else."""
    if PurePosixPath(where).name == "env.py" or where == str(parent / "__init__.py"):
        return True
    tree = parse(text) if all(stem in text for stem in siblings) else None
    plain = (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign)
    return tree is not None and bool(tree.body) and all(isinstance(node, plain) for node in tree.body)


def _modules(node: ast.stmt, package: str, *, near: bool) -> set[str]:
    """The modules of the package that the statement imports."""
    if isinstance(node, ast.Import):
        return {name.name.removeprefix(f"{package}.") for name in node.names if name.name.startswith(f"{package}.")}
    if not isinstance(node, ast.ImportFrom):
        return set()
    whole = node.module or ""
    if near and node.level == 1:
        return {whole} if whole else {name.name for name in node.names}
    if node.level:
        return set()
    if whole == package:
        return {name.name for name in node.names}
    return {whole.removeprefix(f"{package}.")} if whole.startswith(f"{package}.") else set()


def _with_line(text: str, node: ast.stmt, stem: str, names: Sequence[str], siblings: set[str]) -> str:
    """The text with an import like that of ``node`` for the new module."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if isinstance(node, ast.Import):
        package = node.names[0].name.rpartition(".")[0]
        wanted = [Import(f"{package}.{stem}", "")]
    else:
        assert isinstance(node, ast.ImportFrom)
        module = node.module or ""
        by_module = bool({name.name for name in node.names} & siblings)
        inner = module if by_module else ".".join([*module.split(".")[:-1], stem])
        wanted = [Import(inner, name, "", node.level) for name in ([stem] if by_module else names)]
    fresh = _beside(plain, node, wanted)
    fresh = in_all(fresh, [one.bound for one in wanted])
    fresh = fresh.replace("\n", "\r\n") if "\r\n" in text else fresh
    return f"\ufeff{fresh}" if text.startswith("\ufeff") else fresh


def _beside(text: str, node: ast.stmt, wanted: Sequence[Import]) -> str:
    """As ``add``; where the neighbour's line ends with a comment for a linter, or it imports whole modules, a line of
    its own with the same end below it."""
    line = text.split("\n")[node.lineno - 1]
    comment = line.partition("#")[2] if node.lineno == node.end_lineno else ""
    if not comment and not isinstance(node, ast.Import):
        return add(text, wanted)
    tree = parse(text)
    there = imports_of(tree.body) if tree else ()
    lines = text.split("\n")
    shown = [f"{one.line}{f'  #{comment}' if comment else ''}" for one in wanted if one not in there]
    return "\n".join([*lines[: node.end_lineno], *shown, *lines[node.end_lineno or 0 :]])


def in_all(text: str, names: Sequence[str]) -> str:
    """The text with those names in its ``__all__``, in their order where it has one and in its quotes."""
    tree = parse(text)
    for node in tree.body if tree else []:
        if target_name(node) != "__all__" or not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        if not isinstance(node.value, ast.List | ast.Tuple) or not node.value.elts:
            continue
        listed = [ast.literal_eval(element) for element in node.value.elts if isinstance(element, ast.Constant)]
        missing = next((name for name in names if name not in listed), None)
        if missing is not None:
            return in_all(_with_element(text, node.value, missing, listed), names)
    return text


def _with_element(text: str, value: ast.List | ast.Tuple, name: str, listed: Sequence[str]) -> str:
    """The text with one more name in that list of names: before the next in a sorted list, else at its end."""
    lines, final = text.split("\n"), value.elts[-1]
    quote = lines[final.lineno - 1][final.col_offset : final.col_offset + 1]
    fresh, multi = f"{quote}{name}{quote}", value.lineno != (value.end_lineno or 0)
    later = next((element for element, other in zip(value.elts, listed, strict=False) if other > name), None)
    if later is not None and list(listed) == sorted(listed):
        row, column = later.lineno - 1, later.col_offset
        if multi and lines[row][:column].strip() == "":
            lines.insert(row, f"{lines[row][:column]}{fresh},")
        else:
            lines[row] = f"{lines[row][:column]}{fresh}, {lines[row][column:]}"
        return "\n".join(lines)
    row, column = (final.end_lineno or 0) - 1, final.end_col_offset or 0
    rest = lines[row][column:]
    if multi:
        lines[row] = lines[row][:column] + (rest if rest.startswith(",") else f",{rest}")
        lines.insert(row + 1, f"{' ' * final.col_offset}{fresh},")
    else:
        lines[row] = f"{lines[row][:column]}, {fresh}{rest}"
    return "\n".join(lines)


def for_checkers(text: str, codes: Sequence[str], path: str, places: Mapping[str, str], folder: str) -> str:
    """The text with the classes of other files that ``codes`` name only in quotes, for type checkers.

    ``places`` are all model classes (name -> file).
    """
    tree = parse(text)
    if tree is None:
        return text
    blocks = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    known = bound_names(tree) | {one.bound for block in blocks for one in imports_of(block.body)}
    quoted = {name for code in codes for name in _quoted(code)} - known
    wanted = [_sibling(name, places[name], path, tree, blocks, folder) for name in sorted(quoted & set(places))]
    if not wanted:
        return text
    plain = text.replace("\r\n", "\n")
    shown = [f"    {one.line}" for one in wanted]
    plain = _in_block(plain, blocks[0], shown) if blocks else _with_block(plain, shown)
    return plain.replace("\n", "\r\n") if "\r\n" in text else plain


def _in_block(text: str, block: ast.If, shown: Sequence[str]) -> str:
    """The text with those imports in its block for type checkers, in their order."""
    lines = text.split("\n")
    for line in reversed(shown):
        above = [node.end_lineno or 0 for node in _imports(block.body) if lines[node.lineno - 1] < line]
        lines.insert(above[-1] if above else block.body[0].lineno - 1, line)
    return "\n".join(lines)


def _with_block(text: str, shown: Sequence[str]) -> str:
    """The text with a block for type checkers behind its imports."""
    text = add(text, [Import("typing", "TYPE_CHECKING")])
    tree = parse(text)
    at = _imports(tree.body if tree else [])[-1].end_lineno or 0
    lines = text.split("\n")
    lines[at:at] = ["", "if TYPE_CHECKING:", *shown]
    return "\n".join(lines)


def _imports(body: Sequence[ast.stmt]) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


def names_types(models: Models) -> bool:
    """Whether the models import the classes that their relationships name; so too where none names another file's."""
    for file in models.files:
        own = {one.name for one in file.classes}
        targets = {one.target for known in file.classes for one in known.relationships} - own - {""}
        if any(not re.search(rf"import\b[^\n]*\b{target}\b|^\s+{target},?$", file.text, re.M) for target in targets):
            return False
    return True


def _quoted(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        annotation = node.annotation if isinstance(node, ast.AnnAssign) else None
        for one in ast.walk(annotation) if annotation else ():
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield from _CLASS.findall(one.value)


def _sibling(name: str, place: str, path: str, tree: ast.Module, blocks: Sequence[ast.If], folder: str) -> Import:
    """The import of a class of another file, relative where this file's are."""
    there = [*imports_of(tree.body), *(one for block in blocks for one in imports_of(block.body))]
    if any(one.level == 1 for one in there) and PurePosixPath(place).parent == PurePosixPath(path).parent:
        return Import(PurePosixPath(place).stem, name, "", 1)
    return Import(module_of(place, folder), name)
