"""The plan: a document of steps as data, with one digest over all of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

from safemig.base.action import Action, digest_of

Phase = Literal["before", "change", "after"]
Intent = Literal[
    "database",  # start the database of a process target
    "build",
    "start",
    "service",  # stop the service, or start its database alone, by the project's own command
    "observe",  # container, logs and endpoints as they are just after the start
    "revision",  # read the current revision and the pending ones
    "same-database",  # the migrate command and the service use the database that is looked at
    "upgrade",  # bring the database to the heads that the code has
    "edit",  # one file becomes another text
    "test",
    "check-image",  # image and package are the new ones
    "baseline",  # the state just before the change
    "stamp",  # record a revision that the database has already
    "create",  # write the migration file
    "hook",  # run a post-write hook of Alembic on it
    "rehearse",  # run it up, down and up on a throwaway server, by the project's own env.py
    "desire",  # find the wanted schema, where what it stands on comes about in the change
    "generate",  # let the project's own command write the migration file (models without a spec)
    "verify",  # the schema is what was asked for
    "models",  # the models can be imported, and what they and the database disagree on is listed
    "prove",  # container and endpoints after the change
    "named",  # run a command that an item names and that only looks, to see how it ends
    "judge",  # each item of the phase: proved, disproved or not provable
    "tick",
]


@dataclass(frozen=True)
class Step:
    """One step: why, what exactly, what it changes, what it takes for granted, how to undo it.

    ``detail`` are lines for a person: the revision files that it applies, and the SQL that they come to.
    ``applies`` are the revisions that it applies though it is no upgrade by name ("" for those that nobody could read),
    ``moves`` is "schema" where it was seen to change that by no revision.
    """

    id: str
    intent: Intent
    title: str
    phase: Phase
    action: Action
    changes: str = ""
    assumes: tuple[str, ...] = ()
    done_when: str = ""
    undo: str = ""
    cause: str = ""
    detail: tuple[str, ...] = ()
    applies: tuple[str, ...] = ()
    moves: Literal["", "schema"] = ""


@dataclass(frozen=True)
class OpenPoint:
    """Something the plan could not read, and which step settles it."""

    id: str
    text: str
    settled_by: str = ""


@dataclass(frozen=True)
class Plan:
    """The whole document. ``parent`` is the digest of the revision before, ``cause`` why there is this one."""

    revision: int
    target: str
    steps: tuple[Step, ...]
    open_points: tuple[OpenPoint, ...] = ()
    notes: tuple[str, ...] = ()
    parent: str = ""
    cause: str = ""
    format: int = 1

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of the document; it holds no secret and no time."""
        return digest_of(self)

    def step(self, step_id: str) -> Step:
        """The step of that id; KeyError when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)


def sha256_of(text: str) -> str:
    """sha256 (hex) of a text as it is written to a file."""
    return hashlib.sha256(text.encode()).hexdigest()


def child(parent: Plan, fresh: Plan, cause: str) -> Plan:
    """``fresh`` as the next revision of ``parent``."""
    return replace(fresh, revision=parent.revision + 1, parent=parent.digest, cause=cause)
