"""The schema that a spec asks for, found by PostgreSQL: the change is made in a scratch database and read back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from checks.schema import snapshot
from checks.schema.difference import compare, short
from checks.schema.snapshot import Snapshot
from safemig.migrations import downgrade, evaluator, from_python, if_not_exists, previous_definitions, privileges
from safemig.migrations.change import Wanted
from safemig.migrations.reconcile.statements import parts
from safemig.migrations.reconcile.tables import Restated, restate
from safemig.plan_document.document import Block
from safemig.sandbox import replay
from safemig.sandbox.restore import STATEMENT_SECONDS, load
from safemig.sql.identifiers import qualify_if_needed

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True)
class Desired:
    """The schema before and after the change, both as the scratch server prints them.

    ``open_names`` are the keys in ``wanted`` of new constraints and indexes whose names the spec leaves open. ``kept``
    are sentences on what the CREATE of a table that is there leaves out and stays.
    """

    base: Snapshot
    wanted: Snapshot
    open_names: frozenset[str]
    kept: tuple[str, ...] = ()


class SpecFails(Exception):
    """What the spec asks for cannot be made: ``file`` and 1-based ``line`` say where, ``message`` why."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file, self.line, self.message = file, line, message


class RevisionFails(SpecFails):
    """The revision's file does not go up, down and up again between the schema before and the schema after."""


def desire(
    dump: str,
    wanted: Wanted,
    scratch: Callable[[], AbstractContextManager[str]],
    *,
    revision: Wanted | None = None,
    stated: bool = True,
    pending: Sequence[Wanted] = (),
) -> Desired:
    """What ``wanted`` makes of the schema in ``dump`` (the SQL of pg_dump --schema-only), after the upgrades of
    ``pending``.

    With ``revision``, both sides of the file that is to be written (``of_revision``), that is proved too: its downgrade
    must give back the schema before and its upgrade the one after; RevisionFails where it does not. The CREATE of a
    table that is there shows it as it is to be (``restate``); without ``stated`` PostgreSQL refuses it.

    ``scratch`` gives the conninfo of an empty database that is thrown away. What the spec says runs there as a role
    without superuser rights, so that no SQL of a spec reaches the files or programs of the machine. Raises SpecFails
    where the spec cannot be made, ScratchFails where the dump cannot be loaded; psycopg.Error when there is no server.
    """
    with scratch() as conninfo:
        own = load(dump, conninfo, privileges.roles(wanted))
        with engine(own) as target, target.connect() as connection:
            for step in pending:
                apply_side(step, connection)
        base = take(own)
        change = _restated(own, wanted, base) if stated else Restated(wanted)
        _refuse_other_form(own, change.wanted, base)
        with engine(own) as target, target.connect() as connection:
            apply_side(change.wanted, connection)
        found = replace(desired_of(base, take(own), wanted), kept=change.kept)
        if revision is not None:
            _prove(own, revision, found, change.moved)
        return found


def restated(
    dump: str,
    wanted: Wanted,
    scratch: Callable[[], AbstractContextManager[str]],
    *,
    pending: Sequence[Wanted] = (),
) -> Restated:
    """What is to be written for ``wanted`` on the schema in ``dump``, after the upgrades of ``pending``.

    Its upgrade is empty where nothing of the schema would change; ``unseen`` then has what else it would have done.
    Raises as ``desire``.
    """
    with scratch() as conninfo:
        own = load(dump, conninfo, privileges.roles(wanted))
        with engine(own) as target, target.connect() as connection:
            for step in pending:
                apply_side(step, connection)
        base = take(own)
        found = _restated(own, wanted, base, refuse=False)
        if found.wanted.problems:
            return found
        if found.wanted.upgrade == wanted.upgrade:
            return _put_back(own, found, base) if previous_definitions.needed(wanted) else found
        try:
            with engine(own) as target, target.connect() as connection:
                apply_side(found.wanted, connection)
            after = take(own)
        except SpecFails:
            # A statement beside the CREATE may have been run already: then all of it leads to what is there.
            again = _again(own, found.wanted, wanted, base, stated=True)
            if again is None or compare(base, again.wanted, ignore=frozenset()):
                raise
            after = base
        if compare(base, after, ignore=frozenset()):
            return _with_way_back(own, found, base)
        left = found.wanted
        unseen = tuple((left.place(one.line)[1], one.text) for one in parts(left) if one.unseen())
        return replace(found, wanted=replace(left, upgrade="", downgrade=""), unseen=unseen)


