"""Ticking the implementation plan: only items whose words match a step proved in this run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from checks.evidence import Evidence, Json, now
from safemig import checklist
from safemig.discovery.makefile import read_makefile
from safemig.plan import Step
from safemig.run.command_facts import whole_recipe
from safemig.run.session import RunEnds, Session
from safemig.run.verdict import judged
from safemig.spec.document import Item, Phase, read


async def tick_items(s: Session, step: Step) -> None:
    """Ticks what is proved in the phase that was done; nothing when a signal is not good.

    Which items and what the file becomes is journalled first, so that a resumed run knows whether it was written.
    """
    spec = s.facts.spec
    reasons = judged(s).reasons()
    if reasons or spec is None:
        s.note(f"nothing is ticked: {reasons[0] if reasons else 'no spec'}", step.id, "warning")
        return
    path = s.root / spec.path
    known = s.known(step.id, "after", "ticks")
    if not known:
        items = checklist.provable(phase_of(s), proofs_of(s))
        if not items:
            s.note("no item of the checklist is proved by this run", step.id)
            return
        known = (s.observe(step.id, "after", await s.look(lambda: _intent(path, spec.path, items))),)
    try:
        before = s.past.checklist.get(spec.path) or spec.sha256
        await s.look(lambda: _write(path, before, known[0]))
    except (OSError, checklist.TickFails) as error:
        raise RunEnds("failed", f"the checklist {spec.path} could not be ticked: {error}") from None
    for line, text in _lines(known[0]):
        if (spec.path, line, text) not in s.past.ticked:
            data: dict[str, Json] = {"file": spec.path, "line": line, "text": text, "by": "engine"}
            s.emit("tick", {**data, "sha256": known[0].data["after"]}, step.id)


def _intent(path: Path, subject: str, items: Sequence[Item]) -> Evidence:
    after = checklist.tick(path.read_bytes(), items)
    began = now()
    data: dict[str, Json] = {
        "after": hashlib.sha256(after).hexdigest(),
        "items": [[item.line, item.text] for item in items],
    }
    return Evidence("ticks", subject, True, began, began, f"git diff {subject}", data)


def _write(path: Path, before: str, intent: Evidence) -> None:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() == intent.data["after"]:
        return
    lines = {line for line, _ in _lines(intent)}
    document = read(path, path.parent)
    items = [item for phase in document.phases for item in phase.items if item.line in lines]
    checklist.write_ticks(path, before, items)


def _lines(intent: Evidence) -> list[tuple[int, str]]:
    return msgspec.convert(intent.data["items"], list[tuple[int, str]])


def phase_of(s: Session) -> Phase:
    """The chosen phase as it stands in the file."""
    spec = s.facts.spec
    if spec is None:
        raise RunEnds("stale", "the run has no spec")
    document = read(s.root / spec.path, s.root)
    for phase in document.phases:
        if phase.key == spec.phase:
            return phase
    raise RunEnds("stale", f"{spec.path} has no phase {spec.phase} any more")


def proofs_of(s: Session) -> checklist.Proofs:
    """What this run made and ran since the change began, from its journal."""
    ran: list[str] = []
    for step in s.plan.steps:
        if step.action.kind == "command" and s.past.of(step.id).status == "done" and step.phase != "before":
            ran += [step.action.line, *_recipe(s, step.action.target)]
    desired = s.past.last("desired")
    keys = msgspec.convert(desired.data["asked"], list[str]) if desired else []
    return checklist.Proofs(
        files_made=(s.facts.migration.path,) if s.facts.migration else (),
        tables_made=frozenset(_plain(key) for key in keys if key.startswith("table ")),
        names_made=frozenset(_plain(key) for key in keys if not key.startswith("table ")),
        commands_run=tuple(dict.fromkeys(ran)),
    )


def _recipe(s: Session, name: str) -> tuple[str, ...]:
    """The lines behind a make target, as the Makefile is now (its recipe was checked before it ran)."""
    if not name or s.project.makefile is None:
        return ()
    return tuple(whole_recipe(read_makefile(s.project.makefile.path), name))


def _plain(key: str) -> str:
    """ "column public.t.c" -> "t.c", "index public.ix" -> "ix"."""
    return key.partition(" ")[2].removeprefix("public.")
