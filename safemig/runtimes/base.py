"""What every runtime offers. No other module asks which one it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol

from checks.attempts import attempts
from checks.evidence import Evidence, Json
from safemig.postgres.session_settings import SessionSettings, read

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from checks.database.use import Identity
    from checks.service.container import SentRequest
    from safemig.execution.instance import Instance
    from safemig.runtimes.backends import Claim
    from safemig.runtimes.database_owner import ServerPlace, ServiceClients

APPLICATION = "safemig"  # application_name of every session of ours


class RuntimeError_(Exception):
    """Anything that a runtime could not do."""


class Unreachable(RuntimeError_):
    """Engine, container or database gave no answer: ``what``, ``where``, and what to do ``next``."""

    def __init__(self, what: str, where: str, next: str) -> None:
        super().__init__(f"{what} ({where}). {next}")
        self.what, self.where, self.next = what, where, next


def wait_connection(
    connect: Callable[[], AbstractContextManager[psycopg.Connection]], seconds: float, pause: float
) -> str:
    """Tries every ``pause`` seconds to connect; "" once it succeeds, else why it did not when the time was over."""
    import psycopg

    problem = ""
    for _ in attempts(seconds, pause):
        try:
            with connect():
                return ""
        except (Unreachable, psycopg.Error) as error:
            problem = str(error).strip()
    return problem


def settings_of(connect: Callable[[], AbstractContextManager[psycopg.Connection]]) -> SessionSettings:
    """What a session of that connection begins with; nothing where there is none."""
    import psycopg

    try:
        with connect() as connection:
            return read(connection)
    except (Unreachable, psycopg.Error):
        return SessionSettings()


def not_trusted(folder: Path) -> Unreachable:
    """What a look says that would have to run a program of a project which the person has not trusted."""
    what = "not looked: this folder is not trusted, so no program of it or of its containers is run"
    return Unreachable(what, str(folder), "`safemig trust` says what would be run, and asks.")


class Runtime(Protocol):
    """The target: its services, its database, what its commands need and leave behind. Every method blocks, is safe
    to call from any thread, and may raise Unreachable, except where it says otherwise."""

    @property
    def name(self) -> Literal["docker", "process"]:
        """Which runtime it is, for the report."""

    def describe(self) -> Mapping[str, Json]:
        """What is there now: service -> one line, without times. Changes nothing."""

    def available(self) -> str:
        """Why this runtime cannot work here, "" when it can. Never raises."""

    def elsewhere(self) -> str:
        """Why a command here would reach what belongs to another folder, "" where it does not."""

    def environment(self) -> Mapping[str, str]:
        """All variables that commands get: the caller's own, with another PATH. Never raises."""

    def base_url(self) -> str:
        """The service's address as reachable from here, "" when unknown."""

    def look_services(self, requests: Sequence[SentRequest] = ()) -> Evidence:
        """Evidence of kind "container"; ``requests`` are those that we sent to the service. Never raises."""

    def instances(self) -> Mapping[str, Instance]:
        """service -> the container or process that is behind it now; a service that is not there is left out."""

    def connect(self) -> AbstractContextManager[psycopg.Connection]:
        """A session on the application's database: autocommit, connect timeout 5 s."""

    def database(self) -> Mapping[str, Json]:
        """host, port, name, user, version, system_identifier, via (port | relay | direct); never a password."""

    def database_place(self) -> ServerPlace:
        """Where the application's database runs, and whether that is ours."""

    def service_clients(self) -> ServiceClients:
        """How the service's own sessions are told from others, as of now."""

    def service_variables(self) -> Mapping[str, str]:
        """The variables that the service was started with; they hold passwords. {} when they cannot be read."""

    def identify(self, url: str) -> Identity | None:
        """Which database a URL of the service leads to; None when no session can be had there."""

    def secrets(self) -> tuple[str, ...]:
        """Values to redact: what the project's env and compose files hold, and what is known of the database and its
        containers by now. Never raises."""

    def wait_database(self, seconds: float) -> str:
        """Wait until the database accepts connections: "", or why it did not. Never raises."""

    def dump_schema(self) -> str:
        """pg_dump --schema-only --no-owner --no-privileges, without psql's backslash commands."""

    def session_settings(self) -> SessionSettings:
        """What database and role give a session of the application (search_path and others); nothing when it cannot
        be asked."""

    def scratch(self) -> AbstractContextManager[str]:
        """The conninfo of an empty database on a throwaway server like the application's, with its settings."""

    def command_scratch(self) -> AbstractContextManager[str]:
        """As ``scratch``, at an address that the project's own commands reach; Unreachable where there is none."""

    def start_database(self) -> None:
        """process: start PostgreSQL where the URL wants it and nothing listens. docker: nothing."""

    def database_line(self) -> str:
        """The shell line equivalent to ``start_database``; "" when there is nothing to start. Never raises."""

    def stop_database(self) -> bool:
        """process: stop the PostgreSQL that safemig started; its data stays. Whether it ran. docker: nothing."""

    def remove_database(self) -> None:
        """process: stop our PostgreSQL and delete its data. docker: nothing."""

    def follow_line(self) -> str:
        """The shell line that follows the service's log from now on; "" when there is none."""

    def exec_line(self) -> tuple[str, ...]:
        """The argv that runs a program where the service runs, without a terminal; () when that is this machine."""

    def image(self) -> Mapping[str, str]:
        """service -> id of the image that its container runs."""

    def package_version(self, name: str) -> str | None:
        """The version of a distribution where the service runs; None when it is not installed there."""

    def mark_before(self, command: str) -> Mapping[str, Json]:
        """What runs before a command, which its processes name ``command``: for ``claim`` and what follows from it."""

    def claim(
        self, before: Mapping[str, Json], pids: Collection[int], statements: Collection[str] = ()
    ) -> tuple[Claim, ...]:
        """The sessions in PostgreSQL that are proved to be the command's by now. ``pids`` are its processes here;
        ``statements`` is the SQL of the revision that it applies, by which the only session that runs it is told
        where ports are rewritten on the way. A session that is not claimed is not the command's."""

    def leftovers(self, before: Mapping[str, Json], claims: Collection[Claim] = ()) -> tuple[str, ...]:
        """What the command runs in containers, and the claimed sessions that are at work, in words."""

    def end_leftovers(self, before: Mapping[str, Json], claims: Collection[Claim], patience: float) -> tuple[str, ...]:
        """Wait ``patience`` seconds for the leftovers to end, then end them; says what was done, and what else came
        since and was left alone."""
