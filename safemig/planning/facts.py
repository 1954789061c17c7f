"""Facts: what planning saw of the project and the world, as data that the plan is a pure function of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from checks.database.statement_trace import RevisionTrace
from checks.database.table_size import TableSize
from safemig.base.action import Action, Effect
from safemig.plan_document.document import Source
from safemig.protection.impact import Limits

ApplyingRole = Literal["build", "start", "write", "test"]


@dataclass(frozen=True)
class CalledFact:
    """A file that a command calls: ``path`` from the root, and the sha256 of its content ("" where it cannot be read).
    ``text`` is kept to show what is new once it is another file; ``diff`` is that news, where the run has had it."""

    path: str
    sha256: str
    text: str = field(default="", compare=False)
    diff: str = field(default="", compare=False)


@dataclass(frozen=True)
class CommandFact:
    """How this target does one thing: the shell line, the make target behind it and what its recipe is. ``unknown``: it
    counts as destructive only because what it does could not be told. ``told`` says that safemig.yaml gives the effect.
    ``lines`` are what making the target runs, kept to show what is new once it is another recipe; ``calls`` are the
    scripts, compose files and Dockerfiles that it calls.
    """

    line: str
    target: str = ""
    recipe: str = ""
    effect: Effect = "destructive"
    touches: tuple[str, ...] = ()
    why: str = ""
    asks: int = 0
    unknown: bool = False
    told: str = ""
    lines: tuple[str, ...] = field(default=(), compare=False)
    calls: tuple[CalledFact, ...] = ()


@dataclass(frozen=True)
class HookFact:
    """A post-write hook of Alembic's configuration, and how it is run on a file."""

    name: str
    command: CommandFact


@dataclass(frozen=True)
class MigrationFact:
    """The migration file to be written. ``path`` is relative to the project's root; ``choices`` are the forms taken
    for their locks, each with why; ``beside`` the edits of files that name the current head, ``hooks`` the programs
    that Alembic would run on the file."""

    path: str
    text: str
    revision: str
    down: tuple[str, ...]
    tables: tuple[str, ...]
    diff: str = ""
    choices: tuple[str, ...] = ()
    beside: tuple[Action, ...] = ()
    hooks: tuple[HookFact, ...] = ()


@dataclass(frozen=True)
class RiskFact:
    """Why applying ``revision`` counts as destructive, with file and line; ``final``: there is no way back from it.
    Without ``loses`` nothing is lost, but a person is asked all the same: access, constraints, names, types."""

    revision: str
    text: str
    final: bool = False
    loses: bool = True


@dataclass(frozen=True)
class AppliesFact:
    """A place at which the project applies revisions by itself: when it is built, started, tested, or, where a reloader
    watches (``write``), when a file is written. ``text`` says what runs there; ``file`` is relative to the root.

    Of the kind ``schema`` it applies none, but was seen to change the schema."""

    role: ApplyingRole
    text: str
    file: str = ""
    line: int = 0
    kind: Literal["revisions", "schema"] = "revisions"

    @property
    def where(self) -> str:
        """What runs, with file and line."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.text} ({place})" if place else self.text


@dataclass(frozen=True)
class RevisionFact:
    """A revision file as it was read: ``path`` from the root, the sha256 of its content, and its text.

    ``sql`` are the statements of its upgrade, None before they were told; where they cannot be, ``unread`` says why,
    with file and line.
    ``diff`` is what is new in it since the plan was made.
    """

    revision: str
    path: str
    sha256: str
    text: str = ""
    sql: str | None = None
    unread: str = ""
    diff: str = ""


@dataclass(frozen=True)
class ScriptFact:
    """A file beside the revisions that runs with them (env.py, a module that they import); ``diff`` as above."""

    path: str
    sha256: str
    text: str = ""
    diff: str = ""


@dataclass(frozen=True)
class SpecFact:
    """The chosen phase of the chosen spec, and why this one ("" where it was named). ``items`` are the texts of its
    open items, ``text`` is the file's, and ``asks`` the digest of what the phase asks for beside its items."""

    path: str
    sha256: str
    phase: str
    title: str
    items: tuple[str, ...] = ()
    origin: str = ""
    differences: tuple[str, ...] = ()
    asks_schema: bool = True
    why: str = ""
    beside: tuple[Source, ...] = ()
    text: str = ""
    asks: str = ""


@dataclass(frozen=True)
class NamedFact:
    """A command that an open item names: ``code`` as the item (``text``, on ``line``) writes it.

    ``command`` is how it is run here, or ``query`` the SQL that is asked instead; with neither it is not run, and
    ``why`` says why not. ``tool`` decides which exit codes speak of the item; ``before``: it is run before the change
    too."""

    code: str
    line: int
    text: str
    tool: str = ""
    command: CommandFact | None = None
    query: str = ""
    why: str = ""
    before: bool = True

    @property
    def runs(self) -> bool:
        """Whether it is run at all."""
        return self.command is not None or bool(self.query)


