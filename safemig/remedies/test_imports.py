"""What test files call for, read from their source with ``ast`` and never by importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_CLIENTS = frozenset({"fastapi.testclient", "starlette.testclient"})


@dataclass(frozen=True)
class Calls:
    """What the sources use. ``client``: the starlette test client; ``bare_async``: a coroutine test with no mark."""

    imports: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    client: bool = False
    bare_async: bool = False
    coroutine: bool = False


def read_calls(sources: Mapping[str, str]) -> Calls:
    """What all sources (path -> text) call for together; a file that does not parse calls for nothing."""
    imports: set[str] = set()
    marks: set[str] = set()
    client = bare = coroutine = False
    for text in sources.values():
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        modules = set(_modules(tree))
        imports |= {name.partition(".")[0] for name in modules}
        client |= bool(modules & _CLIENTS)
        of_module = _module_marks(tree)
        marks |= of_module | _marks(tree)
        for function, of_class in _coroutine_tests(tree):
            coroutine = True
            bare |= not (of_module | of_class | _decorators(function)) & {"asyncio", "anyio", "trio"}
    return Calls(frozenset(imports), frozenset(marks), client, bare, coroutine)


def _modules(tree: ast.Module) -> Iterator[str]:
    """Absolute imports that run whenever the file is imported or a test runs.

    Left out: imports for type checkers only, and those that the file itself can do without (an ``except`` for
    ImportError follows, or pytest.importorskip).
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module:
                yield node.module
                # "from fastapi import testclient" names the module in the imported part.
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
        elif isinstance(node, ast.Try) and any(_forgives(handler) for handler in node.handlers):
            waiting.extend([*node.orelse, *node.finalbody])
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _forgives(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = ast.unparse(handler.type)
    return any(name in names for name in ("ImportError", "ModuleNotFoundError", "Exception"))


def _coroutine_tests(tree: ast.Module) -> Iterator[tuple[ast.AsyncFunctionDef, frozenset[str]]]:
    """Coroutine tests with the marks of their class; methods of unittest's cases run without a plugin."""
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node, frozenset()
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            if any("TestCase" in ast.unparse(base) for base in node.bases):
                continue
            of_class = _decorators(node)
            for member in node.body:
                if isinstance(member, ast.AsyncFunctionDef) and member.name.startswith("test"):
                    yield member, of_class


def _decorators(node: ast.AsyncFunctionDef | ast.ClassDef) -> frozenset[str]:
    return frozenset().union(*(_marks(decorator) for decorator in node.decorator_list))


def _module_marks(tree: ast.Module) -> frozenset[str]:
    """The marks of ``pytestmark = ...``."""
    found: frozenset[str] = frozenset()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            found |= _marks(node.value)
    return found


def _marks(tree: ast.AST) -> frozenset[str]:
    """Every x of ``pytest.mark.x`` in the tree."""
    return frozenset(
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "mark"
    )
