"""Reads safemig.yaml: unknown and ill-typed keys are refused with file, line and the nearest right name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from safemig.base.action import EFFECTS, Effect
from safemig.base.files import content
from safemig.base.words import is_word
from safemig.plan_document.vocabulary import vocabulary
from safemig.project.config_node import Node, kind_of, read_key
from safemig.project.config_schema import (
    ROLES,
    TIMEOUTS,
    Config,
    ConfigError,
    DatabaseConfig,
    EndpointConfig,
    MigrationConfig,
    OwnWords,
    PermissionConfig,
    ProjectConfig,
    ProtectionConfig,
    ScriptConfig,
    SuiteConfig,
    TickConfig,
)
from safemig.project.config_template import template

__all__ = ["FILE", "Config", "ConfigError", "load", "parse", "template"]

FILE = "safemig.yaml"
_SIZE = 1_000_000
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_DAY = 86_400.0
_HUGE = 1e15  # bytes, or rows


def load(root: Path) -> Config:
    """The configuration in ``root`` (or at ``root`` when it is the file), the defaults when there is none.

    Raises ConfigError with file, line and what to write instead."""
    path = root if root.is_file() else root / FILE
    if not path.exists():
        return Config()
    try:
        text = content(path, _SIZE).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, 0, f"cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    return parse(text, path)


def parse(text: str, path: Path = Path(FILE)) -> Config:
    """``text`` read as safemig.yaml. Raises ConfigError with every mistake, in the order of their lines."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or "it cannot be read"
        raise ConfigError(path, mark.line + 1 if mark else 0, f"this is not valid YAML: {said}") from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(path, 0, "this is not valid YAML: nested too deeply or not text") from error
    if node is None:
        return Config(path)
    top = Node(path, "", node)
    config = top.read(_Reader(path).config, Config(path))
    if mistakes := sorted(top.mistakes, key=lambda error: error.line):
        first, *others = mistakes
        raise ConfigError(first.file, first.line, first.message, others)
    return config


