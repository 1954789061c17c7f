"""The folder of the person's shell line: `cd` in it, and the names of files below it."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tui.words import clean

_MOST = 5_000  # entries of a folder that are looked at
_BREAKS = frozenset(" \t;&|<>()=")
_SAFE = re.compile(r"[\w@%+:,./~^-]")
_LIVE = {'"': '"$`\\!', "'": "'"}  # what a quote does not take the meaning from
_CD = re.compile(r"\s*cd(?=[\s;&|]|$)")
# One plain folder, quoted or not, and what is to run in it. What a shell would expand is not plain.
_PLAIN_CD = re.compile(
    r"""\s*cd(?:\s+(?P<word>(?:[^\s"'\\;&|<>()$`*?\[\]{}!\#]|\\.|"[^"$`\\!]*"|'[^']*')+))?"""
    r"""\s*(?:(?P<then>&&|;)\s*(?P<rest>.*))?""",
    re.S,
)


class NoFolder(Exception):
    """`cd` cannot go there; says why."""


@dataclass(frozen=True)
class Completion:
    """The line with the word before the cursor completed as far as it is certain, and the names it could be."""

    value: str
    cursor: int
    choices: tuple[str, ...] = ()


def follow(root: Path, folder: str, before: str, line: str) -> tuple[str, str]:
    """Where the shell line stands after ``line`` and what of it is left to run ("" when it only moved).

    ``folder`` and ``before`` (for `cd -`) are relative to the project's root. Raises NoFolder; nothing is run then.
    """
    if not _CD.match(line):
        return folder, line
    match = _PLAIN_CD.fullmatch(line)
    if match is None:
        raise NoFolder("cd takes one plain folder here, alone or before `&&`; nothing was run")
    word = shlex.split(match["word"])[0] if match["word"] else ""
    there = resolve(root, before) if word == "-" else resolve(root, folder, word) if word else "."
    return there, (match["rest"] or "").strip()


def resolve(root: Path, folder: str, word: str = "") -> str:
    """``word`` as seen from the folder, relative to the root, links followed. Raises NoFolder when it is no folder
    inside the project."""
    base = root.resolve()
    name = clean(word or folder)
    try:
        path = base.joinpath(folder, Path(word).expanduser()).resolve()
        if not path.is_dir():
            raise NoFolder(f"there is no folder {name}; nothing was run")
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a name too long
        raise NoFolder(f"{name}: {error}; nothing was run") from error
    if not path.is_relative_to(base):
        raise NoFolder(f"{name} is outside the project; the shell line stays in it, and nothing was run")
    return path.relative_to(base).as_posix()


@dataclass
class _Word:
    """The word before the cursor: ``part`` is where its last component begins, ``text`` is it without quotes."""

    start: int = 0
    part: int = 0
    text: str = ""
    quote: str = ""
    quote_at: int = -1


def _last_word(line: str) -> _Word:
    word, escaped = _Word(), False
    for at, char in enumerate(line):
        if escaped or (word.quote and char != word.quote and not (char == "\\" and word.quote == '"')):
            word.text, escaped = word.text + char, False
        elif char == "\\":
            escaped = True
            continue
        elif char == word.quote:
            word.quote = ""
        elif char in "\"'":
            word.quote, word.quote_at = char, at
        elif char in _BREAKS:
            word = _Word(at + 1, at + 1)
            continue
        else:
            word.text += char
        if char == "/":
            word.part = at + 1
    return word


def complete(root: Path, folder: str, value: str, cursor: int) -> Completion:
    """Completes the word before the cursor with the name of a file in the project, relative to ``folder``."""
    word = _last_word(value[:cursor])
    base, _, prefix = word.text.rpartition("/")
    base = f"{base}/" if "/" in word.text else ""
    names = _names(root, folder, base, prefix, folders_only=bool(_CD.match(value[: word.start])))
    inside = word.quote if word.quote_at <= word.part else ""
    if not names or any(char in _LIVE.get(inside, "") for name in names for char in name):
        return Completion(value, cursor)
    start = word.part + (1 if inside and word.quote_at == word.part else 0)
    common = os.path.commonprefix(names)  # noqa: RUF071  names, not paths: character by character is meant
    put = common if inside else "".join(char if _SAFE.match(char) else f"\\{char}" for char in common)
    if len(names) == 1 and not common.endswith("/"):
        put += (word.quote if inside else "") + " "
    rest = value[cursor:]
    return Completion(value[:start] + put + rest, start + len(put), tuple(names) if len(names) > 1 else ())


def _names(root: Path, folder: str, base: str, prefix: str, *, folders_only: bool) -> list[str]:
    """Names that begin with ``prefix``, folders with a slash; only such as can be shown and typed."""
    try:
        where = resolve(root, folder, base)
        with os.scandir(root / where) as entries:
            found = [entry for entry, _ in zip(entries, range(_MOST), strict=False) if entry.name.startswith(prefix)]
            names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in found]
    except (NoFolder, OSError):
        return []
    return sorted(
        name
        for name in names
        if name.isprintable() and (not folders_only or name.endswith("/")) and (prefix or not name.startswith("."))
    )
