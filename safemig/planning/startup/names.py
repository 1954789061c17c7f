"""What the names and literal words of a Python module come to, as far as its text alone tells it; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
_IMPORTS = ("importlib.import_module", "__import__")
_DEEPEST = 8


@dataclass(frozen=True)
class Module:
    """A module of the project. ``names``: what it imports, local name to dotted name; ``stars``: the modules of which
    it imports everything; ``assigned``: the value of each name, one that speaks of an upgrade before any other."""

    name: str
    path: Path
    tree: ast.Module
    package: str
    names: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    assigned: dict[str, ast.expr] = field(default_factory=dict)


def described(name: str, path: Path, tree: ast.Module) -> Module:
    """The module as its text says it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    module = Module(name, path, tree, package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _import(node, module)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            _assign(node, node.value, module)
    for each in _statements(tree.body):
        if isinstance(each, Function):
            module.functions[each.name] = each
        elif isinstance(each, ast.ClassDef):
            module.classes[each.name] = each
    return module


def _import(node: ast.Import | ast.ImportFrom, module: Module) -> None:
    for name, dotted_name in imported(node, module.package).items():
        if dotted_name.endswith(".*"):
            module.stars.append(dotted_name.removesuffix(".*"))
        else:
            module.names[name] = dotted_name


def _assign(node: ast.Assign | ast.AnnAssign, value: ast.expr, module: Module) -> None:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            known = module.assigned.get(target.id)
            if known is None or "upgrade" not in source(known):
                module.assigned[target.id] = value


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those below its if, try and with too."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, name, []))
        if isinstance(node, ast.Try):
            yield from (each for handler in node.handlers for each in _statements(handler.body))


def imported(node: ast.Import | ast.ImportFrom, package: str) -> dict[str, str]:
    """Local name -> dotted name."""
    if isinstance(node, ast.Import):
        return {
            each.asname or each.name.partition(".")[0]: each.name if each.asname else each.name.partition(".")[0]
            for each in node.names
        } | {each.name: each.name for each in node.names}
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    return {each.asname or each.name: f"{base}.{each.name}" if base else each.name for each in node.names}


def source(node: ast.AST) -> str:
    """The code of the node; "" where it is nested too deep to be written out."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return ""


def dotted(node: ast.AST, module: Module, depth: int = 0) -> str:
    """The full name of ``a.b.c`` where ``a`` was imported, or is a name for something that was, or a call of it; "" for
    everything else."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    base = _base(node, module, depth) if depth < _DEEPEST else ""
    return ".".join([base, *reversed(attributes)]) if base else ""


def _base(node: ast.AST, module: Module, depth: int) -> str:
    if isinstance(node, ast.Name):
        value = module.assigned.get(node.id)
        named = value is not None and isinstance(value, ast.Attribute | ast.Call | ast.Name)
        return module.names.get(node.id) or (dotted(value, module, depth + 1) if value is not None and named else "")
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
        inner, attribute = dotted(node.args[0], module, depth + 1), next(strings(node.args[1], module), "")
        return f"{inner}.{attribute}" if inner and attribute else ""
    return called_module(node, module) or dotted(node.func, module, depth + 1)


def called_module(node: ast.Call, module: Module) -> str:
    """The module that a call of importlib's imports, "" where it is none."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if (name if name == "__import__" else dotted(node.func, module, 1)) not in _IMPORTS or not node.args:
        return ""
    told = next(strings(node.args[0], module), "")
    return f"{module.package}{told}" if told.startswith(".") else told


def strings(node: ast.AST, module: Module, depth: int = 0) -> Iterator[str]:
    """The literal words of an argument, in their order, those behind names and ``split()`` too; the running interpreter
    counts as ``python``."""
    if depth > _DEEPEST:
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.Attribute) and node.attr == "executable":
        yield "python"
    elif isinstance(node, ast.JoinedStr):
        yield "".join("".join(strings(each, module, depth + 1)) or "…" for each in node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and not _is_list(node, module):
        yield "".join(word for each in (node.left, node.right) for word in strings(each, module, depth + 1))
    else:
        for each in _parts(node, module):
            yield from strings(each, module, depth + 1)


def _is_list(node: ast.AST, module: Module, depth: int = 0) -> bool:
    """Whether the value is a list of words, and no text."""
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right) if depth < _DEEPEST else ()
        return any(_is_list(each, module, depth + 1) for each in sides)
    if isinstance(node, ast.Name) and node.id in module.assigned and depth < _DEEPEST:
        return _is_list(module.assigned[node.id], module, depth + 1)
    return not isinstance(node, ast.Constant | ast.JoinedStr | ast.Name)


def _parts(node: ast.AST, module: Module) -> Sequence[ast.AST]:
    """The nodes that the words of this one come from."""
    match node:
        case ast.Name(id=name) if name in module.assigned:
            return [module.assigned[name]]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return elements
        case ast.Starred(value=value) | ast.FormattedValue(value=value):
            return [value]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [left, right]
        case ast.Call(func=ast.Attribute(value=value, attr="split" | "format" | "strip"), args=arguments):
            return arguments if dotted(value, module) == "shlex" else [value]
    return []


def below(node: ast.AST) -> list[ast.AST]:
    """The nodes right below, without annotations: these are not run."""
    values = [value for name, value in ast.iter_fields(node) if name not in ("annotation", "returns")]
    children = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in children if isinstance(each, ast.AST)]
