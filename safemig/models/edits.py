"""New text of model files: classes at the end, attributes in the classes that are there, imports where they belong."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from safemig.models.imports import Import, add, bound_names, free_names, sources
from safemig.models.relations import Fresh
from safemig.spec.pieces import parse, reindent


class CannotEdit(Exception):
    """The models cannot be written: says what is missing and where."""


def with_code(
    text: str,
    *,
    classes: Sequence[str] = (),
    attributes: Iterable[Fresh] = (),
    known: Sequence[Import] = (),
    own: str = "",
    width: int = 88,
) -> str:
    """The file's text with those top-level definitions and attributes, and the imports that they need.

    ``known`` are imports of the project's other models and of the spec, the first of a name counts. Raises CannotEdit.
    """
    newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    fresh = text.replace("\r\n", "\n")
    added: list[ast.AST] = []
    for one in attributes:
        fresh = _attribute(fresh, one)
        added += ast.parse(one.code).body
    for code in classes:
        fresh = _definition(fresh, code)
        added += ast.parse(code).body
    tree = parse(fresh)
    if tree is None:
        raise CannotEdit("the models would be no valid Python any more; write them by hand")
    wanted, unknown = sources(free_names(added) - bound_names(tree), _first_of_each(known))
    if unknown:
        raise CannotEdit(f"nobody says where {', '.join(unknown)} comes from; add its import to the spec's code")
    fresh = add(fresh, wanted, own, width)
    return fresh.replace("\n", newline)


def _first_of_each(known: Sequence[Import]) -> dict[str, Import]:
    found: dict[str, Import] = {}
    for one in known:
        found.setdefault(one.bound, one)
    return found


def _definition(text: str, code: str) -> str:
    """The definition behind the last class, with two blank lines; an enum that a class uses comes in its own order."""
    tree = parse(text)
    lines = text.split("\n")
    ends = [node.end_lineno or 0 for node in (tree.body if tree else []) if isinstance(node, ast.ClassDef)]
    if not ends:
        start = text.rstrip("\n")
        return (f"{start}\n\n\n" if start else "") + code.rstrip() + "\n"
    at = ends[-1]
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
    plain = [each for each in node.body if isinstance(each, ast.Assign | ast.AnnAssign)]
    relations = [each for each in plain if _is_relationship(each)]
    after = (relations or plain or node.body)[-1]
    indent = " " * after.col_offset
    is_relation = "relationship(" in one.code
    gap = [""] if is_relation and not relations else []
    at = after.end_lineno or after.lineno
    fresh = reindent(one.code, 0, indent).split("\n")
    below = [""] if at < len(lines) and lines[at].strip() else []
    between = below if not _goes_on(node, at) else []
    return "\n".join([*lines[:at], *gap, *fresh, *between, *lines[at:]])


def _goes_on(node: ast.ClassDef, at: int) -> bool:
    """Whether the class's next statement stands on the very next line, which is then no new paragraph."""
    return any(each.lineno == at + 1 and isinstance(each, ast.Assign | ast.AnnAssign) for each in node.body)


def _is_relationship(node: ast.Assign | ast.AnnAssign) -> bool:
    return isinstance(node.value, ast.Call) and ast.unparse(node.value.func).endswith("relationship")
