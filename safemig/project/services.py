"""Which compose service is the application, which is its database, and under which URL the application answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from safemig.project.compose import Compose, Service
from safemig.project.env_files import read_env_file
from safemig.shell.makefile import Makefile, expand
from safemig.shell.recipes import Doing

_PORT = re.compile(r"--port[=\s]+[\"']?(\d{2,5})|(?:^|\s)-p[=\s]?(\d{2,5})(?![\d:])")
_BIND = re.compile(
    r"(?:--bind|-b)[=\s]+[\"']?[\w.\[\]:]*:(\d{2,5})|runserver\s+(?:[\w.]+:)?(\d{2,5})|http\.server\s+(\d{2,5})"
)
_DEFAULTS = (("flask", 5000), ("uvicorn", 8000), ("fastapi", 8000), ("gunicorn", 8000), ("hypercorn", 8000))
_WEB = re.compile(r"uvicorn|gunicorn|hypercorn|granian|fastapi|flask|runserver|http\.server|app\.main|main\.py")
_COMMON = (8000, 80, 8080, 5000, 3000, 8888)


def services_of(doings: Iterable[Doing], acts: frozenset[str]) -> tuple[str, ...]:
    """The compose services in which the recipes exec or run those acts, the most named first."""
    count: dict[str, int] = {}
    for doing in doings:
        for each in doing.commands:
            if each.service and each.act in acts:
                count[each.service] = count.get(each.service, 0) + 1
    return tuple(sorted(count, key=lambda name: (-count[name], name)))


def application(compose: Compose, doings: Sequence[Doing], trees: Sequence[Path]) -> tuple[str, tuple[str, ...]]:
    """The application's service and, when nothing decides, the candidates ("" and them).

    Decided by where the recipes run Alembic, then the tests, then by what the services are: built from the
    project, serving HTTP, holding the migrations, depending on the database."""
    for acts in (frozenset(("migrate", "create", "downgrade")), frozenset(("test",)), frozenset(("seed", "other"))):
        named = [name for name in services_of(doings, acts) if name in compose.services]
        named = [name for name in named if not compose.services[name].is_postgres]
        if named and (len(named) == 1 or "other" not in acts):
            return named[0], ()
    databases = {name for name, service in compose.services.items() if service.is_postgres}
    weights = {name: _weight(service, databases, trees) for name, service in compose.services.items()}
    best = max(weights.values(), default=0)
    if best <= 0:
        return "", ()
    names = tuple(name for name, weight in weights.items() if weight == best)
    return (names[0], ()) if len(names) == 1 else ("", names)


def _weight(service: Service, databases: set[str], trees: Sequence[Path]) -> int:
    if service.is_postgres or (service.build is None and not _WEB.search(service.command)):
        return 0
    weight = 0
    if service.build is not None:
        weight += 4
        weight += 4 if any(tree.is_relative_to(service.build.context) for tree in trees) else 0
        nearer = (service.build.context / service.build.dockerfile).parent
        weight += 1 if any(tree.is_relative_to(nearer) for tree in trees) else 0
    weight += 2 if databases & set(service.depends_on) else 0
    weight += 2 if service.ports else 0
    weight += 2 if _WEB.search(service.command) else 0
    weight -= (
        4 if re.search(r"celery|worker|arq|beat|alembic|pytest|prestart|migrat", service.command + service.name) else 0
    )
    weight -= 4 if service.profiles else 0
    return weight if service.build is not None else weight - 1


def alike(compose: Compose, name: str) -> frozenset[str]:
    """The other services that run the same image as ``name``, or are built from the same Dockerfile and folder."""
    app = compose.services.get(name)
    if app is None:
        return frozenset()
    return frozenset(
        other.name
        for other in compose.services.values()
        if other.name != name
        and (_dockerfile(other) == _dockerfile(app) or (app.image != "" and other.image == app.image))
    )


def _dockerfile(service: Service) -> tuple[str, str]:
    """What the service is built from; its own name where it is not built, so that it equals no other."""
    return (str(service.build.context), service.build.dockerfile) if service.build else ("", service.name)


def databases(compose: Compose) -> tuple[str, ...]:
    """The services that are PostgreSQL servers."""
    return tuple(name for name, service in compose.services.items() if service.is_postgres)


def published_url(service: Service) -> str:
    """http://host:port as the compose file publishes it; "" when it publishes none or leaves it to the engine."""
    ports = [port for port in service.ports if port.published]
    if not ports:
        return ""
    told = port_of(service.command)
    ports.sort(key=lambda port: (port.target != told, _COMMON.index(port.target) if port.target in _COMMON else 99))
    host = ports[0].host if ports[0].host not in ("", "0.0.0.0", "::") else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{ports[0].published}"


def port_of(command: str) -> int | None:
    """The port that a server's command line names."""
    for pattern in (_PORT, _BIND):
        match = pattern.search(command)
        if match:
            return int(next(group for group in match.groups() if group))
    return None


def server_port(line: str) -> int | None:
    """The port of a server's command line: the one that it names, else the server's usual one; None of no server."""
    return port_of(line) or next((number for word, number in _DEFAULTS if word in line), None)


def process_url(makefile: Makefile, doing: Doing, environ: Mapping[str, str]) -> str:
    """The URL of a service that the start recipe runs as a process: its --port, else the server's usual one."""
    variables = {**makefile.variables, **_dotenv(makefile.path.parent / ".env", environ)}
    for each in doing.commands:
        if each.act == "start" and not each.docker:
            text = _shell_values(expand(each.text, variables), variables)
            port = server_port(text)
            if port:
                return f"http://127.0.0.1:{port}"
    return ""


def _dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    try:
        return read_env_file(path, environ)
    except OSError:
        return {}


def _shell_values(text: str, values: Mapping[str, str]) -> str:
    """${NAME:-default} and ${NAME} in a script's line, as far as their values are known."""
    text = re.sub(r"\$\{(\w+):?-(\w*)\}", lambda found: values.get(found.group(1)) or found.group(2), text)
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found.group(1), found.group()), text)
