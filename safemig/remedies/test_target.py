"""A ``test`` target for a Makefile that has none, written as the Makefile's own targets are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from safemig.remedies import make_help_lists, make_help_words
from safemig.remedies.make_help_lists import NAME, own_targets
from safemig.shell import rewrite
from safemig.shell.makefile import Makefile, Target, expand

_CONDITION = re.compile(r"^ *(ifeq|ifneq|ifdef|ifndef|else|endif|define|endef)\b")
# What make itself computes with: the tool in it is no command of the recipe.
_MAKE_FUNCTION = re.compile(r"\$[({](?:eval|shell|call|foreach|if)\s")
_ECHO = re.compile(r"""^(@\s*echo\s+)(["'])([^"'$\\]*?[^\W\d_][^"'$\\]*?)(\s*(?:\.\.\.|…)?)(["'])\s*$""")


class NoExample(Exception):
    """No target can be written in this Makefile's style: says what was looked for and what to do."""


@dataclass(frozen=True)
class _Example:
    """The target that the new one is modelled on, and the recipe line that runs the tests in its way."""

    target: Target
    line: str
    rank: int


def test_target(makefile: Makefile, *, service: str, runtime: str, tests: str = "") -> str:
    """The Makefile's text with a ``test`` target.

    ``service``: the compose service of the application ("" for any). ``runtime``: "docker" or "process". ``tests``:
    the folder that pytest is given, relative to where the recipe runs; "" leaves the choice to the project's own
    pytest configuration. Raises NoExample.
    """
    taken = makefile.target(NAME)
    if taken is not None:
        raise NoExample(f"{makefile.path.name} has a test target already (line {taken.line})")
    example = _example(makefile, service, runtime, tests)
    newline = "\r\n" if makefile.text.count("\r\n") * 2 > makefile.text.count("\n") else "\n"
    lines = makefile.text.replace("\r\n", "\n").split("\n")
    ended = lines[-1] == ""
    if ended:
        lines.pop()
    helps = make_help_lists.help_texts(makefile)
    said = make_help_words.help_text(helps)
    at = _position(lines, example.target)
    block = _block(makefile, lines, example, said, helps)
    lines[at:at] = block
    # Above or below, nothing else moves: the edits below find their lines by what stands in them.
    make_help_lists.list_phony(lines, example.target.name, forced=_folder_called_test(makefile, tests), block=block)
    make_help_lists.list_help(lines, makefile, example.target, said)
    return newline.join(lines) + (newline if ended else "")


def _example(makefile: Makefile, service: str, runtime: str, tests: str) -> _Example:
    """The line that shows best how this Makefile runs something where the tests have to run."""
    found = []
    for target in makefile.targets:
        if target.file is not None or "%" in target.name or target.name.startswith("."):
            continue
        for line in target.recipe:
            rank, made = _judge(line, makefile, service, runtime, tests)
            if made is not None:
                found.append(_Example(target, made, rank))
                break
    if not found:
        where = f"in the service {service}" if runtime == "docker" and service else "with this project's Python"
        raise NoExample(
            f"no target of {makefile.path.name} runs anything {where}, so the style of a test target is not known; "
            f"add one by hand, or set commands.test in safemig.yaml"
        )
    return min(found, key=lambda example: example.rank)


def _judge(line: str, makefile: Makefile, service: str, runtime: str, tests: str) -> tuple[int, str | None]:
    """How good an example the line is (lower is better), and the line for the tests; None when it is none."""
    if _MAKE_FUNCTION.search(line):
        return 9, None
    where = rewrite.place(line, makefile.variables)
    in_docker = where.compose or bool(re.search(r"\bdocker\s+(?:exec|run)\b", expand(line, makefile.variables)))
    if runtime != "docker":
        if in_docker or not where.tool:
            return 9, None
        return _tool_rank(where.tool), rewrite.test_line(line, makefile.variables, tests)
    if not in_docker or (where.compose and service and where.service != service):
        return 9, None
    if where.tool:
        # "docker exec NAME" names a container, not the service: only where compose shows nothing.
        extra = 0 if where.compose else 4
        return _tool_rank(where.tool) + extra, rewrite.test_line(line, makefile.variables, tests)
    return 8, rewrite.bare_line(line, makefile.variables, tests) if service else None


def _tool_rank(tool: str) -> int:
    """alembic is found where the tests' packages are; a server's own line often carries options of its own."""
    if tool in {"alembic", "flask", "aerich"}:
        return 0
    return 2 if tool in {"uvicorn", "gunicorn", "fastapi"} else 1


def _position(lines: Sequence[str], target: Target) -> int:
    """The line index behind the example's recipe, or the end of the file where that lies in a conditional."""
    end = _recipe_end(lines, target)
    depth = 0
    for line in lines[:end]:
        match = _CONDITION.match(line)
        if match:
            depth += {"else": 0, "endif": -1, "endef": -1}.get(match[1], 1)
    if depth:
        return len(lines)
    # A .PHONY line that stands below its target belongs to it.
    below = end
    while below < len(lines) and re.match(rf"\.PHONY\s*:\s*{re.escape(target.name)}\s*$", lines[below]):
        below += 1
    return below


def _recipe_end(lines: Sequence[str], target: Target) -> int:
    """The index behind the last line of the target, continuations included."""
    end = max(target.end_line, target.line)
    while end < len(lines) and lines[end - 1].endswith("\\"):
        end += 1
    return end


def _block(makefile: Makefile, lines: Sequence[str], example: _Example, said: str, helps: Sequence[str]) -> list[str]:
    """The lines of the new target with what separates it from the one before."""
    target = example.target
    rule = lines[target.line - 1]
    above = lines[target.line - 2] if target.line > 1 else ""
    indent = _indent(lines, target)
    block = [""] if _spaced(lines, makefile) else []
    own_phony = rf"\.PHONY\s*:\s*{re.escape(target.name)}\s*$"
    heading = [above.replace(target.name, NAME)] if re.match(own_phony, above) else []
    if heading:
        above = lines[target.line - 3] if target.line > 2 else ""
    comment = re.match(rf"^(#+\s*(?:@?{re.escape(target.name)}\s*[:–—-]+\s*)?)\S", above)
    # Beside a help text of the rule's own, a comment above is a heading over several targets.
    if comment and "##" not in rule and _comments_above(lines, makefile):
        heading.insert(0, comment[1].replace(target.name, NAME) + said)
    block += heading
    block.append(_rule(rule, lines, makefile, said))
    echo = _echo(makefile, target, helps)
    block += [indent + line for line in [*echo, example.line]]
    if re.match(own_phony, lines[_recipe_end(lines, target)] if _recipe_end(lines, target) < len(lines) else ""):
        block.append(f".PHONY: {NAME}")
    return block


def _rule(rule: str, lines: Sequence[str], makefile: Makefile, said: str) -> str:
    """``test:`` with its help where the example has it, in the column where all the others have theirs."""
    match = re.match(r"^([^:]+?)(\s*::?)([^#=]*?)(\s*)(##+@?\s*)(?=\S)", rule)
    if match is None:
        with_help = any("##" in lines[other.line - 1] for other in own_targets(makefile))
        return f"{NAME}: ## {said}" if with_help else f"{NAME}:"
    columns = [
        place.end(1)
        for other in own_targets(makefile)
        if (place := re.match(r"^([^:]+:[^#]*?\s*)##", lines[other.line - 1]))
    ]
    start = f"{NAME}{match[2]}"
    column = columns[0] if len(columns) > 1 and len(set(columns)) == 1 else 0
    gap = match[4] or ""
    return start + (" " * max(1, column - len(start)) if column else gap) + match[5] + said


def _echo(makefile: Makefile, target: Target, helps: Sequence[str]) -> list[str]:
    """The message before the command, where most targets that run something print one."""
    running = [other for other in own_targets(makefile) if len(other.recipe) > 1 and other.name != "help"]
    printing = [other for other in running if _ECHO.match(other.recipe[0])]
    first = _ECHO.match(target.recipe[0]) if target.recipe else None
    if first is None or len(printing) * 2 <= len(running):
        return []
    said = make_help_words.running_text([*helps, *(other.recipe[0] for other in printing)])
    return [f"{first[1]}{first[2]}{said}{first[4]}{first[5]}"]


def _indent(lines: Sequence[str], target: Target) -> str:
    chosen = [
        match[1] for line in lines[: target.line] if (match := re.match(r"\.RECIPEPREFIX\s*[:?]?=\s*(\S?)", line))
    ]
    prefix = (chosen[-1] if chosen else "") or "\t"
    for line in lines[target.line : _recipe_end(lines, target)]:
        if line.startswith(prefix):
            return prefix + re.match(r"\s*", line[1:]).group()  # type: ignore[union-attr]
    return prefix


def _spaced(lines: Sequence[str], makefile: Makefile) -> bool:
    """Whether an empty line stands between most targets."""
    ends = [_recipe_end(lines, target) for target in own_targets(makefile)]
    inner = [end for end in ends if end < len(lines)]
    return not inner or sum(not lines[end].strip() for end in inner) * 2 >= len(inner)


def _comments_above(lines: Sequence[str], makefile: Makefile) -> bool:
    """Whether most targets carry a comment line above them (a heading over a few of them is no help text)."""
    own = own_targets(makefile)
    commented = 0
    for target in own:
        above = target.line - 2
        if above >= 0 and lines[above].startswith(".PHONY"):
            above -= 1
        commented += above >= 0 and lines[above].startswith("#")
    return commented * 2 > len(own)


def _folder_called_test(makefile: Makefile, tests: str) -> bool:
    """Whether a file or folder of the target's name would make it "up to date"."""
    return tests.strip("/") == NAME or (makefile.path.parent / NAME).exists()
