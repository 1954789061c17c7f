"""Which make target plays which role: by what its recipe does first, by its name second."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from safemig.shell.recipes import Doing

Role = Literal["build", "start", "stop", "restart", "logs", "test", "migrate", "create", "seed", "downgrade", "clean"]
ROLES: tuple[Role, ...] = (
    "build",
    "start",
    "stop",
    "restart",
    "logs",
    "test",
    "migrate",
    "create",
    "seed",
    "downgrade",
    "clean",
)
_NAMES: Mapping[Role, tuple[str, ...]] = {
    "build": ("build", "install", "setup", "sync", "bootstrap"),
    "start": ("start", "up", "run", "serve", "dev", "runserver", "server"),
    "stop": ("stop", "down"),
    "restart": ("restart", "reload"),
    "logs": ("logs", "log"),
    "test": ("test", "tests", "pytest", "check"),
    "migrate": ("migrate", "upgrade"),
    "create": ("makemigrations", "makemigration", "revision", "autogenerate"),
    "seed": ("seed", "seeds", "fixtures", "populate", "loaddata", "sample"),
    "downgrade": ("downgrade", "rollback", "undo"),
    "clean": ("clean", "purge", "prune", "nuke", "destroy", "clear", "reset"),
}
_TOGETHER: Mapping[Role, tuple[frozenset[str], frozenset[str]]] = {
    "migrate": (frozenset(("run", "apply", "exec")), frozenset(("migration", "migrations"))),
    "create": (
        frozenset(("create", "new", "generate", "make", "add", "gen")),
        frozenset(("migration", "migrations", "revision", "schema")),
    ),
}
# Words that say: a variant, not the plain thing.
_VARIANT = frozenset(
    ("prod", "production", "staging", "ci", "coverage", "cov", "watch", "debug", "frontend", "e2e", "lint", "unit",
     "integration", "fast", "slow", "fresh", "all", "no", "force", "celery", "worker", "shell", "only", "drop", "local")
)  # fmt: skip
# Words of targets that look and do nothing: `check-if-migrations-to-run`, `show-migrations`.
_ASKS = frozenset(("if", "show", "list", "status", "current", "history", "heads", "help", "check"))
# `upgrade-deps` upgrades packages, not the database.
_DEPENDENCIES = frozenset(
    ("deps", "dependencies", "requirements", "packages", "package", "pip", "uv", "poetry", "lock")
)
_HARMLESS = frozenset(("build", "start", "stop", "restart", "logs", "test", "migrate", "create"))


@dataclass(frozen=True)
class Wish:
    """What the targets should fit: the runtime and the application's compose service, where they are known.

    ``alike`` are services that run the application's own image (a `tests` or `worker` service), ``others`` all but
    the application."""

    docker: bool | None = None
    service: str = ""
    others: frozenset[str] = frozenset()
    alike: frozenset[str] = frozenset()


def choose(doings: Sequence[Doing], wish: Wish) -> dict[Role, str]:
    """Role -> target for every role that some target plays."""
    return {role: names[0] for role, names in ranked(doings, wish).items() if names}


def ranked(doings: Sequence[Doing], wish: Wish) -> dict[Role, tuple[str, ...]]:
    """Role -> every target that could play it, the best first."""
    found: dict[Role, tuple[str, ...]] = {}
    for role in ROLES:
        scored = [(score(each, role, wish), -place, each) for place, each in enumerate(doings)]
        good = sorted((entry for entry in scored if entry[0] > 0), key=lambda entry: entry[:2], reverse=True)
        if good:
            found[role] = tuple(entry[2].target.name for entry in good)
    return found


def score(doing: Doing, role: Role, wish: Wish) -> float:
    """How well the target plays the role; 0 or less: not at all."""
    name = doing.target.name
    if name.startswith(".") or "%" in name or "$" in name:
        return 0
    named = _named(name, role)
    acts = doing.acts
    if role in acts:
        value = 10.0 + (4 if len(acts) == 1 and not doing.mixed else 0) - 2 * (len(acts) - 1)
    elif named and (not acts or _compatible(role, acts) or _serves_after(doing, role)):
        # The recipe tells nothing of it (a script, a wrapper): the name is all there is.
        value = 6.0 if not acts else 3.0
    else:
        return 0
    value += named
    if "clean" in acts and role in _HARMLESS:
        value -= 8 if named else 100
    words = _words(name)
    value -= 3 * len(_VARIANT & set(words)) + 0.1 * len(words)
    return value + _fit(doing, role, wish)


def _compatible(role: Role, acts: Iterable[str]) -> bool:
    """Whether a target of that name may do these acts and still play the role."""
    usual: Mapping[Role, frozenset[str]] = {
        "restart": frozenset(("start", "stop")),
        "stop": frozenset(("clean",)),
        "start": frozenset(("restart",)),
        "seed": frozenset(("migrate",)),
        "clean": frozenset(("stop",)),
    }
    # A `build` that prunes is still the project's build: what it may lose is judged from the recipe elsewhere.
    allowed = usual.get(role, frozenset()) | (frozenset(("clean",)) if role in _HARMLESS else frozenset())
    return set(acts) <= allowed


def _serves_after(doing: Doing, role: Role) -> bool:
    """Whether a start of that name migrates first, and then runs what tells nothing of itself (a script, a module)."""
    return role == "start" and doing.mixed and doing.acts <= {"migrate", "restart"}


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-zA-Z0-9]+", name.lower()) if word]


def _named(name: str, role: Role) -> float:
    """6 when the name is the role's word, 4 when it holds it, 0 when it says nothing of it."""
    words = _words(name)
    if _is_other(words, role) or (len(words) > 1 and _ASKS & set(words)):
        return 0
    together = _TOGETHER.get(role)
    if together and together[0] & set(words) and together[1] & set(words):
        return 6
    known = _NAMES[role]
    if len(words) == 1 and words[0] in known:
        return 6 - 0.5 * known.index(words[0])
    best = min((known.index(word) for word in words if word in known), default=-1)
    return 4 - 0.5 * best if best >= 0 else 0


def _is_other(words: list[str], role: Role) -> bool:
    """Names whose first sense is another role's: `test-up`, `run-tests`, `stop-start`."""
    if role in ("start", "build") and {"test", "tests", "migration", "migrations", "migrate", "lint"} & set(words):
        return True
    if role == "build" and {"upgrade", "update", "freeze", "refreeze", "outdated", "bump"} & set(words):
        return True
    return role == "migrate" and bool((_TOGETHER["create"][0] | _DEPENDENCIES) & set(words))


def _fit(doing: Doing, role: Role, wish: Wish) -> float:
    """Fit to runtime and service: a target for another service plays no role of this one."""
    value = 0.0
    if wish.docker is not None and role != "clean":
        value += 3 if doing.docker == wish.docker else -6
    named = doing.services()
    if wish.service and named:
        if wish.service in named:
            value += 2
        elif named & wish.alike and role in ("build", "test", "migrate", "create", "seed", "downgrade"):
            value -= 1
        elif not named <= wish.others or role in ("start", "test", "migrate", "create", "build"):
            value -= 30
    return value
