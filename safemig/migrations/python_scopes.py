"""The names of a revision's code by scope, and the events that reading it collects."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from safemig.migrations.python_events import Acts, Event, Noted, Raises, RunsSql
from safemig.migrations.python_values import UNKNOWN, Value, combined, is_builtin, joined
from safemig.sql.hazards import Hazard

MAX_STEPS = 100_000  # expressions, about 1 s; the largest revision of the corpora takes 150


@dataclass
class Scope:
    """The names of a module, function or class; within ``branches`` (of an ``if``, a loop, a ``try``) a name may keep
    the value that it had before."""

    parent: int | None
    names: dict[str, Value] = field(default_factory=dict)
    branches: int = 0
    returns: list[Value] = field(default_factory=list)


class TooMuch(Exception):
    """Following the code takes more steps than any revision that a person wrote."""


class Surroundings:
    """What a reader of code knows besides the code: names, and what it came upon."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.texts: list[RunsSql] = []  # every text that the code makes SQL of, whatever becomes of it
        self.scopes: list[Scope] = []
        self.depth = self.guards = 0  # functions that called one another; ``with`` around the statement
        self.sure = 0  # how many of those functions are surely called, and run to their end
        self.alone: ast.expr | None = None  # the expression that is a statement by itself
        self._steps = 0

    def certain(self, node: ast.AST, at: int) -> bool:
        """Whether a call is run in any case: a statement of ``upgrade``, or of a function that is so called and runs to
        its end, in no branch, loop or guard."""
        return node is self.alone and self.depth == self.sure and not self.guards and not self.scopes[at].branches

    def spend(self) -> None:
        """Counts one step; loops in loops and lists of lists grow beyond all bounds."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooMuch

    # Events

    def note(self, node: ast.AST, hazard: Hazard, about: str = "") -> None:
        self.events.append(Noted(getattr(node, "lineno", 1), hazard, about))

    def unknown(self, node: ast.AST, what: str) -> Value:
        """A call or value that is not followed; it may change anything."""
        self.note(node, Hazard("unknown", what))
        self.events.append(Acts(getattr(node, "lineno", 1), known=False))
        return UNKNOWN

    def acts(self, node: ast.AST, makes: str = "", *, rows: bool = False) -> None:
        self.events.append(Acts(getattr(node, "lineno", 1), makes, rows=rows))

    def raises(self, node: ast.AST, error: str) -> None:
        self.events.append(Raises(getattr(node, "lineno", 1), error))

    def runs(self, node: ast.AST, text: str, *, certain: bool = False) -> None:
        self.events.append(RunsSql(getattr(node, "lineno", 1), text, "statement", certain))

    def consume(self, node: ast.AST, value: Value) -> None:
        """A value that is given to something that builds a statement: the SQL in it becomes a part of that."""
        self.spend()
        if value.kind == "text" and value.sql:
            self.events.append(RunsSql(getattr(node, "lineno", 1), value.name, "fragment"))
        for item in value.items:
            self.consume(node, item)

    # Scopes and names

    def look_up(self, name: str, at: int | None) -> Value:
        while at is not None:
            scope = self.scopes[at]
            if name in scope.names:
                return scope.names[name]
            at = scope.parent
        return Value("builtin", name) if is_builtin(name) else UNKNOWN

    def bind(self, name: str, value: Value, at: int, *, again: bool = False) -> None:
        """``again``: the value takes the place of the one before, as in the next turn of a loop."""
        scope = self.scopes[at]
        may_keep = scope.branches > 0 and name in scope.names and not again
        scope.names[name] = joined(scope.names[name], value) if may_keep else value

    def forget(self, changed: Value) -> None:
        """A list is changed in place: what was written out is no longer all that it holds, whatever it is named."""
        for scope in self.scopes if changed.items else ():
            for name, value in scope.names.items():
                if value == changed or changed in value.items:
                    scope.names[name] = combined(()) if value.kind == "data" else replace(value, items=())


def parameters(
    wanted: ast.arguments, given: Sequence[Value], named: Mapping[str, Value], default: Callable[[ast.expr], Value]
) -> Iterator[tuple[str, Value]]:
    """The parameters of a function with what they stand for when it is called with those arguments."""
    positional = [*wanted.posonlyargs, *wanted.args]
    defaults = dict(zip([arg.arg for arg in positional[::-1]], wanted.defaults[::-1], strict=False))
    defaults |= {arg.arg: one for arg, one in zip(wanted.kwonlyargs, wanted.kw_defaults, strict=True) if one}
    for number, arg in enumerate([*positional, *wanted.kwonlyargs]):
        if number < min(len(given), len(positional)):
            yield arg.arg, given[number]
        elif arg.arg in named:
            yield arg.arg, named[arg.arg]
        else:
            yield arg.arg, default(defaults[arg.arg]) if arg.arg in defaults else UNKNOWN
    rest = (*given[len(positional) :], *named.values())
    for more in (wanted.vararg, wanted.kwarg):
        if more is not None:
            yield more.arg, combined(tuple(rest))


def run_at_definition(arguments: ast.arguments) -> Iterator[ast.expr]:
    """Defaults and annotations, which are run where the function is made."""
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    annotations = [argument.annotation for argument in given if argument is not None]
    for node in (*arguments.defaults, *arguments.kw_defaults, *annotations):
        if node is not None:
            yield node
