"""What an env.py does before and around the revisions, read from its tree; nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

_EXECUTES = ("execute", "exec_driver_sql", "scalar", "scalars")
_CALLS_BACK = ("run_sync", "run", "run_until_complete")
_DEEPEST = 6  # functions that call one another on the way to context.configure
# What Alembic calls while it writes a revision file, and while it applies one.
_WRITING = ("process_revision_directives", "include_object", "include_name", "render_item", "compare_type")
_APPLYING = ("on_version_apply",)


@dataclass(frozen=True)
class EnvFact:
    """Something that env.py does, with its line and its own words."""

    line: int
    text: str


@dataclass(frozen=True)
class EnvScript:
    """An env.py, ``file`` being its path from the project's root.

    ``executes`` is the SQL that it runs before Alembic has its connection, ``opened`` what leaves that connection in a
    transaction that Alembic has not begun and therefore never ends: there no autocommit block is possible. ``unclear``
    is what may do so. ``options`` are the arguments of ``context.configure`` beside the connection, ``asynchronous``
    says that it is called by ``run_sync``.
    """

    file: str
    executes: tuple[EnvFact, ...] = ()
    opened: tuple[EnvFact, ...] = ()
    unclear: tuple[EnvFact, ...] = ()
    options: Mapping[str, EnvFact] = ()  # type: ignore[assignment]
    asynchronous: bool = False

    @property
    def autocommit(self) -> Literal["carried", "refused", "unknown"]:
        """Whether an autocommit block works in revisions that it runs."""
        return "refused" if self.opened else "unknown" if self.unclear else "carried"

    @property
    def is_usual(self) -> bool:
        """Whether it does no more than those that Alembic writes itself: then what a revision makes is what its
        operations make."""
        hooked = self.hooks(applying=True)
        return not (self.executes or self.opened or self.unclear or self.asynchronous or hooked)

    def place(self, fact: EnvFact) -> str:
        return f"{self.file}:{fact.line}"

    @property
    def per_revision(self) -> bool:
        """Whether each revision has a transaction of its own."""
        known = self.options.get("transaction_per_migration")
        return known is not None and known.text == "True"

    def hooks(self, *, applying: bool) -> tuple[tuple[str, EnvFact], ...]:
        """The functions that Alembic calls while it applies revisions, or while it writes them."""
        names = _APPLYING if applying else _WRITING
        return tuple((name, fact) for name, fact in self.options.items() if name in names and fact.text != "None")


def read_env_script(text: str, file: str) -> EnvScript:
    """What that text does; a text that is no Python is unclear as a whole."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return EnvScript(file, unclear=(EnvFact(1, "the file is no Python that can be read"),), options={})
    return _Reader(tree, file).read()


