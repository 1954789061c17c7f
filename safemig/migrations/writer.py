"""Writes the migration file from what the spec asks for, in the project's own pattern."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from checks.revisions.style import Pattern
from safemig.migrations import downgrade as undo
from safemig.migrations.change import Wanted
from safemig.migrations.fixed_names import LONGEST_ID, NOTHING, Fixed
from safemig.migrations.fragments import parse, reindent
from safemig.migrations.from_sql import executed
from safemig.sql.text import statements

_INDENT = "    "
_STANDARD = ("from alembic import op", "import sqlalchemy as sa")


class CannotAuthor(Exception):
    """The migration file cannot be written; says why and what to do."""


@dataclass(frozen=True)
class MigrationFile:
    """A revision file that is still to be written. ``path`` is absolute or relative as ``versions`` was."""

    path: Path
    revision: str
    down: tuple[str, ...]
    text: str


def author(
    pattern: Pattern,
    *,
    versions: Path,
    down: tuple[str, ...],
    wanted: Wanted,
    message: str,
    moment: str,
    fixed: Fixed = NOTHING,
) -> MigrationFile:
    """The file that makes ``wanted``: same inputs, same text, same id. ``moment`` is ISO 8601, for the Create Date; the
    id and the file's name are those that are ``fixed``, else in the project's pattern.

    A downgrade that the spec does not give is derived; CannotAuthor (with undo.NoUndo as its cause) when there is
    none, and when the source has problems or gives no valid Python.
    """
    if wanted.problems or not wanted.upgrade.strip():
        raise CannotAuthor("; ".join(wanted.problems) or f"{wanted.origin[0]} asks for no change of the schema")
    wanted = with_downgrade(wanted)
    return _file(pattern, versions, down, wanted, message, _moment(moment, pattern.timezone), fixed)


def _file(
    pattern: Pattern,
    versions: Path,
    down: tuple[str, ...],
    wanted: Wanted,
    message: str,
    when: datetime,
    fixed: Fixed = NOTHING,
) -> MigrationFile:
    values = _values(pattern, wanted, down, message, when)
    revision = fixed.revision or _revision(pattern, values, message)
    name = fixed.file or pattern.file_template % {
        **values, "rev": revision, "slug": slug(message, pattern.truncate),
    }  # fmt: skip
    text = _text(pattern, wanted, revision, down, message, when)
    if parse(text) is None:
        raise CannotAuthor(f"{wanted.origin[0]}:{wanted.origin[1]}: the statements do not make a valid Python file")
    return MigrationFile(versions / f"{name}.py", revision, down, text)


def author_merge(
    pattern: Pattern, *, versions: Path, down: tuple[str, ...], message: str, moment: str
) -> MigrationFile:
    """The file that joins those heads and changes nothing, in the project's pattern; CannotAuthor as ``author``."""
    nothing = Wanted("op", "", "", (), frozenset(), ("", 0))
    return _file(pattern, versions, down, nothing, message, _moment(moment, pattern.timezone))


def with_downgrade(wanted: Wanted) -> Wanted:
    """``wanted`` with a downgrade: its own, or one derived from its upgrade. CannotAuthor when there is none."""
    if wanted.downgrade.strip():
        return wanted
    try:
        return replace(wanted, downgrade=undo.derive(wanted))
    except undo.NoUndo as error:
        file, line = wanted.place(error.line)
        raise CannotAuthor(
            f"{file}:{line}: {error.text!r} has no downgrade that follows from it; write one into the spec"
        ) from error


def slug(message: str, longest: int) -> str:
    """The message as Alembic makes it part of a file name."""
    words = "_".join(re.findall(r"\w+", message)).lower()
    return words[:longest].rsplit("_", 1)[0] + "_" if len(words) > longest else words


