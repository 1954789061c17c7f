"""Statements of SQL as PostgreSQL's own parser (libpg_query) reads them, with their places in the text.

``parse`` reads text of our own in this process. ``parse_apart`` reads text of others in a child process, a batch at a
time: pathological input ends libpg_query, and with it only that child.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safemig.sql.text import tokens_from

Node = Mapping[str, Any]

MAX_CHARACTERS = 1_000_000
MAX_BRACKETS = 500  # open at once; libpg_query ends its process at some ten thousands
SECONDS = 30.0
MAX_CRASHES = 3  # children that one batch may end before the rest counts as unread
_CHILD = str(Path(__file__).with_name("parser_process.py"))
_BRACKET = re.compile(r"[()\[\]]")


@dataclass(frozen=True)
class Statement:
    """One statement: ``kind`` and ``node`` are libpg_query's ("AlterTableStmt" and its fields).

    ``start`` and ``end`` are character offsets of the statement without the comments before it and without its
    semicolon; ``line`` is the 1-based line of ``start``.
    """

    kind: str
    node: Node
    text: str
    start: int
    end: int
    line: int


@dataclass(frozen=True)
class Parsed:
    """The statements of one text; ``error`` says why PostgreSQL's parser gave none, at the 1-based ``line``."""

    statements: tuple[Statement, ...] = ()
    error: str = ""
    line: int = 0


def parse(text: str) -> Parsed:
    """The statements of a text of our own."""
    import pgparse

    refusal = _refusal(text)
    if refusal:
        return Parsed(error=refusal, line=1)
    try:
        return Parsed(_statements(text, pgparse.parse(text)))
    except pgparse.PGQueryError as error:
        return _failed(text, str(error.message), int(error.position or 0))
    except (RecursionError, UnicodeError, ValueError) as error:
        return Parsed(error=f"the parser refuses it: {error}", line=1)


def parse_apart(texts: Sequence[str]) -> tuple[Parsed, ...]:
    """As ``parse``, for texts of others, in the same order. One child reads them all; a text that ends it has an error,
    and another child reads those behind it."""
    known = {text: Parsed(error=refusal, line=1) for text in texts if (refusal := _refusal(text))}
    waiting = [text for text in dict.fromkeys(texts) if text not in known]
    crashes = 0
    while waiting and crashes < MAX_CRASHES:
        answers, end = _asked(waiting)
        known.update((text, _read(text, line)) for text, line in zip(waiting, answers, strict=False))
        waiting = waiting[len(answers) :]
        if waiting:
            crashes += 1
            known[waiting.pop(0)] = Parsed(error=f"it ended PostgreSQL's parser ({end})", line=1)
    known.update((text, Parsed(error="its batch ended PostgreSQL's parser too often", line=1)) for text in waiting)
    return tuple(known[text] for text in texts)


def _asked(texts: Sequence[str]) -> tuple[list[bytes], str]:
    """The child's whole lines, and how it ended."""
    order = json.dumps(list(texts)).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-I", _CHILD], input=order, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        return _whole(error.stdout or b""), f"no answer in {SECONDS:.0f} s"
    except OSError as error:
        return [], f"it could not be started: {error.strerror}"
    return _whole(done.stdout), f"exit status {done.returncode}"


def _whole(output: bytes) -> list[bytes]:
    return output.split(b"\n")[:-1]


def _read(text: str, line: bytes) -> Parsed:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return Parsed(error="the tree of its statements is too deep to be read", line=1)
    if "tree" not in answer:
        return _failed(text, str(answer["error"]), int(answer["position"]))
    return Parsed(_statements(text, answer["tree"]))


def _refusal(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        return f"it is longer than {MAX_CHARACTERS:,} characters"
    if "\0" in text:
        return "it holds a NUL character"
    depth = deepest = 0
    for bracket in _BRACKET.finditer(text):
        depth = max(0, depth + (1 if bracket.group() in "([" else -1))
        deepest = max(deepest, depth)
    return f"it nests brackets deeper than {MAX_BRACKETS}" if deepest > MAX_BRACKETS else ""


def _failed(text: str, message: str, position: int) -> Parsed:
    return Parsed(error=message, line=text.count("\n", 0, max(0, position - 1)) + 1)


def _statements(text: str, tree: Sequence[Node]) -> tuple[Statement, ...]:
    places = _Places(text)
    return tuple(_statement(places, raw) for raw in tree if raw.get("stmt"))


def _statement(places: _Places, raw: Node) -> Statement:
    ((kind, node),) = raw["stmt"].items()
    start = places.character(int(raw.get("stmt_location", 0)))
    length = int(raw.get("stmt_len", 0))
    end = places.character(int(raw.get("stmt_location", 0)) + length) if length else len(places.text)
    start = _skipped(places.text, start)
    text = places.text[start:end].rstrip()
    return Statement(kind, node, text, start, start + len(text), places.text.count("\n", 0, start) + 1)


class _Places:
    """Character offsets for the byte offsets that libpg_query counts in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._bytes = None if text.isascii() else text.encode()

    def character(self, offset: int) -> int:
        return offset if self._bytes is None else len(self._bytes[:offset].decode(errors="ignore"))


def _skipped(text: str, at: int) -> int:
    """Where the blanks and comments that begin there end."""
    return next((token.start for token in tokens_from(text, at) if token.kind != "comment"), len(text))


def nodes(root: Any) -> Iterator[tuple[str, Node]]:
    """Every inner node with its kind (``FuncCall``) or, where libpg_query leaves that out, its field (``relation``)."""
    waiting: list[Any] = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if isinstance(inner, Mapping):
                    yield key, inner
                waiting.append(inner)
        elif isinstance(value, list):
            waiting.extend(value)


def kind_of(value: Node | None) -> tuple[str, Node]:
    """The kind of a wrapped node and its fields; ("", {}) for None and for what is no such node."""
    if value and len(value) == 1:
        ((kind, node),) = value.items()
        if isinstance(node, Mapping):
            return kind, node
    return "", {}


def strings(values: Sequence[Node] | None) -> tuple[str, ...]:
    """The parts of a list of ``String`` nodes: a qualified name, for example."""
    return tuple(str(kind_of(value)[1].get("sval", "")) for value in values or () if kind_of(value)[0] == "String")


def relation(node: Node | None) -> str:
    """The table that a ``RangeVar`` names, with its schema unless that is "public"; "" for none."""
    if not node:
        return ""
    parts = [str(node[part]) for part in ("schemaname", "relname") if node.get(part)]
    return ".".join(parts[1:] if parts[:1] == ["public"] and len(parts) > 1 else parts)
