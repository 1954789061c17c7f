"""`safemig tick`: the person's own ticks, one byte each: of lines, or of what is proved or proposed now."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import msgspec

from checks.evidence import Json
from safemig.base.action import Action
from safemig.base.files import content
from safemig.checklist import ticks
from safemig.cli.checklist import judged
from safemig.cli.errors import UsageError
from safemig.cli.opening import configuration, open_project
from safemig.cli.printing import json_out, out
from safemig.plan_document.document import read
from safemig.policy.decision import Context, Rules, judge
from safemig.project.files import find_root


class _Row(msgspec.Struct):
    """What is told of an item that has evidence."""

    line: int
    text: str
    state: str
    reason: str


def main(options: argparse.Namespace) -> int:
    """0 when all lines are ticked now, or were already; nothing is written when one of them is no item."""
    if options.place and (options.proved or options.proposed or options.json):
        raise UsageError("name FILE:LINES, or --proved and --proposed, but not both")
    return _lines(options) if options.place else _waiting(options)


def _waiting(options: argparse.Namespace) -> int:
    """The open items that have evidence, each with it; ticks those that the options choose."""
    opened = open_project(options)
    document = judged(opened, options)
    states = [name for name in ("proved", "proposed") if getattr(options, name)]
    spec = str(document["spec"])
    known = read(opened.project.root / spec, opened.project.root)
    still_open = {(item.line, item.text): item for phase in known.phases for item in phase.items if item.open}
    waiting = [
        one
        for one in msgspec.convert(document["items"], list[_Row])
        if one.state in ("proved", "proposed") and (one.line, one.text) in still_open
    ]
    items = [still_open[one.line, one.text] for one in waiting if one.state in states]
    if items:
        _refuse_denied(opened.project.root / spec, opened.project.root, options)
        ticks.write_ticks(opened.project.root / spec, known.sha256, items, root=opened.project.root)
    told: list[Json] = [{"file": spec, **msgspec.to_builtins(one), "ticked": one.state in states} for one in waiting]
    if options.json:
        shown: dict[str, Json] = {"format": 1, "spec": spec, "phase": document["phase"], "items": told}
        json_out(shown, indented=True)
        return 0
    for one in waiting:
        box = "[x]" if one.state in states else "[ ]"
        out(f"{spec}:{one.line} {box} {one.text}\n    {one.state}: {one.reason}\n")
    if not waiting:
        out(f"{spec}, phase {document['phase']}: no open item has evidence\n")
    return 0


def _lines(options: argparse.Namespace) -> int:
    name, _, lines = options.place.rpartition(":")
    path = _named(name, options)
    if not name or path.is_dir():
        raise UsageError(f"{options.place}: say FILE:LINES, for example docs/plan.md:12,14-16")
    if not path.is_file():
        raise UsageError(f"{name}: there is no such file, neither here nor in the project's root")
    wanted = numbers(lines)
    raw = content(path)
    document = read(path, path.parent)
    items = [item for phase in document.phases for item in phase.items if item.line in wanted]
    missing = sorted(named_alone(lines) - {item.line for item in items})
    if missing or not items:
        where = f"line {', '.join(map(str, missing))}" if missing else f"the lines {lines}"
        raise UsageError(f"{name}: no checklist item stands on {where}")
    fresh = [item for item in items if not item.checked]
    if fresh:
        root = _root(options, path)
        _refuse_denied(path, root, options)
        ticks.write_ticks(path, hashlib.sha256(raw).hexdigest(), fresh, root=root)
    for item in items:
        word = "already ticked" if item.checked else "[x]"
        out(f"{name}:{item.line} {word} {item.text}\n")
    return 0


def _named(name: str, options: argparse.Namespace) -> Path:
    """The file as it is named from here; where there is none, as `safemig checklist` names it, from the root."""
    path = Path(name)
    return path if path.exists() else find_root(Path(options.project).absolute()) / path


def _root(options: argparse.Namespace, path: Path) -> Path:
    """What no link of ``path`` may lead out of: the project, or that of a file which is named beside it."""
    project, named = Path(options.project).absolute(), path.absolute()
    ours = find_root(project)
    return ours if ".." not in named.parts and {project, ours} & set(named.parents) else find_root(path.parent)


def _refuse_denied(path: Path, root: Path, options: argparse.Namespace) -> None:
    """Raises UsageError where a rule of the project refuses the edit; it holds for a person's own tick too."""
    shown = path.resolve()
    name = shown.relative_to(root.resolve()).as_posix() if shown.is_relative_to(root.resolve()) else path.as_posix()
    config, *_ = configuration(root, options)
    rules = Rules(config.permissions.allow, config.permissions.ask, config.permissions.deny)
    action = Action("edit", path=name, effect="write", touches=("files",))
    judged_so = judge(action, Context("default", rules, who="person", project=str(root)))
    if judged_so.answer == "deny":
        raise UsageError(f"{path} is not ticked: refused by rule: {judged_so.rule}")


def numbers(text: str) -> frozenset[int]:
    """ "3,5-7" -> 3, 5, 6, 7. Raises UsageError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError(f"{text}: lines are numbers and ranges, for example 12,14-16")
        start, end = int(first), int(last or first)
        if not 1 <= start <= end <= start + 10_000:
            raise UsageError(f"{part}: not a range of lines")
        found.update(range(start, end + 1))
    return frozenset(found)


def named_alone(text: str) -> frozenset[int]:
    """ "3,5-7" -> 3: such a line has to hold an item, while a range passes over other lines, as a selection in an
    editor does. Raises UsageError."""
    alone = [part for part in text.split(",") if "-" not in part]
    return numbers(",".join(alone)) if alone else frozenset()
