"""Which database the application uses: where its URL stands, and what it names. Never the password."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from safemig.base.files import head
from safemig.project import alembic_config, compose_yaml
from safemig.project.compose import Compose, Service
from safemig.project.env_files import interpolate, read_env_file
from safemig.shell.makefile import expand, read_makefile

_KEY = re.compile(r"(?:DATABASE|DB|POSTGRES(?:QL)?|PG|SQLALCHEMY|ALEMBIC|DATABASE_URL)_?\w*(?:URL|URI|DSN)", re.I)
_NOT_KEY = re.compile(r"TEST|REDIS|CELERY|MONGO|BROKER|REPLICA|READONLY|READ_ONLY|BULK|SHADOW", re.I)
_POSTGRES = re.compile(r"^(?:postgres|postgresql|cockroachdb|postgis)(?:\+[\w]+)?://", re.I)
_SOURCES = ("config", "settings", "database", "db", "session", "core", "main", "app", "base", "engine", "conf")
HOSTS = ("POSTGRES_HOST", "POSTGRES_SERVER", "DB_HOST", "DATABASE_HOST", "PGHOST", "POSTGRESQL_HOST", "DB_SERVER")
NAMES = ("POSTGRES_DB", "DB_NAME", "DATABASE_NAME", "PGDATABASE", "DB_DATABASE", "POSTGRES_NAME")
USERS = ("POSTGRES_USER", "DB_USER", "DATABASE_USER", "PGUSER", "DB_USERNAME", "POSTGRES_USERNAME")
PASSWORDS = ("POSTGRES_PASSWORD", "DB_PASSWORD", "DATABASE_PASSWORD", "PGPASSWORD", "DB_PASS")
_HERE = ("", "localhost", "127.0.0.1", "::1", "0.0.0.0")
PORTS = ("POSTGRES_PORT", "DB_PORT", "DATABASE_PORT", "PGPORT")


def is_url_key(name: str) -> bool:
    """Whether a variable of that name holds the URL of the application's database, by its name alone."""
    return bool(_KEY.fullmatch(name)) and not _NOT_KEY.search(name)


class UnresolvedReference(ValueError):
    """A reference whose value is not there: ``what`` says which, without any value."""


@dataclass(frozen=True)
class DatabaseRef:
    """The application's database as its URL names it. ``service`` is the compose service of that name ("" when
    none), ``port`` is 5432 where the URL says none. ``reference`` says where the whole URL, password included,
    stands: env:NAME, file:PATH#KEY (PATH relative to the project's root) or compose:SERVICE#KEY."""

    service: str
    host: str
    port: int
    name: str
    user: str
    reference: str
    driver: str = ""


@dataclass(frozen=True)
class Places:
    """Where to look: the project's root, its service folder, and what was read already."""

    root: Path
    folder: Path
    compose: Compose | None
    service: str
    trees: tuple[alembic_config.AlembicTree, ...]
    environ: Mapping[str, str]