def _put_back(own: str, found: Restated, base: Snapshot) -> Restated:
    """``found`` with a downgrade that gives replaced and dropped functions, views and triggers and the types of columns
    back as ``base`` has them; as it is where none is known. Its upgrade is empty where all of it is as the spec has it
    already."""

    def run(step: Wanted) -> Snapshot:
        with engine(own) as target, target.connect() as connection:
            apply_side(step, connection)
        return take(own)

    wanted = previous_definitions.with_types(found.wanted, base)
    known = previous_definitions.ways_back(wanted, base, run)
    if known.whole and not any(known.ways.values()):
        return replace(found, wanted=replace(wanted, upgrade=""))
    try:
        down = downgrade.derive(wanted, known.ways)
    except downgrade.NoUndo:
        return found
    notes = tuple(
        f"{wanted.origin[0]}:{wanted.origin[1]}: the way back makes {key} anew: its owner is then who runs it, and "
        "privileges that were given on it have to be given again"
        for key in known.anew
    )
    return replace(found, wanted=replace(wanted, downgrade=down), notes=notes)


def _with_way_back(own: str, found: Restated, base: Snapshot) -> Restated:
    """``found`` with the derived downgrade where the spec's own does not lead back to ``base`` (it may take back more
    than is still to be made), with a problem where there is no other and PostgreSQL refuses it."""
    wanted = found.wanted
    try:
        with engine(own) as target, target.connect() as connection:
            apply_side(wanted, connection, "down")
        if not found.derived or not compare(base, take(own), ignore=frozenset()):
            return found
    except SpecFails as error:
        if not found.derived:
            why = f"{error.file}:{error.line}: the way back fails, write a downgrade into the spec: {error.message}"
            return replace(found, wanted=replace(wanted, problems=(*wanted.problems, why)))
    return replace(found, wanted=replace(wanted, downgrade=found.derived, downgrade_lines=()))


def union(dump: str, steps: Sequence[Wanted], scratch: Callable[[], AbstractContextManager[str]]) -> Desired:
    """The schema in ``dump``, and what those upgrades, in order, make of it. Raises as ``desire``."""
    with scratch() as conninfo:
        own = load(dump, conninfo)
        base = take(own)
        with engine(own) as target, target.connect() as connection:
            for step in steps:
                apply_side(step, connection)
        return Desired(base, take(own), frozenset())


def _restated(conninfo: str, wanted: Wanted, base: Snapshot, *, refuse: bool = True) -> Restated:
    with engine(conninfo) as target, _blamed(wanted, "up"):
        found = restate(wanted, target, base)
    if refuse and found.wanted.problems != wanted.problems:
        raise SpecFails(*_split(found.wanted.problems[-1], wanted))
    return found


def _refuse_other_form(conninfo: str, wanted: Wanted, base: Snapshot) -> None:
    with engine(conninfo) as target:
        other = if_not_exists.other_form(wanted, target, base)
    if other:
        name = short(other[1])
        why = f"{name} is there in another form, which IF NOT EXISTS passes over: drop, change or rename it first"
        raise SpecFails(*wanted.place(other[0]), why)


def _split(problem: str, wanted: Wanted) -> tuple[str, int, str]:
    file, line = wanted.origin
    place = re.match(r"(.*?):(\d+): ", problem)
    return (place[1], int(place[2]), problem[place.end() :]) if place else (file, line, problem)


