"""What Python code does when it starts, as far as that may apply revisions; followed by ``ast``, nothing is run.

Followed are the module itself, every module of the project that it imports, and every function that reached code names:
called, or handed on (``lifespan=…``, ``asyncio.to_thread(…)``). A route's handler is not named by code that starts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safemig.base.files import text as text_of
from safemig.migrations.fragments import parse
from safemig.planning.startup.names import (
    Function,
    Module,
    below,
    called_module,
    described,
    dotted,
    imported,
    source,
    strings,
)

Kind = Literal["upgrade", "shell", "serve", "unknown"]
_UPGRADES = frozenset((
    "alembic.command.upgrade", "flask_migrate.upgrade", "alembic.runtime.environment.EnvironmentContext",
    "alembic.environment.EnvironmentContext",
))  # fmt: skip
_COMMAND_LINES = ("alembic.config.main", "alembic.config.CommandLine")
_CONTEXTS = ("MigrationContext", "EnvironmentContext")
_PROCESSES = frozenset(("subprocess", "os", "asyncio", "anyio"))
_SERVES = ("uvicorn.run", "uvicorn.Config", "granian.Granian", "hypercorn.Config")
_RELOADERS = ("watchfiles.run_process", "watchfiles.arun_process", "hupper.start_reloader")
# Classes that call the methods of those that inherit from them.
_FRAMES = frozenset((
    "FastAPI", "Starlette", "Flask", "Quart", "Litestar", "Sanic", "Application", "BaseApplication", "APIRouter",
    "Thread", "Process",
))  # fmt: skip
_EVERYTHING = frozenset(("globals", "locals", "vars"))  # by these any function of the module may be called
_STARTUP = re.compile(r"""on_event\(["']startup|on_startup\b|before_serving|before_first_request|before_server_start""")
_ENTERED = frozenset(("__init__", "__enter__", "__aenter__", "__call__", "__post_init__"))
_LARGEST = 400_000
_MODULES = 1_000


@dataclass(frozen=True)
class Reached:
    """Something that starting code does. upgrade: it applies revisions; shell: it runs the line ``text``; serve: it
    serves the application ``text`` (module:attribute), again after each change of a file where ``reloads``; unknown:
    what it hands to Alembic's command line cannot be told."""

    kind: Kind
    text: str
    file: Path
    line: int
    reloads: bool = False


class Program:
    """The modules of a project below ``roots``, and what has been reached of them. ``fixtures``: pytest's are run."""

    def __init__(self, roots: Sequence[Path], *, fixtures: bool = False) -> None:
        self.roots = tuple(dict.fromkeys(roots))
        self._modules: dict[str, Module | None] = {}
        self._seen: set[object] = set()
        self._waiting: list[tuple[Module, ast.AST | None]] = []
        self._mentioned: set[str] = set()
        self._methods: dict[str, list[tuple[Module, Function]]] = {}
        self._script = ""
        self._fixtures = fixtures
        self.reloads = False  # whether it starts what it runs again when a file changes
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
            module = described("__main__", file, tree)
            self._waiting.append((module, None))
            self._drain()
            for key, one in list(self.found.items()):
                if one.file == file:
                    self.found[key] = Reached(one.kind, one.text, file, line, one.reloads)

    def _follow(
        self, entry: Module, attribute: str, *, script: bool, words: Sequence[str], whole: bool = False
    ) -> None:
        self._script = entry.name if script else self._script
        self._waiting.append((entry, None))
        plain = {word.replace("-", "_") for word in words}
        for name, function in entry.functions.items():
            if whole or name == attribute or (function.decorator_list and name in plain):
                self._waiting.append((entry, function))
        for node in entry.classes.values() if whole else ():
            self._waiting += [(entry, each) for each in node.body if isinstance(each, Function)]
        for plugin in strings(entry.assigned["pytest_plugins"], entry) if "pytest_plugins" in entry.assigned else ():
            self._enter(plugin)
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
            elif isinstance(node, Function):
                self._visit_all(node.body, module, top=False)

    def _load(self, name: str) -> Module | None:
        if name not in self._modules:
            parts = name.split(".")
            places = [root.joinpath(*parts) for root in self.roots] if parts[0] != "alembic" else []
            files = [each for place in places for each in (place.with_suffix(".py"), place / "__init__.py")]
            path = next((each for each in files if each.is_file()), None)
            self._modules[name] = self._read(name, path) if path else None
        return self._modules[name]

    def _read(self, name: str, path: Path) -> Module | None:
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
            return described(name, path, tree)
        return None

    def _visit_all(self, nodes: Sequence[ast.AST], module: Module, *, top: bool) -> None:
        """Not by recursion: an expression of some hundred terms is as deep as it is long."""
        waiting = [*reversed(nodes)]
        while waiting:
            waiting += reversed(self._visit(waiting.pop(), module, top=top))

    def _visit(self, node: ast.AST, module: Module, *, top: bool) -> Sequence[ast.AST]:
        """Looks at one node; returns those below it that are to be visited next."""
        if isinstance(node, Function):
            if self._handed_on(node, module):
                self._waiting.append((module, node))
            elif not top:
                return [*node.decorator_list, *node.body]
            return node.decorator_list
        if isinstance(node, ast.ClassDef):
            inside = [each for each in node.body if not isinstance(each, Function)]
            return [*node.decorator_list, *node.bases, *inside]
        if isinstance(node, ast.If) and "TYPE_CHECKING" in source(node.test):
            return node.orelse
        if isinstance(node, ast.If) and "__name__" in source(node.test):
            return node.body if module.name in (self._script, "__main__") else ()
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in imported(node, module.package).values():
                self._enter(target)
            return ()
        self._look(node, module)
        return below(node)

    def _handed_on(self, node: Function, module: Module) -> bool:
        """Whether its decorators have the function called when the code starts: a framework's for that, or the
        project's own alone. A framework's beside these makes it a route or a command."""
        texts = [source(each) for each in node.decorator_list]
        if any(_STARTUP.search(text) or (self._fixtures and "fixture" in text) for text in texts):
            return True
        return bool(texts) and all(self._is_own(each, module) for each in node.decorator_list)

    def _is_own(self, decorator: ast.AST, module: Module) -> bool:
        """Whether the decorator is a function or class that the project defines."""
        plain = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(plain, ast.Name) and plain.id in (*module.functions, *module.classes):
            return True
        package, _, name = dotted(plain, module).rpartition(".") if isinstance(plain, ast.Name) else ("", "", "")
        found = self._load(package) if package else None
        return found is not None and name in (*found.functions, *found.classes, *found.names)

    def _enter(self, name: str) -> None:
        """Importing a name runs every package on the way and the module itself."""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            found = self._load(".".join(parts[:count]))
            if found is not None:
                self._waiting.append((found, None))

    def _look(self, node: ast.AST, module: Module) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self._name(node.id, module, node.lineno)
        elif isinstance(node, ast.Attribute):
            self._mention(node.attr)
            self._attribute(node, module)
        elif isinstance(node, ast.Call):
            self._call(node, module)
        elif isinstance(node, ast.List | ast.Tuple):
            words = list(strings(node, module))
            if "alembic" in words and "upgrade" in words:
                self._add("shell", " ".join(words), module, node.lineno)

    def _attribute(self, node: ast.Attribute, module: Module) -> None:
        name = dotted(node, module)
        if name:
            self._refer(name, module, node.lineno)
        if node.attr == "run_migrations" and any(each.endswith(_CONTEXTS) for each in module.names.values()):
            self._add("upgrade", "run_migrations", module, node.lineno)

    def _name(self, name: str, module: Module, line: int) -> None:
        if name in module.functions:
            self._waiting.append((module, module.functions[name]))
        elif name in module.classes:
            self._class(module, module.classes[name])
        elif name in module.names:
            self._refer(module.names[name], module, line)
        elif ("stars", module.name, name) not in self._seen:
            self._seen.add(("stars", module.name, name))
            for star in module.stars:
                self._refer(f"{star}.{name}", module, line)

    def _class(self, module: Module, node: ast.ClassDef) -> None:
        if (key := (module.path, id(node))) in self._seen:
            return
        self._seen.add(key)
        framed = any(source(base).rpartition(".")[2] in _FRAMES for base in node.bases)
        for each in node.body:
            if isinstance(each, Function):
                self._methods.setdefault(each.name, []).append((module, each))
                if framed or each.name in self._mentioned | _ENTERED:
                    self._waiting.append((module, each))

    def _mention(self, name: str) -> None:
        if name not in self._mentioned:
            self._mentioned.add(name)
            self._waiting.extend(self._methods.get(name, ()))

    def _refer(self, named: str, module: Module, line: int) -> None:
        """Reached code names ``named``: applying revisions, or something of a module of the project."""
        if named in _UPGRADES:
            self._add("upgrade", named, module, line)
            return
        parts = named.split(".")
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

    def _call(self, node: ast.Call, module: Module) -> None:
        called = dotted(node.func, module)
        if isinstance(node.func, ast.Name) and node.func.id in _EVERYTHING:
            self._waiting += [(module, each) for each in module.functions.values()]
        if name := called_module(node, module):
            self._enter(name)
        elif isinstance(node.func, ast.Name) and node.func.id == "getattr" and (name := dotted(node, module)):
            self._refer(name, module, node.lineno)
        told = [*node.args, *(each.value for each in node.keywords)]
        words = [word for each in told for word in strings(each, module)]
        if called in _SERVES:
            self._serve(node, words, module)
        elif called.startswith("runpy.run_") and words[:1] == ["alembic"]:
            self._add("unknown", source(node), module, node.lineno)
        elif called.startswith(_COMMAND_LINES):
            self._command_line(node, called, words, module)
        elif called in _RELOADERS or _restarts(node):
            self.reloads = True
        elif called.partition(".")[0] in _PROCESSES and words:
            self._add("shell", " ".join(words), module, node.lineno)

    def _serve(self, node: ast.Call, words: Sequence[str], module: Module) -> None:
        reload = next((each.value for each in node.keywords if each.arg == "reload"), None)
        off = reload is None or (isinstance(reload, ast.Constant) and not reload.value)
        served = next((word for word in words if ":" in word), "")
        self._add("serve", served, module, node.lineno, reloads=not off)

    def _command_line(self, node: ast.Call, called: str, words: Sequence[str], module: Module) -> None:
        if "upgrade" in words:
            self._add("upgrade", source(node), module, node.lineno)
        elif not words and called.rpartition(".")[2] in ("main", "run_cmd"):
            self._add("unknown", source(node), module, node.lineno)

    def _add(self, kind: Kind, text: str, module: Module, line: int, *, reloads: bool = False) -> None:
        self.found.setdefault((kind, module.path, line), Reached(kind, text, module.path, line, reloads))


def _restarts(node: ast.Call) -> bool:
    """Whether the call starts a server of Flask's that starts again when a file changes."""
    if not isinstance(node.func, ast.Attribute | ast.Name) or not source(node.func).endswith(("run", "run_simple")):
        return False
    return any(
        each.arg in ("debug", "use_reloader") and isinstance(each.value, ast.Constant) and bool(each.value.value)
        for each in node.keywords
    )