@dataclass(frozen=True)
class _Reader:
    path: Path

    def config(self, top: Node) -> Config:
        known = tuple(name for name in Config.__dataclass_fields__ if name not in ("file", "effects", "scripts"))
        keys = top.keys(known)
        endpoints, scripts = self.endpoints(keys.get("endpoints"))
        none: dict[str, tuple[str, Effect | None]] = {}
        commands = read_key(keys, "commands", self.commands, none)
        runtime = read_key(keys, "runtime", lambda value: value.one_of(("docker", "process")), "")
        return Config(
            file=self.path,
            project=read_key(keys, "project", self.project, ProjectConfig()),
            runtime="docker" if runtime == "docker" else "process" if runtime == "process" else "",
            commands={role: line for role, (line, _) in commands.items()},
            effects={role: effect for role, (_, effect) in commands.items() if effect},
            service=read_key(keys, "service", Node.text, ""),
            database=read_key(keys, "database", self.database, DatabaseConfig()),
            url=read_key(keys, "url", _url, ""),
            health=read_key(keys, "health", _route, ""),
            endpoints=endpoints,
            scripts=scripts,
            timeouts=read_key(keys, "timeouts", self.timeouts, TIMEOUTS),
            permissions=read_key(keys, "permissions", self.permissions, PermissionConfig()),
            specs=read_key(keys, "specs", _paths, ()),
            migration=read_key(keys, "migration", self.migration, MigrationConfig()),
            protection=read_key(keys, "protection", self.protection, ProtectionConfig()),
            tests=read_key(keys, "tests", self.tests, SuiteConfig()),
            ticks=read_key(keys, "ticks", self.ticks, TickConfig()),
            vocabulary=read_key(keys, "vocabulary", _vocabulary, ()),
            environment=read_key(keys, "environment", Node.text, "development"),
            settle=read_key(keys, "settle", lambda value: value.number(0, _DAY), 10.0),
        )

    def project(self, value: Node) -> ProjectConfig:
        keys = value.keys(tuple(ProjectConfig.__dataclass_fields__))
        return ProjectConfig(
            folder=read_key(keys, "folder", _path, ""),
            copy=read_key(keys, "copy", _path, ""),
            makefile=read_key(keys, "makefile", _path, ""),
            compose=read_key(keys, "compose", _paths, ()),
            alembic=read_key(keys, "alembic", _path, ""),
        )

    def commands(self, value: Node) -> dict[str, tuple[str, Effect | None]]:
        none: tuple[str, Effect | None] = ("", None)
        return {role: each.read(_command, none) for role, each in value.keys(ROLES).items()}

    def database(self, value: Node) -> DatabaseConfig:
        keys = value.keys(tuple(DatabaseConfig.__dataclass_fields__))
        return DatabaseConfig(
            service=read_key(keys, "service", Node.text, ""),
            url=read_key(keys, "url", _reference, ""),
            version_table=read_key(keys, "version_table", Node.text, ""),
            version_table_schema=read_key(keys, "version_table_schema", Node.text, ""),
            binaries=read_key(keys, "binaries", Node.text, ""),
            confirm=read_key(keys, "confirm", Node.text, ""),
        )

    def migration(self, value: Node) -> MigrationConfig:
        keys = value.keys(tuple(MigrationConfig.__dataclass_fields__))
        return MigrationConfig(
            gentle=read_key(keys, "gentle", Node.flag, True),
            autocommit=read_key(keys, "autocommit", Node.flag, None),
            rehearse=read_key(keys, "rehearse", Node.flag, True),
            uncompared=read_key(keys, "uncompared", lambda each: each.one_of(("ask", "accept")), "ask"),
        )

    def protection(self, value: Node) -> ProtectionConfig:
        keys = value.keys(tuple(ProtectionConfig.__dataclass_fields__))
        fails = read_key(keys, "over_budget", lambda each: each.one_of(("warn", "fail")), "warn") == "fail"
        return ProtectionConfig(
            victim_budget=read_key(keys, "victim_budget", lambda each: each.number(0.02, 60), 0.1),
            session_budget=read_key(keys, "session_budget", lambda each: each.number(0, _DAY), 0.0),
            deadline=read_key(keys, "deadline", lambda each: each.number(0.1, _DAY), 60.0),
            over_budget="fail" if fails else "warn",
            large_bytes=read_key(keys, "large_bytes", lambda each: each.number(1, _HUGE), 100e6),
            quiet_window=read_key(keys, "quiet_window", lambda each: each.number(0, _DAY), 0.0),
            large_rows=read_key(keys, "large_rows", lambda each: each.number(1, _HUGE), 1e6),
        )

    def tests(self, value: Node) -> SuiteConfig:
        keys = value.keys(tuple(SuiteConfig.__dataclass_fields__))
        accept = read_key(keys, "red_baseline", lambda each: each.one_of(("ask", "accept")), "ask") == "accept"
        return SuiteConfig("accept" if accept else "ask")

    def ticks(self, value: Node) -> TickConfig:
        """``ticks: proposed`` is short for ``ticks: {proposed: true}``."""
        if kind_of(value.node) == "text":
            return TickConfig(proposed=value.one_of(("proposed",)) == "proposed")
        keys = value.keys(tuple(TickConfig.__dataclass_fields__))
        none: tuple[str, ...] = ()
        return TickConfig(read_key(keys, "proposed", Node.flag, False), read_key(keys, "words", _plain_words, none))

    def timeouts(self, value: Node) -> Mapping[str, float]:
        given = value.keys(tuple(TIMEOUTS))
        return {**TIMEOUTS, **{name: each.read(lambda one: one.number(0.1, _DAY), 0.1) for name, each in given.items()}}

    def permissions(self, value: Node) -> PermissionConfig:
        keys = value.keys(tuple(PermissionConfig.__dataclass_fields__))
        none: tuple[str, ...] = ()
        return PermissionConfig(*(read_key(keys, name, _texts, none) for name in ("allow", "ask", "deny")))

    def endpoints(self, value: Node | None) -> tuple[tuple[EndpointConfig, ...], tuple[ScriptConfig, ...]]:
        none: list[Node] = []
        items = value.read(Node.items, none) if value else none
        read = [each.read(_check, None) for each in items]
        endpoints = tuple(each for each in read if isinstance(each, EndpointConfig))
        return endpoints, tuple(each for each in read if isinstance(each, ScriptConfig))


def _command(value: Node) -> tuple[str, Effect | None]:
    """A shell line, or ``{run: LINE, effect: EFFECT}``."""
    if kind_of(value.node) != "a mapping":
        return value.text(), None
    keys = value.keys(("run", "effect"))
    if "run" not in keys:
        raise value.fail(f"{value.name} needs run: the shell line")
    word = read_key(keys, "effect", lambda each: each.one_of(EFFECTS), "")
    return keys["run"].text(), next((effect for effect in EFFECTS if effect == word), None)


def _check(value: Node) -> EndpointConfig | ScriptConfig | None:
    """An endpoint, or a check by python3."""
    if kind_of(value.node) == "text":
        return _short(value)
    keys = value.keys((*EndpointConfig.__dataclass_fields__, "name", "script", "python"))
    return _script(value, keys) if "script" in keys or "python" in keys else _endpoint(value, keys)


def _texts(value: Node) -> tuple[str, ...]:
    return tuple(each.read(Node.text, "") for each in value.items())


def _plain_words(value: Node) -> tuple[str, ...]:
    """Single words: a sentence would stand for nothing."""
    for each in value.items():
        if not is_word(each.text()):
            raise each.fail(f"{each.name} must be one word, not {each.text()!r}: write each word by itself")
    return _texts(value)


