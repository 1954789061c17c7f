"""Ticking the implementation plan: what this run has proved, and of what it proposes what the person chose."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from checks.evidence import Evidence, Json, now
from safemig.base import files
from safemig.base.action import Action
from safemig.checklist import ticks
from safemig.checklist.plain_words import plain_words
from safemig.engine import observation
from safemig.engine.changed_spec import known_texts
from safemig.engine.item_context import KIND, evidence, look_around, shown, subject_of, world_of
from safemig.engine.proofs import Done, proofs_of
from safemig.engine.session import RunEnds, Session
from safemig.engine.settle import look_at_end
from safemig.engine.still_running import require_ended
from safemig.engine.tick_preview import Offer, chosen, offer
from safemig.engine.verdict import judged
from safemig.plan_document.document import Item, Phase, read
from safemig.planning.collect.item_commands import folder_of
from safemig.planning.plan import Step
from safemig.shell.makefile import read_makefile, whole_recipe

BASE = "schema-base.json"  # the schema without what the spec asks for, as the baseline has kept it


async def tick_items(s: Session, step: Step) -> None:
    """Ticks what is proved in the phase that was done; nothing when a signal is not good.

    Which items and what the file becomes is journalled first, so that a resumed run knows whether it was written.
    """
    spec = s.facts.spec
    known = s.known(step.id, "after", "ticks")
    if not known:  # the question may have waited for hours, and what is ticked stays ticked
        await require_ended(s)
        await look_at_end(s)
    reasons = judged(s).reasons()
    if reasons or spec is None:
        s.note(f"nothing is ticked: {reasons[0] if reasons else 'no spec'}", step.id, "warning")
        return
    path = s.root / spec.path
    if not known:
        found = await offer(s)
        items = chosen(s, found, step.action.digest)
        _say_proposed(s, step, found, items)
        if not items:
            if not found.items:
                s.note("no item of the checklist is proved by this run", step.id)
            return
        known = (s.observe(step.id, "after", await s.look(lambda: _intent(path, spec.path, items))),)
    try:
        await s.look(lambda: _write(s.root, path, known_texts(s), known[0]))
    except (OSError, ticks.TickFails) as error:
        raise RunEnds("failed", f"the checklist {spec.path} could not be ticked: {error}") from None
    for line, text in _lines(known[0]):
        if (spec.path, line) not in {(item.file, item.line) for item in s.past.ticked}:
            data: dict[str, Json] = {"file": spec.path, "line": line, "text": text, "by": "engine"}
            s.emit("tick", {**data, "sha256": known[0].data["after"]}, step.id)


def _say_proposed(s: Session, step: Step, found: Offer, ticked: Sequence[Item]) -> None:
    """Names what is only proposed, and stays open."""
    path = s.facts.spec.path if s.facts.spec else ""
    for item, reason in zip(found.proposed, found.because, strict=True):
        if item not in ticked:
            s.note(f"proposed, not ticked: {path}:{item.line} {item.text} ({reason})", step.id)


async def look_items(s: Session, step: Step) -> None:
    """What the phase's items name, as it is before the change: what is there already proves nothing afterwards."""
    if s.facts.spec is None or s.known(step.id, "before", KIND):
        return
    began = now()
    try:
        items = await s.look(lambda: phase_of(s).items)
    except OSError as error:
        raise RunEnds("failed", f"the checklist {s.facts.spec.path} cannot be read: {error.strerror}") from None
    if items:
        world = await s.look(lambda: look_around(s.project, s.runtime, items))
        s.observe(step.id, "before", evidence(_subject(s), began, world))


def _subject(s: Session) -> str:
    return subject_of(s.facts.spec.path, s.facts.spec.phase) if s.facts.spec else ""


async def judge_items(s: Session, step: Step) -> None:
    """Every item against the world as it is now, whatever the signals say. Journalled; a ticked one that is not true
    is said."""
    if not s.known(step.id, "after", KIND):
        await judge(s, step.id)


async def judge_at_end(s: Session) -> None:
    """A run that failed after its change began says of each item too what it came to."""
    if s.facts.spec is None or not s.facts.spec.items or not s.past.changing or s.past.last(KIND, "after"):
        return
    try:
        await judge(s, "judge")
    except (OSError, RunEnds) as error:
        s.note(f"the checklist could not be judged: {error}", "judge", "warning")


async def judge(s: Session, step: str) -> None:
    """Journals what every item comes to."""
    began = now()
    phase = await s.look(lambda: phase_of(s))
    world = await s.look(lambda: look_around(s.project, s.runtime, phase.items))
    before = s.past.last(KIND, "before")
    proofs = await s.look(lambda: proofs_of(_done(s)))
    known = ticks.Worlds(world_of(before), world) if before else ticks.NOTHING
    found = ticks.judge_all(phase, proofs, known, plain_words().with_own(s.config.ticks.words))
    more: dict[str, Json] = {
        "judged": shown(found),
        "revisions": [*proofs.revisions],
        "commands": [s.clean(line) for line in proofs.commands_run],
    }
    s.observe(step, "after", evidence(_subject(s), began, world, **more))
    path = s.facts.spec.path if s.facts.spec else ""
    for one in found:
        if one.state == "disproved":
            s.note(f"DISPROVED {path}:{one.item.line} “{one.item.text}”: {one.reason}", step, "warning")


def _intent(path: Path, subject: str, items: Sequence[Item]) -> Evidence:
    after = ticks.tick(files.content(path), items)
    began = now()
    data: dict[str, Json] = {
        "after": hashlib.sha256(after).hexdigest(),
        "items": [[item.line, item.text] for item in items],
    }
    return Evidence("ticks", subject, True, began, began, f"git diff {subject}", data)


def _write(root: Path, path: Path, before: Collection[str], intent: Evidence) -> None:
    found = hashlib.sha256(files.content(path)).hexdigest()
    if found == intent.data["after"]:
        return
    lines = {line for line, _ in _lines(intent)}
    document = read(path, root)
    items = [item for phase in document.phases for item in phase.items if item.line in lines]
    ticks.write_ticks(path, found if found in before else "", items, root=root)


def _lines(intent: Evidence) -> list[tuple[int, str]]:
    return msgspec.convert(intent.data["items"], list[tuple[int, str]])


def phase_of(s: Session) -> Phase:
    """The chosen phase as it stands in the file."""
    spec = s.facts.spec
    if spec is None:
        raise RunEnds("stale", "the run has no spec")
    document = read(s.root / spec.path, s.root, s.project.words)
    for phase in document.phases:
        if phase.key == spec.phase:
            return phase
    raise RunEnds("stale", f"{spec.path} has no phase {spec.phase} any more")


def _done(s: Session) -> Done:
    """The run as far as it has come, with the ways to what its proofs need."""

    def there() -> Collection[str]:
        return observation.load_snapshot(s, BASE).objects

    def recipe(action: Action) -> tuple[str, ...]:
        """As the Makefile is now: the recipe was checked before it ran."""
        if not action.target or s.project.makefile is None:
            return ()
        return tuple(whole_recipe(read_makefile(s.project.makefile.path), action.target))

    return Done(s.past, s.facts, s.plan, judged(s).matches, there, recipe, folder_of(s.project))
