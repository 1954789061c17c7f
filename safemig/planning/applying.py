"""Steps that apply revisions and are no upgrade by name: a start, a build, a test run, a file under a reloader.

They are asked as the migration that they are, with its revisions, effect and risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.base.action import SCHEMA
from safemig.planning.contents import applying as with_contents
from safemig.planning.drift import WRITE, written_first
from safemig.planning.facts import AppliesFact, ApplyingRole, CommandFact, Facts, Finding
from safemig.planning.heads import shares_migration
from safemig.planning.pending import NEW, generated
from safemig.planning.plan import Intent, Step
from safemig.planning.steps import also_plays, command_step, downgrade_line, look_step, restart_steps, stop_line

FIRST_LOOK = "state"  # the step that reads the database before anything is built or started
_ROLES: dict[Intent, ApplyingRole] = {
    "build": "build", "start": "start", "test": "test", "models": "test", "named": "test",
    "edit": "write", "create": "write", "generate": "write", "hook": "write",
}  # fmt: skip


def role_of(step: Step) -> ApplyingRole | None:
    """What the step does to a project that applies revisions by itself: it builds, starts, tests, or writes a file."""
    return _ROLES.get(step.intent)


def places(facts: Facts, role: ApplyingRole) -> tuple[AppliesFact, ...]:
    """Where revisions are applied in that role; a command that also plays the migrate role applies them too."""
    named = tuple(place for place in facts.applies if place.role == role and place.kind == "revisions")
    if named or role not in ("build", "start") or not also_plays(facts, role, "migrate"):
        return named
    return (AppliesFact(role, f"`{facts.commands[role].line}` is the command that migrates, too"),)


def upgrades(facts: Facts) -> bool:
    """Whether there is a way to apply a revision at all: a command, or the service's own start."""
    return "migrate" in facts.commands or shares_migration(facts) or bool(places(facts, "write"))


def migrates_by_command(facts: Facts) -> bool:
    """Whether a command of its own applies revisions; one that starts the service does it by starting it again."""
    return "migrate" in facts.commands and not also_plays(facts, "start", "migrate")


