"""What a step takes for granted, looked at just before it runs, in every run."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from safemig.base.files import content
from safemig.engine import observation
from safemig.engine.changed_spec import spec_holds
from safemig.engine.session import RunEnds, Session
from safemig.planning.collect import revision_contents
from safemig.planning.collect.called_files import calls_changed
from safemig.planning.plan import Step
from safemig.project.compose import read_compose
from safemig.shell.make_effects import recipe_digest
from safemig.shell.makefile import Makefile, read_makefile

if TYPE_CHECKING:
    from safemig.project.layout import Project


async def check(s: Session, step: Step) -> None:
    """Raises RunEnds("refused") where the command would reach what another folder's project runs, and RunEnds("stale")
    with what changed when something no longer holds."""
    if step.action.kind == "command" and (why := await s.look(s.runtime.elsewhere)):
        raise RunEnds("refused", f"before “{step.title}”: {why}")
    for name in step.assumes:
        changed = await _CHECKS[name](s, step)
        if changed:
            raise RunEnds("stale", f"before “{step.title}”: {changed}")


async def _recipe(s: Session, step: Step) -> str:
    """A recipe that changed is read again and asked anew before this; here that has been done as far as it can be."""
    changed = await s.look(lambda: changed_calls(s, step))
    if changed:
        return f"{', '.join(changed)} changed, which `{step.action.line}` calls"
    if not step.action.target:  # a line of its own
        return ""
    makefile = await s.look(lambda: read_again(s))
    if step.action.target not in {target.name for target in makefile.targets}:
        return f"the Makefile has no target {step.action.target} any more"
    if recipe_digest(makefile, step.action.target) != step.action.recipe:
        return f"the recipe of make {step.action.target} is not the planned one any more"
    return ""


def changed_calls(s: Session, step: Step) -> tuple[str, ...]:
    """The scripts, compose files and Dockerfiles that the command calls and that are not as its answer has them. What
    the plan itself has written since is known."""
    if step.action.kind != "command" or not (step.action.calls or "recipe" in step.assumes):
        return ()
    known = {one.path for one in step.action.calls}
    written = {one.action.path for one in s.plan.steps if one.action.kind == "edit"} - known
    fresh = project_again(s)
    return tuple(path for path in calls_changed(fresh, step.action) if path not in written)


def project_again(s: Session) -> Project:
    """The project with Makefile and compose files as they are now."""
    makefile, compose = s.project.makefile, s.project.compose
    if makefile is not None:
        makefile = read_again(s)
    if compose is not None:
        compose = read_compose(compose.files, os.environ, compose.folder)
    return replace(s.project, makefile=makefile, compose=compose)


def read_again(s: Session) -> Makefile:
    """The Makefile as it is now. Raises RunEnds("stale") where there is none."""
    makefile = s.project.makefile
    if makefile is None:
        raise RunEnds("stale", "there is no Makefile any more")
    try:
        return read_makefile(makefile.path, makefile.root)
    except OSError as error:
        raise RunEnds("stale", f"{makefile.path} cannot be read: {error.strerror}") from None


async def _file(s: Session, step: Step) -> str:
    from safemig.base import file_edit

    if file_edit.state(s.root, step.action) == "unclear":
        return f"{step.action.path} is not the file that the plan has read"
    return ""


async def _spec(s: Session, step: Step) -> str:
    """A spec that changed and asks for the same is asked anew before this."""
    spec = s.facts.spec
    if spec and not await s.look(partial(spec_holds, s, step)):
        return f"{spec.path} has changed since it was planned, or cannot be read, and asks for something else"
    for source in spec.beside if spec else ():
        try:
            changed = hashlib.sha256(content(s.root / source.path)).hexdigest() != source.sha256
        except OSError as error:
            return f"{source.path} cannot be read: {error.strerror}"
        if changed:
            return f"{source.path} has changed since it was planned"
    return ""


async def _heads(s: Session, _: Step) -> str:
    wanted = observation.expected_heads(s)
    if wanted is None:
        return ""
    found = (await s.look(lambda: observation.graph_of(s))).heads
    if set(found) == set(wanted):
        return ""
    return f"the code's heads are {', '.join(found) or 'none'}, planned were {', '.join(wanted) or 'none'}"


async def _schema(s: Session, _: Step) -> str:
    known = s.past.last("schema")
    if known is None:
        return ""
    fresh = await observation.schema_now(s)
    if not fresh.seen:
        return f"the database could not be read: {fresh.reason}"
    if fresh.data["fingerprint"] != known.data["fingerprint"]:
        return (
            f"the database's schema is not as last observed ({known.ended}); {observation.counts_changed(known, fresh)}"
        )
    known, fresh = s.past.last("revision"), await observation.revision_now(s)
    if known and fresh.data.get("current") != known.data.get("current"):
        return f"the database is at {fresh.data.get('current')}, last observed was {known.data.get('current')}"
    return ""


async def _contents(s: Session, step: Step) -> str:
    """Files that changed before the step are read again and asked anew; here that has been done."""
    changed = await s.look(lambda: revision_contents.changed(s.root, step.action.contents))
    return f"{', '.join(changed)} changed after it was read" if changed else ""


_CHECKS = {
    "recipe": _recipe, "file": _file, "schema": _schema, "heads": _heads, "spec": _spec, "contents": _contents,
}  # fmt: skip
