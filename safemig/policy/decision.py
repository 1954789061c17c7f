"""One pure function of action and context: may this be done, must somebody be asked, or is it refused, by which rule.

The order, first match wins:

1. an edit outside the project, then a deny rule: denied, for everybody and in every mode;
2. the person's own line (``!``): allowed, it is their act;
3. an action whose digest was approved in this run: allowed;
4. plan mode and an action that is more than a look: denied;
5. an ask rule, or what the plan says must be asked: asked, in every mode;
6. a look: allowed;
7. what can lose data, or whose effect is unknown: asked; no rule, grant or mode covers it;
8. an allow rule, auto mode, a grant kept in ``.safemig/``: allowed;
9. the rest: asked.

A step that applies revisions is never covered by a kept grant: what it does is in files that change.

An action's effect is trusted as the plan gives it (a make target's comes from its recipe); anything that is no known
effect counts as destructive, and an edit is never a look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from safemig.base.action import SCHEMA, Action, Effect
from safemig.base.counting import counted
from safemig.journal.events import Mode
from safemig.policy.rules import blocks, covers, hidden, inside, plain_parts, rule_problem

__all__ = ["Context", "Grant", "Judgement", "Rules", "grant_for", "judge", "rule_problem"]

# "Don't ask again for this tool" is offered for these alone: their lines are the project's own vocabulary.
_TOOLS = {"make": ("make",), "docker compose": ("docker", "compose"), "docker-compose": ("docker-compose",)}
_TARGET = re.compile(r"[\w.][\w.%+-]*")


@dataclass(frozen=True)
class Rules:
    """The rules of the configuration, as written there (syntax: safemig.policy.rules)."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grant:
    """ "Don't ask again", given once: exactly a line (with the recipe and input it had), or a tool in a folder.

    ``project`` is the root's path and ``environment`` the target it was given in: elsewhere it holds nothing.
    """

    kind: Literal["line", "tool"]
    what: str
    cwd: str
    recipe: str = ""
    stdin: str = ""
    project: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Context:
    """Everything beside the action that a judgement depends on; ``approved`` holds action digests."""

    mode: Mode
    rules: Rules = Rules()
    granted: tuple[Grant, ...] = ()
    approved: frozenset[str] = frozenset()
    who: Literal["engine", "person", "face"] = "engine"
    environment: str = ""
    project: str = ""


@dataclass(frozen=True)
class Judgement:
    """The answer, the rule that gave it, and word for word what a person's answer would grant.

    ``always`` (exactly this line) and ``tool`` (the tool in this folder) are "" where they cannot be granted.
    """

    answer: Literal["allow", "ask", "deny"]
    rule: str
    once: str = ""
    always: str = ""
    tool: str = ""


def judge(action: Action, context: Context) -> Judgement:
    """May this action be done in this context? Pure: the same arguments give the same judgement."""
    effect = _effect(action)
    if action.kind == "edit" and not inside(action.path):
        return Judgement("deny", f"safemig edits nothing outside the project ({action.path or 'no path'})")
    if rule := _first(context.rules.deny, action):
        return Judgement("deny", f"deny: {rule}")
    if context.who == "person":
        return Judgement("allow", "the person's own act")
    if action.digest in context.approved:
        return Judgement("allow", "approved in this run")
    if context.mode not in ("default", "auto") and effect != "read":
        return Judgement("deny", "plan mode changes nothing")
    if rule := _first(context.rules.ask, action):
        return Judgement("ask", f"ask: {rule}", _once(action))
    if rule := _hidden((*context.rules.deny, *context.rules.ask), action):
        return Judgement("ask", f"it cannot be told whether `{rule}` speaks of this line", _once(action))
    if action.asks:
        return Judgement("ask", action.asks, _once(action))
    if effect == "read":
        return Judgement("allow", "it only looks")
    if effect == "destructive":
        return Judgement("ask", "it can lose data, or its effect is not known", _once(action))
    return _write(action, context)


