"""The steps of a plan, built one by one: what each changes, takes for granted, and how it is undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.base.action import EFFECTS, Action, FileDigest
from safemig.planning.facts import CalledFact, CommandFact, Facts, Finding, MigrationFact, NamedFact
from safemig.planning.plan import Intent, Phase, Step


def look_step(
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


def command_step(
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
        calls=calls_of(fact),
    )
    taken = (("recipe",) if fact.target or fact.calls else ()) + assumes
    return Step(step_id, intent, title, phase, action, changes, taken, done_when, undo, cause)


def calls_of(fact: CommandFact) -> tuple[FileDigest, ...]:
    """The files that the command calls, by their digests, as an answer holds for them."""
    return digests_of(fact.calls)


def digests_of(calls: Sequence[CalledFact]) -> tuple[FileDigest, ...]:
    return tuple(FileDigest(one.path, one.sha256) for one in calls)


def same_database_step(facts: Facts) -> Step:
    """Which database the migrate command and the service use; by the project's own `alembic current` where its line is
    known."""
    title = "Check that the migrate command and the service use the database that is looked at"
    look = look_step("same-database", "same-database", title, "before")
    current = facts.commands.get("current")
    if current is None:
        return look
    action = Action("command", line=current.line, cwd=facts.folder, effect=current.effect, touches=current.touches)
    action = replace(action, calls=calls_of(current))
    changes = "nothing that is known; it runs the env.py of the project, as the migrate command does"
    return replace(look, action=action, changes=changes, assumes=("recipe",) if current.calls else ())


def edit_step(step_id: str, intent: Intent, title: str, phase: Phase, action: Action, cause: str = "") -> Step:
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


def head_steps(fact: MigrationFact, phase: Phase) -> list[Step]:
    """The edits of the files beside the revisions that name the current head."""
    return [
        edit_step(f"head-{number}", "edit", f"Name the head {fact.revision} in {action.path}", phase, action)
        for number, action in enumerate(fact.beside, 1)
    ]


def hook_steps(step_id: str, fact: MigrationFact, facts: Facts, phase: Phase) -> list[Step]:
    """The post-write hooks of Alembic on the file that was written."""
    return [
        command_step(
            f"{step_id}-{number}",
            "hook",
            f"Run the post-write hook {hook.name} on {fact.path}",
            phase,
            hook.command,
            facts,
            changes=f"{fact.path}, which is read again afterwards",
            undo=f"delete {fact.path}",
        )
        for number, hook in enumerate(fact.hooks, 1)
    ]


def rehearsal_step(fact: MigrationFact, rehearsal: CommandFact, facts: Facts) -> Step:
    """The migration by the project's own env.py, before any database that matters is changed by it."""
    return command_step(
        "rehearse",
        "rehearse",
        f"Run {fact.revision} up, down and up by the project's own env.py, on a throwaway server",
        "change",
        rehearsal,
        facts,
        changes="nothing of the project; it runs env.py and the revision on a throwaway server, and only where the "
        "command is proved to reach that server and no other",
        undo="nothing to undo",
    )


def named_step(number: int, named: NamedFact, phase: Phase, facts: Facts) -> Step:
    """A command that an item names, before or after the change: one action, so that one answer is for both."""
    moment = " before the change" if phase == "before" else ""
    title = f"See how `{named.code}` ends{moment}, which line {named.line} of the checklist names"
    step_id = f"named-{number}" + ("-before" if phase == "before" else "")
    if named.command is None:
        action = Action("look", line=named.code, text=named.query)
        return replace(look_step(step_id, "named", title, phase), action=action)
    return command_step(
        step_id,
        "named",
        title,
        phase,
        named.command,
        facts,
        changes=", ".join(named.command.touches) or "nothing that is known; it runs code of the project",
        undo="nothing to undo",
    )


def named_of(facts: Facts, step: Step) -> NamedFact:
    """What a step of :func:`named_step` runs."""
    return facts.named[int(step.id.split("-")[1]) - 1]


