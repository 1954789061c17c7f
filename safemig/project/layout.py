"""Puts together what a project is: its folder, Makefile, compose, Alembic, database, roles, and what is unclear."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from safemig.plan_document.vocabulary import Vocabulary, vocabulary
from safemig.project import choice, services, spec_files
from safemig.project import database_url as database
from safemig.project.alembic_config import AlembicTree, find_trees
from safemig.project.compose import Compose
from safemig.project.config_schema import Config
from safemig.project.database_url import DatabaseRef
from safemig.project.derived_commands import Derived, Place, by_compose, by_python
from safemig.project.files import Found, find_files, find_root
from safemig.project.make_roles import Wish, ranked
from safemig.project.problem import Problem, gap, tie
from safemig.project.spec_files import NamedSpec
from safemig.shell.makefile import Makefile
from safemig.shell.recipes import Doing, doing


@dataclass(frozen=True)
class Project:
    """What was found. ``root`` bounds everything; ``folder`` is the service's folder, where its Makefile is, and
    where its commands run. ``roles`` maps a role to a make target, ``lines`` to a shell line where there is no
    Makefile, ``targets`` every role to all targets that could play it, the best first; ``tree`` is the Alembic tree of
    this service (one of ``alembic``), None when there is none or nothing decides. ``url`` is the service's base URL by
    the files ("" unknown: the engine tells). ``specs`` are the files that may be specs, ``named_specs`` the entries of
    the configuration that name them; ``words`` are those by which they are read."""

    root: Path
    folder: Path
    makefile: Makefile | None
    compose: Compose | None
    alembic: tuple[AlembicTree, ...]
    tree: AlembicTree | None
    specs: tuple[Path, ...]
    runtime: Literal["docker", "process"] | None
    service: str
    database_service: str
    url: str
    database: DatabaseRef | None
    roles: Mapping[str, str]
    lines: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    makefiles: tuple[Path, ...] = ()
    compose_files: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = ()
    named_specs: tuple[NamedSpec, ...] = ()
    words: Vocabulary = field(default_factory=vocabulary, repr=False)


def discover(
    start: Path,
    config: Config | None = None,
    *,
    root: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Project:
    """The project that ``start`` lies in. Reads files below its root only, runs nothing.

    ``root`` fixes the root (a copy of the project); else it is the git root, else ``start``, and below it
    ``config.project.folder``. What is missing or tied stands in ``problems``; OSError only when ``start`` itself
    cannot be read."""
    config = config or Config()
    environ = os.environ if environ is None else environ
    start = start.resolve()
    if root is None:
        base = config.file.resolve().parent if config.file else find_root(start)
        root = base / config.project.folder
    root = root.resolve()
    files = find_files(root)
    return _Search(root, start, config, environ, files).project()


@dataclass(frozen=True)
class _Search:
    root: Path
    start: Path
    config: Config
    environ: Mapping[str, str]
    files: Found

    def project(self) -> Project:
        problems = self.unsearched()
        trees = find_trees(self.root, self.files)
        makefile = choice.makefile(self.files, self.start, self.config.project.makefile, trees, problems)
        if makefile:
            folder = makefile.path.parent
        else:
            folder = choice.folder(self.root, self.start, trees, self.files, self.config.project.alembic)
        doings = [doing(makefile, target, self.root) for target in makefile.targets] if makefile else []
        compose = choice.compose(self.files, folder, doings, self.config.project.compose, self.environ, problems)
        tree = choice.tree(trees, folder, self.root, doings, self.config.project.alembic, self.start, problems)
        tree = self.with_version_table(tree) if tree else None
        runtime = self.runtime(doings, compose)
        service = self.service(compose, doings, trees, problems) if runtime != "process" else self.config.service
        tied = any(each.candidates for each in problems)
        targets = self.targets(doings, compose, service, runtime)
        roles = {role: names[0] for role, names in targets.items()}
        inside = compose if runtime != "process" else None
        places = database.Places(self.root, folder, inside, service, (tree,) if tree else trees, self.environ)
        found = self.database(places)
        server = self.database_service(places.compose, found, problems)
        derived = Derived() if makefile or tied else self.derived(folder, compose, service, server, tree, runtime)
        problems.extend(derived.problems)
        named = tuple(spec_files.named(self.root, word) for word in self.config.specs)
        specs = [path for entry in named for path in entry.files]
        project = Project(
            root=self.root,
            folder=folder,
            makefile=makefile,
            compose=compose,
            alembic=trees,
            tree=tree,
            specs=tuple(dict.fromkeys(specs)) if named else spec_files.likely(self.files.markdown, self.root),
            runtime=runtime,
            service=service,
            database_service=server,
            url=self.url(makefile, doings, compose, service, runtime, roles, derived.lines.get("start", "")),
            database=found,
            roles=roles,
            lines=derived.lines,
            targets=targets,
            makefiles=self.files.makefiles,
            compose_files=self.files.compose,
            problems=tuple(problems),
            named_specs=named,
            words=self.config.words,
        )
        problems.extend(missing(project, self.config, database.every_database(places)))
        problems.extend(compose.problems if compose and runtime == "docker" else ())
        return replace(project, problems=tuple(dict.fromkeys(problems)))

    def unsearched(self) -> list[Problem]:
        """That not every folder was searched; empty where each was."""
        if self.files.complete:
            return []
        to_do = "start in the service's folder, or set project.folder in safemig.yaml"
        return [Problem("too many folders to search them all", str(self.root), to_do)]

    def with_version_table(self, tree: AlembicTree) -> AlembicTree:
        """The tree with Alembic's table as the configuration names it; the rest stays as Alembic has it."""
        told = self.config.database
        given = {"version_table": told.version_table, "version_table_schema": told.version_table_schema}
        return replace(
            tree,
            unread=tuple((name, place) for name, place in tree.unread if not given[name]),
            version_table=told.version_table or tree.version_table,
            version_table_schema=told.version_table_schema or tree.version_table_schema,
        )

    def runtime(self, doings: Sequence[Doing], compose: Compose | None) -> Literal["docker", "process"] | None:
        """By configuration, else by how the recipes that matter most reach Alembic, the tests and the server."""
        if self.config.runtime:
            return self.config.runtime
        for acts in (("migrate",), ("create",), ("start", "build"), ("test",)):
            plain = Wish()
            names = {name for act in acts for name in ranked(doings, plain).get(act, ())}  # type: ignore[call-overload]
            able = [each for each in doings if each.target.name in names and set(acts) & each.acts]
            if any(each.docker for each in able) and compose is not None:
                return "docker"
            if able:
                return "process"
        if doings:
            return "process"
        return "docker" if compose is not None and _serves(compose) else "process"

    def derived(
        self,
        folder: Path,
        compose: Compose | None,
        service: str,
        server: str,
        tree: AlembicTree | None,
        runtime: str | None,
    ) -> Derived:
        """The commands where no Makefile has any; none where a tie leaves it open which Makefile it is."""
        place = Place(self.root, folder, tree, frozenset(self.config.commands))
        if runtime == "docker":
            served = compose.services.get(service) if compose else None
            return by_compose(place, compose, served, server) if compose and served else Derived()
        return by_python(place, self.config.url)

    def targets(
        self, doings: Sequence[Doing], compose: Compose | None, service: str, runtime: str | None
    ) -> dict[str, tuple[str, ...]]:
        """Role -> all targets that could play it, the best first."""
        wish = Wish(
            None if runtime is None else runtime == "docker",
            service,
            frozenset(compose.services if compose else ()) - {service},
            services.alike(compose, service) if compose else frozenset(),
        )
        return {str(role): names for role, names in ranked(doings, wish).items()}

    def service(
        self, compose: Compose | None, doings: Sequence[Doing], trees: Sequence[AlembicTree], problems: list[Problem]
    ) -> str:
        if compose is None:
            return self.config.service
        if self.config.service:
            if self.config.service not in compose.services:
                known = tuple(compose.services)
                problems.append(tie(f"there is no service {self.config.service!r}", compose.files[0], "service", known))
            return self.config.service
        name, candidates = services.application(compose, doings, [tree.script_location for tree in trees])
        if candidates:
            problems.append(tie("several services could be the application", compose.files[0], "service", candidates))
        return name

    def database(self, places: database.Places) -> DatabaseRef | None:
        reference = self.config.database.url
        if not reference:
            return database.find_database(places)
        try:
            url = database.resolve(reference, self.root, self.environ, places.compose)
        except (database.UnresolvedReference, OSError):
            return None
        return database.parse_url(url, reference, places.compose)

    def database_service(self, compose: Compose | None, found: DatabaseRef | None, problems: list[Problem]) -> str:
        if self.config.database.service or compose is None:
            return self.config.database.service
        if found is not None and found.service:
            return found.service
        servers = services.databases(compose)
        if len(servers) > 1:
            what = "several services are PostgreSQL servers, and the application's URL names none of them"
            problems.append(tie(what, compose.files[0], "database.service", servers))
        return servers[0] if len(servers) == 1 else ""

    def url(
        self,
        makefile: Makefile | None,
        doings: Sequence[Doing],
        compose: Compose | None,
        service: str,
        runtime: str | None,
        roles: Mapping[str, str],
        line: str,
    ) -> str:
        if self.config.url:
            return self.config.url
        if runtime == "docker":
            found = compose.services.get(service) if compose else None
            return services.published_url(found) if found else ""
        start = next((each for each in doings if each.target.name == roles.get("start")), None)
        port = services.server_port(line)
        if port:
            return f"http://127.0.0.1:{port}"
        return services.process_url(makefile, start, self.environ) if makefile and start else ""


