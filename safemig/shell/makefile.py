"""Reads Makefiles: targets, recipes, variables. Nothing is evaluated: no $(shell …), no function."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from safemig.base.files import beginning, content
from safemig.shell import makefile_lines as lines_of
from safemig.shell.makefile_lines import LINES, SIZE

_DOLLARS = "\0"  # where $$ stands while the rest is expanded
_INCLUDE_DEPTH = 5
_WILDCARD = re.compile(r"\$[({]wildcard\s+([^(){}$]*)[)}]")
_FILES = 200  # files of one word of an include
_EXPANDED = 65_536
_REFERENCE = re.compile(r"\$(?:\$|\((?P<round>[\w.\-]+)\)|\{(?P<curly>[\w.\-]+)\}|(?P<one>[A-Za-z_]))")
_READ = re.compile(r"(?<![\w./-])read(?=\s|$)(?P<rest>(?:[^;&|\n\"']|\"[^\"]*\"|'[^']*')*)")
_PROMPT = re.compile(r"(?:^|\s)-[A-Za-z]*p\s*(\"[^\"]*\"|'[^']*'|\S+)")
_MESSAGE = re.compile(r"(?:-m|--message)[\s=]*\\?[\"']*\s*\$[({](\w+)[)}]")
_MESSAGE_NAMES = ("m", "msg", "message", "migration_name", "migration_message", "name", "desc", "description")


@dataclass(frozen=True)
class Target:
    """One target. ``recipe`` holds one entry a recipe line, without the leading tab and with continuations
    joined, make's ``@ - +`` kept. ``line`` is the rule's, ``end_line`` the last recipe line's (1-based). ``file``
    is the included file that the target stands in, None for the Makefile itself."""

    name: str
    recipe: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    help: str = ""
    line: int = 0
    end_line: int = 0
    file: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Makefile:
    """A Makefile as read; ``sha256`` is of the file's bytes, ``variables`` are unexpanded. ``unread`` are the words of
    its includes that were not followed: what they come to is not known, or lies elsewhere."""

    path: Path
    text: str
    sha256: str
    targets: tuple[Target, ...]
    variables: Mapping[str, str]
    includes: tuple[str, ...] = ()
    root: Path | None = None
    unread: tuple[str, ...] = ()

    @property
    def below(self) -> Path:
        """The folder below which its includes are read."""
        return self.root or self.path.parent

    def target(self, name: str) -> Target | None:
        """The target of that name."""
        return next((target for target in self.targets if target.name == name), None)


@dataclass
class _Builder:
    """Collects while the lines are read."""

    file: Path | None
    prefix: str = "\t"
    targets: dict[str, Target] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    current: tuple[str, ...] = ()
    above: str = ""
    restart: dict[str, int] = field(default_factory=dict)
    weak: set[str] = field(default_factory=set)
    depth: int = 0


def read_makefile(path: Path, root: Path | None = None) -> Makefile:
    """The Makefile at ``path`` with what it includes, as far as that lies below ``root`` (else its own folder).

    OSError when it cannot be read; no content makes it fail."""
    raw = content(path)
    text = raw[:SIZE].decode("utf-8", "replace")
    built = _read(text, None)
    _follow(built, path.parent, (root or path.parent).resolve(), {path.resolve()})
    return Makefile(
        path,
        text,
        hashlib.sha256(raw).hexdigest(),
        tuple(built.targets.values()),
        built.variables,
        tuple(built.includes),
        root,
        tuple(dict.fromkeys(built.unread)),
    )


def parse(text: str, path: Path = Path("Makefile"), root: Path | None = None) -> Makefile:
    """The Makefile that ``text`` is, without following its includes."""
    built = _read(text, None)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    targets = tuple(built.targets.values())
    return Makefile(path, text, digest, targets, built.variables, tuple(built.includes), root)


def _read(text: str, file: Path | None) -> _Builder:
    lines = lines_of.physical_lines(text)[:LINES]
    built = _Builder(file)
    index = 0
    while index < len(lines):
        index = _one(built, lines, index) + 1
    return built


def _one(built: _Builder, lines: list[str], index: int) -> int:
    """Takes the line at ``index``; the index of the last line that belonged to it."""
    line = lines[index]
    if built.current and line.startswith(built.prefix):
        text, end = lines_of.recipe_line(lines, index, built.prefix)
        _add_recipe(built, text, end)
        return end
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        built.above = stripped.lstrip("#").strip() if stripped.startswith("##") else ""
        return index
    directive = lines_of.condition(line)
    if directive:
        built.depth = max(0, built.depth + {"else": 0, "endif": -1}.get(directive, 1))
        return index
    name = lines_of.defined(line)
    if name:
        return _define(built, lines, index, name)
    whole, end = lines_of.logical(lines, index)
    _statement(built, whole, index, end)
    built.above = ""
    return end


def _statement(built: _Builder, whole: str, index: int, end: int) -> None:
    files = lines_of.included(whole)
    if files is not None:
        built.includes.extend(files)
        built.current = ()
        return
    assigned = lines_of.assignment(whole)
    if assigned is not None:
        _assign(built, assigned)
        return
    found = lines_of.rule(whole)
    if found is not None:
        _add_rule(built, found, index + 1, end + 1)


def _define(built: _Builder, lines: list[str], index: int, name: str) -> int:
    end = index + 1
    while end < len(lines) and not re.match(r"\s*endef\b", lines[end]):
        end += 1
    built.variables[name] = "\n".join(lines[index + 1 : end])
    built.current = ()
    return end


def _assign(built: _Builder, assigned: lines_of.Assignment) -> None:
    name, value = assigned.name, assigned.value
    built.current = ()
    if name == ".RECIPEPREFIX":
        built.prefix = value[:1] or "\t"
    elif assigned.operator == "!=":
        built.variables[name] = f"$(shell {value})"
    elif assigned.operator == "+=" and name in built.variables:
        built.variables[name] = f"{built.variables[name]} {value}".strip()
    elif assigned.operator == "?=" or built.depth:
        # Inside a conditional nobody knows here which branch holds: the first value said stays.
        if name not in built.variables and assigned.operator == "?=":
            built.weak.add(name)
        built.variables.setdefault(name, value)
    else:
        built.weak.discard(name)
        built.variables[name] = value


def _add_rule(built: _Builder, found: lines_of.Rule, line: int, end: int) -> None:
    built.current = ()
    if found.names == (".PHONY",):
        return
    specific = lines_of.assignment(found.text)
    for name in found.names:
        old = built.targets.get(name)
        if old is None:
            old = Target(name, line=line, end_line=end, file=built.file)
        elif not old.recipe:
            old = replace(old, line=line, end_line=end)
        elif not found.double:
            built.restart[name] = line
        if specific:
            built.targets[name] = replace(old, variables={**old.variables, specific.name: specific.value})
            continue
        words = (*old.prerequisites, *(word for word in found.text.split() if word != "|"))
        shown = found.help or old.help or built.above
        built.targets[name] = replace(old, prerequisites=tuple(dict.fromkeys(words)), help=shown)
    if specific is None:
        built.current = found.names
        if found.inline:
            _add_recipe(built, found.inline, end - 1)


def _add_recipe(built: _Builder, text: str, index: int) -> None:
    if not text.strip():
        return
    for name in built.current:
        target = built.targets[name]
        if name in built.restart:
            # As make does: the later recipe replaces the earlier one.
            target = replace(target, recipe=(), line=built.restart.pop(name))
        built.targets[name] = replace(target, recipe=(*target.recipe, text), end_line=index + 1)


def _follow(built: _Builder, folder: Path, root: Path, seen: set[Path], depth: int = 0) -> None:
    """Adds what the included files define and the Makefile itself does not."""
    for path in _included(built, folder, root):
        real = path.resolve()
        if depth > _INCLUDE_DEPTH or real in seen:
            continue
        seen.add(real)
        try:
            text = beginning(path, SIZE).decode("utf-8", "replace") if path.is_file() else None
        except (OSError, ValueError):
            continue
        if text is None:
            continue
        more = _read(text, path)
        more.variables = {**built.variables, **more.variables}
        _follow(more, folder, root, seen, depth + 1)
        built.unread += more.unread
        for name, target in more.targets.items():
            built.targets.setdefault(name, target)
        for name, value in more.variables.items():
            if name in built.weak and name not in more.weak:
                built.variables[name] = value
            built.variables.setdefault(name, value)


def _included(built: _Builder, folder: Path, root: Path) -> Iterator[Path]:
    """The files that the includes name, in the order of make: variables come to words, and words with * to files."""
    for given in tuple(built.includes):
        for word in _WILDCARD.sub(r"\1", expand(given, built.variables)).split():
            path = folder / word
            if "$" in word or not path.resolve().is_relative_to(root):
                built.unread.append(given)
            elif re.search(r"[*?\[]", word):
                found = sorted(Path("/").glob(word[1:]) if word.startswith("/") else folder.glob(word))
                yield from [each for each in found[:_FILES] if each.resolve().is_relative_to(root)]
            else:
                yield path


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``text`` with $(NAME), ${NAME} and $N replaced and ``$$`` as the shell's ``$``; what is not known stays."""
    return _expand(text, variables, frozenset())[:_EXPANDED]


