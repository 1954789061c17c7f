"""Writes the migration file from what the spec asks for, in the project's own pattern."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from checks.revisions.style import Pattern
from safemig.migrations import downgrade as undo
from safemig.migrations.change import Wanted
from safemig.migrations.fixed_names import LONGEST_ID, NOTHING, Fixed
from safemig.migrations.fragments import parse, reindent
from safemig.migrations.from_sql import executed
from safemig.migrations.script_template import Block, ScriptTemplate, TemplateUnread, fill, imported, names_in
from safemig.sql.text import statements

_INDENT = "    "
_LONGEST_NAME = 240  # letters; a file system takes 255
_STANDARD = ("from alembic import op", "import sqlalchemy as sa")


class CannotAuthor(Exception):
    """The migration file cannot be written; says why and what to do."""


@dataclass(frozen=True)
class MigrationFile:
    """A revision file that is still to be written. ``path`` is absolute or relative as ``versions`` was; ``notes`` say
    what of the project's template is not in it."""

    path: Path
    revision: str
    down: tuple[str, ...]
    text: str
    notes: tuple[str, ...] = ()


def author(
    pattern: Pattern,
    *,
    versions: Path,
    down: tuple[str, ...],
    wanted: Wanted,
    message: str,
    moment: str,
    fixed: Fixed = NOTHING,
    template: ScriptTemplate | None = None,
) -> MigrationFile:
    """The file that makes ``wanted``: same inputs, same text, same id. ``moment`` is ISO 8601, for the Create Date; the
    id and the file's name are those that are ``fixed``, else in the project's pattern. What surrounds the statements is
    the project's ``template`` where it says more than the pattern and can be filled in.

    A downgrade that the spec does not give is derived; CannotAuthor (with undo.NoUndo as its cause) when there is
    none, and when the source has problems or gives no valid Python.
    """
    if wanted.problems or not wanted.upgrade.strip():
        raise CannotAuthor("; ".join(wanted.problems) or f"{wanted.origin[0]} asks for no change of the schema")
    wanted = with_downgrade(wanted)
    return _file(pattern, versions, down, wanted, message, _moment(moment, pattern.timezone), fixed, template)


def _file(
    pattern: Pattern,
    versions: Path,
    down: tuple[str, ...],
    wanted: Wanted,
    message: str,
    when: datetime,
    fixed: Fixed = NOTHING,
    template: ScriptTemplate | None = None,
) -> MigrationFile:
    values = _values(pattern, wanted, down, message, when)
    revision = fixed.revision or _revision(pattern, values, message)
    parts = {**values, "rev": revision, "slug": slug(message, pattern.truncate)}
    name = fixed.file or _named(pattern.file_template, parts)
    text, notes = "", tuple[str, ...]()
    if template is not None and not template.is_plain:
        try:
            text = _filled(template, pattern, wanted, revision, down, message, when)
        except TemplateUnread as error:
            notes = (
                f"{template.file}:{error.line}: {error.what}, so the file is written in the pattern of the newest "
                "revisions: what the template adds to them, add it where the file is asked about",
            )
    text = text or _text(pattern, wanted, revision, down, message, when)
    if parse(text) is None:
        raise CannotAuthor(f"{wanted.origin[0]}:{wanted.origin[1]}: the statements do not make a valid Python file")
    return MigrationFile(versions / f"{name}.py", revision, down, text, notes)


def _named(template: str, values: Mapping[str, object]) -> str:
    """The file's name by Alembic's template. Raises CannotAuthor for one that names something else or has no end."""
    wide = re.search(r"%(?:\(\w*\))?[^a-zA-Z%]*(?:[0-9]{3}|\*)", template)  # as wide as the memory
    try:
        name = "" if wide else template % values
    except (KeyError, ValueError, TypeError) as error:
        raise CannotAuthor(f"the file_template of the Alembic configuration cannot be filled in: {error}") from None
    if not name or len(name) > _LONGEST_NAME:
        raise CannotAuthor(f"the file_template of the Alembic configuration makes no name of a file: {template[:80]}")
    return name


