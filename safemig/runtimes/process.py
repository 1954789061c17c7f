"""The process runtime: the service as a local process, PostgreSQL from binaries with a life cycle of our own."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from checks.database.use import Identity, identity
from checks.evidence import Evidence, Json
from checks.service import container as look_container
from safemig.execution.instance import Instance
from safemig.execution.port_owner import listener, listens, log_of, started
from safemig.execution.service_output import output_of
from safemig.postgres import server as postgres
from safemig.postgres.session_settings import SessionSettings, give
from safemig.runtimes import backends, database_container, database_owner, own_server, process_ownership
from safemig.runtimes.base import APPLICATION, Unreachable, settings_of, wait_connection
from safemig.runtimes.connection_target import Target, target_of
from safemig.runtimes.docker_clients import published_here
from safemig.runtimes.docker_database import CONNECT_SECONDS, IDENTITY, NOT_ELSEWHERE, without_commands
from safemig.runtimes.environment import children_environment
from safemig.runtimes.instances import of_process

if TYPE_CHECKING:
    import psutil
    import psycopg

    from safemig.runtimes.database_owner import ServerPlace, ServiceClients

FAMILY_SECONDS = 1.0


@dataclass
class ProcessRuntime:
    """``folder`` is the service's folder, ``state`` our .safemig, ``url`` the service's address.

    ``database_url`` resolves the reference to the application's URL whenever a connection is opened; ``binaries`` is
    a configured bin folder, ``given`` are the secrets that the project's files hold.
    """

    folder: Path
    service: str
    state: Path
    url: str
    database_url: Callable[[], str] = field(repr=False)
    root: Path | None = None
    binaries: Path | None = None
    given: frozenset[str] = field(default=frozenset(), repr=False)
    container: str = ""
    name: Literal["docker", "process"] = "process"
    _known: set[str] = field(default_factory=set, repr=False)
    _listener: psutil.Process | None = field(default=None, repr=False)
    _counted: tuple[float, list[psutil.Process]] = field(default=(0.0, []), repr=False)

    def describe(self) -> Mapping[str, Json]:
        """The service and, when the URL can be read, the database: running or not."""
        found: dict[str, Json] = {self.service or "service": "running" if self._process() else "not running"}
        with contextlib.suppress(Unreachable):
            target = self._target()
            state = "running" if listens(target.host, target.port) else "not running"
            found["PostgreSQL"] = f"{state}, {target.host}:{target.port}"
        return found

    def available(self) -> str:
        """PostgreSQL binaries are needed, unless a server listens already."""
        try:
            postgres.find_binaries(None, self.binaries)
        except postgres.PostgresError as error:
            return str(error)
        return ""

    def elsewhere(self) -> str:
        """Processes are their folder's own."""
        return ""

    def environment(self) -> Mapping[str, str]:
        """The caller's, with PATH without our own environment and with uv at its end."""
        return children_environment(os.environ, self.root or self.folder, self.state)

    def base_url(self) -> str:
        """As configured or discovered."""
        return self.url

    def look_services(self, requests: Sequence[look_container.SentRequest] = ()) -> Evidence:
        """The process that listens on the service's port, and the file that its output goes to."""
        process, name = self._process(), self.service or "service"
        if process is None:
            return look_container.look_process(name, None, started="", log=None)
        log = output_of(process, self.state / "runs")
        return look_container.look_process(name, process.pid, started=started(process), log=log, requests=requests)

    def instances(self) -> Mapping[str, Instance]:
        """The process that listens on the service's port."""
        process = self._process()
        return {self.service or "service": of_process(process, started(process))} if process else {}

    @contextlib.contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A session on the database that the URL names."""
        with contextlib.closing(self._open()) as connection:
            yield connection

    def database(self) -> Mapping[str, Json]:
        """See Runtime.database."""
        target = self._target()
        with self.connect() as connection:
            row = connection.execute(IDENTITY).fetchone()
            return {
                "host": target.host,
                "port": target.port,
                "name": target.name,
                "user": target.user,
                "version": connection.info.server_version // 10000,
                "system_identifier": str(row[0]) if row else "",
                "via": "direct",
            }

    def database_place(self) -> ServerPlace:
        """By the server's own process, else by the containers of this project that publish the port."""
        target = self._target()
        where = f"{target.host}:{target.port}"
        with self.connect() as connection:
            if database_owner.runs_here(connection):
                return database_owner.ServerPlace(True, f"a PostgreSQL process of this machine, {where}")
            server = identity(connection).system_identifier
        if target.local and published_here(self.root or self.folder, target.port, server):
            return database_owner.ServerPlace(True, f"a container of this project, {where}")
        return database_owner.ServerPlace(False, f"{where}, where no PostgreSQL process of this machine answers")

    def service_clients(self) -> ServiceClients:
        """The sockets of the process that listens on the service's port, and of its children, who are counted anew
        after a second: that reads all of /proc."""
        moment = time.monotonic()
        if moment - self._counted[0] > FAMILY_SECONDS:
            self._counted = (moment, database_owner.family_of(self._process()))
        return database_owner.clients_of(self._counted[1])

    def service_variables(self) -> Mapping[str, str]:
        """Those of the process that listens."""
        import psutil

        with contextlib.suppress(psutil.Error, OSError):
            return process.environ() if (process := self._process()) else {}
        return {}

    def identify(self, url: str) -> Identity | None:
        """By a session of our own."""
        import psycopg

        with contextlib.suppress(psycopg.Error, ValueError, Unreachable), self._session(target_of(url)) as connection:
            return identity(connection)
        return None

    def secrets(self) -> tuple[str, ...]:
        """The password in the application's URL, and what the project's files hold."""
        if not self._known:  # then it is kept: this is asked for each line that is written
            with contextlib.suppress(Unreachable):
                self._target()
        return tuple(self._known | self.given)

    def wait_database(self, seconds: float) -> str:
        """Tries every 0.2 s."""
        return wait_connection(self.connect, seconds, 0.2)

    def dump_schema(self) -> str:
        """pg_dump of the server's major, or a newer one."""
        target, major = self._target(), self._major()
        command = [
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            *NOT_ELSEWHERE,
            "-h",
            target.host,
            "-p",
            str(target.port),
        ]
        program = own_server.pg_dump(postgres.find_binaries(major, self.binaries))
        done = subprocess.run(
            [str(program), *command, "-U", target.user, "-d", target.name],
            env={**os.environ, "PGPASSWORD": target.password, "PGAPPNAME": APPLICATION},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Unreachable(
                f"pg_dump failed: {done.stderr.strip()[-300:]}",
                f"{target.host}:{target.port}/{target.name}",
                f"pg_dump must be of major {major} or newer, and no table may be held.",
            )
        return without_commands(done.stdout)

    def session_settings(self) -> SessionSettings:
        """As the application's own role gets them."""
        return settings_of(self.connect)

    def scratch(self) -> AbstractContextManager[str]:
        """A throwaway server, of the database's own major where this machine has one."""
        return self._throwaway(0)

    def command_scratch(self) -> AbstractContextManager[str]:
        """On a port of this machine's loopback, where commands that run as processes look for databases."""
        return self._throwaway(postgres.free_port())

    @contextlib.contextmanager
    def _throwaway(self, port: int) -> Iterator[str]:
        try:
            use = postgres.find_binaries(self._major(), self.binaries)
            with postgres.throwaway(use, database="scratch", port=port) as conninfo:
                give(self.session_settings(), conninfo)
                yield conninfo
        except postgres.PostgresError as error:
            raise Unreachable(error.what, error.where, error.next) from error

    def start_database(self) -> None:
        """Initialise and start our own server on the URL's port, with the URL's user, password and database."""
        target = self._target()
        server = self._server(target)
        if server.pid() is None and listens(target.host, target.port):
            return
        if self.container:
            database_container.start(self.container, self.folder, self.environment())
            return
        try:
            if not server.exists():
                server.initialise(target.user, target.password)
            server.start()
            own_server.create(server, target)
        except (postgres.PostgresError, OSError) as error:
            raise Unreachable(str(error), str(server.data), "Free the port, or start the database yourself.") from error

    def stop_database(self) -> bool:
        """Stop our own server, if it runs; another one on that port is left alone."""
        server = self._server(self._target())
        ran = server.pid() is not None
        server.stop()
        return ran

    def remove_database(self) -> None:
        """Stop our own server and delete its data (a demo that is not kept)."""
        import shutil

        server = self._server(self._target())
        server.stop()
        if server.exists():
            shutil.rmtree(server.data)
        server.log.unlink(missing_ok=True)

    def database_line(self) -> str:
        """What a person would type to start the same server; "" when another server listens there, or elsewhere."""
        try:
            target = self._target()
            server = self._server(target)
            if not target.local or server.pid() is not None or listens(target.host, target.port):
                return ""
        except (Unreachable, postgres.PostgresError):
            return ""
        if self.container:
            return self.container
        words = ["pg_ctl", "-D", str(server.data), "-o", f"-p {target.port} -h 127.0.0.1", "-w", "start"]
        return shlex.join(words)

    def follow_line(self) -> str:
        """The file that the service's process writes to, by name: a restart makes a new one."""
        process = self._process()
        log = log_of(process) if process else None
        return f"tail -n 0 -F {shlex.quote(str(log))}" if log else ""

    def exec_line(self) -> tuple[str, ...]:
        """Nothing leads to this machine."""
        return ()

    def image(self) -> Mapping[str, str]:
        """Processes have none."""
        return {}

    def package_version(self, name: str) -> str | None:
        """Read from the metadata in the project's environment; nothing of it is executed."""
        from importlib.metadata import distributions

        folders = [self.folder, *([self.root] if self.root else [])]
        for base in folders:
            found = [str(path) for path in (base / ".venv").glob("lib/python3*/site-packages")]
            found += [str(path) for path in (base / ".venv").glob("Lib/site-packages")]
            for each in distributions(name=name, path=found) if found else ():
                return each.version
        return None

    def mark_before(self, command: str) -> Mapping[str, Json]:
        """The backends; the local processes are known by their command."""
        try:
            with self.connect() as connection:
                return backends.mark(connection, command)
        except Unreachable:
            return backends.mark(None, command)

    def claim(
        self,
        before: Mapping[str, Json],
        pids: Collection[int],
        statements: Collection[str] = (),  # noqa: ARG002 - the way is straight, or nothing is proved
    ) -> tuple[backends.Claim, ...]:
        """See Runtime.claim; with no server there is none."""
        if not self._serves():
            return ()
        with self.connect() as connection:
            return process_ownership.claim(connection, before, pids)

    def leftovers(self, before: Mapping[str, Json], claims: Collection[backends.Claim] = ()) -> tuple[str, ...]:
        """Backends only; with no server there is none."""
        if not self._serves():
            return ()
        with self.connect() as connection:
            return tuple(each.words for each in backends.at_work(connection, before, claims)[0])

    def end_leftovers(
        self, before: Mapping[str, Json], claims: Collection[backends.Claim], patience: float
    ) -> tuple[str, ...]:
        """See Runtime.end_leftovers."""
        if not self._serves():
            return ()
        with self.connect() as connection:
            return process_ownership.end_leftovers(connection, before, claims, patience)

    def _serves(self) -> bool:
        target = self._target()
        return not target.local or listens(target.host, target.port)

    def _target(self) -> Target:
        try:
            target = target_of(self.database_url())
            self._known.update({target.password} - {""})
            return target
        except ValueError as error:
            raise Unreachable(
                f"the database's URL is not known: {error}", "the configuration", "Name it in safemig.yaml."
            ) from error

    def _server(self, target: Target) -> postgres.Server:
        data = postgres.data_folder(self.state)
        return postgres.Server(self._binaries_for(data), data, target.port)

    def _binaries_for(self, data: Path) -> postgres.Binaries:
        """Existing data need the major that made them."""
        with contextlib.suppress(OSError, ValueError):
            return postgres.find_binaries(int((data / "PG_VERSION").read_text()), self.binaries)
        return postgres.find_binaries(None, self.binaries)

    def _major(self) -> int:
        with self.connect() as connection:
            return connection.info.server_version // 10000

    def _open(self) -> psycopg.Connection:
        return self._session(self._target())

    @staticmethod
    def _session(target: Target) -> psycopg.Connection:
        import psycopg

        try:
            return psycopg.connect(
                host=target.host,
                port=target.port,
                user=target.user,
                password=target.password,
                dbname=target.name,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name=APPLICATION,
                gssencmode="disable",
                **dict(target.options),  # type: ignore[arg-type]
            )
        except psycopg.Error as error:
            raise Unreachable(
                f"the database gave no session: {str(error).strip()[:300]}",
                f"{target.host}:{target.port}/{target.name}",
                "Start the database, or set right the URL.",
            ) from error

    def _process(self) -> psutil.Process | None:
        """The first process that listens on the service's port; a reloader's children share its socket."""
        parts = urlsplit(self.url)
        port = parts.port or (80 if self.url else 0)
        self._listener = listener(port, self._listener) if port else None
        return self._listener