def _expand(text: str, variables: Mapping[str, str], inside: frozenset[str]) -> str:
    budget = _EXPANDED

    def one(found: re.Match[str]) -> str:
        nonlocal budget
        name = found["round"] or found["curly"] or found["one"]
        if name is None:
            return "$"
        if name not in variables or name in inside or budget <= 0 or len(inside) > 20:
            return found.group()
        value = _expand(variables[name], variables, inside | {name})
        budget -= len(value)
        return value

    return _REFERENCE.sub(one, text)[:_EXPANDED]


def asks(target: Target) -> tuple[str, ...]:
    """The prompts that the recipe asks with ``read``, in order; "" for a ``read`` that shows none itself."""
    prompts: list[str] = []
    for line in target.recipe:
        for found in _READ.finditer(line):
            before = line[: found.start()].rstrip()
            if before.endswith(("while", "|", "IFS=")):
                continue
            prompt = _PROMPT.search(found["rest"])
            prompts.append(prompt.group(1).strip("\"'") if prompt else "")
    return tuple(prompts)


def message_variable(target: Target) -> str:
    """The make variable that carries a new revision's message, "" when the recipe takes none."""
    text = "\n".join(target.recipe).replace("$$", "\0")
    found = _MESSAGE.search(text)
    if found:
        return found.group(1)
    used = re.findall(r"\$[({](\w+)[)}]", text)
    return next((name for name in used if name.lower() in _MESSAGE_NAMES), "")


def whole_recipe(makefile: Makefile, name: str, made: set[str] | None = None) -> Iterator[str]:
    """The recipe lines that making ``name`` runs, prerequisites first, variables expanded, the shell's $$ kept.

    As in make each target is made once: 40 targets that share two prerequisites each would else be 2 to the 40th.
    """
    made = set() if made is None else made
    target = makefile.target(name)
    if target is None or name in made:
        return
    made.add(name)
    for prerequisite in target.prerequisites:
        yield from whole_recipe(makefile, prerequisite, made)
    for line in target.recipe:
        yield expand(line.replace("$$", _DOLLARS), makefile.variables).replace(_DOLLARS, "$$")
