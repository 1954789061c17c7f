"""The schema change that a phase, a revision or a table in the plan asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from safemig.sql.parser import Statement

if TYPE_CHECKING:
    from alembic.operations.ops import MigrateOperation


@dataclass(frozen=True)
class Change:
    """One change of the schema, whichever language asks for it.

    ``operation`` is Alembic's operation for it. A statement that no operation carries has its parse tree in
    ``statement``, an ALTER TABLE with one action of its list; SQL has both where an operation carries it. ``text`` is
    the whole statement as its source writes it, ``lines`` are its first and last 1-based line there and ``number`` is
    its 0-based number: the actions of one ALTER TABLE share them. With a ``problem``, which says why, nothing could be
    read.
    """

    side: Literal["up", "down"]
    text: str
    lines: tuple[int, int]
    number: int
    operation: MigrateOperation | None = None
    statement: Statement | None = None
    problem: str = ""


@dataclass(frozen=True)
class Wanted:
    """The schema change that a spec asks for.

    ``upgrade`` and ``downgrade`` are Python statements (kind "op") or SQL as the spec writes them, comments included;
    ``downgrade`` is empty where the spec gives none. ``tables`` are the tables it makes, ``touched`` all it concerns,
    ``named`` the names of constraints and indexes that the spec fixes. ``origin`` is file and 1-based line;
    ``upgrade_lines`` and ``downgrade_lines`` give for each line of the text its line in that file. ``imports`` are
    the import lines the statements need beside op and sa. ``types`` are table, column and type of columns before the
    change, as PostgreSQL prints them, where a change of type needs them. ``differences`` are sentences on what other
    sources say otherwise. With any of ``problems`` the source cannot be used as it stands. ``existing``: it is a
    revision that is there already, read for what it makes; ``rows`` are the 1-based lines of ``upgrade`` on which its
    statements begin that change rows alone, or nothing. Those that are not evaluated are left out of it, with
    ``rows_left`` all of them.
    """

    kind: Literal["op", "sql"]
    upgrade: str
    downgrade: str
    tables: tuple[str, ...]
    named: frozenset[str]
    origin: tuple[str, int]
    differences: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    upgrade_lines: tuple[int, ...] = ()
    downgrade_lines: tuple[int, ...] = ()
    types: tuple[tuple[str, str, str], ...] = ()
    existing: bool = False
    rows: frozenset[int] = frozenset()
    rows_left: bool = False

    def place(self, line: int, side: Literal["up", "down"] = "up") -> tuple[str, int]:
        """File and line of that 1-based line of ``upgrade`` or ``downgrade``."""
        lines = self.upgrade_lines if side == "up" else self.downgrade_lines
        return self.origin[0], lines[line - 1] if 0 < line <= len(lines) else self.origin[1]
