"""Drift: what a database has that no revision made, and what revisions made that is gone."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.graph import Graph, UnknownRevision, pending
from checks.schema.difference import Difference, compare
from checks.schema.snapshot import part
from safemig.base.files import text as text_of
from safemig.migrations import from_python
from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.row_statements import row_lines
from safemig.plan_document.document import Block
from safemig.sandbox.chain import Chained, chain
from safemig.sql.text import statements
from safemig.sql.volatile import elsewhere

if TYPE_CHECKING:
    from checks.schema.snapshot import Snapshot


Scratch = Callable[[], AbstractContextManager[str]]
Run = Callable[[Sequence[Wanted | None], int, Scratch, Sequence[Wanted | None]], Chained]

# Statements of a module that only define.
_DEFINES = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
    ast.Pass,
)  # fmt: skip


@dataclass(frozen=True)
class Drift:
    """``differences`` of the database from what its revisions make; None, with the reason, when that is not known.

    ``applied`` are the keys of objects that the revisions since an earlier state make, change or drop, ``fresh`` those
    of them that were not there in that state, tables among that which they drop again. ``unbuildable`` says why the
    revisions cannot build an empty database, ``leans`` why the one still to be written cannot on top of them; "" where
    they can, or where it is not known. ``covered`` are the keys of unexpected objects that this one makes.
    """

    differences: tuple[Difference, ...] | None
    reason: str = ""
    made: Snapshot | None = None
    applied: frozenset[str] = frozenset()
    fresh: frozenset[str] = frozenset()
    unbuildable: str = ""
    leans: str = ""
    covered: frozenset[str] = frozenset()


class NotEvaluated(Exception):
    """A revision does more than operations with literals: only running it would tell what it makes."""


def drift(
    graph: Graph,
    current: Sequence[str],
    folder: Path,
    found: Snapshot,
    scratch: Callable[[], AbstractContextManager[str]],
    *,
    since: Sequence[str] | None = None,
    written: Sequence[Wanted] = (),
    run: Run = chain,
) -> Drift:
    """The schema that the revisions up to ``current`` make, built on a scratch database, against ``found``.

    Nothing of the project is run: only listed operations with literals are evaluated. ``folder`` is where the graph's
    file names start from, ``since`` the revisions of an earlier state, ``written`` the revisions still to be written,
    ``run`` does the work. psycopg.Error, OSError and ScratchFails are the caller's.
    """
    try:
        # pending() sorts; what the code has beyond the current revisions is left out.
        beyond, later = set(pending(graph, current)), set(pending(graph, current if since is None else since))
        names = [name for name in pending(graph, ()) if name not in beyond]
        names.sort(key=lambda name: name in later)  # those of the earlier state first, each part in its order
        files = [folder / graph.revisions[name].file for name in names]
        steps = [upgrade_of(file) for file in files]
    except (UnknownRevision, NotEvaluated) as error:
        return Drift(None, str(error))
    more = _upto(graph, pending(graph, current), folder, written) if written else ()
    mark = sum(name not in later for name in names)
    done = run(steps, mark, scratch, more)
    reason = _why(done, names, steps)
    unbuildable = "" if done.refused else reason
    if done.made is None:  # most chains need no look at what changes rows alone
        steps = with_rows(steps, [text_of(file) for file in files])
        done = run(steps, mark, scratch, more) if any(step and step.rows for step in steps) else done
        reason = _why(done, names, steps)
    if done.made is None:
        return Drift(None, reason, unbuildable=unbuildable or ("" if done.refused else reason))
    earlier = done.earlier or done.made
    applied = frozenset(one.key for one in compare(earlier, done.made))
    tables = {table_key(table) for name in names if name in later for table in graph.revisions[name].creates}
    fresh = frozenset((done.made.objects.keys() | tables) - earlier.objects.keys())
    listed = differing(done.made, found)
    covered = _covered(listed, done, found)
    return Drift(listed, "", done.made, applied, fresh, unbuildable=unbuildable, leans=done.leans, covered=covered)


def table_key(table: str) -> str:
    """The key of a table (``name`` or ``schema.name``) in a snapshot."""
    schema, _, name = table.rpartition(".")
    return f"table {part(schema or 'public')}.{part(name)}"


def _why(done: Chained, names: Sequence[str], steps: Sequence[Wanted | None]) -> str:
    """Why the chain could not be made, with its place; "" where it could."""
    step = steps[done.failed] if done.made is None else None
    file, line = step.place(done.line) if step else ("", 0)
    return f"revision {names[done.failed]} ({file}:{line}): {done.message}" if step else ""


def _upto(graph: Graph, names: Sequence[str], folder: Path, written: Sequence[Wanted]) -> tuple[Wanted | None, ...]:
    """The revisions that are pending, and the one to be written on top of them; () where one is not evaluated."""
    try:
        return (*(upgrade_of(folder / graph.revisions[name].file) for name in names), *written)
    except NotEvaluated:
        return ()


def _covered(listed: Sequence[Difference], done: Chained, found: Snapshot) -> frozenset[str]:
    """Those that the revision to be written makes as they are; of an enum it may make more labels, here and there. What
    a pending one makes is none of them: it is refused where that is there."""
    if done.after is None:
        return frozenset()
    after, waited = done.after, done.waited.objects if done.waited else {}
    left = {one.key for one in differing(after, found)}
    unexpected = (one.key for one in listed if one.aspect == "unexpected" and one.key not in waited)
    return frozenset(key for key in unexpected if key not in left or (key.startswith("enum ") and key in after.objects))


def differing(
    made: Snapshot, found: Snapshot, untouched: tuple[Snapshot, Snapshot] | None = None
) -> tuple[Difference, ...]:
    """How ``found`` differs from ``made``. Constraints and indexes are matched by definition: a naming convention of
    the project's metadata, which is not evaluated, gives them other names."""
    names = frozenset(key for key in made.objects if key.startswith(("constraint ", "index ")))
    return compare(made, found, open_names=names, untouched=untouched)


