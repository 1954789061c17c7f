"""A Makefile by the grammar of make: its rules and variables in order, and what is not read, as a doubt.

Nothing is evaluated. A doubt names file and line; it is about one target, about one variable, or about everything that
make does with this file (a function that runs while the file is read, an include that was not read, another shell).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.base.files import beginning
from safemig.shell.environment import harmless, own
from safemig.shell.make_expansion import Doubted, Expansion, Variable
from safemig.shell.make_suffixes import is_suffix_rule
from safemig.shell.makefile_lines import LINES, SIZE
from safemig.shell.parser import names

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_FILES = 40
_QUIET_TARGETS = names(".PHONY .SILENT .IGNORE .DELETE_ON_ERROR .NOTPARALLEL .PRECIOUS .INTERMEDIATE .SECONDARY .POSIX")
_SHELLS = re.compile(r"(?:(?:/usr)?/bin/)?(?:sh|bash|dash|ash)|/usr/bin/env (?:sh|bash|dash)")
_SHELL_FLAGS = names("-e -u -c -o pipefail -ec -eu -euo -eo -euc -eo -uc errexit nounset")
_MAKE_FLAGS = re.compile(
    r"(?:--no-print-directory|--silent|-s|--warn-undefined-variables|--no-builtin-rules|-r|-j\d*|--jobs=\d+|\s)*"
)
_OF_MAKE = names("MAKE MAKEFILES MAKEOVERRIDES GNUMAKEFLAGS .RECIPEPREFIX .SHELLFLAGS MFLAGS VPATH MAKE_COMMAND")
_REFERENCE = re.compile(r"\$[({]|\$[^$\s]")


@dataclass
class Rule:
    """What the rules of one target come to; every recipe that the file gives it counts, though make takes the last."""

    prerequisites: list[str] = field(default_factory=list)
    recipe: list[tuple[str, str]] = field(default_factory=list)
    doubts: list[Doubted] = field(default_factory=list)


@dataclass
class Model:
    """A Makefile and all that it includes."""

    path: Path
    rules: dict[str, Rule] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    own_suffixes: bool = False
    variables: dict[str, Variable] = field(default_factory=dict)
    phony: set[str] = field(default_factory=set)
    doubts: list[Doubted] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    absent: list[tuple[str, Doubted]] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    one_shell: bool = False
    overridden: dict[str, Doubted] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.path.parent


def read(path: Path, text: str, root: Path) -> Model:
    """The model of a Makefile with this text at ``path``; what it includes is read below ``root``."""
    model = Model(path)
    _Reader(model, root.resolve(), dict(os.environ)).file(path, text)
    same = [name for name in ("GNUmakefile", "makefile", "Makefile") if _another(path, name)]
    if same and path.name in ("Makefile", "makefile"):
        model.doubts.append(Doubted(path.name, f"make may read {same[0]}, which lies beside it"))
    return model


def _another(path: Path, name: str) -> bool:
    beside = path.with_name(name)
    try:
        return name != path.name and beside.is_file() and not beside.samefile(path)
    except OSError:
        return path.name != name and beside.is_file()


@lru_cache(maxsize=1)
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_make

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_make.language()))


class _Reader:
    """Reads one file after the other into the model."""

    def __init__(self, model: Model, root: Path, environment: Mapping[str, str]) -> None:
        self.model = model
        self.root = root
        self.environment = environment
        self.name = ""
        self.undecided: Doubted | None = None

    def file(self, path: Path, text: str) -> None:
        """One file. The grammar needs a newline at the end."""
        outer, self.name = self.name, os.path.relpath(path, self.model.folder)
        self.model.files.append(self.name)
        if "\r" in text or "\0" in text or "\ufffc" in text:
            why = "it holds characters that make and safemig may read differently"
            self.model.doubts.append(Doubted(self.name, why))
        raw = (text + "\n").encode("utf-8", "surrogatepass")
        if len(raw) > SIZE or text.count("\n") >= LINES:  # a later rule takes the place of an earlier one
            self.model.doubts.append(Doubted(self.name, "it is too long to be read whole"))
        else:
            self._statements(_parser().parse(raw).root_node.children)
        self.name = outer

    def _doubt(self, node: Node, why: str) -> Doubted:
        line = _text(node).strip().split("\n")[0][:100]
        return Doubted(f"{self.name}:{node.start_point[0] + 1}", why, line)

    def _everywhere(self, node: Node, why: str) -> None:
        self.model.doubts.append(self._doubt(node, why))

    def _statements(self, nodes: list[Node]) -> None:
        for node in nodes:
            self._statement(node)

    def _statement(self, node: Node) -> None:
        kind = node.type
        if node.is_error or node.is_missing:
            self._everywhere(node, "the grammar of make does not know this line")
        elif kind == "comment" or not node.is_named:
            return
        elif node.has_error and kind != "conditional":
            self._everywhere(node, "the grammar of make does not know this line")
        elif kind in _READ:
            _READ[kind](self, node)
        elif kind == "unexport_directive":
            return
        elif kind in ("override_directive", "private_directive"):
            for child in node.named_children:
                self.assignment(child, self._doubt(node, f"`{kind.partition('_')[0]}` decides which value holds"))
        elif kind == "undefine_directive":
            for child in node.named_children:
                self._set(node, _text(child), Variable("", doubt=self._doubt(node, "the variable is undefined here")))
        else:
            self._everywhere(node, f"a {kind.replace('_', ' ')} may run or change anything while make reads the file")

    def assignment(self, node: Node, doubt: Doubted | None = None) -> None:
        targets = next((child for child in node.children if child.type == "list"), None)
        if targets is not None:
            self._for_targets(node, _text(targets).split())
            return
        name = node.child_by_field_name("name")
        operator = node.child_by_field_name("operator")
        if (
            node.type != "variable_assignment"
            or name is None
            or operator is None
            or not re.fullmatch(r"[\w.-]+", _text(name))
        ):
            self._everywhere(node, "an assignment that safemig does not read")
            return
        given = node.child_by_field_name("value")
        value, whole = _value(_text(given) if given else "")
        if not whole:
            doubt = doubt or self._doubt(node, "a comment inside an expansion")
        self._assign(node, _text(name), _text(operator), value, doubt)

    def _for_targets(self, node: Node, targets: list[str]) -> None:
        """A variable for one target alone, which holds for all that it needs as well."""
        for name in targets:
            if re.fullmatch(r"[\w./+-]+", name):
                self._target(name).doubts.append(self._doubt(node, "a variable is set for this target alone"))
            else:
                self._everywhere(node, "a variable is set for targets by a pattern")

    def _assign(self, node: Node, name: str, operator: str, value: str, doubt: Doubted | None) -> None:
        old = self.model.variables.get(name)
        if doubt is not None:
            self.model.overridden.setdefault(name, doubt)
        doubt = doubt or self.model.overridden.get(name) or self.undecided
        simple = operator in (":=", "::=", ":::=")
        if operator == "?=":
            if old is not None or name in self.environment:
                if old is None:
                    self._set(node, name, Variable(value, doubt=self._doubt(node, "the environment sets it already")))
                return
        elif operator == "+=" and old is not None:
            value, simple = f"{old.value} {value}".strip(), old.simple
            doubt = doubt or old.doubt
        elif operator not in ("=", "+=") and not simple:
            self._everywhere(node, f"an assignment by `{operator}` may run a command while make reads the file")
            return
        if simple and _REFERENCE.search(value):
            value, rests_on = self._at_once(node, value)
            doubt = doubt or rests_on
        self._set(node, name, Variable(value, simple, doubt))

    def _at_once(self, node: Node, value: str) -> tuple[str, Doubted | None]:
        """A value that make expands where it stands, and the doubt about a variable in it. What runs then runs for
        every target."""
        expanded = Expansion(self.model.variables)
        value = expanded.expand(value)
        return value.replace("$", "$$"), self._reading(node, expanded)

    def _reading(self, node: Node, expanded: Expansion) -> Doubted | None:
        """Takes the doubts of what make expands while it reads the file; the first one that is about a variable."""
        place = self._doubt(node, "").place
        self.model.doubts += [replace(each, place=place) for each in expanded.doubts if each.runs]
        return next((each for each in expanded.doubts if not each.runs), None)

    def _set(self, node: Node, name: str, variable: Variable) -> None:
        self.model.variables[name] = variable
        if name == "SHELL":
            fine = _SHELLS.fullmatch(variable.value) and variable.doubt is None
        elif name == ".SHELLFLAGS":
            fine = set(variable.value.split()) <= _SHELL_FLAGS and variable.doubt is None
        elif name == "MAKEFLAGS":
            fine = _MAKE_FLAGS.fullmatch(variable.value) and variable.doubt is None
        elif name in _OF_MAKE:
            fine = None
        elif name in self.environment or name in ("PATH", "HOME", "IFS", "TMPDIR", "ENV", "CDPATH"):
            # make hands a variable of the environment on to every command, with the value that the file gives it.
            fine = harmless(name, variable.value) or own(name)
        else:
            return
        self.model.settings.append(f"{name}={variable.value}")
        if not fine:
            self._everywhere(node, f"{name} decides what the recipes run")

    def define(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        text = _text(value) if value else ""
        operator = node.child_by_field_name("operator")
        plain = name is not None and (operator is None or _text(operator) == "=")
        if not plain or re.search(r"^\s*define\b|(?<!\\)#", text, re.MULTILINE):
            self._everywhere(node, "a define that safemig does not read")
        elif name is not None:
            self._set(node, _text(name), Variable(_lines(text), doubt=self.undecided))

    def export(self, node: Node) -> None:
        words = [
            _text(child) for group in node.named_children if group.type == "list" for child in group.named_children
        ]
        for child in node.named_children:
            if child.type == "variable_assignment":
                self.assignment(child)
                words.append(_text(child.child_by_field_name("name")))
        for name in words or list(self.model.variables):
            variable = self.model.variables.get(name)
            self.model.settings.append(f"export {name}={variable.value if variable else ''}")
            if not harmless(name, variable.value if variable else ""):
                self._everywhere(node, f"{name} is exported to every command, and may decide what it runs")
                return
        if not words:
            self._everywhere(node, "every variable is exported to every command")

    def include(self, node: Node) -> None:
        optional = not _text(node).startswith("include")
        listed = node.child_by_field_name("filenames")
        expanded = Expansion(self.model.variables)
        words = expanded.expand(_text(listed) if listed else "").split()
        if not words or expanded.doubts or not all(re.fullmatch(r"[\w./*-]+", word) for word in words):
            self._everywhere(node, "it is not known which files are included here")
            return
        self.model.settings.append(f"include {words}")
        for word in [file for pattern in words for file in self._matching(pattern)]:
            path = self.model.folder / word
            real = path.resolve()
            try:
                text = beginning(path, SIZE).decode("utf-8", "replace") if path.is_file() else None
            except OSError:
                text = None
            if text is None and (optional or self.undecided):
                self.model.absent.append((word, self._doubt(node, f"{word} is made by a rule, and read then")))
            elif text is None or not real.is_relative_to(self.root) or len(self.model.files) >= _FILES:
                self._everywhere(node, f"{word} is included and was not read")
            else:
                self.model.absent.append((word, self._doubt(node, f"{word} is remade by a rule, and read again")))
                self.file(path, text)

    def _matching(self, word: str) -> list[str]:
        """The files that a word of an include names, in the order of make."""
        if "*" not in word:
            return [word]
        found = sorted(str(path.relative_to(self.model.folder)) for path in self.model.folder.glob(word.lstrip("/")))
        return found[:_FILES] or [word]

    def conditional(self, node: Node) -> None:
        """Which branch holds is not decided here: all are read, and what they set or make is unknown."""
        outer = self.undecided
        self.undecided = outer or self._doubt(node, "it depends on a condition that safemig does not decide")
        for child in node.children:
            if child.type in ("ifeq_directive", "ifneq_directive", "ifdef_directive", "ifndef_directive"):
                expanded = Expansion(self.model.variables)
                expanded.expand(_text(child).replace("\n", " "))
                self._reading(child, expanded)
            elif child.type in ("else_directive", "elsif_directive"):
                self.conditional(child)
            elif child.is_named:
                self._statement(child)
        self.undecided = outer

    def _target(self, name: str) -> Rule:
        return self.model.rules.setdefault(name, Rule())

    def rule(self, node: Node) -> None:
        listed = next((child for child in node.children if child.type == "targets"), None)
        text = _joined(_text(listed)) if listed else ""
        expanded = Expansion(self.model.variables)
        targets = expanded.expand(text).split()
        if listed is None or "\n" in text or not targets or expanded.doubts:
            self._everywhere(node, "it is not known which targets this rule makes")
            return
        if set(targets) <= _QUIET_TARGETS:
            if ".PHONY" in targets:
                self.model.phony |= set(self._prerequisites(node, []))
            return
        if ".ONESHELL" in targets:
            self.model.one_shell = True
            return
        doubts = [self.undecided] if self.undecided else []
        prerequisites = self._prerequisites(node, doubts)
        recipe = self._recipe(node, doubts)
        for name in targets:
            self.model.own_suffixes |= name == ".SUFFIXES"  # also of the rules above it
            if "%" in name or any(is_suffix_rule(each, self.model.own_suffixes) for each in (name, *self.model.rules)):
                self.model.patterns["%" if "%" not in name else name] = _text(node)
                continue
            if not re.fullmatch(r"[\w./+-]+", name):
                self._everywhere(node, f"the target {name} is not a plain name")
                continue
            rule = self._target(name)
            rule.prerequisites += prerequisites
            rule.recipe += recipe
            rule.doubts += doubts

    def _prerequisites(self, node: Node, doubts: list[Doubted]) -> list[str]:
        found: list[str] = []
        for child in node.children:
            if child.type == "prerequisites":
                expanded = Expansion(self.model.variables)
                words = expanded.expand(_joined(_text(child))).split()
                rests_on = self._reading(node, expanded)
                doubts += [rests_on] if rests_on else []
                if not all(re.fullmatch(r"[\w./+-]+", word) for word in words):
                    doubts.append(self._doubt(node, "a prerequisite is not a plain name"))
                found += words
            elif child.type in ("pattern_list", "&:") or child.type.startswith("&"):
                doubts.append(self._doubt(node, "a static pattern rule or grouped targets"))
        return found

    def _recipe(self, node: Node, doubts: list[Doubted]) -> list[tuple[str, str]]:
        """The recipe's lines as make hands them to the shell, unexpanded, each with its place."""
        lines: list[tuple[str, str]] = []
        for recipe in (child for child in node.children if child.type == "recipe"):
            for child in recipe.children:
                if child.type == "recipe_line":
                    lines.append((_text(child).replace("\\\n\t", "\\\n"), f"{self.name}:{child.start_point[0] + 1}"))
                elif child.type == "conditional":
                    doubts.append(self._doubt(child, "a condition inside the recipe"))
                elif child.is_named and child.type != "comment":
                    doubts.append(self._doubt(child, f"a {child.type.replace('_', ' ')} inside the recipe"))
        return lines


_READ: Mapping[str, Callable[[_Reader, Node], None]] = {
    "variable_assignment": lambda reader, node: reader.assignment(node),
    "define_directive": lambda reader, node: reader.define(node),
    "rule": lambda reader, node: reader.rule(node),
    "conditional": lambda reader, node: reader.conditional(node),
    "include_directive": lambda reader, node: reader.include(node),
    "export_directive": lambda reader, node: reader.export(node),
}


def _text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node else ""


def _lines(text: str) -> str:
    """The value of a define; one of blank lines alone is the line break that commands are parted with."""
    return text.removesuffix("\n").replace("\n", "\1") if text.strip() else "\1"


def _joined(text: str) -> str:
    return re.sub(r"[ \t]*\\\n[ \t]*", " ", text)


def _value(text: str) -> tuple[str, bool]:
    """A value without its comment, continuations joined; False where a comment stands inside an expansion."""
    joined = _joined(text)
    found = re.search(r"(?<!\\)#", joined)
    if found:
        joined = joined[: found.start()].rstrip(" \t") if found.start() else ""
    whole = joined.count("(") == joined.count(")") or not found
    return joined.replace("\\#", "#").strip(), whole
