"""Facts and findings from which the planner's tests make plans."""

from __future__ import annotations

from dataclasses import replace

from safemig.base.action import Action
from safemig.planning.facts import CommandFact, Facts, Finding, MigrationFact, SpecFact
from safemig.planning.plan import Plan

COMMANDS = {
    "build": CommandFact("make build", "build", "r1", "write", ("images",)),
    "start": CommandFact("make start", "start", "r2", "write", ("containers",)),
    "stop": CommandFact("make stop", "stop", "r3", "write", ("containers",)),
    "test": CommandFact("make test", "test", "r4", "write", ("containers",)),
    "migrate": CommandFact("make migrate", "migrate", "r5", "write", ("database",)),
    "create": CommandFact("make create-migration", "create-migration", "r6", "write", ("files",), asks=1),
    "downgrade": CommandFact("docker compose exec api alembic downgrade {revision}", effect="destructive"),
}
MIGRATION = MigrationFact("backend/alembic/versions/b2_rating.py", "text", "b2", ("a1",), ("course_rating",), "+text")
SPEC = SpecFact("docs/plan.md", "5ec", "phase 1", "Database", ("Create the table", "Run make migrate"))
TARGET = Action("edit", path="Makefile", before="aa", text="test:", diff="+test:", effect="write")
FACTS = Facts(
    "development:backend",
    "docker",
    "backend",
    "api",
    "shop on db",
    COMMANDS,
    current=("a1",),
    pending=(),
    heads=("a1",),
    revisions=1,
    spec=SPEC,
    migration=MIGRATION,
)
PENDING = replace(FACTS, current=(), pending=("a0", "a1"))
DOWN = replace(FACTS, current=None, pending=None, unread=("connection refused",))


def edit(path: str, before: str = "aa", text: str = "new") -> Action:
    return Action("edit", path=path, before=before, text=text, diff=f"+{text}", effect="write", touches=("files",))


HTTPX = Finding("remedy", "httpx is missing", actions=(edit("pyproject.toml"), edit("uv.lock")), packages=("httpx",))
ASYNC = Finding("remedy", "async tests", actions=(edit("pyproject.toml", "bb", "newer"),), packages=("pytest-asyncio",))
FOUND = Finding("database", "the database is at a0, pending: a1", current=("a0",), pending=("a1",))
CLEAN = Finding("database", "the database is at a1, pending: none", current=("a1",), pending=())


def ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def without(*roles: str, facts: Facts = FACTS) -> Facts:
    return replace(facts, commands={role: fact for role, fact in facts.commands.items() if role not in roles})


def shared(one: str, other: str, facts: Facts = FACTS) -> Facts:
    """One make target that plays both roles."""
    return replace(facts, commands={**facts.commands, other: facts.commands[one]})
