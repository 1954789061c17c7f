"""The lines of a Makefile: logical lines, comments, and what kind of line each one is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SIZE = 1_000_000  # bytes of one file that are read
LINES = 20_000  # some seconds; the largest Makefiles in use have about 5,000
_ASSIGNMENT = re.compile(
    r"^\s*(?P<words>(?:(?:export|override|private|unexport)\s+)*)"
    r"(?P<name>[^\s:#=!?+$(){}]+)\s*(?P<operator>:::=|::=|:=|\?=|\+=|!=|=)\s*(?P<value>.*)$",
    re.DOTALL,
)
_CONDITION = re.compile(r"^\s*(ifeq|ifneq|ifdef|ifndef|else|endif)(?=[\s(\"']|$)")
_WORDS = re.compile(r"(?:\$\([^()]*\)|\$\{[^{}]*\}|\S)+")  # a call of a function is one word
_INCLUDE = re.compile(r"^\s*(-?include|sinclude)\s+(.*)$", re.DOTALL)
_DEFINE = re.compile(r"^\s*(?:(?:export|override|private)\s+)*define\s+(\S+)")


@dataclass(frozen=True)
class Assignment:
    """``name operator value`` with the value unexpanded."""

    name: str
    operator: str
    value: str


@dataclass(frozen=True)
class Rule:
    """``names: prerequisites ; recipe ## help``; ``text`` is what stands after the colon."""

    names: tuple[str, ...]
    text: str
    double: bool
    inline: str | None
    help: str


def physical_lines(text: str) -> list[str]:
    """The lines as make counts them: only a newline ends one, a carriage return before it is dropped."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines and lines[-1] == "" else lines


def logical(lines: list[str], index: int) -> tuple[str, int]:
    """The line at ``index`` with its continuations joined by one blank, and the index of its last line."""
    parts = [lines[index]]
    while _continues(parts[-1]) and index + 1 < len(lines):
        parts[-1] = parts[-1][:-1].rstrip()
        index += 1
        parts.append(lines[index].lstrip())
    return " ".join(parts), index


def recipe_line(lines: list[str], index: int, prefix: str) -> tuple[str, int]:
    """A recipe line as the shell gets it: without its prefix, continuations joined as the shell joins them."""
    text = lines[index].removeprefix(prefix)
    while _continues(text) and index + 1 < len(lines):
        index += 1
        text = text[:-1] + lines[index].removeprefix(prefix)
    return text, index


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def split_comment(line: str) -> tuple[str, str]:
    """``line`` without its comment, and the comment from its ``#`` on."""
    for place, character in _outside(line):
        if character == "#" and not line[:place].endswith("\\"):
            return line[:place].rstrip(), line[place:]
    return line, ""


def _outside(line: str) -> Iterator[tuple[int, str]]:
    """The characters that stand outside $(…) and ${…}."""
    depth: list[str] = []
    for place, character in enumerate(line):
        if character in "({" and place and (line[place - 1] == "$" or depth):
            depth.append(")" if character == "(" else "}")
        elif depth and character == depth[-1]:
            depth.pop()
        elif not depth:
            yield place, character


def condition(line: str) -> str:
    """ "ifeq", "else", "endif"… when the line is such a directive, else ""."""
    found = _CONDITION.match(line)
    return found.group(1) if found else ""


def included(line: str) -> tuple[str, ...] | None:
    """The file words of an include line, None when it is none."""
    found = _INCLUDE.match(split_comment(line)[0])
    return tuple(_WORDS.findall(found.group(2))) if found else None


def defined(line: str) -> str:
    """The name that a ``define`` line opens, else ""."""
    found = _DEFINE.match(line)
    return found.group(1) if found else ""


def assignment(line: str) -> Assignment | None:
    """The line read as an assignment, None when it is none."""
    found = _ASSIGNMENT.match(split_comment(line)[0])
    if found is None:
        return None
    return Assignment(found["name"], found["operator"].strip(), found["value"].strip())


def rule(line: str) -> Rule | None:
    """The line read as a rule, None when it is none."""
    code, comment = split_comment(line)
    colon = next((place for place, character in _outside(code) if character == ":"), -1)
    if colon < 1:
        return None
    names = tuple(code[:colon].rstrip("&").split())
    rest = code[colon + 1 :]
    double = rest.startswith(":")
    rest = rest.removeprefix(":")
    if not names or rest.startswith("="):
        return None
    semicolon = next((place for place, character in _outside(rest) if character == ";"), -1)
    inline = None if semicolon < 0 else rest[semicolon + 1 :].strip()
    text = rest if semicolon < 0 else rest[:semicolon]
    shown = comment.lstrip("#").strip() if comment.startswith("##") else ""
    return Rule(names, text.strip(), double, inline, shown)
