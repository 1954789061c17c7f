"""Recipes that changed while the run was on: the commands as they are now, and what is new in them for the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.base.action import Action
from safemig.planning.facts import Facts, Finding
from safemig.planning.plan import Step

NAME = "recipe"


def as_now(facts: Facts, findings: Sequence[Finding]) -> Facts:
    """The facts with the newest reading of each role's command; a finding's actions have the role as their text, and
    were all that one of an earlier version had."""
    for finding in findings:
        facts = replace(facts, commands={**facts.commands, **finding.commands})
    for action in _changed([finding for finding in findings if not finding.commands]):
        known = facts.commands[action.text]
        fresh = replace(
            known,
            line=action.line,
            target=action.target,
            recipe=action.recipe,
            effect=action.effect,
            touches=action.touches,
        )
        facts = replace(facts, commands={**facts.commands, action.text: fresh})
    return facts


def marked(steps: Sequence[Step], findings: Sequence[Finding]) -> list[Step]:
    """The steps; one whose recipe changed is asked about in every mode, with what is new in it."""
    news = {_key(action): action for action in _changed(findings) if action.diff}
    return [_marked(step, news.get(_key(step.action))) for step in steps]


def _key(action: Action) -> tuple[str, str, str]:
    return action.line, action.target, action.runs


def _marked(step: Step, changed: Action | None) -> Step:
    if changed is None:
        return step
    why = changed.asks or f"the recipe of `make {step.action.target}` changed after the plan was made"
    new = _indented(changed.diff)
    detail = (f"new in what `{step.action.line}` runs since the plan was made:", *new, *step.detail)
    asks = "; ".join(filter(None, (why, step.action.asks)))
    return replace(step, action=replace(step.action, asks=asks), cause=step.cause or why, detail=detail)


def proofs(facts: Facts, findings: Sequence[Finding]) -> int:
    """How often what is known of the migrate command's database has to be found anew: with each change of it."""
    migrate = facts.commands.get("migrate")
    changes = [finding for finding in findings if finding.name == NAME] if migrate else []
    return sum(any(action.text == "migrate" for action in finding.actions) for finding in changes)


def _changed(findings: Sequence[Finding]) -> list[Action]:
    return [action for finding in findings if finding.name == NAME for action in finding.actions]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
