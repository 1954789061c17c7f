"""The docker runtime: the containers of one compose folder, found by their labels."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from checks.evidence import Evidence, Json, now, unseen
from checks.service import container as look_container
from safemig.execution.instance import Instance
from safemig.postgres.session_settings import SessionSettings, give
from safemig.runtimes import backends, docker_clients, docker_database, docker_ownership, exec_sessions
from safemig.runtimes.base import Unreachable, not_trusted, settings_of, wait_connection
from safemig.runtimes.database_owner import ServerPlace, ServiceClients, clients_in
from safemig.runtimes.docker_engine import (
    address,
    asking,
    containers,
    environment,
    of_another_folder,
    of_service,
    open_engine,
    published,
    run_inside,
    words_of,
)
from safemig.runtimes.docker_throwaway import scratch, sweep
from safemig.runtimes.environment import children_environment
from safemig.runtimes.instances import of_containers
from safemig.runtimes.marking import in_front

if TYPE_CHECKING:
    import docker
    import psycopg
    from docker.models.containers import Container

    from checks.database.use import Identity

SECRET = re.compile(r"PASSW|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
WEB_PORTS = (8000, 8080, 80, 5000, 3000)
# $1 is asked for in the interpreters that a service may run with, the nearest first. -I: no module of the project's.
VERSION = """
for python in "$VIRTUAL_ENV/bin/python" .venv/bin/python /app/.venv/bin/python /opt/venv/bin/python python python3; do
  command -v "$python" >/dev/null 2>&1 || continue
  "$python" -I -c 'import sys, importlib.metadata as m; print(m.version(sys.argv[1]))' "$1" 2>/dev/null && exit 0
