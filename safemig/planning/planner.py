"""The planner: a pure function from facts and findings to the plan document.

The plan's first revision comes from the facts alone; each finding (an open point settled, a remedy for failing
tests) makes the next revision. Steps keep their ids, so what was done or approved before stays so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.base.action import Action
from safemig.planning import moved
from safemig.planning.applying import after_start, carrying, first_look, migrates_by_command, restarted, upgrades
from safemig.planning.contents import applying, as_written, reread
from safemig.planning.drift import adopt_steps, rebased, stamp_steps, written_first
from safemig.planning.facts import Facts, Finding, MigrationFact
from safemig.planning.heads import found_there, merges_only, shares_migration
from safemig.planning.notes import notes, open_points, phase_words
from safemig.planning.pending import (
    changing,
    desire_step,
    generated,
    in_use,
    pending_change,
    pending_step,
    points,
    uncompared,
    upgrade_step,
)
from safemig.planning.pending import revisions as revisions_of
from safemig.planning.plan import Phase, Plan, Step, child
from safemig.planning.recipes import as_now, marked, proofs
from safemig.planning.steps import (
    build_steps,
    command_step,
    digests_of,
    downgrade_line,
    edit_step,
    edit_title,
    head_steps,
    hook_steps,
    look_step,
    named_step,
    rebuild_steps,
    rehearsal_step,
    same_database_step,
    start_steps,
    test_step,
)

ASSUMES = {
    "recipe": "the recipe of the make target is the one shown here",
    "file": "the file is the one that the plan has read",
    "schema": "the database's revision and schema are as last observed",
    "heads": "the code's migration heads are the planned ones",
    "spec": "the implementation plan is the one that was read",
    "contents": "the revision files and the scripts beside them are the ones that were read",
}


def draft(facts: Facts, findings: Sequence[Finding] = ()) -> Plan:
    """The document that facts and findings come to; its place in the chain is given by :func:`revisions`."""
    facts = spec_as_now(as_now(reread(facts, findings), findings), findings)
    remedies = [finding for finding in findings if finding.name == "remedy"]
    steps = [
        *_starting(facts, findings),
        *_testing(facts, remedies),
        look_step(
            "baseline", "baseline", "Take the baseline: container, endpoints, tests, schema", "before", ("schema",)
        ),
        *stamp_steps(facts, findings),
        *_naming(facts, "before"),
        *_changing(facts, findings),
        *_modelling(facts),
        *_proving(facts),
    ]
    steps = marked(_checked(carrying(steps, facts, findings), facts, proofs(facts, findings)), findings)
    edited = rebased(findings) | {
        finding.step: finding.actions[0] for finding in findings if finding.name in ("edited", moved.NAME)
    }
    steps = [replace(step, action=edited.get(step.id, step.action)) for step in uncompared(steps, findings)]
    steps = as_written(moved.marked(steps, findings), facts, findings)
    return Plan(1, facts.target, tuple(steps), (*open_points(facts, findings), *points(findings)), tuple(notes(facts)))


def spec_as_now(facts: Facts, findings: Sequence[Finding]) -> Facts:
    """The facts with the newest reading of the spec."""
    return replace(facts, spec=next((one.spec for one in reversed(findings) if one.spec), facts.spec))


def _checked(steps: list[Step], facts: Facts, again: int) -> list[Step]:
    """With the proof, before the first of them that changes the schema, that it is the right database. A start that
    applies something before the change is the first use of a database that there is: nothing of it can be seen before
    it runs, so what names its database is looked at then. ``again``: as often as the migrate command has changed."""
    first_use = ("build", "start")
    changes = (one.applies and (one.phase == "change" or one.intent not in first_use) for one in steps)
    if not (any(changes) or any(step.intent in ("upgrade", "generate") for step in steps)):
        return steps
    at = next(number for number, step in enumerate(steps, 1) if step.id == "revision")
    proof = same_database_step(facts)
    more = (replace(proof, id=f"{proof.id}-{number}") for number in range(2, again + 2))
    return [*steps[:at], proof, *more, *steps[at:]]


def revisions(facts: Facts, findings: Sequence[Finding] = ()) -> tuple[Plan, ...]:
    """All revisions of the plan, oldest first: one for the facts and one for each finding that changed it."""
    plans = [draft(facts)]
    for count in range(1, len(findings) + 1):
        fresh = draft(facts, findings[:count])
        if (fresh.steps, fresh.open_points) != (plans[-1].steps, plans[-1].open_points):
            plans.append(child(plans[-1], fresh, findings[count - 1].cause))
    return tuple(plans)


def added(parent: Plan | None, plan: Plan) -> tuple[Step, ...]:
    """The steps of ``plan`` that ``parent`` has not, or has with another action."""
    known = {step.id: step.action.digest for step in parent.steps} if parent else {}
    return tuple(step for step in plan.steps if known.get(step.id) != step.action.digest)


def _starting(facts: Facts, findings: Sequence[Finding]) -> list[Step]:
    steps: list[Step] = []
    if facts.start_database:
        composed = facts.start_database.startswith("docker compose ")
        action = Action("command", line=facts.start_database, effect="write", touches=("database server",), target="")
        action = replace(action, calls=digests_of(facts.database_calls))
        steps.append(
            Step(
                "database",
                "database",
                "Start PostgreSQL for this project",
                "before",
                action,
                "the container of the project's database" if composed else "a PostgreSQL server of this project's own",
                ("recipe",) if action.calls else (),
                "the server answers",
                f"`{facts.start_database.replace(' up -d --wait', ' stop')}`"
                if composed
                else "`safemig stop-database`",
            )
        )
    shared = shares_migration(facts)
    if facts.current is None and (shared or facts.start_unread):
        steps += first_look(facts)
    # A start that migrates needs the merge before it; else the running service takes the new file up.
    steps += _merging(facts, again=False) if shared else []
    steps += build_steps("build", facts)
    steps += start_steps("start", facts)
    steps.append(look_step("observe", "observe", "Watch the start: containers, start-up log, first answers", "before"))
    steps.append(look_step("revision", "revision", "Read the current revision and the schema in PostgreSQL", "before"))
    if merges_only(facts):
        return steps
    steps += [] if shared else _merging(facts, again=True)
    # What a shared command has applied above; what is still pending after it comes as a finding.
    pending = revisions_of(facts, after_start(facts, findings), () if shared else facts.pending)[1]
    if pending and "migrate" in facts.commands and not in_use(facts, findings):
        steps.append(pending_step(facts, findings, pending, "before"))
    return steps


def _merged(facts: Facts, merge: MigrationFact, findings: Sequence[Finding]) -> list[Step]:
    """The merge of the heads as the change: written, applied with what is pending, and compared."""
    current, pending = revisions_of(facts, findings, facts.pending)
    listed = ", ".join(pending or (merge.revision,))
    step = command_step(
        "migrate",
        "upgrade",
        f"Migrate the database to the merge revision {merge.revision}",
        "change",
        facts.commands["migrate"],
        facts,
        changes=f"database schema, by revision {listed}",
        undo=downgrade_line(facts, ", ".join(current or ()) or "base"),
        assumes=("schema", "heads"),
        reaches=f"revision {merge.revision}",
        done_when=f"the database is at {merge.revision} alone",
    )
    known = pending if pending is not None else tuple(one.revision for one in facts.files)
    title = "Compare the schema in PostgreSQL with what the merged revisions make"
    return [
        *(replace(one, phase="change") for one in _merging(facts, again=True)),
        applying(step, facts, known),
        look_step("verify", "verify", title, "change"),
    ]


def _merging(facts: Facts, *, again: bool) -> list[Step]:
    """The merge of several heads; ``again`` builds the service anew where its image holds the revisions."""
    fact = facts.merge
    if fact is None or not upgrades(facts):
        return []
    action = Action(
        "edit", path=fact.path, before=None, text=fact.text, diff=fact.diff, effect="write", touches=("files",)
    )
    title = f"Write the merge revision {fact.revision} of the heads {', '.join(fact.down)}"
    hooks = hook_steps("merge-hook", fact, facts, "before")
    steps = [edit_step("merge", "edit", title, "before", action), *hooks, *head_steps(fact, "before")]
    if again and not facts.reachable_source:
        cause = "the source is baked into the image, so the merge revision must be built in"
        steps += [*build_steps("build-merge", facts, cause), *start_steps("start-merge", facts, cause)]
    return steps


def _testing(facts: Facts, remedies: Sequence[Finding]) -> list[Step]:
    steps: list[Step] = []
    if facts.test_target:
        steps.append(
            edit_step(
                "test-target",
                "edit",
                f"Add a test target to {facts.test_target.path}",
                "before",
                facts.test_target,
            )
        )
    test = facts.commands.get("test") or facts.test_command
    if not test:
        return steps
    steps.append(test_step("test", "Run the tests", "before", test, facts))
    for number, remedy in enumerate(remedies, 1):
        suffix = "" if number == 1 else f"-{number}"
        for count, action in enumerate(remedy.actions, 1):
            steps.append(
                edit_step(
                    f"remedy{suffix}-{count}",
                    "edit",
                    f"{edit_title(action)} ({', '.join(remedy.packages)})" if remedy.packages else edit_title(action),
                    "before",
                    action,
                    remedy.cause,
                )
            )
        steps += rebuild_steps(f"rebuild{suffix}", facts, remedy)
        steps += start_steps(f"restart{suffix}", facts, remedy.cause)
        names = ", ".join(remedy.packages)
        look = look_step(
            f"check-image{suffix}",
            "check-image",
            f"Check that image and packages are the new ones: {names}"
            if names
            else "Check that the image is the new one",
            "before",
            cause=remedy.cause,
        )
        steps.append(replace(look, action=replace(look.action, touches=remedy.packages)))
        steps.append(test_step(f"test-again{suffix}", "Run the tests again", "before", test, facts, remedy.cause))
    return steps


def _written(facts: Facts, fact: MigrationFact) -> list[Step]:
    """The migration file; built in where the source is baked into the image."""
    steps: list[Step] = []
    action = Action(
        "edit",
        path=fact.path,
        before=None,
        text=fact.text,
        diff=fact.diff,
        effect="write",
        touches=("files",),
    )
    steps.append(
        replace(
            edit_step("create", "create", f"Write the migration {fact.revision}", "change", action),
            assumes=("file", "heads", "schema"),
        )
    )
    steps += hook_steps("hook", fact, facts, "change")
    steps += head_steps(fact, "change")
    steps += [rehearsal_step(fact, facts.rehearsal, facts)] if facts.rehearsal else []
    if not facts.reachable_source:
        cause = "the source is baked into the image, so the migration file must be built in"
        again = (*build_steps("build-migration", facts, cause), *start_steps("start-migration", facts, cause))
        migrate = facts.commands.get("migrate")
        steps += [
            replace(step, phase="change") for step in again if migrate is None or step.action.line != migrate.line
        ]
    return steps


def _generated(facts: Facts) -> list[Step]:
    """The project's own command writes the migration from the models."""
    steps: list[Step] = []
    create = facts.commands["create"]
    message = f"{facts.message}\n" * max(create.asks, 1)
    steps.append(
        command_step(
            "generate",
            "generate",
            "Let the project's own command write the migration",
            "change",
            create,
            facts,
            changes="a new file among the revisions",
            undo="delete the new revision file",
            assumes=("schema", "heads"),
            stdin=message if create.asks else "",
        )
    )
    return steps


