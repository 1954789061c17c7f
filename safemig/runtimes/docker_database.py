"""The way to the database in a compose project's container: published port, else a relay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checks.attempts import attempts
from safemig.runtimes.base import APPLICATION, Unreachable
from safemig.runtimes.docker_engine import address, environment, published, run_inside
from safemig.runtimes.relay import relay

if TYPE_CHECKING:
    import docker
    import psycopg
    from docker.models.containers import Container

IDENTITY = "SELECT system_identifier::text FROM pg_control_system()"
CONNECT_SECONDS = 5
# pg_dump would wait for a held table for ever (ms); a throwaway server has neither the tablespaces nor the providers.
NOT_ELSEWHERE = ("--lock-wait-timeout=5000", "--no-tablespaces", "--no-security-labels")


@dataclass(frozen=True)
class Login:
    """How the container's own environment says to log in."""

    user: str
    password: str = field(repr=False)
    name: str
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """For PostgreSQL's own tools."""
        return {"PGPASSWORD": self.password, "PGUSER": self.user, "PGDATABASE": self.name, "PGPORT": str(self.port)}


def login_of(container: Container, name: str, user: str = "") -> Login:
    """User and password that the container was made with; ``name`` is the database that the application's URL names."""
    given = environment(container)

    def value(*keys: str) -> str:
        for key in keys:
            if given.get(key):
                return given[key]
            if given.get(f"{key}_FILE"):  # a compose secret
                code, out, _ = run_inside(container, ["cat", given[f"{key}_FILE"]], user="0")
                if code == 0:
                    return out.rstrip("\n")
        return ""

    login = value("POSTGRES_USER", "POSTGRESQL_USERNAME") or user or "postgres"
    password = value("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
    port = given.get("PGPORT", "5432")
    return Login(
        login,
        password,
        name or value("POSTGRES_DB", "POSTGRESQL_DATABASE") or login,
        int(port) if port.isdigit() else 5432,
    )


def open_session(host: str, port: int, login: Login) -> psycopg.Connection:
    """One session of ours; psycopg.Error when it cannot be had."""
    import psycopg

    return psycopg.connect(
        host=host,
        port=port,
        user=login.user,
        password=login.password,
        dbname=login.name,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name=APPLICATION,
        gssencmode="disable",
    )


def identifier_inside(container: Container, login: Login) -> str:
    """The server's system identifier, asked inside its container; "" when it cannot be asked there."""
    code, out, _ = run_inside(container, ["psql", "-XAtqc", IDENTITY], environment=login.environment)
    return out.strip() if code == 0 else ""


@contextlib.contextmanager
def session(
    engine: docker.DockerClient, container: Container, login: Login
) -> Iterator[tuple[psycopg.Connection, str, str, int]]:
    """A session on the container's server, how it goes (port | relay), host and port. Unreachable when none can be had.

    The published port is used only when the server behind it proves to be the one in the container.
    """
    import psycopg

    direct = _through_port(engine, container, login)
    if direct is not None:
        connection, host, port = direct
        with contextlib.closing(connection):
            yield connection, "port", host, port
        return
    with relay(engine, str(container.id), login.port) as port:
        try:
            connection = open_session("127.0.0.1", port, login)
        except psycopg.Error as error:
            raise Unreachable(
                f"the database {login.name} does not let {login.user} in: {str(error).strip()[:300]}",
                f"container {container.name}",
                "Look at its logs, user and password; where no port is published, the way in needs bash in it.",
            ) from error
        with contextlib.closing(connection):
            yield connection, "relay", str(container.name), login.port


def _through_port(
    engine: docker.DockerClient, container: Container, login: Login
) -> tuple[psycopg.Connection, str, int] | None:
    import psycopg

    outside = published(container).get(login.port)
    if outside is None:
        return None
    host = address(engine, outside[0])
    try:
        connection = open_session(host, outside[1], login)
    except psycopg.Error:
        return None
    try:
        row = connection.execute(IDENTITY).fetchone()
        inside = identifier_inside(container, login)
        if row is not None and inside and row[0] == inside:
            return connection, host, outside[1]
    except (psycopg.Error, Unreachable):
        pass
    connection.close()
    return None


def dump(container: Container, login: Login) -> str:
    """The schema as pg_dump of the server's own version writes it."""
    command = ["pg_dump", "--schema-only", "--no-owner", "--no-privileges", *NOT_ELSEWHERE]
    code, out, err = run_inside(container, command, environment=login.environment)
    if code != 0:
        raise Unreachable(
            f"pg_dump failed: {err.strip()[-300:]}", f"container {container.name}", "Look at the database's log."
        )
    return without_commands(out)


def without_commands(text: str) -> str:
    r"""A plain dump without psql's own commands (\restrict, since 15.14), so that any client can run it."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith(("\\restrict", "\\unrestrict"))
    )


def wait_for(port_host: tuple[str, int], login: Login, seconds: float, alive: Container) -> None:
    """Wait until a fresh server lets us in. Unreachable when its container ends or the time is over."""
    import psycopg

    last = ""
    for _ in attempts(seconds, 0.1):
        try:
            open_session(*port_host, login).close()
            return
        except psycopg.Error as error:
            last = str(error).strip()[:200]
        alive.reload()
        if alive.status not in ("created", "running"):
            last = alive.logs(tail=3).decode("utf-8", "replace").strip()
            break
    raise Unreachable(
        f"a temporary database did not come up: {last}", f"image {alive.attrs.get('Image')}", "Try again."
    )
