"""The checklist of a phase: which items this run has proved, and their ticks in the file."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from safemig.spec.document import Item, Phase

# Words that SQL and its types own: as a code span they name nothing that a run makes.
_SQL_WORDS = frozenset({
    "add", "alter", "and", "array", "as", "asc", "bigint", "bigserial", "boolean", "bytea", "cascade", "char",
    "character", "check", "column", "constraint", "create", "current_timestamp", "date", "default", "delete", "desc",
    "drop", "false", "foreign", "foreign key", "index", "int", "integer", "interval", "json", "jsonb", "key", "no",
    "not", "null", "numeric", "on", "precision", "double", "primary", "real", "references", "restrict", "serial",
    "set", "smallint", "smallserial", "table", "text", "time", "timestamp", "timestamptz", "true", "unique", "update",
    "uuid", "varchar", "varying", "with", "without", "zone", "action",
})  # fmt: skip
# Work that no migration proves, in some languages: an item that names a table only to say what else is to be done
# with it ("Write tests for `x`", "Seed `x`", "Drop `x`") is not proved by the table. Such words only take ticks away.
_OTHER_WORK = re.compile(
    r"\b(tests?|testing|document\w*|docs?|readme|seed\w*|populat\w*|backfill\w*|model\w*|schemas?|endpoint\w*|route\w*|"
    r"api|frontend|ui|drop\w*|delete|remov\w*|renam\w*|rollback|downgrade\w*|revert\w*|review\w*|monitor\w*|not|never|"
    r"without|prueba\w*|documenta\w*|modelo\w*|elimina\w*|borra\w*|sembra\w*|poblar|revertir|teste\w*|dokument\w*|"
    r"modell\w*|lösch\w*|entfern\w*|nicht|kein\w*|sans|supprim\w*|modèle\w*|remove\w*|não|excluir)\b",
    re.I,
)
_TOOLS = frozenset(
    {"make", "alembic", "pytest", "docker", "docker-compose", "uv", "python", "python3", "poetry", "psql"}
)
_ALONE = frozenset({"pytest", "tox"})
# What stands behind these is not run.
_SPEAKING = frozenset({"echo", "printf", "install", "add", "which", "grep"})
_PATH = re.compile(
    r"[\w.…<>{}\[\]*#-]+(/[\w.…<>{}\[\]*#-]+)+/?|[\w.…<>{}\[\]*#-]+\.(py|sql|toml|ya?ml|md|txt|ini|cfg|json|sh)"
)
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*){0,2}")
_BLANK = r"(?:x{2,}|<[^>]+>|\{[^}]+\}|\[[^\]]+\]|\.{3}|…|\*|#+|rev(?:ision)?(?:_id)?|hash|y{4}[ymdhs_-]*|n{3,}|0{3,})"


class TickFails(Exception):
    """The file cannot be ticked; says which, why and what to do."""


@dataclass(frozen=True)
class Proofs:
    """What this run made and ran, and nothing that was there before it.

    ``files_made`` are paths relative to the project's root; ``tables_made`` and ``names_made`` come from the difference
    of the two snapshots, columns as "table.column", constraints and indexes by name, "public." left out;
    ``commands_run`` are the shell lines that ended well, and the lines of their recipes.
    """

    files_made: tuple[str, ...] = ()
    tables_made: frozenset[str] = frozenset()
    names_made: frozenset[str] = frozenset()
    commands_run: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """An open item, whether this run proves it, and by what or why not."""

    item: Item
    proved: bool
    reason: str


@dataclass(frozen=True)
class _Span:
    """One code span: ``kind`` is file, command, name, neutral or unknown; ``proof`` is "" when there is none."""

    text: str
    kind: str
    proof: str = ""


def names_of(keys: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """``tables_made`` and ``names_made`` of Proofs, from the keys of a schema snapshot that are new."""
    tables: set[str] = set()
    names: set[str] = set()
    for key in keys:
        kind, _, name = key.partition(" ")
        plain = name.removeprefix("public.")
        if kind == "table":
            tables.add(plain)
        elif kind in ("constraint", "trigger", "policy"):
            # "constraint public.t.ck": its name is its own, a table stands before it only in the key.
            names.add(re.sub(r'^(?:"(?:[^"]|"")*"|[^".]+)\.', "", plain if plain != name else name.partition(".")[2]))
        else:
            names.add(plain)
    return frozenset(tables), frozenset(names)


def provable(phase: Phase, proofs: Proofs) -> tuple[Item, ...]:
    """The open items of the phase that this run proves."""
    return tuple(judged.item for judged in judge(phase, proofs) if judged.proved)


def judge(phase: Phase, proofs: Proofs) -> tuple[Judged, ...]:
    """Every open item of the phase with its judgement: proved only if each thing it names was made or run here."""
    return tuple(_judge(item, proofs) for item in phase.items if item.open)


def _judge(item: Item, proofs: Proofs) -> Judged:
    tables = [code.lower().removeprefix("public.") for code in item.codes]
    own = [table for table in tables if table in proofs.tables_made]
    spans = [_span(code.strip(), proofs, own) for code in item.codes]
    checkable = [span for span in spans if span.kind != "neutral"]
    if not checkable:
        return Judged(item, False, "it names nothing that can be looked up")
    missing = [span for span in checkable if not span.proof]
    if missing:
        return Judged(item, False, f"{', '.join(span.text for span in missing)}: not made or run by this run")
    words = re.sub(r"`+[^`]*`+", " ", item.text)
    other = _OTHER_WORK.search(words)
    if other and all(span.kind == "name" for span in checkable):
        return Judged(item, False, f"{other[0]!r} says that something else is to be done with what it names")
    return Judged(item, True, "; ".join(dict.fromkeys(span.proof for span in checkable)))


def _span(code: str, proofs: Proofs, tables: Sequence[str]) -> _Span:
    words = code.lower().split()
    if not words or all(_is_neutral(word) for word in re.split(r"[\s(),]+", code.lower()) if word):
        return _Span(code, "neutral")
    if words[0] in _TOOLS | _ALONE | {"cd"} or "&&" in words:
        return _Span(code, "command", _command(code, proofs.commands_run))
    if _PATH.fullmatch(code):
        made = next((file for file in proofs.files_made if _is_file(code, file)), "")
        return _Span(code, "file", f"{made} was written" if made else "")
    if _NAME.fullmatch(code):
        return _Span(code, "name", _name(code, proofs, tables))
    return _Span(code, "unknown")


def _is_neutral(word: str) -> bool:
    return word in _SQL_WORDS or bool(re.fullmatch(r"[\d.'\"+-]+|\[[ xX]\]", word))


def _name(code: str, proofs: Proofs, tables: Sequence[str]) -> str:
    name = code.lower().removeprefix("public.")
    if name in {table.lower() for table in proofs.tables_made}:
        return f"table {name} was made"
    known = {one.lower() for one in proofs.names_made}
    if name in known:
        return f"{name} was made"
    # A bare column counts only beside the table that was made with it.
    columns = [f"{table}.{name}" for table in tables if f"{table}.{name}" in known]
    return f"{columns[0]} was made" if columns else ""


def _is_file(said: str, made: str) -> bool:
    """Whether the path of an item means that file: the same end, placeholders for what only the run could know."""
    own, other = PurePosixPath(said.removeprefix("./")), PurePosixPath(made)
    folders = own.parts[:-1]
    if folders and other.parts[-len(own.parts) : -1] != folders:
        return False
    if own.name == other.name:
        return True
    blank = re.match(rf"{_BLANK}(?:[-_]{_BLANK})*[-_]", own.name, re.I)
    if not blank or own.suffix != other.suffix:
        return False
    slug = own.stem[blank.end() :]
    return bool(slug) and re.search(rf"[-_]{re.escape(slug)}\Z", other.stem) is not None


def _command(code: str, run: Sequence[str]) -> str:
    parts = [part.split() for part in re.split(r"&&|;", code)]
    parts = [part for part in parts if part and part[0] != "cd"]
    if not parts:
        return ""
    proofs = []
    for part in parts:
        if len(part) == 1 and part[0] not in _ALONE:
            return ""
        found = next((line for line in run if _contains(line, part)), "")
        if not found:
            return ""
        proofs.append(f"{found.strip()} ended well")
    return "; ".join(proofs)


def _contains(line: str, words: Sequence[str]) -> bool:
    """Whether a line that was run holds those words as one of its commands, not as the argument of another.

    The words may be followed by options, but ``make migrate`` is not in ``make migrate seed``.
    """
    own = re.sub(r"[\"'();]|&&", lambda found: " ; " if found[0] in (";", "&&") else " ", line).lstrip("@-+ ").split()
    for at in range(len(own) - len(words) + 1):
        if own[at : at + len(words)] != list(words) or (words[0] == "make" and at and own[at - 1] != ";"):
            continue
        rest = own[at + len(words) : at + len(words) + 1]
        whole = words[-1] in _ALONE or all(word == ";" or word.startswith("-") for word in rest)
        if whole and not _SPEAKING & set(own[:at]):
            return True
    return False


def tick(content: bytes, items: Sequence[Item], *, checked: bool = True) -> bytes:
    """The file with those items ticked (or unticked): one byte changed for each.

    TickFails when a box is not where it was, or is not open (ticked).
    """
    result = bytearray(content)
    boxes, mark = ((b"[ ]",), b"x") if checked else ((b"[x]", b"[X]"), b" ")
    for item in items:
        at = item.offset
        if at < 1 or content[at - 1 : at + 2] not in boxes:
            state = "open" if checked else "ticked"
            raise TickFails(f"line {item.line}: there is no {state} box at byte {at}; read the file again")
        result[at : at + 1] = mark
    return bytes(result)


def write_ticks(
    path: Path, sha256_expected: str, items: Sequence[Item], *, root: Path | None = None, checked: bool = True
) -> None:
    """Ticks (or unticks) the items in the file, which must still have that sha256; replaced in one step, mode and
    owner kept.

    A link that leads out of ``root`` (the file's folder by default) is refused. Raises TickFails, the file then being
    as it was.
    """
    real = path.resolve()
    inside = (root or path.parent).resolve()
    if not real.is_relative_to(inside):
        raise TickFails(f"{path} leads to {real}, which is outside the project; tick it by hand")
    try:
        content, before = _read(path, real, sha256_expected)
        _replace(real, tick(content, items, checked=checked), before, sha256_expected)
    except OSError as error:
        raise TickFails(f"{path} cannot be ticked: {error.strerror}; make it writable, or tick it by hand") from error


def _read(path: Path, real: Path, sha256_expected: str) -> tuple[bytes, os.stat_result]:
    before = real.stat()
    if not stat.S_ISREG(before.st_mode):
        raise TickFails(f"{path} is no regular file; name the Markdown file itself")
    if not os.access(real, os.W_OK):
        raise TickFails(f"{path} cannot be written; make it writable, or tick it by hand")
    content = real.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256_expected:
        raise TickFails(f"{path} has changed since it was read; look at it and tick again")
    return content, before


def _replace(real: Path, content: bytes, before: os.stat_result, sha256_expected: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            file.flush()
            os.fsync(file.fileno())
        if hashlib.sha256(real.read_bytes()).hexdigest() != sha256_expected:
            raise TickFails(f"{real} was changed just now; look at it and tick again")
        fresh.replace(real)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(real.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