def _write(action: Action, context: Context) -> Judgement:
    for rule in context.rules.allow:
        if covers(rule, action):
            return Judgement("allow", f"allow: {rule}")
    if context.mode == "auto":
        return Judgement("allow", "auto mode accepts edits and commands")
    for grant in context.granted:
        if _holds(grant, action, context):
            return Judgement("allow", f"granted: {_granted(grant)}")
    line = grant_for(action, context, "line")
    tool = grant_for(action, context, "tool")
    return Judgement(
        "ask",
        "default mode asks before each step that changes something",
        _once(action),
        f"don't ask again for {_granted(line)}" if line else "",
        f"don't ask again for {_granted(tool)}" if tool else "",
    )


def grant_for(action: Action, context: Context, width: Literal["line", "tool"]) -> Grant | None:
    """What "don't ask again" would keep for this action; None when it cannot be granted (edits, what can lose data,
    what applies revisions, what an ask or deny rule speaks of, and tools other than make and docker compose)."""
    if action.kind != "command" or _effect(action) != "write" or not action.line.strip():
        return None
    if applies_revisions(action) or action.asks:
        return None
    rules = (*context.rules.deny, *context.rules.ask)
    if _first(rules, action) or _hidden(rules, action):
        return None
    if width == "line":
        where = (context.project, context.environment)
        return Grant("line", action.line, action.cwd, action.runs, action.stdin, *where)
    tool = _tool(action)
    return Grant("tool", tool, action.cwd, "", "", context.project, context.environment) if tool else None


def applies_revisions(action: Action) -> bool:
    """Whether the action changes the schema: by the revision files that the plan names, or by what its line says."""
    return bool(action.contents) or SCHEMA in action.touches


def _holds(grant: Grant, action: Action, context: Context) -> bool:
    """Whether a kept grant covers the action now; the caller has already dealt with effect, mode and rules."""
    wanted = grant_for(action, context, grant.kind)
    return wanted is not None and wanted == grant


def _tool(action: Action) -> str:
    """The one tool that every part of the line calls, in this folder and with nothing that redirects it; else ""."""
    found = {_tool_of(words) for words in plain_parts(action.line)}
    return found.pop() if len(found) == 1 else ""


def _tool_of(words: tuple[str, ...]) -> str:
    for name, start in _TOOLS.items():
        rest = words[len(start) :]
        if words[: len(start)] != start:
            continue
        if name == "make":
            # An option may name another file or folder, and a setting (X=rm) changes what the recipes call.
            return name if all(_TARGET.fullmatch(word) for word in rest) else ""
        # An option before the sub-command may name another file, project or folder.
        return "docker compose" if rest and not rest[0].startswith("-") else ""
    return ""


def _effect(action: Action) -> Effect:
    if action.effect not in ("read", "write"):
        return "destructive"
    return "write" if action.kind == "edit" else action.effect


def _first(rules: Iterable[str], action: Action) -> str:
    return next((rule or "(an empty rule)" for rule in rules if blocks(rule, action)), "")


def _hidden(rules: Iterable[str], action: Action) -> str:
    return next((rule for rule in rules if hidden(rule, action)), "")


def _folder(cwd: str) -> str:
    return "the project's root" if cwd in ("", ".") else f"{cwd}/"


def _granted(grant: Grant) -> str:
    if grant.kind == "tool":
        return f"`{grant.what}` in {_folder(grant.cwd)} of this project, except what can lose data"
    recipe = ", as long as its recipe and the files that it calls stay as they are" if grant.recipe else ""
    fed = ", with exactly this input" if grant.stdin else ""
    return f"exactly `{grant.what}` in {_folder(grant.cwd)} of this project{fed}{recipe}"


def _once(action: Action) -> str:
    if action.kind == "edit":
        return f"allow in this run (asked again if it changes): exactly this edit of {action.path}"
    if action.kind == "look" and not action.line:
        return "allow in this run: exactly this look"
    parts = [
        word for word, there in (("the recipe", action.recipe), ("a file", action.contents or action.calls)) if there
    ]
    again = f" (asked again if {' or '.join(parts)} changes)" if parts else ""
    count = len(action.contents)
    files = f" with {'this' if count == 1 else 'these'} {counted(count, 'file')}" if count else ""
    line = f"exactly `{action.line}` in {_folder(action.cwd)}{files}"
    if applies_revisions(action):
        return f"allow this one change of the database{again}: {line}; a second change is asked again"
    return f"allow in this run{again}: {line}"