def of_revision(text: str, file: str) -> Wanted:
    """Both sides of a revision file as operations; RevisionFails where they are anything else."""
    try:
        pieces = from_python.pieces(Block("python", text, 1))
    except SyntaxError as error:
        raise RevisionFails(file, 1, f"the file is no valid Python: {error.msg}") from error
    up = next((piece for piece in pieces if piece.side == "up"), None)
    down = next((piece for piece in pieces if piece.side == "down"), None)
    if up is None or down is None:
        raise RevisionFails(file, 1, f"the file has no {'upgrade' if up is None else 'downgrade'} made of operations")
    return Wanted(
        "op", up.code, down.code, up.created, up.names, (file, up.lines[0]), imports=up.imports,
        upgrade_lines=up.lines, downgrade_lines=down.lines,
    )  # fmt: skip


def _prove(conninfo: str, revision: Wanted, found: Desired, moved: Collection[str]) -> None:
    """The change is made already: down to the schema before, up to the one after, down and up once more.

    The order of columns may differ in the tables ``moved``: a column that is made anew stands last.
    """
    for side, aim, word in (("down", found.base, "downgrade"), ("up", found.wanted, "upgrade")) * 2:
        with engine(conninfo) as target, target.connect() as connection:
            try:
                apply_side(revision, connection, "down" if side == "down" else "up")
            except SpecFails as error:
                raise RevisionFails(error.file, error.line, f"the {word} fails: {error.message}") from error
        differences = compare(aim, take(conninfo), open_names=found.open_names, ignore=frozenset())
        differences = tuple(one for one in differences if one.aspect != "column order" or one.key not in moved)
        if differences:
            first = differences[0]
            place = revision.downgrade_lines if side == "down" else revision.upgrade_lines
            more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
            then = "the schema before" if side == "down" else "the schema after"
            message = f"the {word} does not lead to {then}: {first.key} is {first.aspect}{more}"
            raise RevisionFails(revision.origin[0], place[0] if place else 1, message)


def _prove_there(dump: str, revision: Wanted, scratch: Callable[[], AbstractContextManager[str]]) -> None:
    """As ``_prove``, on a schema that has all of it: the schema before is what its downgrade leaves. Names of
    constraints and indexes, and the order of columns, are those of whoever made them."""
    with scratch() as conninfo:
        own = load(dump, conninfo, privileges.roles(revision))
        there = take(own)
        with engine(own) as target, target.connect() as connection:
            try:
                apply_side(revision, connection, "down")
            except SpecFails as error:
                raise RevisionFails(error.file, error.line, f"the downgrade fails: {error.message}") from error
        left = take(own)
        with engine(own) as target, target.connect() as connection:
            apply_side(revision, connection)
        names = frozenset(key for key in there.objects if key.startswith(("constraint ", "index ")))
        _prove(own, revision, Desired(left, there, names), there.objects.keys())


def desire_applied(
    dump: str,
    wanted: Wanted,
    scratch: Callable[[], AbstractContextManager[str]],
    *,
    stated: bool = False,
    revision: Wanted | None = None,
) -> Desired:
    """As ``desire``, for a schema that may have the change already, whole or in part; a ``revision`` is one that makes
    what is all there (of tables that no revision made), and is proved on it: RevisionFails where it does not go down,
    up, down and up.

    Where the change cannot be made because it is there, what there is of it is taken back first, in a second scratch
    database; ``base`` is then the schema without it. With ``stated``, or where it cannot be taken back, the CREATE of a
    table that is there shows it as it is to be.
    """
    if revision is not None:
        _prove_there(dump, revision, scratch)
    try:
        return desire(dump, wanted, scratch, stated=stated)
    except SpecFails as error:
        again = _desire_again(dump, wanted, scratch, stated=stated)
        if again is not None:
            return again
        if stated:
            raise
        try:
            found = desire(dump, wanted, scratch)
        except SpecFails:
            # The first reason is the true one: it stood against the schema as it is.
            raise error from None
        return found