def _vocabulary(value: Node) -> OwnWords:
    """The project's words by their names in the vocabulary of specs, as "header.column"."""
    known = vocabulary().names
    own: list[tuple[str, tuple[str, ...]]] = []
    for section, names in value.keys(tuple(known)).items():
        for name, words in names.keys(known[section]).items():
            own.append((f"{section}.{name}", tuple(_word(word) for word in words.items())))
    return tuple(own)


def _word(value: Node) -> str:
    text = " ".join(value.text().split())
    if not any(char.isalpha() for char in text):
        raise value.fail(f"{value.name} must be a word, not {text!r}")
    return text


def _paths(value: Node) -> tuple[str, ...]:
    return (_path(value),) if kind_of(value.node) == "text" else tuple(_path(each) for each in value.items())


def _path(value: Node) -> str:
    word = value.text()
    if Path(word).is_absolute() or ".." in Path(word).parts:
        raise value.fail(f"{value.name} must be a path below the project, not {word!r}")
    return word


def _url(value: Node) -> str:
    word = value.text()
    try:
        parts = urlsplit(word)
        password = parts.password is not None
    except ValueError:
        raise value.fail(f"{value.name} is not a URL: write it as http://127.0.0.1:8000") from None
    if password:
        raise value.fail(f"{value.name} holds a password: write the URL without it")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise value.fail(f"{value.name} must be an http URL such as http://127.0.0.1:8000")
    return word.rstrip("/")


def _reference(value: Node) -> str:
    word = value.text()
    kind, _, rest = word.partition(":")
    if "://" in word:
        raise value.fail(
            f"{value.name} must not hold the URL itself, since a password may be in it; "
            "write env:DATABASE_URL or file:PATH#KEY, where the URL stands"
        )
    if kind not in ("env", "file", "compose") or not rest:
        raise value.fail(f"{value.name} must be env:NAME, file:PATH#KEY or compose:SERVICE#KEY")
    if kind in ("file", "compose") and "#" not in rest:
        raise value.fail(f"{value.name} lacks its key: write {word}#KEY")
    return word


def _route(value: Node) -> str:
    word = value.text()
    if not word.startswith("/"):
        raise value.fail(f"{value.name} must begin with /, as in /health; the host stands in url")
    return word


def _short(value: Node) -> EndpointConfig:
    """An endpoint as one string: "/health" or "GET /health"."""
    method, _, path = value.text().rpartition(" ")
    if (method or "GET") not in _METHODS or not path.startswith("/"):
        raise value.fail(f"{value.name} must be a path such as /health, or a method and a path such as GET /health")
    return EndpointConfig(path, method or "GET")


def _endpoint(value: Node, keys: Mapping[str, Node]) -> EndpointConfig:
    if "path" not in keys:
        raise value.fail(f"{value.name} needs a path (or script, or python)")
    if "name" in keys:
        raise keys["name"].fail(f"{value.name}.name belongs to a script or python check; endpoints go by their path")
    status = read_key(keys, "status", lambda each: int(each.number(100, 599)), None)
    return EndpointConfig(
        path=_route(keys["path"]),
        method=read_key(keys, "method", lambda each: each.one_of(_METHODS), "GET"),
        status=status,
        media=read_key(keys, "media", Node.text, ""),
        json=keys["json"].plain() if "json" in keys else None,
        headers=read_key(keys, "headers", _headers, {}),
        seconds=read_key(keys, "seconds", lambda each: each.number(0.1, _DAY), 0.0),
    )


def _headers(value: Node) -> dict[str, str]:
    found = {name: each.text() for name, each in value.keys(()).items()}
    for name, text in found.items():
        if name.lower() in ("authorization", "cookie", "x-api-key") and not text.startswith(("env:", "file:")):
            raise value.fail(f"{value.name}.{name} is a secret: write env:NAME, where its whole value stands")
    return found


def _script(value: Node, keys: Mapping[str, Node]) -> ScriptConfig:
    extra = sorted(set(keys) - {"name", "script", "python", "seconds"})
    if extra:
        raise keys[extra[0]].fail(f"{value.name}.{extra[0]} does not go with a script or python check")
    if "script" in keys and "python" in keys:
        raise value.fail(f"{value.name} has both script and python: keep one of them")
    file = read_key(keys, "script", _path, "")
    code = read_key(keys, "python", Node.text, "")
    if not (file or code):
        raise value.fail(f"{value.name} is empty: name a script, or write python code")
    seconds = read_key(keys, "seconds", lambda each: each.number(0.1, _DAY), 0.0)
    return ScriptConfig(read_key(keys, "name", Node.text, "") or file or value.name, file, code, seconds)