@dataclass(frozen=True)
class _Reader:
    tree: ast.Module
    file: str

    def read(self) -> EnvScript:
        calls = [(call, around) for call, around in self._configures() if not _is_offline(call)]
        if not calls:
            what = "context.configure is not called in it with a connection"
            return EnvScript(self.file, unclear=(EnvFact(1, what),), options={})
        executes, opened, unclear = list[EnvFact](), list[EnvFact](), list[EnvFact]()
        for call, around in calls:
            for before in self._ways(call, around, ()):
                ran, open_, doubt = before
                executes += ran
                opened += open_
                unclear += doubt
        options = {
            keyword.arg: EnvFact(keyword.value.lineno, ast.unparse(keyword.value))
            for call, _ in calls
            for keyword in call.keywords
            if keyword.arg and keyword.arg != "connection"
        }
        called = any(isinstance(node, ast.Attribute) and node.attr == "run_sync" for node in ast.walk(self.tree))
        return EnvScript(self.file, _once(executes), _once(opened), _once(unclear), options, called)

    def _configures(self) -> Iterator[tuple[ast.Call, ast.AST]]:
        for body in (self.tree, *self._functions().values()):
            for node in _own(body):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("context.configure"):
                    yield node, body

    def _functions(self) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, kinds)}

    def _ways(self, at: ast.AST, body: ast.AST, seen: tuple[str, ...]) -> Iterator[_Before]:
        """What happens before ``at`` in ``body``, on each way that leads there."""
        here = self._before(at, body, seen)
        name = getattr(body, "name", "")
        callers = [] if not name or len(seen) > _DEEPEST else [*self._callers(name)]
        if not callers:
            yield here
        for call, caller in callers:
            for above in self._ways(call, caller, (*seen, name)):
                yield _joined(above, here)

    def _callers(self, name: str) -> Iterator[tuple[ast.Call, ast.AST]]:
        for body in (self.tree, *self._functions().values()):
            if getattr(body, "name", "") == name:
                continue
            for node in _own(body):
                if isinstance(node, ast.Call) and name in _called(node):
                    yield node, body

    def _before(self, at: ast.AST, body: ast.AST, seen: tuple[str, ...]) -> _Before:
        """What the statements of ``body`` that stand before ``at`` leave of the connection, in their order."""
        executes, opened, unclear = list[EnvFact](), list[EnvFact](), list[EnvFact]()
        line, column = _place(at)
        for node in sorted(_own(body), key=_place):
            if _place(node) >= (line, column):
                break
            if isinstance(node, ast.With | ast.AsyncWith) and (node.end_lineno or 0) >= line:
                for item in node.items:
                    if isinstance(item.context_expr, ast.Call) and _is_begin(item.context_expr):
                        opened.append(EnvFact(item.context_expr.lineno, ast.unparse(item.context_expr)))
            elif isinstance(node, ast.Call) and not _inside_ended_with(node, body, line):
                method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if method in _EXECUTES:
                    fact = EnvFact(node.lineno, _sql(node))
                    executes.append(fact)
                    opened.append(fact)
                elif method in ("commit", "rollback"):
                    opened = [fact for fact in opened if ".begin(" in fact.text]
                elif method == "begin" and _is_begin(node) and not _is_context_of(node, body):
                    opened.append(EnvFact(node.lineno, ast.unparse(node)))
                elif doubt := self._helper(node, seen):
                    more, left, why = doubt
                    executes += more
                    opened += left
                    unclear += why
        return tuple(executes), tuple(opened), tuple(unclear)

    def _helper(self, call: ast.Call, seen: tuple[str, ...]) -> _Before | None:
        """What a function does that is given a connection before Alembic is."""
        given = [ast.unparse(one) for one in call.args]
        if not any(word in ("conn", "connection") for word in given) or len(seen) > _DEEPEST:
            return None
        name = ast.unparse(call.func)
        function = self._functions().get(name)
        if function is None:
            return (), (), (EnvFact(call.lineno, f"{name} is given the connection before Alembic is"),)
        end = ast.Pass(lineno=(function.end_lineno or 0) + 1, col_offset=0)
        return self._before(end, function, (*seen, name))


_Before = tuple[tuple[EnvFact, ...], tuple[EnvFact, ...], tuple[EnvFact, ...]]


def _joined(one: _Before, other: _Before) -> _Before:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _once(facts: Sequence[EnvFact]) -> tuple[EnvFact, ...]:
    return tuple(sorted(dict.fromkeys(facts), key=lambda fact: fact.line))


def _own(body: ast.AST) -> Iterator[ast.AST]:
    """The nodes below ``body`` without those of functions and classes that are defined in it."""
    for node in ast.iter_child_nodes(body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
            yield from _own(node)


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _is_offline(call: ast.Call) -> bool:
    return not any(keyword.arg == "connection" or keyword.arg is None for keyword in call.keywords) and not call.args


def _is_begin(call: ast.Call) -> bool:
    """``engine.begin()`` or ``connection.begin()``; ``context.begin_transaction()`` is Alembic's own."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "begin"


def _is_context_of(call: ast.Call, body: ast.AST) -> bool:
    """Whether a ``with`` takes what the call returns: that is told by its own lines."""
    withs = (node for node in _own(body) if isinstance(node, ast.With | ast.AsyncWith))
    return any(item.context_expr is call for node in withs for item in node.items)


def _inside_ended_with(call: ast.Call, body: ast.AST, line: int) -> bool:
    """Whether the call stands in a ``with`` of a connection of its own that has ended before ``line``."""
    for node in _own(body):
        if isinstance(node, ast.With | ast.AsyncWith) and node.lineno <= call.lineno <= (node.end_lineno or 0) < line:
            names = [ast.unparse(item.context_expr) for item in node.items]
            if any(".connect(" in name or ".begin(" in name for name in names):
                return True
    return False


def _called(call: ast.Call) -> set[str]:
    """The functions of the module that a call runs: itself, or what it is given to run."""
    names = {call.func.id} if isinstance(call.func, ast.Name) else set()
    if isinstance(call.func, ast.Attribute) and call.func.attr in _CALLS_BACK:
        for argument in call.args:
            names |= {node.id for node in ast.walk(argument) if isinstance(node, ast.Name)}
    return names


def _sql(call: ast.Call) -> str:
    texts = (node.value for node in ast.walk(call) if isinstance(node, ast.Constant))
    return next((text for text in texts if isinstance(text, str)), ast.unparse(call))