def _changing(facts: Facts, findings: Sequence[Finding]) -> list[Step]:
    """Nothing without a way to migrate: a revision file that nothing applies would be half a change."""
    if not upgrades(facts):
        return []
    if facts.merge and merges_only(facts):
        return _merged(facts, facts.merge, findings)
    waiting = changing(facts, after_start(facts, findings), () if shares_migration(facts) else facts.pending)
    steps: list[Step] = []
    if found_there(findings):  # of what the phase asks for; what is pending is still to be applied
        more = [desire_step(facts)] if facts.migration else []
        return [*pending_change(facts, findings, waiting, more=bool(more)), *more] if waiting else []
    if facts.migration:
        steps = [*adopt_steps(findings), *_written(facts, facts.migration)]
        steps = [desire_step(facts), *steps] if waiting else steps
    elif facts.message and "create" in facts.commands:
        steps = [*_generated(facts), desire_step(facts)]
    first = pending_change(facts, findings, waiting, more=bool(steps)) if waiting else []
    made = generated(findings)
    adopted = written_first(findings)
    names = (facts.migration.revision,) if facts.migration else made.revisions if made else ()
    if steps and not migrates_by_command(facts):
        steps += restarted(steps, facts)
    elif steps:
        steps.append(upgrade_step(facts, (*(adopted.revisions if adopted else ()), *names)))
    steps = [*first, *steps]
    if steps or facts.used:
        steps.append(
            look_step("verify", "verify", "Compare the schema in PostgreSQL with what was asked for", "change")
        )
    return steps


