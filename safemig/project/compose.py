"""Reads compose files without docker: services, images, ports, mounts; no secret value is kept."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from safemig.project import compose_yaml as raw
from safemig.project.env_files import interpolate, read_env_file, without_secret
from safemig.project.problem import Problem

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_POSTGRES = re.compile(
    r"^(?:postgres|postgresql|postgis|pgvector|citus|timescaledb(?:-ha)?|paradedb|pg\d*|alloydbomni|postgres-.+|.+-postgres)$"
)
_NOT_POSTGRES = re.compile(r"exporter|backup|pgbouncer|pgadmin|pgpool|operator|bouncer|proxy|meta|rest")


@dataclass(frozen=True)
class Port:
    """One port mapping; ``published`` is None when the engine chooses it or it is not published."""

    target: int
    published: int | None = None
    host: str = ""


@dataclass(frozen=True)
class Volume:
    """One mount; the source of a bind is an absolute path, that of a volume its name ("" when anonymous)."""

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class Build:
    """How an image is built."""

    context: Path
    dockerfile: str = "Dockerfile"
    target: str = ""


@dataclass(frozen=True)
class Service:
    """One service. ``argv`` and ``entrypoint`` are the words that replace the image's CMD and ENTRYPOINT, None where
    the image's own stand. ``environment`` maps every key to its value, None where it may be a secret; URLs stand there
    without their password."""

    name: str
    image: str = ""
    build: Build | None = None
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)
    env_files: tuple[Path, ...] = ()
    depends_on: tuple[str, ...] = ()
    healthcheck: str = ""
    command: str = ""
    argv: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    working_dir: str = ""
    profiles: tuple[str, ...] = ()
    container_name: str = ""
    hostnames: tuple[str, ...] = ()

    @property
    def is_postgres(self) -> bool:
        """Whether this looks like a PostgreSQL server, by its image or by what it is told."""
        name = self.image.split("@")[0].rsplit("/", 1)[-1].split(":")[0].lower()
        if name and (_POSTGRES.match(name) or name in ("postgres", "timescaledb")):
            return not _NOT_POSTGRES.search(name)
        return not _NOT_POSTGRES.search(name) and "pg_isready" in self.healthcheck


@dataclass(frozen=True)
class Compose:
    """The compose files of one project, merged. ``folder`` is what compose takes as working directory."""

    files: tuple[Path, ...]
    folder: Path
    project_name: str
    services: Mapping[str, Service]
    problems: tuple[Problem, ...] = ()


def read_compose(files: Sequence[Path], env: Mapping[str, str], folder: Path | None = None) -> Compose:
    """The services that ``files`` (later ones override) describe. ``env`` comes before the folder's ``.env``.

    Never raises for what the files hold: each trouble becomes a Problem."""
    place = folder or files[0].parent
    problems: list[Problem] = []
    values = {**_dotenv(place / ".env", env, problems), **env}
    merged: dict[str, dict[str, object]] = {}
    name = ""
    for path in files:
        loaded = raw.load(path, problems)
        name = raw.text(loaded.get("name")) or name
        raw.merge(merged, raw.services_of(loaded, path, problems))
    missing: dict[str, None] = {}
    services = {str(each): _service(str(each), body, place, values, missing, problems) for each, body in merged.items()}
    for word in missing:
        if ":" in word:
            problems.append(
                Problem(
                    f"required variable {word.split(':')[0]} has no value",
                    str(files[0]),
                    f"set it in {place / '.env'} or in the environment",
                )
            )
    chosen = interpolate(name, values)[0] or values.get("COMPOSE_PROJECT_NAME", "") or place.resolve().name
    return Compose(tuple(files), place, _project_name(chosen), services, tuple(problems))


def _project_name(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def _dotenv(path: Path, env: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    try:
        return read_env_file(path, env)
    except OSError as error:
        problems.append(Problem(f"cannot be read: {error.strerror}", str(path), "make it readable"))
        return {}


def _service(
    name: str,
    body: Mapping[str, object],
    folder: Path,
    values: Mapping[str, str],
    missing: dict[str, None],
    problems: list[Problem],
) -> Service:
    def text(value: object) -> str:
        shown, absent = interpolate(raw.text(value), values)
        missing.update(dict.fromkeys(absent))
        return shown

    files = tuple(folder / text(each) for each in raw.env_files(body.get("env_file")))
    environment: dict[str, str] = {}
    for path in files:
        if not path.is_file():
            problems.append(Problem(f"service {name} wants an env file that is not there", str(path), "create it"))
        environment.update(_dotenv(path, values, problems))
    for key, value in raw.pairs(body.get("environment")):
        environment[key] = values.get(key, "") if value is None else text(value)
    health = raw.mapping(body.get("healthcheck"))
    return Service(
        name,
        image=text(body.get("image")),
        build=_build(body.get("build"), folder, text),
        ports=tuple(_ports(body.get("ports"), text)),
        volumes=tuple(_volumes(body.get("volumes"), folder, text)),
        environment={key: without_secret(key, value) for key, value in environment.items()},
        env_files=files,
        depends_on=raw.names(body.get("depends_on")),
        healthcheck=" ".join(raw.words(health.get("test"))),
        command=text(" ".join(raw.words(body.get("command")))),
        argv=_argv(body.get("command"), text),
        entrypoint=_argv(body.get("entrypoint"), text),
        working_dir=text(body.get("working_dir")),
        profiles=raw.names(body.get("profiles")),
        container_name=text(body.get("container_name")),
        hostnames=(text(body.get("hostname")), *raw.aliases(body.get("networks"))),
    )


def _argv(value: object, text: raw.Text) -> tuple[str, ...] | None:
    """The words of a command: a string is cut as a shell cuts words, but no shell runs it."""
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(text(each) for each in value)
    try:
        return tuple(shlex.split(text(value)))
    except ValueError:
        return tuple(text(value).split())


def _build(value: object, folder: Path, text: raw.Text) -> Build | None:
    if isinstance(value, str):
        return Build((folder / text(value)).resolve())
    if not isinstance(value, dict):
        return None
    context = text(value.get("context")) or "."
    return Build((folder / context).resolve(), text(value.get("dockerfile")) or "Dockerfile", text(value.get("target")))


def _number(word: str) -> int | None:
    digits = re.split(r"[-/]", word, maxsplit=1)[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else None


def _ports(value: object, text: raw.Text) -> Iterator[Port]:
    for each in raw.items(value):
        if isinstance(each, dict):
            target, published = _number(text(each.get("target"))), _number(text(each.get("published")))
            host = text(each.get("host_ip"))
        else:
            # host may be an IPv6 address in brackets
            parts = re.split(r":(?![^\[]*\])", text(each))
            target = _number(parts[-1])
            published = _number(parts[-2]) if len(parts) > 1 else None
            host = parts[-3].strip("[]") if len(parts) > 2 else ""
        if target is not None:
            yield Port(target, published, host)


def _volumes(value: object, folder: Path, text: raw.Text) -> Iterator[Volume]:
    for each in raw.items(value):
        if isinstance(each, dict):
            source, target, kind = text(each.get("source")), text(each.get("target")), text(each.get("type"))
        else:
            parts = text(each).split(":")
            source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
            kind = "bind" if source.startswith((".", "/", "~")) else "volume"
        if kind == "bind":
            home = Path(source).expanduser() if source.startswith("~") else Path(source)
            source = str((folder / home).resolve())
        if target:
            yield Volume(source, target, kind or "volume")


def container_path(compose: Compose, service: str, path: Path) -> str:
    """Where the host's ``path`` is seen inside the service's container through a bind mount, "" when it is not."""
    found = compose.services.get(service)
    real = path.resolve()
    best = ""
    if found is None:
        return best
    for volume in found.volumes:
        if volume.kind == "bind" and real.is_relative_to(volume.source):
            inside = PurePosixPath(volume.target) / real.relative_to(volume.source).as_posix()
            deeper = (
                other
                for other in found.volumes
                if other is not volume
                and len(PurePosixPath(other.target).parts) > len(PurePosixPath(volume.target).parts)
            )
            if not any(inside.is_relative_to(other.target) for other in deeper):
                best = str(inside)
    return best


def mounted(compose: Compose, service: str, path: Path) -> bool:
    """Whether a file written at the host's ``path`` is seen in the service's container at once (else it is baked
    into the image)."""
    return bool(container_path(compose, service, path))
