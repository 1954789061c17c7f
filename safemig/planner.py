"""The planner: a pure function from facts and findings to the plan document.

The plan's first revision comes from the facts alone; each finding (an open point settled, a remedy for failing
tests) makes the next revision. Steps keep their ids, so what was done or approved before stays so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.facts import CommandFact, Facts, Finding, SpecFact
from safemig.plan import Action, Effect, Intent, Phase, Plan, Step, child
from safemig.plan_points import notes, open_points

ASSUMES = {
    "recipe": "the recipe of the make target is the one shown here",
    "file": "the file is the one that the plan has read",
    "schema": "the database's revision and schema are as last observed",
    "heads": "the code's migration heads are the planned ones",
    "spec": "the implementation plan is the one that was read",
}


def draft(facts: Facts, findings: Sequence[Finding] = ()) -> Plan:
    """The document that facts and findings come to; its place in the chain is given by :func:`revisions`."""
    remedies = [finding for finding in findings if finding.name == "remedy"]
    steps = [
        *_starting(facts, findings),
        *_testing(facts, remedies),
        _look(
            "baseline",
            "baseline",
            "Take the baseline: container, endpoints, tests, schema",
            "before",
            ("schema",),
        ),
        *_changing(facts),
        *_proving(facts),
    ]
    edited = {finding.step: finding.actions[0] for finding in findings if finding.name == "edited"}
    steps = [replace(step, action=edited.get(step.id, step.action)) for step in steps]
    return Plan(1, facts.target, tuple(steps), tuple(open_points(facts, findings)), tuple(notes(facts)))


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


def _look(
    step_id: str, intent: Intent, title: str, phase: Phase, assumes: tuple[str, ...] = (), cause: str = ""
) -> Step:
    return Step(
        step_id,
        intent,
        title,
        phase,
        Action("look"),
        "nothing",
        assumes,
        "looked at again whenever it is unclear",
        "nothing to undo",
        cause,
    )


def _command(
    step_id: str,
    intent: Intent,
    title: str,
    phase: Phase,
    fact: CommandFact,
    facts: Facts,
    *,
    changes: str,
    undo: str,
    assumes: tuple[str, ...] = (),
    stdin: str = "",
    cause: str = "",
    reaches: str = "",
    done_when: str = "the command's own exit status was recorded",
) -> Step:
    """``reaches`` sets two uses of one line apart: the approval of one is none of the other."""
    action = Action(
        "command",
        line=fact.line,
        cwd=facts.folder,
        target=fact.target,
        recipe=fact.recipe,
        stdin=stdin,
        effect=fact.effect,
        touches=(*fact.touches, reaches) if reaches else fact.touches,
    )
    taken = (("recipe",) if fact.target else ()) + assumes
    return Step(step_id, intent, title, phase, action, changes, taken, done_when, undo, cause)


def _edit(step_id: str, intent: Intent, title: str, phase: Phase, action: Action, cause: str = "") -> Step:
    verb = "delete" if action.before is None else "restore the earlier text of"
    return Step(
        step_id,
        intent,
        title,
        phase,
        action,
        f"writes {action.path}",
        ("file",),
        "the file has the planned text",
        f"{verb} {action.path}",
        cause,
    )


def _stop_line(facts: Facts) -> str:
    stop = facts.commands.get("stop")
    if stop:
        return f"`{stop.line}`"
    return "`docker compose stop`" if facts.runtime == "docker" else "stop the service by hand"


def _shared(facts: Facts, one: str, other: str) -> bool:
    """Whether one command plays both roles: then it runs once."""
    first, second = facts.commands.get(one), facts.commands.get(other)
    return first is not None and second is not None and first.line == second.line


def _also_migrates(facts: Facts, role: str) -> str:
    return (
        ", and the database schema: this command applies the migrations too" if _shared(facts, role, "migrate") else ""
    )


def _build(step_id: str, facts: Facts, cause: str = "") -> list[Step]:
    build = facts.commands.get("build")
    if not build or _shared(facts, "build", "start"):
        return []
    title = "Rebuild the service" if cause else "Build the service"
    return [
        _command(
            step_id,
            "build",
            title,
            "before",
            build,
            facts,
            changes="images or installed packages" + _also_migrates(facts, "build"),
            undo="the earlier image stays until it is removed; build the earlier state again",
            cause=cause,
        )
    ]


def _start(step_id: str, facts: Facts, cause: str = "") -> list[Step]:
    start = facts.commands.get("start")
    if not start:
        return []
    title = "Start the service again, so that it runs the new build" if cause else "Start the service"
    return [
        _command(
            step_id,
            "start",
            title,
            "before",
            start,
            facts,
            changes=("images or installed packages, " if _shared(facts, "build", "start") else "")
            + "running containers or processes"
            + _also_migrates(facts, "start"),
            undo=_stop_line(facts),
            cause=cause,
        )
    ]


def _starting(facts: Facts, findings: Sequence[Finding]) -> list[Step]:
    steps: list[Step] = []
    if facts.start_database:
        action = Action("command", line=facts.start_database, effect="write", touches=("database server",), target="")
        steps.append(
            Step(
                "database",
                "database",
                "Start PostgreSQL for this project",
                "before",
                action,
                "a PostgreSQL server of this project's own",
                (),
                "the server answers",
                "`safemig stop-database`",
            )
        )
    steps += _build("build", facts)
    steps += _start("start", facts)
    steps.append(_look("observe", "observe", "Watch the start: containers, start-up log, first answers", "before"))
    steps.append(_look("revision", "revision", "Read the current revision and the schema in PostgreSQL", "before"))
    shared = _shared(facts, "build", "migrate") or _shared(facts, "start", "migrate")
    # What a shared command has applied above; what is still pending after it comes as a finding.
    current, pending = facts.current, () if shared else facts.pending
    for finding in findings:
        if finding.name == "database":
            current, pending = finding.current, finding.pending
    if pending and "migrate" in facts.commands:
        listed = ", ".join(pending)
        steps.append(
            _command(
                "pending",
                "upgrade",
                f"Apply the pending revisions: {listed}",
                "before",
                facts.commands["migrate"],
                facts,
                changes=f"database schema, by revision {listed}",
                undo=_downgrade_line(facts, ", ".join(current or ()) or "base"),
                assumes=("schema", "heads"),
                reaches=f"revision {listed}",
                done_when=f"the database is at {', '.join(facts.heads)}",
            )
        )
    return steps


def _downgrade_line(facts: Facts, revision: str) -> str:
    down = facts.commands.get("downgrade")
    if not down:
        return f"`alembic downgrade {revision}` where the project runs alembic"
    return f"`{down.line.replace('{revision}', revision)}`"


def _testing(facts: Facts, remedies: Sequence[Finding]) -> list[Step]:
    steps: list[Step] = []
    if facts.test_target:
        steps.append(
            _edit(
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
    steps.append(_test("test", "Run the tests", "before", test, facts))
    for number, remedy in enumerate(remedies, 1):
        suffix = "" if number == 1 else f"-{number}"
        for count, action in enumerate(remedy.actions, 1):
            steps.append(
                _edit(
                    f"remedy{suffix}-{count}",
                    "edit",
                    f"{_edit_title(action)} ({', '.join(remedy.packages)})",
                    "before",
                    action,
                    remedy.cause,
                )
            )
        steps += _build(f"rebuild{suffix}", facts, remedy.cause)
        steps += _start(f"restart{suffix}", facts, remedy.cause)
        look = _look(
            f"check-image{suffix}",
            "check-image",
            f"Check that image and packages are the new ones: {', '.join(remedy.packages)}",
            "before",
            cause=remedy.cause,
        )
        steps.append(replace(look, action=replace(look.action, touches=remedy.packages)))
        steps.append(_test(f"test-again{suffix}", "Run the tests again", "before", test, facts, remedy.cause))
    return steps


def _edit_title(action: Action) -> str:
    return f"Renew {action.path}" if action.path.endswith(".lock") else f"Declare in {action.path}"


def _test(step_id: str, title: str, phase: Phase, fact: CommandFact, facts: Facts, cause: str = "") -> Step:
    return _command(
        step_id,
        "test",
        title,
        phase,
        fact,
        facts,
        changes="nothing of the project; a test run may leave rows in its database",
        undo="nothing to undo",
        cause=cause,
    )


def _changing(facts: Facts) -> list[Step]:
    """Nothing without a way to migrate: a revision file that nothing applies would be half a change."""
    steps: list[Step] = []
    if "migrate" not in facts.commands:
        return steps
    if facts.migration:
        fact = facts.migration
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
                _edit("create", "create", f"Write the migration {fact.revision}", "change", action),
                assumes=("file", "heads", "schema"),
            )
        )
        if not facts.reachable_source:
            cause = "the source is baked into the image, so the migration file must be built in"
            again = (*_build("build-migration", facts, cause), *_start("start-migration", facts, cause))
            migrate = facts.commands["migrate"].line
            steps += [replace(step, phase="change") for step in again if step.action.line != migrate]
    elif facts.message and "create" in facts.commands:
        create = facts.commands["create"]
        message = f"{facts.message}\n" * max(create.asks, 1)
        steps.append(
            _command(
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
    if steps:
        revision = facts.migration.revision if facts.migration else "the new revision"
        steps.append(
            _command(
                "migrate",
                "upgrade",
                f"Migrate the database to {revision}",
                "change",
                facts.commands["migrate"],
                facts,
                changes=f"database schema, by revision {revision}",
                undo=_downgrade_line(facts, ", ".join(facts.heads) or "base"),
                assumes=("schema", "heads"),
                reaches=f"revision {revision}",
                done_when=f"the database is at {revision}",
            )
        )
    if steps:
        steps.append(_look("verify", "verify", "Compare the schema in PostgreSQL with what was asked for", "change"))
    return steps


def _phase_words(spec: SpecFact) -> str:
    return f"phase {spec.phase}" if spec.phase.isdigit() else spec.phase or spec.title


def _proving(facts: Facts) -> list[Step]:
    steps: list[Step] = []
    test = facts.commands.get("test") or facts.test_command
    if test:
        steps.append(_test("test-after", "Run the tests after the change", "after", test, facts))
    steps.append(_look("prove", "prove", "Prove the service again: container and endpoints", "after", ("schema",)))
    if facts.spec and facts.spec.items:
        action = Action("edit", path=facts.spec.path, before=facts.spec.sha256, effect="write", touches=("files",))
        steps.append(
            Step(
                "tick",
                "tick",
                f"Tick the finished items of {_phase_words(facts.spec)}",
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


def effects_of(plan: Plan) -> dict[str, Effect]:
    """Step id -> effect of its action."""
    return {step.id: step.action.effect for step in plan.steps}
