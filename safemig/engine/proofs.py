"""What a run has made and run, and what it has seen before and after: by this a checklist is judged, whether the engine
ticks it or the screen shows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import msgspec

from safemig.base.action import Action
from safemig.checklist import ticks
from safemig.engine.item_commands import looked
from safemig.journal.state import RunState
from safemig.planning.facts import Facts
from safemig.planning.plan import Plan, Step
from safemig.planning.steps import named_of
from safemig.signals.comparison import Moment, tests_good


@dataclass(frozen=True)
class Done:
    """A run as far as it has come. ``matches`` says whether the schema was found as asked for (None: not compared);
    ``there`` gives the names of the objects that were there before, None where they cannot be read; ``recipe`` the
    lines behind an action's make target; ``folder`` is where commands run, relative to the root."""

    state: RunState
    facts: Facts
    plan: Plan
    matches: bool | None
    there: Callable[[], Collection[str] | None]
    recipe: Callable[[Action], Sequence[str]]
    folder: str | None


def moments(state: RunState) -> tuple[Moment, Moment]:
    """What was seen of the service before the change and after it."""
    before = Moment(
        state.last("tests", "before") or state.last("tests", "first"),
        state.last("container", "before"),
        state.seen("before", "endpoint"),
    )
    after = Moment(
        state.last("tests", "after"), state.last("container", "after"), state.seen("after", "endpoint"), state.rows
    )
    return before, after


def proofs_of(run: Done) -> ticks.Proofs:
    """What the run made and ran since the change began."""
    ran: list[str] = []
    for step in run.plan.steps:
        looking = step.intent == "named"  # what its end says, both looks together say
        if step.action.kind == "command" and step.phase != "before" and not looking and _ended_well(run.state, step):
            ran += [step.action.line, *run.recipe(step.action)]
    tables, names = ticks.names_of(_new_objects(run))
    migration, written = run.facts.migration, run.state.of("create").status == "done"
    return ticks.Proofs(
        files_made=(migration.path,) if migration and written else (),
        tables_made=tables,
        names_made=names,
        commands_run=tuple(dict.fromkeys(ran)),
        looked=_looked(run),
        folder=run.folder,
        revisions=_revisions(run),
    )


def _revisions(run: Done) -> tuple[str, ...]:
    """The revision that this run wrote, once it was proved to go up, down and up again and was applied as asked for."""
    written = run.state.of("create").status == "done" and run.state.last("desired") is not None
    planned = next((step.action.path for step in run.plan.steps if step.id == "create"), "")
    return (planned,) if written and not run.facts.used and planned and run.matches is True else ()


def _looked(run: Done) -> dict[str, ticks.Looked]:
    """How the commands ended that the items name; a step that was not permitted says so."""
    ends = looked(run.facts.named, run.state.seen("before", "named"), run.state.seen("after", "named"))
    outcome = {
        named_of(run.facts, step).code: run.state.of(step.id).outcome
        for step in run.plan.steps
        if step.intent == "named"
    }
    for fact in run.facts.named:
        if fact.runs and not outcome.get(fact.code):
            why = (
                "the run has not come to it" if fact.code in outcome else "this run changes nothing that it could show"
            )
            ends[fact.code] = replace(ends[fact.code], why=f"not run: {why}")
        elif outcome.get(fact.code) == "skipped":
            ends[fact.code] = replace(ends[fact.code], why="not run: it was not permitted")
    return ends


def _ended_well(state: RunState, step: Step) -> bool:
    """Whether the step's command returned 0 (or serves on); of tests also that they are good."""
    known = state.of(step.id)
    ended = known.ends.get(known.commands[-1]) if known.commands else None
    if known.status != "done" or ended is None or not (ended.status == 0 or ended.how == "ready"):
        return False
    tests = state.last("tests", "after")
    return step.intent != "test" or (tests is not None and tests_good(tests) is True)


def _new_objects(run: Done) -> list[str]:
    """The objects that were asked for and not there before, once the schema was found as asked for: one that only
    changes is no new one."""
    desired = run.state.last("desired")
    if desired is None or run.matches is not True or (there := run.there()) is None:
        return []
    return [key for key in msgspec.convert(desired.data["asked"], list[str]) if key not in there]
