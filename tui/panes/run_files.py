"""What lies in a run's folder beside its events: the plan document and the facts."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from safemig.base.redaction import redact
from safemig.engine.redact_evidence import clean_step
from safemig.planning.facts import Facts
from safemig.planning.plan import Plan
from safemig.project.known_secrets import known_secrets


def load_plan(folder: Path, name: str) -> Plan | None:
    """The plan document of that name; None when it cannot be read."""
    raw = _read(folder, name)
    try:
        return msgspec.json.decode(raw, type=Plan) if raw else None
    except msgspec.MsgspecError:
        return None


def shown_plan(plan: Plan | None, root: Path) -> Plan | None:
    """The plan as it may be read on a screen or in a report: without the secrets in its texts. What is asked about and
    run is the plan itself."""
    if plan is None:
        return None
    secrets = known_secrets({root}, None, os.environ)
    return replace(plan, steps=tuple(clean_step(step, partial(redact, secrets=secrets)) for step in plan.steps))


def load_facts(folder: Path, name: str) -> Facts | None:
    """The facts of that name; None when they cannot be read."""
    raw = _read(folder, name)
    try:
        return msgspec.json.decode(raw, type=Facts) if raw else None
    except msgspec.MsgspecError:
        return None


def tail(folder: Path, name: str, most: int = 4096) -> str:
    """The end of a spool file, for the progress of the command that writes it."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return ""
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def _read(folder: Path, name: str) -> bytes:
    if not name or Path(name).name != name:
        return b""
    try:
        return (folder / name).read_bytes()
    except OSError:
        return b""