def _modelling(facts: Facts) -> list[Step]:
    """The edits of a phase about models, and the line that imports them where the tests run."""
    steps = [
        edit_step(f"models-{number}", "edit", f"Write the models in {action.path}", "change", action)
        for number, action in enumerate(facts.models, 1)
    ]
    if steps and not facts.reachable_source:
        cause = "the source is baked into the image, so the models must be built in"
        again = (*build_steps("models-build", facts, cause), *start_steps("models-start", facts, cause))
        steps += [replace(step, phase="change") for step in again]
    if facts.models_check:
        steps.append(
            command_step(
                "models-check",
                "models",
                "Import the models, load their relationships, compare them with the database",
                "change",
                facts.models_check,
                facts,
                changes="nothing",
                undo="nothing to undo",
                done_when="the models import, every relationship finds its other side",
            )
        )
    return steps


def _naming(facts: Facts, moment: Phase) -> list[Step]:
    """The commands that the items name, as they are after the change, and before it where that is cheap. Without a
    change there is nothing that they could prove."""
    migrates = upgrades(facts) and (facts.migration or facts.message)
    if not (migrates or facts.models):
        return []
    named = [(number, one) for number, one in enumerate(facts.named, 1) if one.runs]
    return [named_step(number, one, moment, facts) for number, one in named if moment == "after" or one.before]


def _proving(facts: Facts) -> list[Step]:
    steps: list[Step] = []
    test = facts.commands.get("test") or facts.test_command
    if test:
        steps.append(test_step("test-after", "Run the tests after the change", "after", test, facts))
    steps.append(look_step("prove", "prove", "Prove the service again: container and endpoints", "after", ("schema",)))
    if facts.spec and facts.spec.items:
        steps += _naming(facts, "after")
        words = phase_words(facts.spec)
        steps.append(look_step("judge", "judge", f"Judge the items of {words} by what has come about", "after"))
        action = Action("edit", path=facts.spec.path, before=facts.spec.sha256, effect="write", touches=("files",))
        steps.append(
            Step(
                "tick",
                "tick",
                f"Tick the finished items of {words}",
                "after",
                action,
                "in the checklist of the phase, only items whose words match a step proved in this run, of: "
                + "; ".join(facts.spec.items),
                ("spec", "schema"),
                "the items are ticked in the file",
                "untick the items",
            )
        )
    return steps
