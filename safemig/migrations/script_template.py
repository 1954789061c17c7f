"""The project's script.py.mako: read as a tree by Mako's own lexer and filled in here; none of its Python is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from safemig.migrations.fragments import parse, reindent

# The lines that Alembic's own templates have had: a template of nothing else says no more than the newest revision.
_PLAIN = re.compile(
    r"""
    (?:\s*%>)?\"\"\"(?:\$\{message\})? | (?:Revision\ ID|Revises|Create\ Date):\ \$\{[\w\s|,]+\}
    | <%! | import\ re | from\ (?:typing|collections\.abc)\ import\ .* | from\ __future__\ import\ annotations
    | from\ alembic\ import\ op | import\ sqlalchemy\ as\ sa | \$\{imports\b[^}]*\}
    | \#\ revision\ identifiers,\ used\ by\ Alembic\. | (?:revision|down_revision|branch_labels|depends_on)
      (?::\ [\w\[\],\s|]+)?\ =\ \$\{repr\(\w+\)\}
    | def\ (?:up|down)grade\(\)(?:\ ->\ None)?: | \"\"\"(?:Up|Down)grade\ schema\.\"\"\"
    | \$\{(?:up|down)grades\b[^}]*\}
    """,
    re.VERBOSE,
)
_DATABASES = "config.get_main_option('databases')"
_ENDINGS = ("upgrades", "downgrades")


@dataclass(frozen=True)
class ScriptTemplate:
    """The text of script.py.mako, ``file`` being its path from the project's root. ``databases`` are those of the
    configuration (the template of several databases writes a pair of functions for each), ``database`` the one of
    them that is migrated, "" where that cannot be told."""

    file: str
    text: str
    databases: tuple[str, ...] = ()
    database: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it holds nothing beside what Alembic's own templates do."""
        return all(not line.strip() or _PLAIN.fullmatch(line.strip()) for line in self.text.splitlines())


class TemplateUnread(Exception):
    """Something that only running the template would tell; ``line`` is its line."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line, self.what = line, what


@dataclass(frozen=True)
class Block:
    """Statements that are filled in with the margin of their place."""

    code: str


@dataclass(frozen=True)
class _Expression:
    """``filters`` are the names behind the bar; ``bound`` the variables of the loop that it stands in."""

    tree: ast.expr
    line: int
    filters: tuple[str, ...]
    bound: Mapping[str, str]


def fill(template: ScriptTemplate, values: Mapping[str, object], literals: Mapping[str, str]) -> str:
    """The text with its expressions filled in. ``values`` are Alembic's names for what goes in, ``literals`` the
    Python text for ``repr(NAME)``. Raises TemplateUnread for an expression that is none of what is known, and for a
    statement of Mako."""
    made = ""
    for part in _parts(template):
        if isinstance(part, str):
            made += part
            continue
        value = _value(part, {**values, **part.bound}, literals)
        value = _filtered(value, part)
        made += _placed(value, made) if isinstance(value, Block) else str(value)
    return made if made.endswith("\n") else f"{made}\n"


def names_in(template: ScriptTemplate) -> frozenset[str]:
    """The names that its expressions use, those of ``context.get`` included."""
    trees = [(part.tree, part.bound) for part in _parts(template) if not isinstance(part, str)]
    named = {node.id for tree, _ in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return frozenset(named | {text for tree, bound in trees if (text := _key(tree, bound))})


def _parts(template: ScriptTemplate) -> Iterator[str | _Expression]:
    from mako import parsetree
    from mako.exceptions import MakoException
    from mako.lexer import Lexer

    try:
        nodes = Lexer(template.text).parse().nodes
    except MakoException as error:
        raise TemplateUnread(getattr(error, "lineno", 1), "the template is none that Mako reads") from error
    names: set[str] = set()
    at = 0
    while at < len(nodes):
        node = nodes[at]
        at += 1
        if isinstance(node, parsetree.ControlLine):
            variable = _loop_variable(node.text, names) if not node.isend else ""
            end = next((n for n, one in enumerate(nodes[at:], at) if isinstance(one, parsetree.ControlLine)), at)
            if not variable or not template.databases:
                raise TemplateUnread(node.lineno, f"{node.text!r} is not evaluated")
            for database in template.databases:
                yield from (_part(node, {variable: database}) for node in nodes[at:end])
            at = end + 1
        elif isinstance(node, parsetree.Code):
            names |= _databases_of(node.text, node.lineno)
        elif not isinstance(node, parsetree.Comment):
            yield _part(node, {})


def _part(node: object, bound: Mapping[str, str]) -> str | _Expression:
    from mako import parsetree

    if isinstance(node, parsetree.Comment):
        return ""
    if isinstance(node, parsetree.Text):
        return str(node.content)
    line = int(getattr(node, "lineno", 1))
    if not isinstance(node, parsetree.Expression):
        raise TemplateUnread(line, f"a {type(node).__name__} of Mako is not evaluated")
    try:
        tree = ast.parse(node.text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise TemplateUnread(line, f"{node.text.strip()!r} is no Python") from None
    return _Expression(tree, line, tuple(node.escapes_code.args), bound)


def _databases_of(code: str, line: int) -> set[str]:
    """The names that a block of Python binds to the configuration's databases; imports are passed over."""
    tree = parse(code)
    names: set[str] = set()
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if not (isinstance(node, ast.Assign) and ast.unparse(node.value) == _DATABASES):
            raise TemplateUnread(line + node.lineno - 1, f"{ast.unparse(node)!r} is not evaluated")
        names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    if tree is None:
        raise TemplateUnread(line, "a block of Python cannot be read")
    return names