def missing(project: Project, config: Config, urls: Sequence[DatabaseRef]) -> list[Problem]:
    """What the main job needs and discovery did not find."""
    found: list[Problem] = []
    known = config.commands or project.lines
    if project.makefile is None and not known and not any(each.candidates for each in project.problems):
        what = "no Makefile that builds, starts or migrates"
        found.append(gap(what, project.root, "write one, or set commands in safemig.yaml"))
    if not project.alembic:
        to_do = "run `alembic init`, or set project.alembic in safemig.yaml"
        found.append(gap("no Alembic configuration", project.root, to_do))
    if project.compose is None and (project.runtime == "docker" or _composed(project, config)):
        found.append(gap("no compose file", project.root, "set project.compose in safemig.yaml"))
    for tree in project.alembic:
        if not any(folder.is_dir() for folder in tree.versions):
            place = tree.versions[0] if tree.versions else tree.ini
            found.append(gap("the folder of revisions is not there", place, "create it, or correct script_location"))
    return found + _unsure(project, config, urls)


def _serves(compose: Compose) -> bool:
    """Whether any of the services is more than a database: else the application runs as a process beside it."""
    return any(not service.is_postgres for service in compose.services.values())


def _composed(project: Project, config: Config) -> bool:
    """Whether the recipes that the main job runs call compose, and neither configuration nor a tie explains it."""
    if project.makefile is None or config.runtime or project.compose_files:
        return False
    names = {name for role, name in project.roles.items() if role in ("build", "start", "migrate")}
    used = [target for target in project.makefile.targets if target.name in names]
    return any(each.compose for target in used for each in doing(project.makefile, target, project.root).commands)