@dataclass(frozen=True)
class RemarkFact:
    """What squawk says of a statement that touches ``tables`` in use: ``rule``, ``text`` and what to do instead."""

    revision: str
    path: str
    line: int
    rule: str
    text: str
    help: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class ImpactFact:
    """What the revisions do, run on a throwaway server, how large the live tables are, and what squawk says of the SQL;
    ``untraced`` says why that could not be told."""

    traces: tuple[RevisionTrace, ...] = ()
    sizes: tuple[TableSize, ...] = ()
    limits: Limits = field(default_factory=Limits)
    untraced: str = ""
    remarks: tuple[RemarkFact, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything the planner may use. ``current`` and ``pending`` are None when they could not be read. With ``merge``,
    a merge of the code's heads that is to be written first, ``heads`` and ``pending`` are those that it leads to.
    ``in_use``: the database has tables beside Alembic's.
    ``rehearsal`` runs the migration up, down and up where env.py does more than Alembic's own.
    ``risks`` are those of the revisions to be applied, ``files`` their files (of all revisions, without text and SQL,
    where it is not known which are pending), ``scripts`` what runs with them.
    ``used`` are pending revisions that make already what the spec asks for. ``models`` are the edits of a phase about
    models, ``models_check`` the line that imports them, ``models_tables`` the tables of the new ones. ``named`` are the
    commands that the phase's open items name. ``adopted`` are tables that the phase asks for and that are there
    although no revision makes them: ``migration`` leaves them. ``undone`` are statements on rows that nothing writes.
    ``applies`` are the places at which the project applies revisions by itself, ``start_unread`` whether more may do
    so at a start that could not be read; ``database_alone`` starts the database and nothing else, ``database_stop``
    stops it; ``service_stop`` stops what the start command starts, for where no command is known that does.

    ``impact`` is None where nothing was traced: no table is in use, or the database did not answer.

    ``missing`` keeps a run from its end, ``stops`` (a part of it) from its beginning. ``unchosen`` says why no phase of
    a spec was chosen, then which phases there are; ``left_open`` are open items that ask for a migration then, in
    phases that say in no code, table or model what it makes.
    """

    target: str
    runtime: str
    folder: str
    service: str
    database: str
    commands: Mapping[str, CommandFact] = field(default_factory=dict)
    test_target: Action | None = None
    test_command: CommandFact | None = None
    start_database: str = ""
    database_calls: tuple[CalledFact, ...] = ()
    current: tuple[str, ...] | None = None
    pending: tuple[str, ...] | None = None
    heads: tuple[str, ...] = ()
    revisions: int = 0
    pattern: str = ""
    running: tuple[str, ...] = ()
    spec: SpecFact | None = None
    unchosen: tuple[str, ...] = ()
    left_open: tuple[str, ...] = ()
    migration: MigrationFact | None = None
    merge: MigrationFact | None = None
    rehearsal: CommandFact | None = None
    used: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    in_use: bool = False
    undone: tuple[str, ...] = ()
    risks: tuple[RiskFact, ...] = ()
    files: tuple[RevisionFact, ...] = ()
    scripts: tuple[ScriptFact, ...] = ()
    models: tuple[Action, ...] = ()
    models_check: CommandFact | None = None
    models_tables: tuple[str, ...] = ()
    named: tuple[NamedFact, ...] = ()
    applies: tuple[AppliesFact, ...] = ()
    start_unread: bool = False
    database_alone: str = ""
    database_stop: str = ""
    service_stop: str = ""
    reachable_source: bool = True
    bridge: bool = False
    missing: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    message: str = ""
    impact: ImpactFact | None = None


@dataclass(frozen=True)
class Finding:
    """What an outcome calls for, or an open point settled: one more input of the planner.

    ``database``: current, pending, in_use; ``step`` where that is the look before the start. ``generated``: the
    revisions that the project's own command wrote, and what of their drops is ``foreign``. ``uncompared``: the step of
    which nothing tells what it makes of the schema. ``remedy``: cause, actions (the edits, in order), packages, and
    ``install`` where no build of the project installs them. ``edited``: step, and the action that the person made of
    it. ``recipe``: the ``commands`` as they are now, by role, and as actions, each with its role as text and what is
    new in it as diff. ``there``:
    everything that the phase asks for is there. ``spec``: step, and the ``spec`` as it is
    now. ``moved``: step, the edit of its file as it is now, and what
    is ``new`` in that. ``contents``: files and scripts that are not as they were planned.
    ``impact``: what these revisions do to the tables in use, found once the database answered.
    Where revisions were read again (also with ``database`` and ``edited``): files, scripts, and the risks
    of these files.
    """

    name: str
    cause: str
    current: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    packages: tuple[str, ...] = ()
    install: CommandFact | None = None
    step: str = ""
    files: tuple[RevisionFact, ...] = ()
    scripts: tuple[ScriptFact, ...] = ()
    risks: tuple[RiskFact, ...] = ()
    in_use: bool = False
    foreign: tuple[RiskFact, ...] = ()
    revisions: tuple[str, ...] = ()
    new: str = ""
    impact: ImpactFact | None = None
    spec: SpecFact | None = None
    commands: Mapping[str, CommandFact] = field(default_factory=dict)