def _moment(moment: str, timezone: str | None) -> datetime:
    """The moment in the project's time zone; as it is, without any, where the project has none, as Alembic does."""
    when = datetime.fromisoformat(moment)
    if not timezone:
        return when.replace(tzinfo=None)
    try:
        return when.astimezone(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CannotAuthor(f"the time zone {timezone!r} of the Alembic configuration is not known here") from error


def _values(
    pattern: Pattern, wanted: Wanted, down: Sequence[str], message: str, when: datetime
) -> dict[str, str | int]:
    digest = hashlib.sha256("\0".join([wanted.upgrade, wanted.downgrade, *down, message]).encode()).hexdigest()
    parts = {name: getattr(when, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    return {
        **parts, "epoch": int(when.timestamp()), "hash": digest[: pattern.id_length or 12],
        "counter": pattern.next_counter, "slug": slug(message, pattern.truncate),
    }  # fmt: skip


def _revision(pattern: Pattern, values: Mapping[str, str | int], message: str) -> str:
    revision = pattern.id_template % values
    for longest in range(pattern.truncate, 0, -1):
        if len(revision) <= LONGEST_ID:
            break
        revision = pattern.id_template % {**values, "slug": slug(message, longest).rstrip("_")}
    return revision[:LONGEST_ID].rstrip("_-.")


def _text(pattern: Pattern, wanted: Wanted, revision: str, down: tuple[str, ...], message: str, when: datetime) -> str:
    filled = {
        "message": message, "up_revision": revision, "down_revision": ", ".join(down), "create_date": str(when),
    }  # fmt: skip
    lines = list(pattern.preamble)
    if pattern.docstring:
        inner = "\n".join(_fill(line, filled) for line in pattern.docstring)
        # The pattern has one empty line for several; Alembic's own template ends with an empty line.
        inner += "\n" if len(pattern.docstring) > 2 and pattern.docstring[0] and not pattern.docstring[-1] else ""
        lines.append(f"{pattern.docstring_quotes}{inner}{pattern.docstring_quotes}")
    above, below = pattern.gaps
    lines += [*([""] * above if pattern.docstring else []), *_imports(pattern, wanted), *([""] * below)]
    lines += [pattern.marker] if pattern.marker else []
    values = {
        "revision": _literal(revision, pattern.quote), "down_revision": _downs(down, pattern.quote),
    }  # fmt: skip
    for name, annotation in pattern.identifiers:
        lines.append(f"{name}{': ' + annotation if annotation else ''} = {values.get(name, 'None')}")
    upgrade = _function(pattern.upgrade or "def upgrade() -> None:", pattern.upgrade_docstring, wanted, "up")
    downgrade = _function(pattern.downgrade or "def downgrade() -> None:", pattern.downgrade_docstring, wanted, "down")
    return "\n".join([*lines, "", "", upgrade, "", "", downgrade, ""])


def _fill(line: str, values: Mapping[str, str]) -> str:
    filled = re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[0]), line)
    return filled.replace("\\", "\\\\").replace('"""', "'''")


def _literal(text: str, quote: str) -> str:
    return f"{quote}{text}{quote}" if not re.search(r"[\\'\"\n]", text) else repr(text)


def _downs(down: tuple[str, ...], quote: str) -> str:
    if not down:
        return "None"
    if len(down) == 1:
        return _literal(down[0], quote)
    return "(" + ", ".join(_literal(one, quote) for one in down) + ")"


def _imports(pattern: Pattern, wanted: Wanted) -> list[str]:
    """The pattern's import lines, without what only its own file needed, with what these statements need."""
    code = f"{wanted.upgrade}\n{wanted.downgrade}" if wanted.kind == "op" else ""
    around = [annotation for _, annotation in pattern.identifiers] + [pattern.upgrade, pattern.downgrade]
    used = set(re.findall(r"(?<![\w.])\w+", "\n".join((code, *around))))
    kept = _kept(pattern.imports, used)
    needed = [line for line in _STANDARD if line not in kept and (line.endswith("op") or "sa" in used)]
    needed += [line for line in wanted.imports if line not in (*kept, *_STANDARD)] if wanted.kind == "op" else []
    if "postgresql" in used and re.search(r"\bpostgresql\s*\.", code):
        line = "from sqlalchemy.dialects import postgresql"
        needed += [line] if line not in (*kept, *needed) else []
    return [*kept, *needed]


def _kept(imports: Sequence[str], used: Collection[str]) -> list[str]:
    """The import lines whose names are in ``used``, names that are not left out; op and sa stay as they stand."""
    tree = parse("\n".join(imports))
    kept: list[str] = []
    last = 0
    for node in tree.body if tree else ():
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        names = [name for name in node.names if (name.asname or name.name) in {"op", "sa", "annotations", *used}]
        if names:
            kept += [""] if kept and not all(imports[last : node.lineno - 1]) else []
            whole = imports[node.lineno - 1 : node.end_lineno]
            node.names, every = names, len(node.names)
            kept += whole if len(names) == every else [ast.unparse(node)]
            last = node.end_lineno or node.lineno
    return kept


def _function(head: str, docstring: str, wanted: Wanted, side: str) -> str:
    code = wanted.upgrade if side == "up" else wanted.downgrade
    lines = [head, *([_INDENT + docstring] if docstring else [])]
    if wanted.kind == "op":
        body = reindent(code.strip("\n"), 0, _INDENT)
        return "\n".join([*lines, body if _has_statement(code) else f"{body}\n{_INDENT}pass".lstrip("\n")])
    found = [reindent(executed(statement), 0, _INDENT) for statement in statements(code)]
    return "\n".join([*lines, *(found or [f"{_INDENT}pass"])])


def _has_statement(code: str) -> bool:
    tree = parse(code)
    return bool(tree and tree.body)
