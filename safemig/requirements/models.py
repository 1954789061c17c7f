"""What a phase asks of the models: the code it gives, and what its items name."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator

from safemig.migrations.fragments import parse
from safemig.migrations.from_python import LANGUAGES
from safemig.orm.imports import Import, imports_of
from safemig.orm.reader import RELATES, Models, bound_name, last
from safemig.orm.requested import Asked, Definition, shown_class
from safemig.plan_document.document import Block, Item, Phase
from safemig.plan_document.vocabulary import vocabulary

_USES = re.compile(
    r"\b__tablename__\b|\bmapped_column\s*\(|\bColumn\s*\(|\brelationship\s*\(|\btable\s*=\s*True\b|\bRelationship\s*\("
)
_OPERATIONS = re.compile(r"\bop\s*\.\s*\w+\s*\(")
_CLASS = re.compile(r"(?:class\s+)?([A-Z]\w*[a-z]\w*)(?:\(.*\))?:?")
_MEMBER = re.compile(r"([A-Z]\w*[a-z]\w*)\.([a-z_]\w*)")
_WORDS = re.compile(r"`\)?\s*(?::|–|—|-)\s+(\S[^`]*)\Z")
_ATTRIBUTE = re.compile(r"[a-z_]\w*")


def asked(phase: Phase, file: str) -> Asked:
    """What the phase asks; ``file`` is the document's path, for what is said about it."""
    definitions: list[Definition] = []
    loose: list[Definition] = []
    imports: list[Import] = []
    problems: list[str] = []
    parts: list[Definition] = []
    for block in phase.blocks:
        if block.language not in LANGUAGES or _OPERATIONS.search(block.text):
            continue
        text = textwrap.dedent(block.text.expandtabs(4))
        tree = parse(text)
        if not _USES.search(block.text):
            given = list(_parts(block, text, tree)) if tree else []
            parts += given
            imports += imports_of(tree.body) if tree and given else []
            continue
        if tree is None:
            problems.append(f"{file}:{block.line}: the model code is no valid Python; mend the block")
            continue
        imports += imports_of(tree.body)
        for statement in _statements(block, text, tree):
            if isinstance(statement.node, ast.ClassDef) or _call(statement.node) == "Table":
                definitions.append(statement)
            elif _call(statement.node) in RELATES:
                loose.append(statement)
            elif _is_of_class(statement.node):
                parts.append(statement)
            elif not isinstance(statement.node, ast.Import | ast.ImportFrom) and not _says_nothing(statement.node):
                problems.append(
                    f"{file}:{statement.line}: {statement.code.splitlines()[0]!r} is no model and is left out"
                )
    open_items = [item for item in phase.items if item.open]
    return Asked(
        tuple(definitions),
        tuple(loose),
        tuple(imports),
        tuple(dict.fromkeys(_relations(open_items))),
        tuple(dict.fromkeys(_named(open_items))),
        tuple(problems),
        tuple(_said(phase.items)),
        tuple(parts),
        tuple(dict.fromkeys(_members(phase.items))),
    )


def _parts(block: Block, text: str, tree: ast.Module) -> Iterator[Definition]:
    """What may belong to a class that is there: classes, and functions that take an instance of theirs."""
    for statement in _statements(block, text, tree):
        if isinstance(statement.node, ast.ClassDef) or _is_of_class(statement.node):
            yield statement


def _is_of_class(node: ast.stmt) -> bool:
    arguments = node.args.args if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
    return bool(arguments) and arguments[0].arg in ("self", "cls")


def _statements(block: Block, text: str, tree: ast.Module) -> Iterator[Definition]:
    lines = text.split("\n")
    first = lines[0].strip()
    said = re.match(r"#\s*([\w./-]+\.py)\b", first)
    for node in tree.body:
        start = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        code = "\n".join(lines[start - 1 : node.end_lineno])
        name = bound_name(node)
        yield Definition(name, code, node, block.line + start - 1, said[1] if said else "")


def _call(node: ast.stmt) -> str:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return last(value.func) if isinstance(value, ast.Call) else ""


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _codes(item: Item) -> tuple[list[str], list[str], list[str]]:
    """The classes, attributes and Python files that the item names."""
    classes, attributes, files = [], [], []
    for code in (code.strip() for code in item.codes):
        if re.fullmatch(r"[\w./-]+\.py", code):
            files.append(code)
        elif match := _CLASS.fullmatch(code):
            classes.append(match[1])
        elif _ATTRIBUTE.fullmatch(code):
            attributes.append(code)
    return classes, attributes, files


def _relations(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    for item in items:
        if not vocabulary().pattern("item.relationship").search(item.text):
            continue
        classes, attributes, _ = _codes(item)
        yield from ((match[1], match[2]) for code in item.codes if (match := _MEMBER.fullmatch(code.strip())))
        if len(classes) == 1:
            yield from ((classes[0], attribute) for attribute in attributes)


def _members(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Classes and what the items name of them: ``Course.average``, ``average()`` beside ``Course``."""
    for item in items:
        codes = [code.strip().removesuffix("()") for code in item.codes]
        yield from ((match[1], match[2]) for code in codes if (match := _MEMBER.fullmatch(code)))
        classes = [match[1] for code in codes if (match := _CLASS.fullmatch(code))]
        yield from ((owner, code) for owner in classes for code in codes if _ATTRIBUTE.fullmatch(code))


def _named(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Classes beside a file that models stand in; what is said of a relationship is no class to be made."""
    for item in items:
        classes, attributes, files = _codes(item)
        if (
            len(files) == 1
            and "model" in files[0].lower()
            and not attributes
            and not vocabulary().pattern("item.relationship").search(item.text)
        ):
            yield from ((name, files[0]) for name in classes)


def _said(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """What stands behind a dash or a colon in an item that names one class and its file, and nothing else."""
    for item in items:
        classes, attributes, files = _codes(item)
        match = _WORDS.search(item.text)
        if len(classes) == len(files) == 1 and not attributes and match and "`" not in match[1]:
            yield classes[0], match[1].strip()


def lacking(asked: Asked, models: Models) -> tuple[str, ...]:
    """The classes and attributes (``Course.ratings``) that are asked for and that the models do not have."""
    absent: list[str] = []
    for definition in asked.definitions:
        known = models.find(definition.name)
        node = definition.node if known and isinstance(definition.node, ast.ClassDef) else shown_class(definition)
        if node is not None and known is None:
            absent.append(definition.name)
        elif node is not None and known is not None:
            names = [bound_name(statement) for statement in node.body]
            absent += [f"{definition.name}.{name}" for name in names if name and name not in known[1].attributes]
    absent += [name for name, _ in asked.named if not models.find(name)]
    for owner, name in asked.relations:
        known = models.find(owner)
        if known is None or name not in known[1].attributes:
            absent.append(f"{owner}.{name}")
    return tuple(dict.fromkeys(absent))
