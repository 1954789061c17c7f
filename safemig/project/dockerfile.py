"""Reads a Dockerfile as far as it says what runs when the image is built and when its container starts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from safemig.base.files import text as text_of

_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.S)
_HEREDOC = re.compile(r"<<-?([\"']?)(\w+)\1")
_OPTION = re.compile(r"--[\w-]+(?:=\S*)?\s+")
_FROM = re.compile(r"--from=(\S+)")
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Line:
    """A command as a shell takes it, and the line of the file on which it begins (1-based)."""

    text: str
    number: int


@dataclass(frozen=True)
class Copy:
    """One COPY or ADD out of the build context: absolute ``target``; ``whole`` where the target names a folder."""

    source: str
    target: str
    whole: bool


@dataclass(frozen=True)
class Image:
    """What one stage comes to. ``base`` is the image that it begins with, "" where that is unknown; ``written`` are the
    files whose text stands in the Dockerfile, by their absolute path."""

    base: str = ""
    workdir: str = "/"
    copies: tuple[Copy, ...] = ()
    runs: tuple[Line, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Line | None = None
    command: Line | None = None
    written: tuple[tuple[str, Line], ...] = ()


def read_image(path: Path, target: str = "") -> Image | None:
    """The stage ``target`` of the Dockerfile (its last one without a target); None where there is none."""
    try:
        text = text_of(path, "replace", _LARGEST)
    except OSError:
        return None
    return parse(text, target)


def parse(text: str, target: str = "") -> Image | None:
    """The same of a Dockerfile's text."""
    stages: dict[str, Image] = {}
    image: Image | None = None
    name, own_command = "", False
    for word, argument, number, document in _instructions(text):
        if word == "FROM":
            if name and image is not None:
                stages[name] = image
                if name == target.lower():
                    return image
            base, name = _from(argument, len(stages))
            known = stages.get(base.lower())
            image = replace(known, runs=()) if known else Image(base=base)
            own_command = False
        elif image is not None:
            own_command = own_command or word == "CMD"
            known = stages.get(found[1].lower()) if (found := _FROM.search(argument)) and word == "COPY" else None
            image = _with(image, word, argument, number, own_command=own_command)
            if known is not None:
                image = replace(image, copies=(*image.copies, *_out_of(known, argument, image.workdir)))
            if document and word in ("COPY", "ADD"):
                path = str(PurePosixPath(image.workdir) / argument.split()[-1])
                image = replace(image, written=(*image.written, (path, Line(document, number))))
    return image if not target or name == target.lower() else None


def _from(argument: str, count: int) -> tuple[str, str]:
    """The base and the name of a stage; an unnamed stage is known by its number."""
    words = _OPTION.sub("", argument).split()
    named = len(words) > 2 and words[1].lower() == "as"
    return (words[0] if words else ""), (words[2].lower() if named else str(count))


def _with(image: Image, word: str, argument: str, number: int, *, own_command: bool) -> Image:
    if word == "WORKDIR":
        return replace(image, workdir=str(PurePosixPath(image.workdir) / argument.strip().strip("\"'")))
    if word == "ENV":
        return replace(image, environment={**image.environment, **dict(_pairs(argument))})
    if word in ("COPY", "ADD"):
        return replace(image, copies=(*image.copies, *_copies(argument, image.workdir)))
    if word == "RUN":
        return replace(image, runs=(*image.runs, Line(_command(argument), number)))
    if word == "CMD":
        return replace(image, command=_line(argument, number))
    if word == "ENTRYPOINT":
        # An entry point of its own takes away the CMD that came with the base.
        return replace(image, entrypoint=_line(argument, number), command=image.command if own_command else None)
    return image


def _line(argument: str, number: int) -> Line | None:
    text = _command(argument)
    return Line(text, number) if text else None


def _command(argument: str) -> str:
    """The words of the exec form joined for a shell; the shell form as it stands."""
    text = _OPTION.sub("", argument.strip()) if argument.lstrip().startswith("--") else argument.strip()
    if text.startswith("["):
        try:
            words = json.loads(text)
        except ValueError:
            return text
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return shlex.join(words)
    return text


def _out_of(stage: Image, argument: str, workdir: str) -> Iterator[Copy]:
    """What a COPY takes out of another stage, as far as that was copied from the build context there."""
    for copy in _copies(argument.replace("--from=", "--out-of="), workdir):
        source = PurePosixPath(stage.workdir) / copy.source
        for known in stage.copies:
            there = PurePosixPath(known.target)
            if source.is_relative_to(there):
                rest = source.relative_to(there)
                yield Copy(str(PurePosixPath(known.source) / rest), copy.target, copy.whole)
                if PurePosixPath(known.source).name == str(rest):  # one file, copied into a folder
                    yield Copy(known.source, copy.target, copy.whole)
            elif there.is_relative_to(source):
                yield Copy(known.source, str(PurePosixPath(copy.target) / there.relative_to(source)), known.whole)


def _copies(argument: str, workdir: str) -> Iterator[Copy]:
    if _FROM.search(argument):
        return  # out of another stage or image: no file of the build context
    try:
        words = json.loads(argument) if argument.lstrip().startswith("[") else shlex.split(argument)
    except ValueError:
        return
    words = [str(word) for word in words if not str(word).startswith("--")]
    if len(words) < 2:
        return
    target = str(PurePosixPath(workdir) / words[-1])
    whole = words[-1].endswith(("/", ".")) or len(words) > 2
    yield from (Copy(source, target, whole) for source in words[:-1])


def _pairs(argument: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(argument)
    except ValueError:
        return
    if words and "=" not in words[0]:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        name, _, value = word.partition("=")
        yield name, value


def _instructions(text: str) -> Iterator[tuple[str, str, int, str]]:
    """Every instruction with its whole argument, first line and here-document; comments and continuations are done
    with."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        first, held = index + 1, lines[index]
        index += 1
        if not held.strip() or held.lstrip().startswith("#"):
            continue
        while held.rstrip().endswith("\\") and index < len(lines):
            held = held.rstrip()[:-1]
            if not lines[index].lstrip().startswith("#"):
                held += " " + lines[index]
            else:
                held += "\\"
            index += 1
        match = _INSTRUCTION.match(held)
        if not match:
            continue
        argument, document = match[2], ""
        for mark in _HEREDOC.finditer(argument):
            body = []
            while index < len(lines) and lines[index].strip() != mark[2]:
                body.append(lines[index])
                index += 1
            index += 1
            document = "\n".join(body)
            if match[1].upper() == "RUN":
                argument = document
        yield match[1].upper(), argument.strip(), first, document