def author_merge(
    pattern: Pattern,
    *,
    versions: Path,
    down: tuple[str, ...],
    message: str,
    moment: str,
    template: ScriptTemplate | None = None,
) -> MigrationFile:
    """The file that joins those heads and changes nothing, in the project's pattern; CannotAuthor as ``author``."""
    nothing = Wanted("op", "", "", (), frozenset(), ("", 0))
    return _file(pattern, versions, down, nothing, message, _moment(moment, pattern.timezone), NOTHING, template)


def _filled(
    template: ScriptTemplate,
    pattern: Pattern,
    wanted: Wanted,
    revision: str,
    down: tuple[str, ...],
    message: str,
    when: datetime,
) -> str:
    """The template with what is known of this revision. TemplateUnread where it has no place for all of it;
    CannotAuthor where several databases are migrated by it, and which of them is meant cannot be told."""
    if template.databases and not template.database:
        raise CannotAuthor(
            f"{template.file} is for the databases {', '.join(template.databases)}, and which of them is meant cannot "
            "be told: name its URL as database.url in safemig.yaml"
        )
    before = f"{template.database}_" if template.databases else ""
    ups, downs = f"{before}upgrades", f"{before}downgrades"
    sides = {ups: _statements(wanted, "up"), downs: _statements(wanted, "down")}
    values: dict[str, object] = {
        "message": _escaped(" ".join(message.split())), "up_revision": revision, "create_date": when,
        "down_revision": down if len(down) > 1 else (down[0] if down else None),
        "branch_labels": None, "depends_on": None, "imports": "",
        **{name: Block(code or "pass") for name, code in sides.items()},
    }  # fmt: skip
    literals = {
        "up_revision": _literal(revision, pattern.quote), "down_revision": _downs(down, pattern.quote),
        "branch_labels": "None", "depends_on": "None", "message": repr(message),
    }  # fmt: skip
    known = imported(fill(template, values, literals))
    values["imports"] = "\n".join(line for line in _needed(wanted, known) if not set(imported(line)) <= set(known))
    lacking = {name for name, code in sides.items() if code} | ({"imports"} if values["imports"] else set())
    if lacking := lacking - names_in(template):
        raise TemplateUnread(1, f"the template has no place for {' and '.join(sorted(lacking))}")
    return fill(template, values, literals)


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
    return _escaped(re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[0]), line))


def _escaped(text: str) -> str:
    """The text as it may stand in a docstring."""
    return text.replace("\\", "\\\\").replace('"""', "'''")


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
    around = [annotation for _, annotation in pattern.identifiers] + [pattern.upgrade, pattern.downgrade]
    kept = _kept(pattern.imports, _words("\n".join((_code(wanted), *around))))
    return [*kept, *_needed(wanted, kept)]


def _needed(wanted: Wanted, known: Sequence[str]) -> list[str]:
    """The import lines that the statements need beside those that are ``known``."""
    code = _code(wanted)
    used = _words(code)
    needed = [line for line in _STANDARD if line not in known and (line.endswith("op") or "sa" in used)]
    needed += [line for line in wanted.imports if line not in (*known, *_STANDARD)] if wanted.kind == "op" else []
    if "postgresql" in used and re.search(r"\bpostgresql\s*\.", code):
        line = "from sqlalchemy.dialects import postgresql"
        needed += [line] if line not in (*known, *needed) else []
    return needed


def _code(wanted: Wanted) -> str:
    return f"{wanted.upgrade}\n{wanted.downgrade}" if wanted.kind == "op" else ""


def _words(code: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])\w+", code))


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


def _function(head: str, docstring: str, wanted: Wanted, side: Literal["up", "down"]) -> str:
    lines = [head, *([_INDENT + docstring] if docstring else [])]
    return "\n".join([*lines, reindent(_statements(wanted, side) or "pass", 0, _INDENT)])


def _statements(wanted: Wanted, side: Literal["up", "down"]) -> str:
    """The statements of one direction without a margin; "" for none."""
    code = wanted.upgrade if side == "up" else wanted.downgrade
    if wanted.kind != "op":
        return "\n".join(executed(statement) for statement in statements(code))
    code = code.strip("\n")
    return code if _has_statement(code) else f"{code}\npass".lstrip("\n") if code.strip() else ""


def _has_statement(code: str) -> bool:
    tree = parse(code)
    return bool(tree and tree.body)
