"""A revision's code followed without running it: each name and expression is taken for what it may stand for.

The file's own functions are followed at each call with what they are called with; what cannot be followed is an event.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from safemig.migrations import calls
from safemig.migrations.python_definitions import Function, make_class, make_function, signature
from safemig.migrations.python_scopes import Scope, Surroundings, parameters
from safemig.migrations.python_values import (
    BUILT,
    DATA,
    EXPRESSION,
    PLAIN,
    UNKNOWN,
    Value,
    attribute,
    combined,
    filled,
    is_operation,
    is_type_name,
    joined,
    member,
    shown,
    text_of,
)

MAX_DEPTH = 8  # functions of the file that call one another
MAX_CALLS = 400  # of the file's own functions, in one reading
MAX_TURNS = 60  # of a loop over a list that is written out
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Reader(Surroundings):
    """``events`` holds what was come upon since it was emptied last."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def module(self, tree: ast.Module) -> int:
        """Reads what happens when the file is loaded; the number of its scope."""
        return self.inner(None, tree.body)

    def inner(self, parent: int | None, body: Sequence[ast.stmt], bound: Sequence[tuple[str, Value]] = ()) -> int:
        self.scopes.append(Scope(parent, dict(bound)))
        number = len(self.scopes) - 1
        self.block(body, number)
        return number

    def assign(self, target: ast.expr, value: Value, at: int, *, again: bool = False) -> None:
        if isinstance(target, ast.Name):
            self.bind(target.id, value, at, again=again)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, replace(value, items=()), at)
        elif isinstance(target, ast.Tuple | ast.List):
            items = value.items if len(value.items) == len(target.elts) else ()
            for number, inner in enumerate(target.elts):
                self.assign(inner, items[number] if items else member(value), at, again=again)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            self._store(target, at)

    def _store(self, target: ast.Attribute | ast.Subscript, at: int) -> None:
        owner = self.value(target.value, at, used=True)
        if isinstance(target, ast.Subscript):
            self.value(target.slice, at)
        if owner.kind not in (PLAIN if isinstance(target, ast.Subscript) else ()):
            self.unknown(target, f"sets {shown(target)}, and what that changes is not read")
        else:
            self.forget(owner)

    # Statements

    def block(self, body: Sequence[ast.stmt], at: int) -> None:
        for node in body:
            self.statement(node, at)
            if isinstance(node, _ENDS):
                return

    def branch(self, body: Sequence[ast.stmt], at: int) -> None:
        """Statements that may not run."""
        self.scopes[at].branches += 1
        self.block(body, at)
        self.scopes[at].branches -= 1

    def statement(self, node: ast.stmt, at: int) -> None:
        read = _STATEMENTS.get(type(node))
        if read is not None:
            read(self, node, at)
        else:
            self.unknown(node, f"holds a statement of a kind that is not read ({type(node).__name__})")

    def _expr(self, node: ast.Expr, at: int) -> None:
        self.alone = node.value
        self.value(node.value, at)

    def _import(self, node: ast.Import, at: int) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.bind(name, Value("imported", alias.name if alias.asname else name), at)

    def _importfrom(self, node: ast.ImportFrom, at: int) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.unknown(node, f"imports every name of {module}, so what names stand for is not known")
            else:
                self.bind(alias.asname or alias.name, Value("imported", f"{module}.{alias.name}"), at)

    def _return(self, node: ast.Return, at: int) -> None:
        self.scopes[at].returns.append(self.value(node.value, at) if node.value else DATA)

    def _assign(self, node: ast.Assign, at: int) -> None:
        value = self.value(node.value, at)
        for target in node.targets:
            self.assign(target, value, at)

    def _annassign(self, node: ast.AnnAssign, at: int) -> None:
        self.value(node.annotation, at)
        if node.value is not None:
            self.assign(node.target, self.value(node.value, at), at)

    def _augassign(self, node: ast.AugAssign, at: int) -> None:
        before, more = self.value(node.target, at), self.value(node.value, at)
        self.forget(before)  # another name may hold the same list
        self.assign(node.target, self._added(before, more), at)

    def _delete(self, node: ast.Delete, at: int) -> None:
        for target in node.targets:
            self.assign(target, UNKNOWN, at)

    def _global(self, node: ast.Global | ast.Nonlocal, _at: int) -> None:
        for name in node.names:
            for scope in self.scopes:
                scope.names[name] = UNKNOWN

    def _if(self, node: ast.If, at: int) -> None:
        self.value(node.test, at)
        never = isinstance(node.test, ast.Constant) and not node.test.value
        always = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self.branch(() if never else node.body, at)
        self.branch(() if always else node.orelse, at)

    def _while(self, node: ast.While, at: int) -> None:
        self.value(node.test, at)
        if not (isinstance(node.test, ast.Constant) and not node.test.value):
            for _ in range(2):  # what a turn leaves behind is there in the next
                self.branch(node.body, at)
        self.branch(node.orelse, at)

    def _for(self, node: ast.For | ast.AsyncFor, at: int) -> None:
        each = self.value(node.iter, at)
        turns = each.items if 0 < len(each.items) <= MAX_TURNS else (member(each),) * 2
        for turn in () if isinstance(node.iter, ast.List | ast.Tuple) and not node.iter.elts else turns:
            self.assign(node.target, turn, at, again=bool(each.items))
            self.branch(node.body, at)
        self.branch(node.orelse, at)

    def _with(self, node: ast.With | ast.AsyncWith, at: int) -> None:
        guards = 0
        for item in node.items:
            value = self.value(item.context_expr, at, used=True)
            if not isinstance(item.context_expr, ast.Call) and value.kind in ("imported", "unknown"):
                self.unknown(node, f"enters {shown(item.context_expr)}, and what that does is not read")
            guards += value.kind != "batch"  # it may swallow an error, and what stood behind that was not done
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, at)
        self.guards += guards
        self.block(node.body, at)
        self.guards -= guards

    def _try(self, node: ast.Try, at: int) -> None:
        self.branch(node.body, at)
        for handler in node.handlers:
            if handler.type is not None:
                self.value(handler.type, at)
            if handler.name:
                self.bind(handler.name, DATA, at)
            self.branch(handler.body, at)
        self.branch(node.orelse, at)
        self.branch(node.finalbody, at)

    def _match(self, node: ast.Match, at: int) -> None:
        subject = self.value(node.subject, at)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchValue | ast.MatchClass):
                    self.value(part.value if isinstance(part, ast.MatchValue) else part.cls, at)
                name = getattr(part, "rest" if isinstance(part, ast.MatchMapping) else "name", None)
                if name:
                    self.bind(name, member(subject), at)
            if case.guard is not None:
                self.value(case.guard, at)
            self.branch(case.body, at)

    def _raise(self, node: ast.Raise, at: int) -> None:
        for part in (node.exc, node.cause):
            if part is not None:
                self.value(part, at)
        self.raises(node, ast.unparse(node.exc).partition("(")[0] if node.exc else "an error")

    def _assert(self, node: ast.Assert, at: int) -> None:
        self.value(node.test, at)
        if node.msg is not None:
            self.value(node.msg, at)
        if isinstance(node.test, ast.Constant) and not node.test.value:
            self.raises(node, "AssertionError")

    # Expressions

    def value(self, node: ast.expr, at: int, *, used: bool = False) -> Value:
        """What the expression stands for; ``used``: an operation in it is called, not handed on."""
        self.spend()
        found = self._read(node, at)
        if not used and isinstance(node, ast.Name | ast.Attribute) and is_operation(found):
            self.unknown(node, f"hands {shown(node)} on, and what is done with it is not read")
        return found

    def _read(self, node: ast.expr, at: int) -> Value:
        read = _EXPRESSIONS.get(type(node))
        if read is None:
            return self.unknown(node, f"holds an expression of a kind that is not read ({type(node).__name__})")
        return read(self, node, at)

    def _parts(self, node: ast.expr, at: int) -> Value:
        inner = (one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))
        return combined(tuple(self.value(one, at) for one in inner))

    def _constant(self, node: ast.Constant, _at: int) -> Value:
        return Value("text", node.value) if isinstance(node.value, str) else DATA

    def _attribute(self, node: ast.Attribute, at: int) -> Value:
        return attribute(self.value(node.value, at, used=True), node.attr)

    def _lambda(self, node: ast.Lambda, at: int) -> Value:
        signature(self, node.args, at)
        return Value("function", "lambda", code=node, scope=at)

    def _namedexpr(self, node: ast.NamedExpr, at: int) -> Value:
        value = self.value(node.value, at)
        self.assign(node.target, value, at)
        return value

    def _ifexp(self, node: ast.IfExp, at: int) -> Value:
        self.value(node.test, at)
        return joined(self.value(node.body, at), self.value(node.orelse, at))

    def _listed(self, node: ast.List | ast.Tuple | ast.Set, at: int) -> Value:
        items = tuple(self.value(item, at) for item in node.elts)
        starred = any(isinstance(item, ast.Starred) for item in node.elts)
        if any(inner.items for item in items for inner in item.items):
            for item in items:  # lists of lists of lists are not followed
                self.consume(node, item)
            return combined(items)
        return replace(combined(items), items=() if starred else items)

    def _binop(self, node: ast.BinOp, at: int) -> Value:
        left, right = self.value(node.left, at), self.value(node.right, at)
        if isinstance(node.op, ast.Mod) and left.kind == "text" and not left.sql:
            return filled(left, right)
        return self._added(left, right) if isinstance(node.op, ast.Add) else combined((left, right))

    def _yield(self, node: ast.Yield | ast.YieldFrom, at: int) -> Value:
        value = self.value(node.value, at) if node.value is not None else DATA
        if self.depth == 1:
            return self.unknown(node, "is a generator, so what it does is not known")
        self.scopes[at].returns.append(member(value) if isinstance(node, ast.YieldFrom) else combined((value,)))
        return DATA

    def _formatted(self, node: ast.JoinedStr, at: int) -> Value:
        parts = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.value(part.value, at)
                if part.format_spec is not None:
                    self.value(part.format_spec, at)
                whole = value.kind == "text" and part.conversion == -1 and part.format_spec is None
                parts.append(value if whole else DATA)
            else:
                parts.append(self.value(part, at))
        if all(part.kind == "text" for part in parts):
            return text_of([part.name for part in parts])
        return DATA

    def _added(self, left: Value, right: Value) -> Value:
        if left.kind == right.kind == "text" and not (left.sql or right.sql):
            return text_of([left.name, right.name])
        if left.items and right.items and len(left.items) + len(right.items) <= MAX_TURNS:
            return replace(combined((left, right)), items=left.items + right.items)
        return replace(combined((left, right)), items=(left, right) if left.sql or right.sql else ())

    def _part(self, node: ast.Subscript, at: int) -> Value:
        owner = self.value(node.value, at, used=True)
        self.value(node.slice, at)
        if owner.kind == "class" and not owner.simple:
            return self.unknown(node, f"asks {shown(node.value)} for a part, and what that does is not read")
        if owner.kind in PLAIN or owner.kind in BUILT:
            return member(replace(owner, name="")) if not owner.items else combined(owner.items)
        return EXPRESSION if is_type_name(owner) else UNKNOWN

    def _comprehended(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, at: int) -> Value:
        self.scopes.append(Scope(at))
        at, each = len(self.scopes) - 1, DATA
        for part in node.generators:
            each = self.value(part.iter, at)
            self.assign(part.target, member(each), at, again=True)
            for test in part.ifs:
                self.value(test, at)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        turns = each.items if len(node.generators) == 1 and not node.generators[0].ifs else ()
        made: tuple[Value, ...] = ()
        for turn in turns[:MAX_TURNS] or (member(each),):
            self.assign(node.generators[-1].target, turn, at, again=True)
            made += tuple(self.value(element, at) for element in elements)
        whole = len(turns) <= MAX_TURNS and bool(turns) and len(elements) == 1
        return replace(combined(made), items=made if whole else tuple(one for one in made if one.sql))

    # The file's own functions

    def follow(
        self,
        node: ast.AST,
        value: Value,
        given: Sequence[Value],
        named: dict[str, Value] | None = None,
        *,
        sure: bool = False,
    ) -> Value:
        """Reads the function as it is called there; what it returns. ``sure``: it is surely called, and runs whole."""
        self._calls += 1
        if self.depth >= MAX_DEPTH or self._calls > MAX_CALLS:
            return self.unknown(node, f"calls {value.name}() too often to be followed")
        code = value.code
        assert isinstance(code, Function | ast.Lambda)
        bound = list(parameters(code.args, given, named or {}, lambda node: self.value(node, value.scope, used=True)))
        self.depth += 1
        self.sure += sure
        try:
            if isinstance(code, ast.Lambda):
                number = self.inner(value.scope, [], bound)
                return self.value(code.body, number)
            returned = self.scopes[self.inner(value.scope, code.body, bound)].returns
        finally:
            self.depth -= 1
            self.sure -= sure
        return reduce(joined, returned or [DATA])


