"""What this project's env.py means for a revision: the form in which it is written, and how it is tried beforehand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.style import Pattern
from checks.revisions.style_header import read_sources
from safemig.base.files import head
from safemig.migrations.online.autocommit import Way, team_way
from safemig.planning.facts import CommandFact, Facts, MigrationFact
from safemig.project.env_script import EnvScript, read_env_script

if TYPE_CHECKING:
    from safemig.project.alembic_config import AlembicTree
    from safemig.project.layout import Project

_LOOKS = "current --verbose"
_KEY = "`migration: {autocommit: …}` in safemig.yaml says whether it works"


def env_script(project: Project, tree: AlembicTree) -> EnvScript:
    """The tree's env.py as its lines tell."""
    path = tree.script_location / "env.py"
    return read_env_script(head(path), shown(project, path))


def shown(project: Project, path: Path) -> str:
    """The path from the project's root."""
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.name


def way_of(env: EnvScript, project: Project, pattern: Pattern, autocommit: bool | None) -> tuple[Way, tuple[str, ...]]:
    """How a statement outside of the transaction is written here, and what the plan says of it."""
    if autocommit:
        return Way(), ()
    if autocommit is False:
        return Way("plain"), ("it is written within the transaction: migration.autocommit in safemig.yaml says so",)
    if env.autocommit == "carried":
        return Way(), ()
    doubts = env.opened or env.unclear
    first = doubts[0]
    what = f"{env.place(first)} leaves the connection in a transaction that Alembic has not begun (`{first.text}`)"
    if env.autocommit == "unknown":
        what = f"{env.place(first)}: {first.text}, so whether its connection is in a transaction is not known"
    team = team_way(_recent(project, pattern))
    if team is not None and (team.kind != "block" or env.autocommit == "unknown"):
        words = {"commit": "the connection is committed first", "helper": f"by `{team.words}`"}
        said = words.get(team.kind, "in an autocommit block")
        return team, (f"{what}: it is written in the team's own way, {said}, as in {team.place}",)
    return Way("plain"), (
        f"{what}, and there no autocommit block works: it is written within the transaction, in its plain form, which "
        f"holds its locks until the revision is done; {_KEY}",
    )


def rehearsal_of(
    env: EnvScript, facts: Facts, fact: MigrationFact, *, wanted: bool, several: bool
) -> tuple[CommandFact | None, tuple[str, ...]]:
    """How the new revision runs up, down and up by the project's own env.py where that does more than Alembic's own;
    None where it does not, or where it is not run, and why. The line is that by which the migrate command upgrades.
    ``several`` databases are migrated by one call: of the others none could be proved."""
    if env.is_usual or not wanted:
        return None, ()
    current = facts.commands.get("current")
    down = fact.down or ("base",)
    why = ""
    if facts.runtime != "process":
        why = "its commands run in containers, where no other server is proved to be the only one that they reach"
    elif current is None or current.line.count(_LOOKS) != 1:
        why = "no line is known by which it upgrades; name the one that looks (commands: current: …)"
    elif several:
        why = "it is for several databases"
    elif len(down) != 1 or not all(re.fullmatch(r"[\w.-]+", name) for name in (fact.revision, *down)):
        why = "it follows several heads"
    if why or current is None:
        return None, (f"{env.file} does more than Alembic's own, and the revision is not run through it first: {why}",)
    up, back = (current.line.replace(_LOOKS, words) for words in (f"upgrade {fact.revision}", f"downgrade {down[0]}"))
    line = f"{up} && {back} && {up}"
    reason = "it runs code of the project against a throwaway server"
    return CommandFact(line, effect="write", touches=("a throwaway database",), why=reason), ()


def _recent(project: Project, pattern: Pattern) -> Mapping[str, str]:
    return {shown(project, Path(file)): text for file, text in read_sources(pattern.recent).items()}


def env_notes(env: EnvScript) -> tuple[str, ...]:
    """What env.py does that a person should know when a revision is written and applied without Alembic's own
    commands."""
    notes = [
        f"{env.place(fact)}: {name} changes what `alembic revision` writes; this file is written without it"
        for name, fact in env.hooks(applying=False)
        if name == "process_revision_directives"
    ]
    if env.executes:
        listed = ", ".join(f"`{' '.join(fact.text.split())}` ({env.place(fact)})" for fact in env.executes)
        notes.append(f"env.py runs SQL of its own before the revisions: {listed}")
    notes += [f"{env.place(fact)}: {name} runs after each revision" for name, fact in env.hooks(applying=True)]
    return tuple(notes)
