"""New text of model files: classes at the end, attributes in the classes that are there, imports where they belong."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from safemig.migrations.fragments import inner_lines, parse, reindent
from safemig.orm.imports import Import, add, bound_names, called_names, clashes, free_names, means, sources
from safemig.orm.reader import RELATES, last, target_name
from safemig.orm.relationships import Fresh


class CannotEdit(Exception):
    """The models cannot be written: says what is missing and where."""


def with_code(
    text: str,
    *,
    classes: Sequence[str] = (),
    attributes: Iterable[Fresh] = (),
    known: Sequence[Import] = (),
    spec: Sequence[Import] = (),
    own: str = "",
    width: int = 88,
) -> str:
    """The file's text with those top-level definitions and attributes, and the imports that they need.

    ``known`` are imports of the project's other models and of the spec, the first of a name counts; ``spec`` those of
    the spec alone. Raises CannotEdit.
    """
    newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    fresh = text.removeprefix(mark).replace("\r\n", "\n")
    indent = _indent(fresh)
    added: list[ast.AST] = []
    for attribute in attributes:
        fresh = _attribute(fresh, attribute)
        added += ast.parse(attribute.code).body
    for code in classes:
        fresh = _definition(fresh, _indented(code, indent))
        added += ast.parse(code).body
    tree = parse(fresh)
    if tree is None:
        raise CannotEdit("the models would be no valid Python any more; write them by hand")
    free = free_names(added) - _of_own(added)
    called = called_names(added)
    if others := clashes(free, tree, spec, called):
        raise CannotEdit(f"{'; '.join(others)}: write it in the spec's code as these models do")
    fitting = [one for one in known if means(one, added, called)]
    wanted, unknown = sources(free - bound_names(tree), _first_of_each(fitting), called)
    if unknown:
        raise CannotEdit(f"nobody says where {', '.join(unknown)} comes from; add its import to the spec's code")
    fresh = add(fresh, wanted, own, width)
    return mark + fresh.replace("\n", newline)


def _of_own(added: Iterable[ast.AST]) -> frozenset[str]:
    """The properties that are gone on with by their own name: ``@average.setter``."""
    named = [node for node in added if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    goes_on = [
        one.value.id
        for node in named
        for one in node.decorator_list
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)
    ]
    return frozenset(goes_on) & {node.name for node in named}


def _indent(text: str) -> str:
    """What one level is indented by: that of the file's first indented statement, else four spaces."""
    tree = parse(text)
    bodies = [node.body for node in (tree.body if tree else []) if isinstance(node, ast.ClassDef)]
    first = next((body[0] for body in bodies if body[0].col_offset), None)
    return text.split("\n")[first.lineno - 1][: first.col_offset] if first else "    "


def _indented(code: str, indent: str) -> str:
    """The code, which is indented by four spaces, indented as its file is; texts of several lines stay."""
    inner = inner_lines(code)
    lines = []
    for number, line in enumerate(code.split("\n"), 1):
        bare = line.lstrip(" ")
        levels, rest = divmod(len(line) - len(bare), 4)
        lines.append(line if number in inner else indent * levels + " " * rest + bare)
    return "\n".join(lines)


def _first_of_each(known: Sequence[Import]) -> dict[str, Import]:
    found: dict[str, Import] = {}
    for one in known:
        found.setdefault(one.bound, one)
    return found


def _definition(text: str, code: str) -> str:
    """The definition behind the last class and all that it uses, with two blank lines."""
    tree = parse(text)
    lines = text.split("\n")
    used = free_names(ast.parse(code).body)
    ends = [
        node.end_lineno or 0
        for node in (tree.body if tree else [])
        if isinstance(node, ast.ClassDef) or (isinstance(node, ast.Assign) and target_name(node) in used)
    ]
    if not ends:
        start = text.rstrip("\n")
        return (f"{start}\n\n\n" if start else "") + code.rstrip() + "\n"
    at = ends[-1]
    # What stands indented below, a comment, is still the class's own.
    below = next((number for number, line in enumerate(lines[at:]) if line.strip() and line[0] not in " \t"), None)
    own = lines[at:] if below is None else lines[at : at + below]
    at += max((number for number, line in enumerate(own, 1) if line.strip()), default=0)
    rest = lines[at:]
    while rest and not rest[0].strip():
        rest.pop(0)
    tail = ["", "", *rest] if rest else [""]
    return "\n".join([*lines[:at], "", "", *code.rstrip().split("\n"), *tail])


def _attribute(text: str, one: Fresh) -> str:
    tree = parse(text)
    node = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == one.owner), None) if tree else None
    if node is None:
        raise CannotEdit(f"there is no class {one.owner} to add {one.name} to")
    lines = text.split("\n")
    after, opens = _neighbour(node, ast.parse(one.code).body[0])
    indent = lines[after.lineno - 1][: after.col_offset]
    if indent.strip():
        raise CannotEdit(f"line {after.lineno} of {one.owner} holds several statements; give each a line of its own")
    gap = [""] if opens else []
    at = after.end_lineno or after.lineno
    fresh = reindent(_indented(one.code, _indent(text)), 0, indent).split("\n")
    below = [""] if at < len(lines) and lines[at].strip() else []
    between = below if not _goes_on(node, at) else []
    return "\n".join([*lines[:at], *gap, *fresh, *between, *lines[at:]])


def _neighbour(node: ast.ClassDef, fresh: ast.stmt) -> tuple[ast.stmt, bool]:
    """The statement of the class behind which the new one stands, and whether a paragraph begins with that."""
    if isinstance(fresh, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.body[-1], True
    plain = [each for each in node.body if isinstance(each, ast.Assign | ast.AnnAssign)]
    relations = [each for each in plain if _is_relationship(each)]
    return (relations or plain or node.body)[-1], _is_relationship(fresh) and not relations


def _goes_on(node: ast.ClassDef, at: int) -> bool:
    """Whether the class's next statement stands on the very next line, which is then no new paragraph."""
    return any(each.lineno == at + 1 and isinstance(each, ast.Assign | ast.AnnAssign) for each in node.body)


def _is_relationship(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Call) and last(value.func) in RELATES