def _loop_variable(text: str, names: set[str]) -> str:
    """The variable of a loop over the databases: Alembic splits their list at commas; "" for any other line."""
    tree = parse(f"{text}\n    pass")
    node = tree.body[0] if tree and tree.body else None
    if not (isinstance(node, ast.For) and isinstance(node.target, ast.Name)):
        return ""
    over = ast.unparse(node.iter)
    split = any(over == f"re.split(',\\\\s*', {name})" for name in names)
    return node.target.id if split else ""


def _value(part: _Expression, values: Mapping[str, object], literals: Mapping[str, str]) -> object:
    def of(node: ast.expr) -> object:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name) if name in values:
                return values[name]
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return of(body) if of(test) else of(orelse)
            case ast.BoolOp(op=ast.Or(), values=options):
                return next((value for option in options if (value := of(option))), "")
            case ast.Call(func=ast.Name(id="repr"), args=[ast.Name(id=name)], keywords=[]) if name in literals:
                return literals[name]
            case ast.Call(func=ast.Name(id="str"), args=[one], keywords=[]):
                return str(of(one))
            case ast.Call(
                func=ast.Attribute(value=one, attr="strftime"), args=[ast.Constant(value=str(form))], keywords=[]
            ) if isinstance(moment := of(one), datetime):
                return moment.strftime(form)
        if key := _key(node, part.bound):
            return values.get(key) or "pass"
        raise TemplateUnread(part.line, f"{ast.unparse(node)!r} is not evaluated")

    return of(part.tree)


def _key(node: ast.expr, bound: Mapping[str, str]) -> str:
    """What ``context.get("%s_upgrades" % database, "pass")`` asks for; "" for any other expression."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="context"), attr="get"),
            args=[
                ast.BinOp(left=ast.Constant(value=str(form)), op=ast.Mod(), right=ast.Name(id=name)),
                ast.Constant(value="pass"),
            ],
        ) if name in bound and form in tuple(f"%s_{ending}" for ending in _ENDINGS):
            return form % bound[name]
    return ""


_FILTERS: Mapping[str, Callable[[object], object]] = {
    "n": lambda value: value,
    "str": lambda value: value,
    "trim": lambda value: value.strip() if isinstance(value, str) else value,
    "comma": lambda value: ", ".join(value) if isinstance(value, tuple) else value or "",
}


def _filtered(value: object, part: _Expression) -> object:
    for name in part.filters:
        if name not in _FILTERS:
            raise TemplateUnread(part.line, f"the filter {name} is not applied")
        value = _FILTERS[name](value)
    return value


def _placed(block: Block, before: str) -> str:
    """The statements at the margin of the line that they begin on."""
    margin = before.rpartition("\n")[2]
    indent = margin if not margin.strip() else ""
    return reindent(block.code, 0, indent)[len(indent) :]


def databases_in(text: str) -> tuple[str, ...]:
    """The names of the ``databases`` of an Alembic configuration."""
    return tuple(filter(None, (one.strip() for one in re.split(r",\s*", text.strip()))))


def imported(text: str) -> Sequence[str]:
    """The imports at the top of a module, each name by itself, in the words of ``ast.unparse``."""
    tree = parse(text)
    found: list[str] = []
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import):
            found += [ast.unparse(ast.Import([name])) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [ast.unparse(ast.ImportFrom(node.module, [name], node.level)) for name in node.names]
    return found