def _unsure(project: Project, config: Config, urls: Sequence[DatabaseRef]) -> list[Problem]:
    """What the main job can begin without, and a person should know."""
    found: list[Problem] = []
    if project.database is None:
        to_do = "set database.url in safemig.yaml to env:NAME or file:PATH#KEY"
        found.append(Problem("nothing names the application's PostgreSQL database", str(project.root), to_do))
    elif len({_place(each) for each in urls}) > 1 and not config.database.url:
        shown = ", ".join(dict.fromkeys(f"{each.name} on {each.host} ({each.reference})" for each in urls))
        to_do = f"{project.database.reference} is taken; set database.url in safemig.yaml for another"
        found.append(Problem(f"several databases are named: {shown}", str(project.root), to_do))
    for word in project.makefile.unread if project.makefile else ():
        to_do = "name the commands that stand in it in safemig.yaml (commands: ...)"
        where = str(project.makefile.path) if project.makefile else ""
        found.append(Problem(f"include {word!r} was not read: what it comes to is not known here", where, to_do))
    for role in ("build", "start", "migrate") if project.makefile else ():
        if role not in project.roles and role not in config.commands:
            to_do = f"add one, or set commands.{role} in safemig.yaml"
            where = str(project.makefile.path) if project.makefile else ""
            found.append(Problem(f"no make target does {role!r}", where, to_do))
    return found


def _place(found: DatabaseRef) -> tuple[str, str]:
    """Where a URL leads: a compose service and this machine are one place, seen from inside and from outside."""
    here = found.service or found.host in ("", "localhost", "127.0.0.1", "::1", "0.0.0.0")
    return ("" if here else found.host, found.name)
