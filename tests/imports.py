"""What the modules of the house import, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


FLOORS = ("checks", "safemig", "tui")


# The packages of safemig/, lowest first: a module imports from its own package and from lower floors, never from
# another package of its own floor. A module at the root is of no package: the entry, and what has not moved yet.
PACKAGES: tuple[tuple[str, ...], ...] = (
    ("base",),
    ("sql", "execution"),
    ("shell", "postgres", "plan_document"),
    ("project",),
    ("migrations",),
    ("orm",),
    ("requirements", "runtimes", "signals"),
    ("sandbox", "checklist", "remedies", "journal", "protection"),
    ("planning", "consent"),
    ("policy",),
    ("engine",),
    ("reports",),
    ("cli",),
)
MAY_LOAD_THE_SCREEN = {"safemig.entry", "safemig.cli.main"}


@dataclass(frozen=True)
class Import:
    """One imported name: ``late`` inside a function, ``typing`` below TYPE_CHECKING."""

    module: str
    line: int
    late: bool
    typing: bool


def sources(*folders: str) -> dict[str, Path]:
    """Module name -> file."""
    found: dict[str, Path] = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache  # some hundred files, read by each test of the house
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path, module: str) -> tuple[Import, ...]:
    tree = tree_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return tuple(_walk(tree, package, late=False, typing=False))


def _walk(node: ast.AST, package: str, *, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, late, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
            base = ".".join([*above, *([child.module] if child.module else [])])
            yield from (Import(f"{base}.{alias.name}", child.lineno, late, typing) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _walk(ast.Module(child.body, []), package, late=late, typing=True)
            yield from _walk(ast.Module(child.orelse, []), package, late=late, typing=typing)
        else:
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _walk(child, package, late=late or inside, typing=typing)


def graph(*, late: bool) -> dict[str, set[str]]:
    """Module -> modules of ours that it imports when it is loaded (with ``late`` also inside functions). The one named
    way up, from the command line to the screen, is left out."""
    files = sources(*FLOORS)
    edges: dict[str, set[str]] = {}
    for module, path in files.items():
        edges[module] = set()
        for found in imports_of(path, module):
            if found.typing or (found.late and not late):
                continue
            name = found.module
            while name and name not in files:
                name = name.rpartition(".")[0]
            opens_the_screen = module in MAY_LOAD_THE_SCREEN and name.partition(".")[0] == "tui"
            if name and name != module and not opens_the_screen:
                edges[module].add(name)
    return edges
