"""Where a database URL points, taken apart for a connection of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1", "")


@dataclass(frozen=True)
class Target:
    """Where a database URL points. ``password`` never leaves this process."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def local(self) -> bool:
        """Whether it names this machine over TCP."""
        return self.host in LOOPBACK


def target_of(url: str) -> Target:
    """A SQLAlchemy or libpq URL taken apart; ValueError when it is no PostgreSQL URL. Only ssl options are kept."""
    parts = urlsplit(url)
    if not parts.scheme.startswith(("postgres", "postgis")):
        raise ValueError("this is no PostgreSQL URL")
    query = dict(parse_qsl(parts.query))
    user = unquote(parts.username or query.get("user", "postgres"))
    return Target(
        parts.hostname or query.get("host", "127.0.0.1"),
        parts.port or 5432,
        user,
        unquote(parts.password or query.get("password", "")),
        unquote(parts.path.lstrip("/")) or user,
        tuple((name, value) for name, value in query.items() if name.startswith("ssl")),
    )