def _desire_again(
    dump: str, wanted: Wanted, scratch: Callable[[], AbstractContextManager[str]], *, stated: bool
) -> Desired | None:
    """The change made after what there is of it was taken back; None where that is not possible."""
    with scratch() as conninfo:
        own = load(dump, conninfo, privileges.roles(wanted))
        base = take(own)
        change = _restated(own, wanted, base, refuse=False).wanted if stated else wanted
        return _again(own, change, wanted, base, stated=stated)


def _again(own: str, change: Wanted, wanted: Wanted, untouched: Snapshot, *, stated: bool) -> Desired | None:
    """``wanted`` made in that database after ``change`` was taken back, as far as it is there; None as above."""
    back = way_back(change)
    if back is None:
        return None
    with engine(own) as target, target.connect() as connection:
        evaluator.apply(back, connection, side="down", lenient=True)
    base = take(own)
    if base == untouched and not any(one.unseen() for one in parts(change)):
        return None
    try:
        found = _restated(own, wanted, base) if stated else Restated(wanted)
        with engine(own) as target, target.connect() as connection:
            apply_side(found.wanted, connection)
    except SpecFails:
        return None
    return replace(desired_of(base, take(own), wanted), kept=found.kept)


def way_back(wanted: Wanted) -> Wanted | None:
    """The change with the statements that take it back: the spec's, or derived, or at least its tables dropped."""
    if wanted.downgrade.strip():
        return wanted
    try:
        return replace(wanted, downgrade=downgrade.derive(wanted))
    except downgrade.NoUndo:
        if not wanted.tables:
            return None
        drops = [
            f"DROP TABLE IF EXISTS {qualify_if_needed(*table.split('.'))} CASCADE;" for table in reversed(wanted.tables)
        ]
        return replace(wanted, kind="sql", downgrade="\n".join(drops))


def apply_side(wanted: Wanted, connection: Any, side: Literal["up", "down"] = "up") -> None:
    with _blamed(wanted, side):
        if wanted.existing:
            replay.apply(wanted, connection)
        else:
            evaluator.apply(wanted, connection, side=side)


@contextmanager
def _blamed(wanted: Wanted, side: Literal["up", "down"]) -> Iterator[None]:
    """SpecFails, with the place in the spec, for what is not evaluated or PostgreSQL refuses."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except evaluator.Refused as error:
        file, line = wanted.place(error.line, side)
        why = f" ({error.why})" if error.why else ""
        raise SpecFails(file, line, f"{error.text} is not evaluated{why}") from error
    except evaluator.Failed as error:
        file, line = wanted.place(error.line, side)
        told = f" (nothing on the throwaway database may take more than {STATEMENT_SECONDS} s)"
        raise SpecFails(file, line, error.message + told * ("statement timeout" in error.message)) from error
    except DBAPIError as error:  # deferred constraints fail at the commit, with no statement to blame
        raise SpecFails(*wanted.origin, str(error.orig).strip()) from error


def desired_of(base: Snapshot, after: Snapshot, wanted: Wanted) -> Desired:
    made = [key for key in after.objects if key not in base.objects and key.startswith(("constraint ", "index "))]
    # PostgreSQL folds and cuts names; a name that is fixed is found in either spelling.
    named = {name for full in wanted.named for name in (full, full.lower(), full[: snapshot.LONGEST_NAME])}
    return Desired(base, after, frozenset(key for key in made if snapshot.last_name(key) not in named))


def take(conninfo: str) -> Snapshot:
    """The schema of that database."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as connection:
        return snapshot.take(connection)


@contextmanager
def engine(conninfo: str) -> Iterator[Engine]:
    """An SQLAlchemy engine on that conninfo; no URL is put together, so any password and socket will do."""
    import psycopg
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    made = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool)
    try:
        yield made
    finally:
        made.dispose()
