"""The variables by which a project's programs are told of a database, set for another server. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from safemig.project.database_url import HOSTS, NAMES, PASSWORDS, PORTS, USERS, is_url_key

# The names that settings of the usual frameworks have.
_USUAL = (
    "DATABASE_URL",
    "DATABASE_URI",
    "DB_URL",
    "POSTGRES_URL",
    "SQLALCHEMY_DATABASE_URL",
    "SQLALCHEMY_DATABASE_URI",
)
_QUOTED = re.compile(r"[\"']([A-Za-z_]\w*)[\"']")


@dataclass(frozen=True)
class Server:
    """Where a database is."""

    host: str
    port: int
    user: str
    password: str
    name: str


def pointing_at(server: Server, given: Mapping[str, str], env: str, driver: str) -> dict[str, str]:
    """The variables with which a program that takes its database from any of them reaches ``server``: those ``given``
    that hold a URL, those that the text of env.py names, the usual ones, parts of an address, and libpq's. A URL keeps
    its driver."""
    names = {name for name in (*given, *_QUOTED.findall(env)) if _holds_url(name)}
    urls = {name: _url(server, given.get(name, ""), driver) for name in (*_USUAL, *sorted(names))}
    parts = {
        **dict.fromkeys(HOSTS, server.host), **dict.fromkeys(PORTS, str(server.port)),
        **dict.fromkeys(USERS, server.user), **dict.fromkeys(PASSWORDS, server.password),
        **dict.fromkeys(NAMES, server.name), "PGPASSWORD": server.password,
    }  # fmt: skip
    return {**parts, **urls}


def _holds_url(name: str) -> bool:
    """Also behind a prefix of the project's own (SHOP_DATABASE_URL)."""
    words = name.split("_")
    return any(is_url_key("_".join(words[at:])) for at in range(len(words)))


def _url(server: Server, value: str, driver: str) -> str:
    scheme = value.partition("://")[0] if "://" in value else f"postgresql+{driver}" if driver else "postgresql"
    where = f"{quote(server.user, safe='')}:{quote(server.password, safe='')}@{server.host}:{server.port}"
    return f"{scheme}://{where}/{quote(server.name, safe='')}"
