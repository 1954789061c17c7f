"""Text of a Makefile as make expands it, as far as that is known before make runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from safemig.shell.effects import effect_of_expanded
from safemig.shell.parser import names
from safemig.shell.quoting import HOLE

_PURE = names(
    "subst patsubst strip findstring filter filter-out sort word wordlist words firstword lastword dir notdir suffix"
    " basename addsuffix addprefix join abspath realpath wildcard if or and origin flavor info warning"
)
_DEEPEST = 20
_LONGEST = 65_536
_AUTOMATIC = frozenset("@<*^?+%|")
# make puts text into the line before the shell reads it, so that such a character in it is the shell's own.
_OF_THE_SHELL = frozenset(";&|<>()$`\"'\\\n\1")
# What these print is a number, a name or a path of this machine, or stands in the line itself; what others print may be
# any text of a file.
_SHORT_ANSWER = re.compile(
    r"(?:date|uname|id|whoami|pwd|nproc|hostname|which|command -v|git rev-parse|git describe|git rev-list --count|true"
    r"|echo|test|\[)(?=\s|$)"
    r"""(?:[^;&|$`<>()\\'"*?]|"[^;&|$`<>()\\'"]*"|'[^;&|$`<>()\\'"]*')*"""
)


@dataclass(frozen=True)
class Doubted:
    """What makes an effect unknown, and where: ``place`` is file and line, ``what`` the line. ``runs`` is true
    of a function that may run or change something when it is expanded."""

    place: str
    why: str
    what: str = ""
    runs: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


@dataclass(frozen=True)
class Variable:
    """A variable's value as written; ``simple`` was expanded where it was set."""

    value: str
    simple: bool = False
    doubt: Doubted | None = None


@dataclass
class Expansion:
    """Expands text of a Makefile. What is not known becomes HOLE; what must not be passed over becomes a doubt."""

    variables: Mapping[str, Variable]
    file: str = "Makefile"
    target: str = ""
    used: dict[str, str] = field(default_factory=dict)
    doubts: list[Doubted] = field(default_factory=list)

    def expand(self, text: str, depth: int = 0) -> str:
        """``$$`` becomes ``$``; functions that only compute become HOLE."""
        out: list[str] = []
        place = 0
        while place < len(text):
            here = text[place]
            if here != "$" or place + 1 == len(text):
                out.append(here)
                place += 1
                continue
            after = text[place + 1]
            if after == "$":
                out.append("$")
                place += 2
            elif after in "({":
                end = _closing(text, place + 1)
                if end < 0:
                    self._doubt("an expansion that is not closed", text[place : place + 40])
                    return "".join(out)
                out.append(self._reference(text[place + 2 : end], depth))
                place = end + 1
            else:
                out.append(self._named(after, depth))
                place += 2
        whole = "".join(out)
        if len(whole) > _LONGEST:
            self._doubt("an expansion too long to read", "")
            return ""
        return whole

    def _reference(self, inner: str, depth: int) -> str:
        function = re.match(r"([a-z-]+)\s(.*)", inner, re.DOTALL)
        if function and function[1] in _PURE:
            return self._computed(self.expand(function[2], depth + 1), globs=function[1] == "wildcard")
        if function and function[1] == "shell":
            return self._shell(function[2], depth)
        if re.fullmatch(r"[\w.-]+", inner):
            return self._named(inner, depth)
        replaced = re.fullmatch(r"([\w.-]+):[^$()]*=([^$()]*)", inner)
        if replaced:
            return self._computed(self._named(replaced[1], depth) + replaced[2])
        if len(inner) == 2 and inner[0] in _AUTOMATIC and inner[1] in "DF":
            return HOLE
        self._doubt("a function of make that may run or set anything", f"$({inner[:60]})")
        return ""

    def _computed(self, given: str, *, globs: bool = False) -> str:
        """What a function makes of this text: other text of the same characters, and with ``globs`` names of files."""
        if _OF_THE_SHELL & set(given) or (globs and re.search(r"[*?\[]", given)):
            self._text("text that is computed may hold a command", given[:60])
        # With a blank in it, it may be several words: it is glued to none.
        return f" {HOLE}" if re.search(r"\s", given.strip()) or given[:1].isspace() else HOLE

    def _shell(self, command: str, depth: int) -> str:
        line = self.expand(command, depth + 1)
        found = effect_of_expanded(line)
        if found.effect != "read":
            self._doubt(f"$(shell …) runs a command: {found.why}", command[:60])
        elif not all(_SHORT_ANSWER.fullmatch(each.strip()) for each in re.split(r"&&|\|\|", _without_errors(line))):
            self._text("what $(shell …) prints becomes a part of the line", command[:60])
        return HOLE

    def _named(self, name: str, depth: int) -> str:
        if name in ("MAKE", "MAKE_COMMAND"):
            return "make"
        if name == "@" and self.target:
            return self.target
        if name in _AUTOMATIC:
            return HOLE
        variable = self.variables.get(name)
        if variable is None or depth > _DEEPEST:
            self.used[name] = ""
            return HOLE
        self.used[name] = variable.value
        if variable.doubt is not None:
            self.doubts.append(replace(variable.doubt, why=f"{name}: {variable.doubt.why}"))
        return self.expand(variable.value, depth + 1)

    def _text(self, why: str, what: str) -> None:
        self.doubts.append(Doubted(self.file, why, what))

    def _doubt(self, why: str, what: str) -> None:
        self.doubts.append(Doubted(self.file, why, what, runs=True))


def _without_errors(line: str) -> str:
    return re.sub(r"[12&]?>\s?/dev/null|2>&1", "", line)


def _closing(text: str, start: int) -> int:
    """Where the bracket that opens at ``start`` closes; -1 where it does not."""
    opening, closing = text[start], ")" if text[start] == "(" else "}"
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == opening) - (text[place] == closing)
        if not depth:
            return place
    return -1