done
exit 1
"""


@dataclass
class DockerRuntime:
    """``folder`` is the compose project's working folder, ``state`` our .safemig; ``url`` a configured address that
    wins over the engine's report, ``guess`` what is said while no container runs; ``database_name`` and
    ``database_user`` what the application's URL names; ``bridge`` whether recipes need a docker-compose; ``given`` are
    the secrets that the project's files hold. Where the project is not ``trusted``, nothing is run in its containers:
    what is in them was built or chosen by it."""

    folder: Path
    service: str
    database_service: str
    state: Path
    project: str = ""
    url: str = ""
    guess: str = ""
    database_name: str = ""
    database_user: str = ""
    bridge: bool = False
    root: Path | None = None
    given: frozenset[str] = field(default=frozenset(), repr=False)
    trusted: bool = True
    name: Literal["docker", "process"] = "docker"
    _engine: docker.DockerClient | None = field(default=None, repr=False)
    _known: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def describe(self) -> Mapping[str, Json]:
        """service -> "running, healthy, image postgres:15"."""
        return {self._name(each): words_of(each) for each in self._containers()}

    def available(self) -> str:
        """The engine must answer, and a docker command must be there for the recipes."""
        try:
            with asking():
                self._client().ping()
        except Unreachable as error:
            return str(error)
        return "" if shutil.which("docker") or shutil.which("docker-compose") else "there is no docker command"

    def elsewhere(self) -> str:
        """By the folder that the containers of compose's project were made in."""
        return of_another_folder(self._client(), self.project, self.folder) if self.project else ""

    def environment(self) -> Mapping[str, str]:
        """The caller's, PATH with uv and the docker-compose bridge at its end and, in front, the docker that carries a
        command's mark into containers; docker without its hints."""
        extra: list[Path] = []
        if self.bridge:
            from safemig.shell.compose_v1 import shim

            found = shim(self.state / "bin")
            extra.append(found if found.is_dir() else found.parent)
        values = children_environment(os.environ, self.root or self.folder, self.state, extra)
        with contextlib.suppress(OSError):  # then nothing in a container is proved to be the command's
            values["PATH"] = in_front(self.state / "marking", values["PATH"])
        return {**values, "DOCKER_CLI_HINTS": "false"}

    def base_url(self) -> str:
        """The configured address, else the service's published port, else the guess."""
        if self.url:
            return self.url
        found = of_service(self._containers(), self.service)
        ports = published(found) if found is not None and found.status == "running" else {}
        if not ports:
            return self.guess if found is None else ""
        inner = next((port for port in WEB_PORTS if port in ports), min(ports))
        host, port = ports[inner]
        return f"http://{address(self._client(), host)}:{port}"

    def look_services(self, requests: Sequence[look_container.SentRequest] = ()) -> Evidence:
        """By checks.service.container, with the containers' working folder as their label has it."""
        began = now()
        try:
            self._containers()  # learns secrets, so that log lines are redacted
            return look_container.look(
                self._client(), project=self._project(), folder=str(self.folder), requests=requests
            )
        except Unreachable as error:
            return unseen("container", self.project or str(self.folder), "docker ps --all", str(error), began)

    def instances(self) -> Mapping[str, Instance]:
        """By the containers' own records."""
        with asking():
            return of_containers(self._client(), self._containers())

    @contextlib.contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """Through the published port, proved by the system identifier, else relayed through the container."""
        container = self._database()
        with docker_database.session(self._client(), container, self._login(container)) as found:
            yield found[0]

    def database(self) -> Mapping[str, Json]:
        """See Runtime.database."""
        container = self._database()
        login = self._login(container)
        with docker_database.session(self._client(), container, login) as (connection, via, host, port):
            return {
                "host": host,
                "port": port,
                "name": login.name,
                "user": login.user,
                "version": connection.info.server_version // 10000,
                "system_identifier": _one(connection, docker_database.IDENTITY),
                "via": via,
            }

    def database_place(self) -> ServerPlace:
        """It is always a container of this project: the way to it is proved whenever a session is opened."""
        return ServerPlace(True, f"the container {self._database().name} of this project")

    def service_clients(self) -> ServiceClients:
        """The addresses of the service's container."""
        container = of_service(self._containers(), self.service)
        return clients_in(container) if container is not None else ServiceClients()

    def service_variables(self) -> Mapping[str, str]:
        """Those that its container was made with."""
        container = of_service(self._containers(), self.service)
        return environment(container) if container is not None else {}

    def identify(self, url: str) -> Identity | None:
        """Names of the project's network lead to its containers, others are asked for from here."""
        return docker_clients.identify(self._client(), self._containers(), url)

    def secrets(self) -> tuple[str, ...]:
        """Passwords of the containers looked at so far, and what the project's files hold."""
        with self._lock:
            return tuple(sorted(self._known | self.given))

    def wait_database(self, seconds: float) -> str:
        """Tries twice a second; the official image's first start needs several."""
        return wait_connection(self.connect, seconds, 0.5)

    def dump_schema(self) -> str:
        """pg_dump inside the container: it has the server's own version."""
        container = self._database()
        return docker_database.dump(container, self._login(container))

    def session_settings(self) -> SessionSettings:
        """As the application's own role gets them."""
        return settings_of(self.connect)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """A container from the image that the database runs."""
        image = str(self._database().attrs.get("Image", ""))
        with scratch(self._client(), image, self.folder) as conninfo:
            give(self.session_settings(), conninfo)
            yield conninfo

    def command_scratch(self) -> contextlib.AbstractContextManager[str]:
        """None that is known to be the only one that a container of the project reaches."""
        what = "a command in the service's container reaches the database of the project by its name"
        raise Unreachable(what, self.service, "Run it on a copy of the project's own.")

    def start_database(self) -> None:
        """Nothing: the database is a container, started by the project's own command."""

    def database_line(self) -> str:
        """Nothing to start."""
        return ""

    def stop_database(self) -> bool:
        """Nothing: the project's own command stops its containers."""
        return False

    def remove_database(self) -> None:
        """Nothing: the data lies in the project's volume."""

    def follow_line(self) -> str:
        """Compose finds the containers by the project's name, whatever files it was started with."""
        try:
            name = self._project()
        except Unreachable:
            return ""
        quoted = shlex.quote(name)
        return f"docker compose --project-name {quoted} logs --follow --no-color --tail 0" if name else ""

    def exec_line(self) -> tuple[str, ...]:
        """docker exec into the service's container; () when it does not run."""
        try:
            return ("docker", "exec", "-i", str(self._service(self.service).id))
        except Unreachable:
            return ()

    def image(self) -> Mapping[str, str]:
        """service -> sha256 id of the image that its container was made from."""
        return {self._name(each): str(each.attrs.get("Image", "")) for each in self._containers()}

    def package_version(self, name: str) -> str | None:
        """Asked of the interpreters in the service's container."""
        container = self._service(self.service)
        code, out, _ = run_inside(container, ["sh", "-c", VERSION, "sh", name])
        return out.strip() or None if code == 0 else None

    def mark_before(self, command: str) -> Mapping[str, Json]:
        """Execs, one-off containers and backends."""
        import psycopg

        around = exec_sessions.mark(self._client(), self.folder)
        try:
            with self.connect() as connection:
                return {**around, **backends.mark(connection, command)}
        except (Unreachable, psycopg.Error):
            return {**around, **backends.mark(None, command)}

    def claim(
        self, before: Mapping[str, Json], pids: Collection[int], statements: Collection[str] = ()
    ) -> tuple[backends.Claim, ...]:
        """See Runtime.claim; a database that is not there has no sessions."""
        with self._route() as route:
            if route is None:
                return ()
            return backends.claim(
                route.connection,
                before,
                lambda: docker_ownership.held(self._client(), self.folder, before, pids, route),
                statements,
            )

    def leftovers(self, before: Mapping[str, Json], claims: Collection[backends.Claim] = ()) -> tuple[str, ...]:
        """See Runtime.leftovers."""
        with self._route() as route:
            busy = backends.at_work(route.connection, before, claims)[0] if route else ()
        return (*(each.words for each in self._trees(before)), *(each.words for each in busy))

    def end_leftovers(
        self, before: Mapping[str, Json], claims: Collection[backends.Claim], patience: float
    ) -> tuple[str, ...]:
        """Containers first: a client that lives would only run its next statement."""
        done = [f"removed the temporary database {name}" for name in sweep(self._client(), self.folder)]
        known = {each.key: each for each in claims}

        def claim() -> None:
            with contextlib.suppress(Unreachable):
                known.update({each.key: each for each in self.claim(before, ())})

        claim()
        left, told = backends.wait_ended(lambda: self.leftovers(before, known.values()), patience, 0.2)
        done += told
        if left:
            done += docker_ownership.end_inside(self._client(), lambda: self._trees(before), claim)
            with contextlib.suppress(Unreachable), self.connect() as connection:
                done += backends.end(connection, known.values())
        return (*dict.fromkeys(done), *self._not_ours(before, known.values()))

    def _not_ours(self, before: Mapping[str, Json], claims: Collection[backends.Claim]) -> tuple[str, ...]:
        with self._route() as route:
            busy = backends.at_work(route.connection, before, claims)[1] if route else ()
        words = [*exec_sessions.others(self._client(), self.folder, before), *(each.words for each in busy)]
        return backends.left_alone(words)

    def _trees(self, before: Mapping[str, Json]) -> tuple[exec_sessions.Tree, ...]:
        return exec_sessions.ours(self._client(), self.folder, before)

    @contextlib.contextmanager
    def _route(self) -> Iterator[docker_ownership.Route | None]:
        """A session on the database and how it came there; None where no container of it runs."""
        import psycopg

        container = of_service(self._containers(), self.database_service)
        if container is None or container.status != "running":
            yield None
            return
        try:
            with docker_database.session(self._client(), container, self._login(container)) as (connection, via, *_):
                yield docker_ownership.Route(connection, container, via == "port")
        except psycopg.Error as error:
            raise Unreachable(
                f"the database gave no answer: {str(error).strip()[:200]}",
                f"container {container.name}",
                "Look at its log; what a stopped command left there is not known.",
            ) from error

    def _client(self) -> docker.DockerClient:
        with self._lock:
            if self._engine is None:
                self._engine = open_engine()
            return self._engine

    def _containers(self) -> list[Container]:
        found = containers(self._client(), self.folder)
        named = [
            each for each in found if not self.project or each.labels.get("com.docker.compose.project") == self.project
        ]
        for container in named or found:
            values = environment(container)
            self._learn(value for name, value in values.items() if SECRET.search(name) and not name.endswith("_FILE"))
        return named or found

    def _learn(self, values: Iterator[str]) -> None:
        with self._lock:
            self._known.update(value for value in values if value)

    def _project(self) -> str:
        found = self._containers()
        return str(found[0].labels.get("com.docker.compose.project", "")) if found else self.project

    @staticmethod
    def _name(container: Container) -> str:
        return str(container.labels.get("com.docker.compose.service", container.name))

    def _service(self, service: str) -> Container:
        if not self.trusted:
            raise not_trusted(self.folder)
        if not service:
            raise Unreachable(
                "which compose service to look at is not known", str(self.folder),
                "Set service and database.service in safemig.yaml.",
            )  # fmt: skip
        container = of_service(self._containers(), service)
        if container is None or container.status != "running":
            state = "is not there" if container is None else f"is {container.status}"
            raise Unreachable(
                f"the container of service {service} {state}",
                str(self.folder),
                "Start the project, then look again.",
            )
        return container

    def _database(self) -> Container:
        return self._service(self.database_service)

    def _login(self, container: Container) -> docker_database.Login:
        login = docker_database.login_of(container, self.database_name, self.database_user)
        self._learn(iter([login.password]))
        return login


def _one(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    return str(row[0]) if row else ""