_EXPRESSIONS: Mapping[type[ast.expr], Callable[[Reader, Any, int], Value]] = {
    ast.Constant: Reader._constant, ast.Attribute: Reader._attribute, ast.Call: calls.call, ast.Lambda: Reader._lambda,
    ast.Name: lambda reader, node, at: reader.look_up(node.id, at), ast.NamedExpr: Reader._namedexpr,
    ast.IfExp: Reader._ifexp, ast.List: Reader._listed, ast.Tuple: Reader._listed, ast.Set: Reader._listed,
    ast.ListComp: Reader._comprehended, ast.SetComp: Reader._comprehended, ast.DictComp: Reader._comprehended,
    ast.GeneratorExp: Reader._comprehended, ast.Subscript: Reader._part, ast.BinOp: Reader._binop,
    ast.Starred: lambda reader, node, at: reader.value(node.value, at), ast.JoinedStr: Reader._formatted,
    ast.Await: lambda reader, node, at: reader.value(node.value, at),
    **dict.fromkeys((ast.Yield, ast.YieldFrom), Reader._yield),
    **dict.fromkeys(
        (ast.BoolOp, ast.UnaryOp, ast.Compare, ast.Dict, ast.Slice, ast.FormattedValue), Reader._parts
    ),
}  # fmt: skip
_STATEMENTS: Mapping[type[ast.stmt], Callable[[Reader, Any, int], None]] = {
    ast.Expr: Reader._expr, ast.Import: Reader._import, ast.ImportFrom: Reader._importfrom,
    ast.ClassDef: make_class, ast.Return: Reader._return, ast.Assign: Reader._assign,
    ast.AnnAssign: Reader._annassign, ast.AugAssign: Reader._augassign, ast.Delete: Reader._delete,
    ast.If: Reader._if, ast.While: Reader._while, ast.Match: Reader._match, ast.Raise: Reader._raise,
    ast.Assert: Reader._assert,
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef), make_function),
    **dict.fromkeys((ast.Global, ast.Nonlocal), Reader._global),
    **dict.fromkeys((ast.For, ast.AsyncFor), Reader._for),
    **dict.fromkeys((ast.With, ast.AsyncWith), Reader._with),
    **dict.fromkeys((ast.Try, ast.TryStar), Reader._try),
    **dict.fromkeys((ast.Pass, ast.Break, ast.Continue), lambda _reader, _node, _at: None),
}  # fmt: skip