def after_start(facts: Facts, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings without that of the look before a start that applies what it saw to be pending."""
    return tuple(one for one in findings if not (shares_migration(facts) and one.step == FIRST_LOOK))


def _at_start(facts: Facts, findings: Sequence[Finding]) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Where the database is and what is pending before anything is started; None where it is not known."""
    current, known = facts.current, facts.pending
    for finding in findings:
        if finding.name == "database" and finding.step == FIRST_LOOK:
            current, known = finding.current, finding.pending
    merged = facts.merge.revision if facts.merge else ""
    return current, None if known is None else tuple(name for name in known if name != merged)


def _after_start(findings: Sequence[Finding]) -> Finding | None:
    """Where the database was found to be once the service had been started; None where that is no news."""
    looks = (one for one in reversed(findings) if one.name == "database" and one.step != FIRST_LOOK)
    return next(looks, None)


def carrying(steps: Sequence[Step], facts: Facts, findings: Sequence[Finding]) -> list[Step]:
    """The steps, each with the revisions that it will in fact apply: those that no step before it has applied."""
    current, waiting = _at_start(facts, findings)
    seen = _after_start(findings)
    left, unknown = _unplanned(facts) if waiting is None else waiting, waiting is None
    carried: list[Step] = []
    for step in steps:
        if step.id == "revision" and seen is not None:
            current, left, unknown = seen.current, seen.pending, False
        written = _written(step, facts, findings)
        left = (*left, *written)
        role = role_of(step)
        applying = places(facts, role) if role else ()
        if step.intent == "upgrade":
            left, unknown = (), False
        elif applying and (left or unknown):
            # What a generated file holds is read only after the step that generates it has ended.
            unread = written if step.id == "generate" else ()
            names = tuple(dict.fromkeys(NEW if name in unread else name for name in left))
            step_applying = _carry(step, facts, names, applying, current, unknown=unknown)
            carried.append(_moving(step_applying, facts))
            # A reloader may not see a new file (uvicorn's own, without watchfiles, does not), and a build may find no
            # database: what comes next may apply it, too, and is passed over where nothing is pending any more.
            left, unknown = (left if role in ("write", "build") else ()), unknown and role == "build"
            continue
        carried.append(_moving(step, facts))
    return carried


def _unplanned(facts: Facts) -> tuple[str, ...]:
    """The revisions that there are, without those that the plan writes."""
    planned = {fact.revision for fact in (facts.merge, facts.migration) if fact}
    every = (*(file.revision for file in facts.files), *(risk.revision for risk in facts.risks))
    return tuple(name for name in dict.fromkeys(every) if name not in planned)


def _written(step: Step, facts: Facts, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The revisions that the step writes."""
    if step.id == "merge" and facts.merge:
        return (facts.merge.revision,)
    if step.id == "create" and facts.migration:
        return (facts.migration.revision,)
    if step.id == WRITE and (chosen := written_first(findings)):
        return chosen.revisions
    made = generated(findings)
    return (made.revisions if made else (NEW,)) if step.id == "generate" else ()


def _carry(
    step: Step,
    facts: Facts,
    revisions: tuple[str, ...],
    applying: Sequence[AppliesFact],
    before: tuple[str, ...] | None,
    *,
    unknown: bool,
) -> Step:
    listed = "whatever is pending" if unknown else ", ".join(revisions)
    action = step.action
    effect = "destructive" if NEW in revisions else "write" if action.effect == "read" else action.effect
    touches = tuple(dict.fromkeys((*action.touches, SCHEMA, f"revision {listed}")))
    assumes = tuple(dict.fromkeys((*step.assumes, "schema", "heads")))
    why = "; ".join(dict.fromkeys(place.where for place in applying))
    back = facts.heads if step.phase == "change" else before
    step = replace(
        step,
        title=f"{step.title}; this applies {listed}",
        action=replace(action, effect=effect, touches=touches),
        changes=f"{step.changes}; database schema, by revision {listed}: {why}",
        undo=f"{step.undo}; the schema: {_way_back(facts, back)}",
        assumes=assumes,
        applies=("",) if unknown else revisions,
        done_when=f"{step.done_when}, and the database is at the heads of the code",
    )
    step = with_contents(step, facts, revisions)
    # The file that the step itself writes stands in its text.
    contents = tuple(each for each in step.action.contents if each.path != step.action.path)
    return replace(step, action=replace(step.action, contents=contents))


def _way_back(facts: Facts, back: tuple[str, ...] | None) -> str:
    """The command that takes the schema back, once it is known to which revision."""
    if back is None:
        return "by a downgrade to the revision that is read before it"
    return downgrade_line(facts, ", ".join(back) or "base")


def _moving(step: Step, facts: Facts) -> Step:
    """A step that was seen to change the schema without any revision says so; what it does is in no file to be read, so
    it is asked in every mode."""
    role = role_of(step)
    known = [place for place in facts.applies if place.role == role and place.kind == "schema"]
    if not known:
        return step
    touches = tuple(dict.fromkeys((*step.action.touches, SCHEMA)))
    action = replace(step.action, effect="destructive", touches=touches)
    changes = f"{step.changes}; {'; '.join(place.where for place in known)}"
    return replace(step, action=action, changes=changes, moves="schema")


def first_look(facts: Facts) -> list[Step]:
    """The database is read before anything is started that may change it."""
    steps: list[Step] = []
    if facts.database_alone:
        fact = CommandFact(facts.database_alone, effect="write", touches=("containers",))
        steps.append(
            command_step(
                "database-alone",
                "service",
                "Start the database alone: what the service's start applies is read from it first",
                "before",
                fact,
                facts,
                changes="the container of the database",
                undo=f"`{facts.database_stop}`" if facts.database_stop else stop_line(facts),
            )
        )
    title = "Read the current revision before anything is started that may apply others"
    return [*steps, look_step(FIRST_LOOK, "revision", title, "before")]


def restarted(steps: Sequence[Step], facts: Facts) -> list[Step]:
    """The start that applies what is new, where no command does and nothing has started the service again by now."""
    if any(step.intent in ("build", "start") for step in steps):
        return []
    cause = "the service applies pending revisions when it starts"
    again = restart_steps("start-migration", facts, cause)
    return [replace(step, phase="change") for step in again]
