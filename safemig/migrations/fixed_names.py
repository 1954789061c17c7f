"""What a plan fixes of its migration file: the message, the revision's id and the file's name."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.from_python import LANGUAGES, literal
from safemig.plan_document.document import Block, Phase

LONGEST_ID = 32  # alembic_version.version_num is VARCHAR(32)
_SHELL = ("bash", "sh", "shell", "console", "")
# "<revision>", "${message}", "…", "xxxx_add_it", "yyyymmdd", "hash_add_it": whoever writes the file fills it in.
_OPEN = re.compile(r"[<>{}$…*]|\.\.\.|x{3,}|y{4}|^(?:rev|revision|hash)(?:_|$)", re.I)
_ID = re.compile(rf"[A-Za-z0-9_]{{1,{LONGEST_ID}}}")
_FILE = re.compile(r"(?:\S*/)?versions/(?:\S*/)?([^\s/]+)\.py", re.I)
_MESSAGE = re.compile(r"(?:\s-m|\s--message|\b[Mm](?:[Ss][Gg]|[Ee][Ss][Ss][Aa][Gg][Ee])?)[ =]+([\"'])(.+?)\1")
_REVISION_ID = re.compile(r"\s--rev-id[ =]+[\"']?(\w+)")
_CREATES = re.compile(r"\brevision\b|\bmigrat", re.I)


@dataclass(frozen=True)
class Fixed:
    """The names that the plan gives, "" where it leaves them open; ``notes`` are those that are not used, and why."""

    message: str = ""
    revision: str = ""
    file: str = ""
    notes: tuple[str, ...] = ()


NOTHING = Fixed()


@dataclass(frozen=True)
class _Given:
    """A name as it stands in a place of the plan."""

    text: str
    place: str


def fixed_names(
    phase: Phase, document: str, *, template: str, taken: Collection[str], files: Collection[str], down: Sequence[str]
) -> Fixed:
    """The names that the phase of that document fixes and that can be used: ``taken`` are the ids and ``files`` the
    file names that the code has, ``down`` what the new revision follows."""
    names = [given for given in _files(phase, document) if f"{given.text}.py" not in files]
    file, several = _only("calls its file", _settled(names))
    ids = _settled(_ids(phase, document))
    free = [given for given in ids if _ID.fullmatch(given.text) and given.text not in taken]
    revision, more = _only("gives the id", free)
    unused = (_unused(given, taken) for given in ids if given not in free)
    elsewhere = (
        f"{given.place} follows {given.text!r}, and the code's head is {', '.join(down) or 'none'}: that is followed"
        for given in _settled(_assigned(phase, document, "down_revision"))
        if given.text not in down
    )
    prefix, words = _parted(file or (names[0].text if names else ""), template)
    if file and not ids and prefix not in taken:
        revision = prefix
    message = next((message.text for message in _messages(phase, document)), words)
    return Fixed(message, revision, file, (*several, *more, *unused, *elsewhere))


def _settled(given: Iterable[_Given]) -> list[_Given]:
    """The names without a place that is left open."""
    return [name for name in given if not _OPEN.search(name.text)]


def _unused(given: _Given, taken: Collection[str]) -> str:
    why = "another has it" if given.text in taken else f"write at most {LONGEST_ID} letters and digits"
    return f"{given.place} gives the revision the id {given.text!r}, which is not used: {why}"


def _only(word: str, given: Sequence[_Given]) -> tuple[str, tuple[str, ...]]:
    """The one name that is given, "" for none; none and a note where several are."""
    texts = tuple(dict.fromkeys(one.text for one in given))
    if len(texts) < 2:
        return "".join(texts), ()
    shown = ", ".join(f"{one.text} ({one.place})" for one in given)
    return "", (f"the plan {word} {shown}: one revision is written, and none of these names is used",)


def message_of(phase: Phase, wanted: Wanted, fixed: str) -> str:
    """The message of the migration: what the plan says, else made of the tables."""
    if fixed:
        return fixed
    if wanted.tables:
        return f"create {' and '.join(wanted.tables)}"
    return f"change {' and '.join(wanted.touched)}" if wanted.touched else phase.title or "change the schema"


def _messages(phase: Phase, document: str) -> Iterator[_Given]:
    for block in phase.blocks:
        tree = parse(block.text) if block.language in LANGUAGES else None
        said = (ast.get_docstring(tree) or "").strip().split("\n", 1)[0].strip() if tree else ""
        if said and "revision" in block.text and not re.search(r"[<>{}$]|\.\.\.|…", said):
            yield _Given(said, _place(block, document))
    for text, place in _lines(phase, document):
        match = _MESSAGE.search(text)
        if match and _CREATES.search(text) and not re.search(r"[<>{}$]|\.\.\.|…", match[2]):
            yield _Given(match[2].strip(), place)


def _ids(phase: Phase, document: str) -> Iterator[_Given]:
    yield from _assigned(phase, document, "revision")
    for text, place in _lines(phase, document):
        if match := _REVISION_ID.search(text):
            yield _Given(match[1], place)


def _assigned(phase: Phase, document: str, name: str) -> Iterator[_Given]:
    """What the module variable of Alembic is set to in blocks of code."""
    for block in phase.blocks:
        tree = parse(block.text) if block.language in LANGUAGES and name in block.text else None
        for node in tree.body if tree else ():
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            text = literal(node.value)
            if text and any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield _Given(text, f"{block.file or document}:{block.line + node.lineno - 1}")


def _lines(phase: Phase, document: str) -> Iterator[tuple[str, str]]:
    """The lines of shell blocks and the code of items, each with its place."""
    for block in phase.blocks:
        if block.language in _SHELL and not block.outline:
            for number, line in enumerate(block.text.split("\n")):
                yield line, f"{block.file or document}:{block.line + number}"
    for item in phase.items:
        yield from ((code, f"{document}:{item.line}") for code in item.codes)


def _files(phase: Phase, document: str) -> Iterator[_Given]:
    for item in phase.items:
        for code in item.codes:
            if match := _FILE.fullmatch(code.strip()):
                yield _Given(match[1], f"{document}:{item.line}")


def _place(block: Block, document: str) -> str:
    return f"{block.file or document}:{block.line}"


def _parted(name: str, template: str) -> tuple[str, str]:
    """The id and the words in a file's name, by the project's template; "" and the words where it is another."""
    pattern = re.sub(
        r"%\\?\((\w+)\\?\)[-\d.\\]*[a-z]",
        lambda one: {"rev": r"(?P<rev>[A-Za-z0-9]+)", "slug": r"(?P<slug>\w+)"}.get(one[1], r"\w+?"),
        re.escape(template),
    )
    match = re.fullmatch(pattern, name) if "%" in template else None
    parts = match.groupdict() if match else {}
    words = parts.get("slug") or next(iter(re.findall(r"[^\W\d]\w*$", name)), "")
    words = re.sub(r"^(?:x+|rev|revision|hash|yyyy\w*?)_", "", words, flags=re.I)
    rev = parts.get("rev", "")
    return (rev if _ID.fullmatch(rev) and not _OPEN.search(rev) else ""), words.strip("_").replace("_", " ")
