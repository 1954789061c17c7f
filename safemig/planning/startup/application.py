"""What Python code does when it starts, as far as that may apply revisions; followed by ``ast``, nothing is run.

Followed are the module itself, every module of the project that it imports, and every function that reached code names:
called, or handed on (``lifespan=…``, ``asyncio.to_thread(…)``). A route's handler is not named by code that starts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from safemig.base.files import text as text_of
from safemig.migrations.fragments import parse

Kind = Literal["upgrade", "shell", "serve"]
_UPGRADES = frozenset((
    "alembic.command.upgrade", "flask_migrate.upgrade", "alembic.runtime.environment.EnvironmentContext",
    "alembic.environment.EnvironmentContext",
))  # fmt: skip
_COMMAND_LINES = ("alembic.config.main", "alembic.config.CommandLine")
_PROCESSES = frozenset(("subprocess", "os", "asyncio", "anyio"))
_STARTUP = re.compile(r"""on_event\(["']startup|on_startup\b|before_serving|before_first_request|before_server_start""")
_ENTERED = frozenset(("__init__", "__enter__", "__aenter__", "__call__", "__post_init__"))
_LARGEST = 400_000
_MODULES = 1_000
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Reached:
    """Something that starting code does. upgrade: it applies revisions; shell: it runs the line ``text``; serve: it
    serves the application ``text`` (module:attribute), again after each change of a file where ``reloads``."""

    kind: Kind
    text: str
    file: Path
    line: int
    reloads: bool = False


@dataclass(frozen=True)
class _Module:
    name: str
    path: Path
    tree: ast.Module
    package: str
    names: dict[str, str] = field(default_factory=dict)
    functions: dict[str, _Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)


class Program:
    """The modules of a project below ``roots``, and what has been reached of them."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(dict.fromkeys(roots))
        self._modules: dict[str, _Module | None] = {}
        self._seen: set[object] = set()
        self._waiting: list[tuple[_Module, ast.AST | None]] = []
        self._mentioned: set[str] = set()
        self._methods: dict[str, list[tuple[_Module, _Function]]] = {}
        self._script = ""
        self.found: dict[tuple[str, Path, int], Reached] = {}
        self.unread: dict[Path, str] = {}  # modules of the project that were reached and could not be read, and why

    def module(self, name: str, attribute: str = "", *, script: bool = False, words: Sequence[str] = ()) -> bool:
        """Follows the start of a module (dotted name), and of what it offers as ``attribute``; whether it is there.

        ``script``: it runs as a program, with ``words`` as its arguments."""
        entry = (self._load(f"{name}.__main__") if script else None) or self._load(name)
        if entry is None:
            return False
        self._follow(entry, attribute, script=script, words=words)
        return True

    def file(self, path: Path, *, script: bool = False, words: Sequence[str] = (), whole: bool = False) -> bool:
        """The same of a file; ``whole``: every function of it is taken as called."""
        root = next((root for root in self.roots if path.is_relative_to(root)), path.parent)
        relative = path.relative_to(root).with_suffix("").parts
        name = ".".join(relative[:-1] if relative[-1] == "__init__" else relative)
        entry = self._modules.get(name) or self._read(name, path)
        if entry is None:
            return False
        self._modules[name] = entry
        self._follow(entry, "", script=script, words=words, whole=whole)
        return True

    def code(self, text: str, file: Path, line: int) -> None:
        """The same of code that stands in a command (``python -c``)."""
        tree = parse(text)
        if tree is None:
            self.unread[file] = "the Python code in it cannot be parsed"
        else:
            module = _described("__main__", file, tree)
            self._waiting.append((module, None))
            self._drain()
            for key, one in list(self.found.items()):
                if one.file == file:
                    self.found[key] = Reached(one.kind, one.text, file, line, one.reloads)

    def _follow(
        self, entry: _Module, attribute: str, *, script: bool, words: Sequence[str], whole: bool = False
    ) -> None:
        self._script = entry.name if script else self._script
        self._waiting.append((entry, None))
        plain = {word.replace("-", "_") for word in words}
        for name, function in entry.functions.items():
            if whole or name == attribute or (function.decorator_list and name in plain):
                self._waiting.append((entry, function))
        if attribute in entry.names:
            self._refer(entry.names[attribute], entry, 0)
        self._drain()

    def _drain(self) -> None:
        while self._waiting:
            module, node = self._waiting.pop()
            key = (module.path, module.name) if node is None else (module.path, id(node))
            if key in self._seen:
                continue
            self._seen.add(key)
            if node is None:
                self._visit_all(module.tree.body, module, top=True)
            elif isinstance(node, _Function):
                self._visit_all(node.body, module, top=False)

    def _load(self, name: str) -> _Module | None:
        if name not in self._modules:
            parts = name.split(".")
            places = [root.joinpath(*parts) for root in self.roots] if parts[0] != "alembic" else []
            files = [each for place in places for each in (place.with_suffix(".py"), place / "__init__.py")]
            path = next((each for each in files if each.is_file()), None)
            self._modules[name] = self._read(name, path) if path else None
        return self._modules[name]

    def _read(self, name: str, path: Path) -> _Module | None:
        try:
            if len(self._modules) > _MODULES:
                raise ValueError(f"it is one of more than {_MODULES} modules")
            tree = parse(text_of(path, most=_LARGEST))
            if tree is None:
                raise ValueError("it cannot be parsed")
        except OSError as error:
            self.unread[path] = error.strerror or str(error)
        except UnicodeDecodeError:
            self.unread[path] = "it is not in UTF-8"
        except ValueError as error:
            self.unread[path] = str(error)
        else:
            return _described(name, path, tree)
        return None

    def _visit_all(self, nodes: Sequence[ast.AST], module: _Module, *, top: bool) -> None:
        """Not by recursion: an expression of some hundred terms is as deep as it is long."""
        waiting = [*reversed(nodes)]
        while waiting:
            waiting += reversed(self._visit(waiting.pop(), module, top=top))

    def _visit(self, node: ast.AST, module: _Module, *, top: bool) -> Sequence[ast.AST]:
        """Looks at one node; returns those below it that are to be visited next."""
        if isinstance(node, _Function):
            if any(_STARTUP.search(_source(each)) for each in node.decorator_list):
                self._waiting.append((module, node))
            elif not top:
                return [*node.decorator_list, *node.body]
            return node.decorator_list
        if isinstance(node, ast.ClassDef):
            inside = [each for each in node.body if not isinstance(each, _Function)]
            return [*node.decorator_list, *node.bases, *inside]
        if isinstance(node, ast.If) and "TYPE_CHECKING" in _source(node.test):
            return node.orelse
        if isinstance(node, ast.If) and "__name__" in _source(node.test):
            return node.body if module.name in (self._script, "__main__") else ()
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in _imported(node, module.package).values():
                self._enter(target)
            return ()
        self._look(node, module)
        return _below(node)

    def _enter(self, dotted: str) -> None:
        """Importing a name runs every package on the way and the module itself."""
        parts = dotted.split(".")
        for count in range(1, len(parts) + 1):
            found = self._load(".".join(parts[:count]))
            if found is not None:
                self._waiting.append((found, None))

    def _look(self, node: ast.AST, module: _Module) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self._name(node.id, module, node.lineno)
        elif isinstance(node, ast.Attribute):
            self._mention(node.attr)
            dotted = _dotted(node, module)
            if dotted:
                self._refer(dotted, module, node.lineno)
        elif isinstance(node, ast.Call):
            self._call(node, module)
        elif isinstance(node, ast.List | ast.Tuple):
            words = [each.value for each in node.elts if isinstance(each, ast.Constant)]
            if "alembic" in words and "upgrade" in words:
                self._add("shell", " ".join(str(word) for word in words), module, node.lineno)

    def _name(self, name: str, module: _Module, line: int) -> None:
        if name in module.functions:
            self._waiting.append((module, module.functions[name]))
        elif name in module.classes:
            self._class(module, module.classes[name])
        elif name in module.names:
            self._refer(module.names[name], module, line)

    def _class(self, module: _Module, node: ast.ClassDef) -> None:
        if (key := (module.path, id(node))) in self._seen:
            return
        self._seen.add(key)
        for each in node.body:
            if isinstance(each, _Function):
                self._methods.setdefault(each.name, []).append((module, each))
                if each.name in self._mentioned | _ENTERED:
                    self._waiting.append((module, each))

    def _mention(self, name: str) -> None:
        if name not in self._mentioned:
            self._mentioned.add(name)
            self._waiting.extend(self._methods.get(name, ()))

    def _refer(self, dotted: str, module: _Module, line: int) -> None:
        """Reached code names ``dotted``: applying revisions, or something of a module of the project."""
        if dotted in _UPGRADES:
            self._add("upgrade", dotted, module, line)
            return
        parts = dotted.split(".")
        for count in range(len(parts) - 1, 0, -1):
            found = self._load(".".join(parts[:count]))
            if found is not None:
                name, rest = parts[count], parts[count + 1 :]
                target = found.names.get(name)
                if target and (found.name, name) not in self._seen:
                    self._seen.add((found.name, name))
                    self._refer(".".join([target, *rest]), module, line)
                elif not target:
                    self._name(name, found, line)
                return

    def _call(self, node: ast.Call, module: _Module) -> None:
        called = _dotted(node.func, module)
        if called == "uvicorn.run":
            first = node.args[0] if node.args else None
            text = str(first.value) if isinstance(first, ast.Constant) else ""
            reload = next((each.value for each in node.keywords if each.arg == "reload"), None)
            off = reload is None or (isinstance(reload, ast.Constant) and not reload.value)
            self._add("serve", text, module, node.lineno, reloads=not off)
        elif called.startswith(_COMMAND_LINES) and "upgrade" in _source(node):
            self._add("upgrade", _source(node), module, node.lineno)
        elif called.partition(".")[0] in _PROCESSES:
            words = [word for each in node.args for word in _strings(each)]
            if words:
                self._add("shell", " ".join(words), module, node.lineno)

    def _add(self, kind: Kind, text: str, module: _Module, line: int, *, reloads: bool = False) -> None:
        self.found.setdefault((kind, module.path, line), Reached(kind, text, module.path, line, reloads))


def _described(name: str, path: Path, tree: ast.Module) -> _Module:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    module = _Module(name, path, tree, package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module.names.update(_imported(node, package))
    for each in _statements(tree.body):
        if isinstance(each, _Function):
            module.functions[each.name] = each
        elif isinstance(each, ast.ClassDef):
            module.classes[each.name] = each
    return module


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those below its if, try and with too."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, name, []))
        if isinstance(node, ast.Try):
            yield from (each for handler in node.handlers for each in _statements(handler.body))


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> dict[str, str]:
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


def _source(node: ast.AST) -> str:
    """The code of the node; "" where it is nested too deep to be written out."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return ""


def _dotted(node: ast.AST, module: _Module) -> str:
    """The full name of ``a.b.c`` where ``a`` was imported; "" for everything else."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id in module.names:
        return ".".join([module.names[node.id], *reversed(attributes)])
    return ""


def _strings(node: ast.AST) -> Iterator[str]:
    """The literal words of an argument, in their order; the running interpreter counts as ``python``."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.Attribute) and node.attr == "executable":
        yield "python"
    elif isinstance(node, ast.List | ast.Tuple):
        for each in node.elts:
            yield from _strings(each)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values)
    elif isinstance(node, ast.Starred):
        yield from _strings(node.value)


def _below(node: ast.AST) -> list[ast.AST]:
    """The nodes right below, without annotations: these are not run."""
    values = [value for name, value in ast.iter_fields(node) if name not in ("annotation", "returns")]
    children = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in children if isinstance(each, ast.AST)]