def upgrade_of(path: Path) -> Wanted | None:
    """A revision file's upgrade as operations; None when it does nothing, NotEvaluated when it is anything else."""
    try:
        text = text_of(path)
    except UnicodeDecodeError as error:
        raise NotEvaluated(f"{path.name} is not in UTF-8 ({error.reason} at byte {error.start})") from error
    return upgrade_in(text, path.name)


def upgrade_in(text: str, file: str) -> Wanted | None:
    """As ``upgrade_of``, for the text of a revision file that is called ``file`` in what is said of it."""
    try:
        pieces = from_python.pieces(Block("python", text, 1))
        _refuse(file, text)
    except SyntaxError as error:
        raise NotEvaluated(f"{file} is no Python that can be read: {error.msg}") from error
    except RecursionError as error:
        raise NotEvaluated(f"{file} has an expression that is nested too deep to be read") from error
    piece = next((one for one in pieces if one.side == "up"), None)
    if piece is None:
        if from_python.is_empty_upgrade(text):
            return None
        raise NotEvaluated(f"{file} has no upgrade made of operations")
    return Wanted(
        "op", piece.code, "", piece.created, piece.names, (file, piece.lines[0]),
        imports=(*piece.imports, *_constants(text)),
        upgrade_lines=piece.lines, existing=True,
    )  # fmt: skip


def _constants(text: str) -> tuple[str, ...]:
    """What the module gives names to, one statement each: the upgrade may use them."""
    tree = parse(text)
    return (
        tuple(ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)) if tree else ()
    )


def with_rows(steps: Sequence[Wanted | None], texts: Sequence[str]) -> list[Wanted | None]:
    """The upgrades of those texts, each with its statements that change rows alone: where they are not evaluated they
    are left out, for the schema does not come of them."""
    found = zip(steps, row_lines(texts), strict=True)
    return [step and replace(step, rows=_own_lines(step, lines)) for step, lines in found]


def _own_lines(step: Wanted, lines: frozenset[int]) -> frozenset[int]:
    return frozenset(number for number, line in enumerate(step.upgrade_lines, 1) if line in lines)


def _refuse(file: str, text: str) -> None:
    """NotEvaluated where the module does more than define: what ``upgrade`` and ``op`` stand for is not known."""
    tree = parse(text)
    upgrades = 0
    for node in tree.body if tree else ():
        place = f"{file}:{node.lineno}"
        said = ast.unparse(node).split("\n", 1)[0]
        if isinstance(node, ast.FunctionDef) and node.name == "upgrade":
            upgrades += 1
            if node.decorator_list or upgrades > 1:
                raise NotEvaluated(f"{place}: upgrade is wrapped or defined twice, so what runs is not known")
            if any(isinstance(one, ast.Raise) for one in node.body):
                raise NotEvaluated(f"{place}: upgrade raises an error, so what the revision made is not known")
        if _rebinds(node):
            raise NotEvaluated(f"{place}: {said!r} may stand for another upgrade or other operations")
        if not _defines(node):
            raise NotEvaluated(f"{place}: {said!r} runs when the file is loaded and is not evaluated")
    for call in ast.walk(tree) if tree else ():
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "op.execute":
            for one in statements(from_python.sql_of(call)):
                if why := elsewhere(one):
                    raise NotEvaluated(f"{file}:{call.lineno}: {why}")


def _rebinds(node: ast.stmt) -> bool:
    """Whether a statement of the module gives ``upgrade``, ``op`` or ``sa`` another meaning."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name in ("op", "sa") or (node.name == "upgrade" and not isinstance(node, ast.FunctionDef))
    for one in ast.walk(node):
        if isinstance(one, ast.Import | ast.ImportFrom):
            home = one.module or "" if isinstance(one, ast.ImportFrom) else ""
            names = {alias.asname or alias.name for alias in one.names}
            known = home == "alembic" or all(alias.name == "sqlalchemy" for alias in one.names)
            if names & {"*", "upgrade"} or (names & {"op", "sa"} and not known):
                return True
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store | ast.Del) and one.id in ("upgrade", "op", "sa"):
            return True
    return False


def _defines(node: ast.stmt) -> bool:
    """Whether loading the statement only defines: imports that may fail and a docstring included."""
    if isinstance(node, ast.If | ast.Try):
        return all(_defines(one) for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)) and all(
            _defines(one) for handler in getattr(node, "handlers", ()) for one in handler.body
        )
    return isinstance(node, _DEFINES) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