def parse_url(url: str, reference: str, compose: Compose | None = None) -> DatabaseRef | None:
    """The URL taken apart without its password; None when it is no PostgreSQL URL."""
    if not _POSTGRES.match(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 5432
    except ValueError:
        return None
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    host = host or query.get("host", "")
    name, user = unquote(parts.path.lstrip("/")), unquote(parts.username or "")
    if not (host or name):
        return None
    driver = parts.scheme.partition("+")[2]
    return DatabaseRef(service_of_host(compose, host), host, port, name, user, reference, driver)


def service_of_host(compose: Compose | None, host: str) -> str:
    """The compose service that is reached under ``host`` in its network, "" when none is."""
    for name, service in (compose.services if compose else {}).items():
        if host and host in (name, service.container_name, *service.hostnames):
            return name
    return ""


def is_here(found: DatabaseRef, host: str) -> bool:
    """Whether its URL leads to ``host``, by the names alone; all names of this machine are one."""
    return found.host == host or (found.host in _HERE and host in _HERE)


def find_database(places: Places) -> DatabaseRef | None:
    """The database that the application uses, from the first of these that names one: the service's environment
    in compose, the ``.env`` files, alembic.ini, the defaults in its settings, the only PostgreSQL service."""
    found = next(_candidates(places), None)
    if found is None or (found.name and found.user):
        return found
    service = places.compose.services.get(found.service) if places.compose else None
    given = service.environment if service else {}
    user = found.user or given.get("POSTGRES_USER") or ""
    return replace(found, user=user, name=found.name or given.get("POSTGRES_DB") or user)


def every_database(places: Places) -> tuple[DatabaseRef, ...]:
    """All that URLs name, in the order of ``find_database``: where they differ, a person has to know."""
    return tuple(each for each in _candidates(places) if "#" in each.reference)


def _candidates(places: Places) -> Iterator[DatabaseRef]:
    compose = places.compose
    service = compose.services.get(places.service) if compose else None
    if service is not None:
        yield from from_environment(service.environment, f"compose:{places.service}#", compose)
    for path in _env_files(places):
        try:
            values = read_env_file(path, places.environ)
        except OSError:
            continue
        yield from from_environment(values, f"file:{_relative(path, places.root)}#", compose)
    for tree in places.trees:
        if tree.url:
            key = "sqlalchemy.url" if tree.section == "alembic" else f"{tree.section}.sqlalchemy.url"
            found = parse_url(tree.url, f"file:{_relative(tree.ini, places.root)}#{key}", compose)
            if found is not None:
                yield found
    yield from _from_sources(places)
    if compose:
        servers = [each for each in compose.services.values() if each.is_postgres]
        if len(servers) == 1:
            yield _from_server(servers[0])


def _env_files(places: Places) -> tuple[Path, ...]:
    folders = [places.folder, *(tree.ini.parent for tree in places.trees)]
    if places.compose:
        folders.append(places.compose.folder)
    return tuple(dict.fromkeys(folder / ".env" for folder in (*folders, places.root)))


def _relative(path: Path, root: Path) -> str:
    real, base = path.resolve(), root.resolve()
    return real.relative_to(base).as_posix() if real.is_relative_to(base) else path.name


def from_environment(
    values: Mapping[str, str | None] | Mapping[str, str], reference: str, compose: Compose | None
) -> Iterator[DatabaseRef]:
    """What variables name, by their names; ``reference`` stands before each key."""
    keys = [key for key in values if _KEY.fullmatch(key) and not _NOT_KEY.search(key)]
    for key in sorted(keys, key=lambda each: (each != "DATABASE_URL", not each.startswith("DATABASE"))):
        found = parse_url(values[key] or "", reference + key, compose)
        if found is not None:
            yield found
    host = _first(values, HOSTS)
    if host:
        port = _first(values, PORTS)
        key = next(key for key in HOSTS if values.get(key))
        yield DatabaseRef(
            service_of_host(compose, host),
            host,
            int(port) if port.isdigit() else 5432,
            _first(values, NAMES),
            _first(values, USERS),
            reference + key,
        )


def _first(values: Mapping[str, str | None] | Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((value for key in keys if (value := values.get(key))), "")


def _from_server(service: Service) -> DatabaseRef:
    given = service.environment
    user = given.get("POSTGRES_USER") or "postgres"
    name = given.get("POSTGRES_DB") or user
    return DatabaseRef(service.name, service.name, 5432, name, user, f"compose:{service.name}")


def _from_sources(places: Places) -> Iterator[DatabaseRef]:
    """URLs that stand as defaults in the application's settings, read with ``ast``."""
    for path in _source_files(places.folder):
        for line, text in _strings(path):
            found = parse_url(text, f"file:{_relative(path, places.root)}#L{line}", places.compose)
            if found is not None and not re.search(r"test", found.name, re.I):
                yield found


def _source_files(folder: Path) -> list[Path]:
    names = [f"{name}.py" for name in _SOURCES]
    paths: list[Path] = []
    for pattern in ("", "*/", "*/*/", "*/*/*/"):
        for name in names:
            # 400 files bound the time in large trees: 0.2 s at most
            if len(paths) < 400:
                paths.extend(folder.glob(pattern + name))
    skip = {"tests", "test", "node_modules", "site-packages", "migrations", "alembic", ".venv", "venv"}
    return [path for path in paths if not skip & set(path.relative_to(folder).parts)]


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    text = head(path)
    if "postgres" not in text:
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _POSTGRES.match(node.value):
            yield node.lineno, node.value


def resolve(reference: str, root: Path, environ: Mapping[str, str], compose: Compose | None = None) -> str:
    """The value that ``reference`` stands for: a secret, to be used where a connection is opened and nowhere kept.

    Raises UnresolvedReference. ``compose:SERVICE`` alone has no URL: the server's own environment gives it."""
    kind, _, rest = reference.partition(":")
    place, _, key = rest.partition("#")
    value: str | None = None
    if kind == "env":
        value = environ.get(rest)
    elif kind == "file":
        value = _in_file(root / place, key, environ)
    elif kind == "compose" and compose is not None and key:
        value = _in_compose(compose, place, key, environ)
    if not value:
        raise UnresolvedReference(f"{reference} has no value: set it, or name another place in safemig.yaml")
    return value


def _in_file(path: Path, key: str, environ: Mapping[str, str]) -> str | None:
    if not path.is_file():
        return None
    if path.suffix == ".py":
        lines = dict(_strings(path))
        return lines.get(int(key[1:])) if key[1:].isdigit() else None
    if path.suffix in (".ini", ".cfg"):
        parser = alembic_config.read_ini(path)
        section, _, name = key.rpartition(".sqlalchemy.url")
        section = section if name == "" and section else "alembic"
        return alembic_config.option(parser, section, key.removeprefix(f"{section}."), path.parent) if parser else None
    if path.suffix == ".toml":
        return _in_toml(path, key)
    if path.suffix == ".mk" or path.name in ("Makefile", "makefile", "GNUmakefile"):
        makefile = read_makefile(path)
        return expand(makefile.variables[key], makefile.variables) if key in makefile.variables else None
    try:
        values = read_env_file(path, environ)
    except OSError:
        return None
    return assembled(values) if key in HOSTS else values.get(key)


def assembled(values: Mapping[str, str]) -> str | None:
    """The URL that variables give in parts (POSTGRES_HOST, POSTGRES_USER…)."""
    parts = [quote(_first(values, keys), safe="") for keys in (USERS, PASSWORDS, HOSTS, PORTS, NAMES)]
    user, password, host, port, name = parts
    return f"postgresql://{user}:{password}@{host}:{port or 5432}/{name}" if host and user else None


def _in_toml(path: Path, key: str) -> str | None:
    import tomllib

    try:
        table = tomllib.loads(head(path)).get("tool", {}).get("alembic", {})
    except tomllib.TOMLDecodeError:
        return None
    value = table.get(key.removeprefix("tool.alembic.")) if isinstance(table, dict) else None
    return value if isinstance(value, str) else None


def _in_compose(compose: Compose, service: str, key: str, environ: Mapping[str, str]) -> str | None:
    """Read anew from the files, since what was kept has no passwords."""
    values = {**read_env_file(compose.folder / ".env", environ), **environ}
    merged: dict[str, dict[str, object]] = {}
    for path in compose.files:
        compose_yaml.merge(merged, compose_yaml.services_of(compose_yaml.load(path, []), path, []))
    body = merged.get(service, {})
    found: dict[str, str] = {}
    for name in compose_yaml.env_files(body.get("env_file")):
        found.update(read_env_file(compose.folder / interpolate(name, values)[0], values))
    for each, value in compose_yaml.pairs(body.get("environment")):
        found[each] = values.get(each, "") if value is None else interpolate(compose_yaml.text(value), values)[0]
    return assembled(found) if key in HOSTS else found.get(key)
