"""The project's own `alembic current`, made from what its migrate command runs: it reaches the same database."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from safemig.planning.facts import CommandFact
from safemig.project.compose import Compose
from safemig.project.derived_commands import judged
from safemig.shell.effects import effect_of_line
from safemig.shell.make_effects import effect_of_reading
from safemig.shell.makefile import Makefile, Target, expand, read_makefile
from safemig.shell.outcome import NOTHING, Effects, worst
from safemig.shell.rewrite import current_line, current_lines, one_off_line, repeats

TARGET = "safemig-current"
_SUBMAKE = re.compile(r"^(?P<before>[-+@\s]*(?:cd\s+[^;&|]+&&\s*)?)(?P<make>\$[({]MAKE[)}]|make)\s+(?P<words>[^;&|]+)$")
_ONE_SHELL = re.compile(r"^\.ONESHELL\s*:", re.MULTILINE)
_DEPTH = 3
Services = Mapping[str, Sequence[str]]


def current_of(
    makefile: Makefile | None,
    migrate: CommandFact | None,
    root: Path,
    compose: Compose | None = None,
    *,
    derived: bool = False,
) -> CommandFact | None:
    """The command that says at which revision the database of ``migrate`` is; None where no line of it is known to
    upgrade by Alembic. ``derived``: the line of ``migrate`` follows from the project's files.

    A make target's line is run by make itself, as the recipe of a target that exists for this call alone: what the
    Makefile exports, includes and sets for that target holds as it does for the upgrade."""
    if migrate is None:
        return None
    if makefile is None or not migrate.target:
        line = current_line(migrate.line, {}) or ""
        return _fact(line, judged(line) if derived else "")
    made = next(_of_target(makefile, migrate.target, root, _services(compose)), None)
    if made is None:
        return None
    words, line = made
    call = shlex.join(["make", "--no-print-directory", *words, TARGET])
    return _fact(call, expand(line, makefile.variables), effect_of_reading(makefile))


def further_upgrades(
    makefile: Makefile | None, migrate: CommandFact | None, root: Path, compose: Compose | None = None
) -> tuple[str, ...]:
    """The upgrades of the migrate command beside the first, as the lines that would look instead of them: what is seen
    of the first says nothing of the database that these reach. A loop is one of these."""
    if migrate is None:
        return ()
    lines, ways = [migrate.line], list[tuple[tuple[str, ...], str]]()
    if makefile is not None and migrate.target:
        lines = list(_recipe(makefile, migrate.target))
        ways = list(dict.fromkeys(_of_target(makefile, migrate.target, root, _services(compose))))
    variables = makefile.variables if makefile else {}
    made = list(dict.fromkeys(each.lstrip("@") for line in lines for each in current_lines(line, variables)))
    looped = [line.strip() for line in lines if repeats(line) and current_line(line, variables)]
    return tuple(dict.fromkeys((*made[1:], *(line for _, line in ways[1:]), *looped)))


def _services(compose: Compose | None) -> Services:
    return {name: each.argv or () for name, each in compose.services.items()} if compose else {}


def _recipe(makefile: Makefile, name: str, depth: int = 0) -> Iterator[str]:
    """The lines of the target's recipe and those of its prerequisites."""
    target = makefile.target(name)
    if target is None or depth > _DEPTH:
        return
    yield from _lines(makefile, target)
    for prerequisite in target.prerequisites:
        yield from _recipe(makefile, prerequisite, depth + 1)


def _fact(line: str, runs: str = "", reading: Effects = NOTHING) -> CommandFact | None:
    """``runs`` is the recipe's line, where make stands before it, and ``reading`` what make does before it.

    What only prepares the way (`uv run`, a container for one command) makes it no change: the service and the upgrade
    take the same way. A line that is not understood stays what can lose data, and is asked about."""
    if not line:
        return None
    line = line.lstrip("@")
    effects = worst([effect_of_line((runs or line).lstrip("@").replace("$$", "$")), reading])
    if effects.effect != "destructive":
        return CommandFact(line, effect="read", why="it reads the revision, by the project's own env.py")
    return CommandFact(line, effect=effects.effect, touches=effects.touches, why=effects.why)


def _of_target(
    makefile: Makefile, name: str, root: Path, services: Services, depth: int = 0
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The options that give make the target, and the line that it runs in the end: those of the recipe first, then
    those of its prerequisites."""
    target = makefile.target(name)
    if target is None or depth > _DEPTH:
        return
    for line in _lines(makefile, target):
        made = current_line(line, makefile.variables) or one_off_line(line, makefile.variables, services)
        if made is not None:
            yield (*_settings(makefile, name), f"--eval={TARGET}: ; {made}"), made.lstrip("@")
        elif (found := _SUBMAKE.match(line.strip())) is not None:
            yield from _of_submake(makefile, name, found, root, services, depth)
    for prerequisite in target.prerequisites:
        for words, line in _of_target(makefile, prerequisite, root, services, depth + 1):
            yield (*_settings(makefile, name), *words), line


def _lines(makefile: Makefile, target: Target) -> Sequence[str]:
    """With .ONESHELL the recipe's lines are one script: what an earlier one sets holds for the later ones."""
    if not _ONE_SHELL.search(makefile.text):
        return target.recipe
    return [" ; ".join(line.strip().lstrip("@-+") for line in target.recipe if line.strip())]


def _settings(makefile: Makefile, name: str) -> tuple[str, ...]:
    """The variables that the Makefile sets for this target alone, word for word."""
    found = re.findall(
        rf"^{re.escape(name)}\s*:\s*((?:(?:export|override|private)\s+)*[\w.-]+\s*(?::{{0,3}}|\?|\+)=.*)$",
        makefile.text,
        re.MULTILINE,
    )
    return tuple(f"--eval={TARGET}: {each}" for each in found)


def _of_submake(
    makefile: Makefile, name: str, found: re.Match[str], root: Path, services: Services, depth: int
) -> Iterator[tuple[tuple[str, ...], str]]:
    """`$(MAKE) -C backend migrate`: the same call with our target instead of that one."""
    folder = makefile.path.parent
    moved = re.search(r"cd\s+(\S+)", expand(found["before"], makefile.variables))
    folder = folder / moved[1] if moved else folder
    words, other = shlex.split(found["words"]), folder / "Makefile"
    options: list[str] = []
    goals: list[str] = []
    while words:
        word = words.pop(0)
        if word in ("-C", "--directory", "-f", "--file", "--makefile") and words:
            options += [word, words[0]]
            place = folder / expand(words.pop(0), makefile.variables)
            other = place if word.startswith(("-f", "--f", "--m")) else place / "Makefile"
        else:
            (options if word.startswith("-") or "=" in word else goals).append(word)
    inner = _makefile(other, root)
    if inner is None or len(goals) != 1:
        return
    for inner_words, line in _of_target(inner, goals[0], root, services, depth + 1):
        evals = " ".join(shlex.quote(word).replace("$", "$$") for word in inner_words)
        shown = " ".join([found["before"].lstrip("-+@ ") + found["make"], *map(shlex.quote, options), evals, TARGET])
        yield (*_settings(makefile, name), f"--eval={TARGET}: ; @{shown}"), line


def _makefile(path: Path, root: Path) -> Makefile | None:
    try:
        inside = path.is_file() and path.resolve().is_relative_to(root.resolve())
        return read_makefile(path, root) if inside else None
    except OSError:
        return None