def stop_line(facts: Facts) -> str:
    stop = facts.commands.get("stop")
    if stop:
        return f"`{stop.line}`"
    if facts.runtime == "docker":
        return f"`{facts.service_stop or 'docker compose stop'}`"
    return "stop the service by hand"


def also_plays(facts: Facts, one: str, other: str) -> bool:
    """Whether one command plays both roles: then it runs once."""
    first, second = facts.commands.get(one), facts.commands.get(other)
    return first is not None and second is not None and first.line == second.line


def also_migrates(facts: Facts, role: str) -> str:
    return (
        ", and the database schema: this command applies the migrations too"
        if also_plays(facts, role, "migrate")
        else ""
    )


def build_steps(step_id: str, facts: Facts, cause: str = "") -> list[Step]:
    build = facts.commands.get("build")
    if not build or also_plays(facts, "build", "start"):
        return []
    title = "Rebuild the service" if cause else "Build the service"
    return [
        command_step(
            step_id,
            "build",
            title,
            "before",
            build,
            facts,
            changes="images or installed packages" + also_migrates(facts, "build"),
            undo="the earlier image stays until it is removed; build the earlier state again",
            cause=cause,
        )
    ]


def rebuild_steps(step_id: str, facts: Facts, remedy: Finding) -> list[Step]:
    """What brings a remedy's packages to where the tests run: its own install, else the build."""
    if remedy.install is None:
        return build_steps(step_id, facts, remedy.cause)
    return [
        command_step(
            step_id,
            "build",
            f"Install {', '.join(remedy.packages)}: no command of the project has done it",
            "before",
            remedy.install,
            facts,
            changes="installed packages",
            undo="uninstall the packages",
            cause=remedy.cause,
        )
    ]


def start_steps(step_id: str, facts: Facts, cause: str = "") -> list[Step]:
    start = facts.commands.get("start")
    if not start:
        return []
    title = "Start the service again, so that it runs the new build" if cause else "Start the service"
    return [
        command_step(
            step_id,
            "start",
            title,
            "before",
            start,
            facts,
            changes=("images or installed packages, " if also_plays(facts, "build", "start") else "")
            + "running containers or processes"
            + also_migrates(facts, "start"),
            undo=stop_line(facts),
            cause=cause,
        )
    ]


def restart_steps(step_id: str, facts: Facts, cause: str) -> list[Step]:
    """Ends the running service and starts it anew, where nothing was built: a start alone may find it running."""
    start, stop, restart = (facts.commands.get(role) for role in ("start", "stop", "restart"))
    if start is not None and restart is not None:
        both = max(start.effect, restart.effect, key=EFFECTS.index)
        touches = tuple(dict.fromkeys((*start.touches, *restart.touches)))
        again = replace(restart, effect=both, touches=touches)
        return start_steps(step_id, replace(facts, commands={**facts.commands, "start": again}), cause)
    steps = start_steps(step_id, facts, cause)
    if stop is None or start is None:
        return steps
    title = "Stop the service, so that its start applies what is pending"
    changes, undo = "running containers or processes", f"`{start.line}`"
    return [
        command_step(
            f"stop-{step_id}", "service", title, "before", stop, facts, changes=changes, undo=undo, cause=cause
        ),
        *steps,
    ]


def downgrade_line(facts: Facts, revision: str) -> str:
    down = facts.commands.get("downgrade")
    if not down:
        return f"`alembic downgrade {revision}` where the project runs alembic"
    return f"`{down.line.replace('{revision}', revision)}`"


def edit_title(action: Action) -> str:
    if action.before is None:
        return f"Write {action.path}"
    return f"Renew {action.path}" if action.path.endswith(".lock") else f"Declare in {action.path}"


def test_step(step_id: str, title: str, phase: Phase, fact: CommandFact, facts: Facts, cause: str = "") -> Step:
    return command_step(
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
