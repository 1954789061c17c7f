"""What safemig.yaml can say, as frozen data with the defaults that hold without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from checks.evidence import Json
from safemig.base.action import Effect
from safemig.plan_document.vocabulary import Vocabulary, vocabulary

ROLES = (
    "build", "start", "stop", "restart", "logs", "test", "migrate", "current", "create", "seed", "downgrade", "clean",
)  # fmt: skip
# Seconds. `healthy` is how long a started service may take to answer, `database` PostgreSQL, `endpoint` one request.
TIMEOUTS: Mapping[str, float] = MappingProxyType(
    {
        "build": 1800.0,
        "start": 300.0,
        "stop": 120.0,
        "restart": 300.0,
        "logs": 60.0,
        "test": 1800.0,
        "migrate": 1800.0,
        "current": 120.0,
        "create": 600.0,
        "seed": 600.0,
        "downgrade": 1800.0,
        "clean": 600.0,
        "default": 600.0,
        "endpoint": 5.0,
        "healthy": 120.0,
        "database": 120.0,
    }
)


class ConfigError(ValueError):
    """A mistake in safemig.yaml: ``file``, ``line`` (1-based, 0 when it concerns the whole file), ``message``. Further
    mistakes of the file stand behind it, a line each."""

    def __init__(self, file: Path, line: int, message: str, others: Sequence[ConfigError] = ()) -> None:
        own = f"{file}:{line}: {message}" if line else f"{file}: {message}"
        super().__init__("\n".join([own, *map(str, others)]))
        self.file = file
        self.line = line
        self.message = message


@dataclass(frozen=True)
class ProjectConfig:
    """Where the project lies. Paths are relative to safemig.yaml's folder (``folder``, ``copy``) or to the
    project's root (the others); "" and () leave the choice to discovery. With ``copy``, `run` works on a copy of
    ``folder`` there."""

    folder: str = ""
    copy: str = ""
    makefile: str = ""
    compose: tuple[str, ...] = ()
    alembic: str = ""


@dataclass(frozen=True)
class DatabaseConfig:
    """``url`` is a reference (env:NAME, file:PATH#KEY, compose:SERVICE#KEY), never the URL with its password.
    ``confirm`` is the database's name, as the person's word that it may be migrated although it is not of this machine
    or project, and that commands and service use it where that cannot be proved."""

    service: str = ""
    url: str = ""
    version_table: str = ""
    version_table_schema: str = ""
    binaries: str = ""
    confirm: str = ""


@dataclass(frozen=True)
class EndpointConfig:
    """One request and what its answer must hold; ``status`` None means any 2xx, ``seconds`` 0 the timeout
    ``endpoint``. Header values may be references (env:NAME)."""

    path: str
    method: str = "GET"
    status: int | None = None
    media: str = ""
    json: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class ScriptConfig:
    """One check by python3: a script of the project (``file``, relative to its root) or a snippet (``code``);
    exit code 0 is good."""

    name: str
    file: str = ""
    code: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class PermissionConfig:
    """Rules as text, such as "make migrate" or "docker compose *"; deny comes before ask before allow."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True)
class MigrationConfig:
    """``gentle``: operations on tables in use are written in the form that holds locks least. ``uncompared``: whether a
    revision of which nothing tells beforehand what it makes of the schema is asked about, or accepted. ``autocommit``:
    whether env.py lets an autocommit block work, None where its own lines are to tell. ``rehearse``: the new revision
    is run by env.py on a throwaway server first where env.py does more than Alembic's own."""

    gentle: bool = True
    autocommit: bool | None = None
    rehearse: bool = True
    uncompared: str = "ask"


@dataclass(frozen=True)
class ProtectionConfig:
    """What users may feel of a change, in seconds: ``victim_budget`` how long any session may wait behind one that
    itself waits, ``session_budget`` all of them together (0: not counted), ``deadline`` for how long a change that gave
    way is tried again. ``over_budget``: whether a longer wait is told, or fails the run. A table of ``large_bytes``
    with its indexes, or of ``large_rows``, is large: a person is asked before others have to wait for it.
    ``quiet_window``: for how many seconds the tables may be waited for until nobody holds them (0: not at all)."""

    victim_budget: float = 0.1
    session_budget: float = 0.0
    deadline: float = 60.0
    over_budget: Literal["warn", "fail"] = "warn"
    large_bytes: float = 100e6
    large_rows: float = 1e6
    quiet_window: float = 0.0


@dataclass(frozen=True)
class SuiteConfig:
    """``red_baseline``: whether tests that are red before the change are asked about, or gone over."""

    red_baseline: Literal["ask", "accept"] = "ask"


@dataclass(frozen=True)
class TickConfig:
    """``proposed``: items that are only proposed are ticked unasked too; ``words`` are further plain words."""

    proposed: bool = False
    words: tuple[str, ...] = ()


OwnWords = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Config:
    """safemig.yaml as read, or the defaults. ``file`` is None when there is none; ``effects`` are those that the person
    gives to commands, by role; ``settle`` is how many seconds after the change the service is looked at again;
    ``vocabulary`` has the project's words by their names ("header.column") in the vocabulary of specs."""

    file: Path | None = None
    project: ProjectConfig = ProjectConfig()
    runtime: Literal["", "docker", "process"] = ""
    commands: Mapping[str, str] = field(default_factory=dict)
    effects: Mapping[str, Effect] = field(default_factory=dict)
    service: str = ""
    database: DatabaseConfig = DatabaseConfig()
    url: str = ""
    health: str = ""
    endpoints: tuple[EndpointConfig, ...] = ()
    scripts: tuple[ScriptConfig, ...] = ()
    timeouts: Mapping[str, float] = field(default_factory=lambda: TIMEOUTS)
    permissions: PermissionConfig = PermissionConfig()
    specs: tuple[str, ...] = ()
    migration: MigrationConfig = MigrationConfig()
    protection: ProtectionConfig = ProtectionConfig()
    tests: SuiteConfig = SuiteConfig()
    ticks: TickConfig = TickConfig()
    vocabulary: OwnWords = ()
    environment: str = "development"
    settle: float = 10.0

    def timeout(self, role: str) -> float:
        """Seconds for a role, for `endpoint` or for `healthy`."""
        return self.timeouts.get(role, self.timeouts["default"])

    @property
    def words(self) -> Vocabulary:
        """The words by which specs are read: safemig's and the project's own."""
        return vocabulary(self.vocabulary)
