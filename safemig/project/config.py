"""Reads safemig.yaml: unknown and ill-typed keys are refused with file, line and the nearest right name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from checks.evidence import Json
from safemig.base.action import EFFECTS, Effect
from safemig.base.files import content
from safemig.base.words import is_word
from safemig.project.config_schema import (
    ROLES,
    TIMEOUTS,
    Config,
    ConfigError,
    DatabaseConfig,
    EndpointConfig,
    MigrationConfig,
    PermissionConfig,
    ProjectConfig,
    ProtectionConfig,
    ScriptConfig,
    SuiteConfig,
    TickConfig,
)
from safemig.project.config_template import template

if TYPE_CHECKING:
    import yaml

__all__ = ["FILE", "Config", "ConfigError", "load", "parse", "template"]

FILE = "safemig.yaml"
_SIZE = 1_000_000
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_DAY = 86_400.0
T = TypeVar("T")


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
    """``text`` read as safemig.yaml; ConfigError for every mistake."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or "it cannot be read"
        raise ConfigError(path, mark.line + 1 if mark else 0, f"this is not valid YAML: {said}") from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(path, 0, "this is not valid YAML: nested too deeply or not text") from error
    return Config(path) if node is None else _Reader(path).config(_Value(path, "", node))


@dataclass(frozen=True)
class _Value:
    """A node with the dotted name it stands under."""

    path: Path
    name: str
    node: yaml.Node

    def fail(self, message: str) -> ConfigError:
        return ConfigError(self.path, self.node.start_mark.line + 1, message)

    def wrong(self, wanted: str) -> ConfigError:
        return self.fail(f"{self.name or 'the file'} must be {wanted}, not {_kind(self.node)}")

    def keys(self, known: tuple[str, ...]) -> dict[str, _Value]:
        """The mapping's values by key; unknown and double keys are refused (``known`` empty: any key)."""
        import yaml

        if _kind(self.node) == "nothing":
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("a mapping of keys to values")
        found: dict[str, _Value] = {}
        for key_node, value_node in self.node.value:
            key = _Value(self.path, self.name, key_node)
            name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            full = f"{self.name}.{name}" if self.name else name
            if known and name not in known:
                raise key.fail(f"unknown key {full!r}{_nearest(name, known)}")
            if name in found:
                raise key.fail(f"{full!r} stands here twice: keep one of them")
            found[name] = _Value(self.path, full, value_node)
        return found

    def items(self) -> list[_Value]:
        import yaml

        if _kind(self.node) == "nothing":
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("a list")
        return [_Value(self.path, f"{self.name}[{place}]", node) for place, node in enumerate(self.node.value)]

    def text(self) -> str:
        if _kind(self.node) not in ("text", "a number"):
            raise self.wrong("text")
        return str(self.node.value)

    def flag(self) -> bool:
        if _kind(self.node) != "true or false":
            raise self.wrong("true or false")
        return str(self.node.value).lower() in ("true", "yes", "on")

    def number(self, low: float, high: float) -> float:
        if _kind(self.node) != "a number":
            raise self.wrong("a number")
        try:
            value = float(str(self.node.value).replace("_", ""))
        except ValueError:
            raise self.wrong("a decimal number") from None
        if not low <= value <= high:
            raise self.fail(f"{self.name} must lie between {low:g} and {high:g}, not {value:g}")
        return value

    def one_of(self, choices: tuple[str, ...]) -> str:
        word = self.text()
        if word not in choices:
            raise self.fail(f"{self.name} must be one of {', '.join(choices)}, not {word!r}{_nearest(word, choices)}")
        return word

    def plain(self) -> Json:
        import yaml

        loader = yaml.SafeLoader("")
        try:
            value: Json = loader.construct_document(self.node)
        except (yaml.YAMLError, ValueError) as error:
            raise self.wrong("plain JSON-like data") from error
        finally:
            loader.dispose()
        return value


def _kind(node: yaml.Node) -> str:
    tag = node.tag.rsplit(":", 1)[-1]
    names = {
        "str": "text",
        "int": "a number",
        "float": "a number",
        "bool": "true or false",
        "null": "nothing",
        "map": "a mapping",
        "seq": "a list",
        "timestamp": "a date",
    }
    return names.get(tag, tag)


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"


@dataclass(frozen=True)
class _Reader:
    path: Path

    def config(self, top: _Value) -> Config:
        known = tuple(name for name in Config.__dataclass_fields__ if name not in ("file", "effects", "scripts"))
        keys = top.keys(known)
        endpoints, scripts = self.endpoints(keys.get("endpoints"))
        none: dict[str, tuple[str, Effect | None]] = {}
        commands = _of(keys, "commands", self.commands, none)
        runtime = _of(keys, "runtime", lambda value: value.one_of(("docker", "process")), "")
        return Config(
            file=self.path,
            project=_of(keys, "project", self.project, ProjectConfig()),
            runtime="docker" if runtime == "docker" else "process" if runtime == "process" else "",
            commands={role: line for role, (line, _) in commands.items()},
            effects={role: effect for role, (_, effect) in commands.items() if effect},
            service=_of(keys, "service", _Value.text, ""),
            database=_of(keys, "database", self.database, DatabaseConfig()),
            url=_of(keys, "url", _url, ""),
            health=_of(keys, "health", _route, ""),
            endpoints=endpoints,
            scripts=scripts,
            timeouts=_of(keys, "timeouts", self.timeouts, TIMEOUTS),
            permissions=_of(keys, "permissions", self.permissions, PermissionConfig()),
            specs=_of(keys, "specs", _paths, ()),
            migration=_of(keys, "migration", self.migration, MigrationConfig()),
            protection=_of(keys, "protection", self.protection, ProtectionConfig()),
            tests=_of(keys, "tests", self.tests, SuiteConfig()),
            ticks=_of(keys, "ticks", self.ticks, TickConfig()),
            environment=_of(keys, "environment", _Value.text, "development"),
            settle=_of(keys, "settle", lambda value: value.number(0, _DAY), 10.0),
        )

    def project(self, value: _Value) -> ProjectConfig:
        keys = value.keys(tuple(ProjectConfig.__dataclass_fields__))
        return ProjectConfig(
            folder=_of(keys, "folder", _path, ""),
            copy=_of(keys, "copy", _path, ""),
            makefile=_of(keys, "makefile", _path, ""),
            compose=_of(keys, "compose", _paths, ()),
            alembic=_of(keys, "alembic", _path, ""),
        )

    def commands(self, value: _Value) -> dict[str, tuple[str, Effect | None]]:
        return {role: _command(each) for role, each in value.keys(ROLES).items()}

    def database(self, value: _Value) -> DatabaseConfig:
        keys = value.keys(tuple(DatabaseConfig.__dataclass_fields__))
        return DatabaseConfig(
            service=_of(keys, "service", _Value.text, ""),
            url=_of(keys, "url", _reference, ""),
            version_table=_of(keys, "version_table", _Value.text, ""),
            version_table_schema=_of(keys, "version_table_schema", _Value.text, ""),
            binaries=_of(keys, "binaries", _Value.text, ""),
            confirm=_of(keys, "confirm", _Value.text, ""),
        )

    def migration(self, value: _Value) -> MigrationConfig:
        keys = value.keys(tuple(MigrationConfig.__dataclass_fields__))
        return MigrationConfig(
            gentle=_of(keys, "gentle", _Value.flag, True),
            uncompared=_of(keys, "uncompared", lambda each: each.one_of(("ask", "accept")), "ask"),
        )

    def protection(self, value: _Value) -> ProtectionConfig:
        keys = value.keys(tuple(ProtectionConfig.__dataclass_fields__))
        fails = _of(keys, "over_budget", lambda each: each.one_of(("warn", "fail")), "warn") == "fail"
        return ProtectionConfig(
            victim_budget=_of(keys, "victim_budget", lambda each: each.number(0.02, 60), 0.1),
            session_budget=_of(keys, "session_budget", lambda each: each.number(0, _DAY), 0.0),
            deadline=_of(keys, "deadline", lambda each: each.number(0.1, _DAY), 60.0),
            over_budget="fail" if fails else "warn",
        )

    def tests(self, value: _Value) -> SuiteConfig:
        keys = value.keys(tuple(SuiteConfig.__dataclass_fields__))
        accept = _of(keys, "red_baseline", lambda each: each.one_of(("ask", "accept")), "ask") == "accept"
        return SuiteConfig("accept" if accept else "ask")

    def ticks(self, value: _Value) -> TickConfig:
        """``ticks: proposed`` is short for ``ticks: {proposed: true}``."""
        if _kind(value.node) == "text":
            return TickConfig(proposed=value.one_of(("proposed",)) == "proposed")
        keys = value.keys(tuple(TickConfig.__dataclass_fields__))
        none: tuple[str, ...] = ()
        return TickConfig(_of(keys, "proposed", _Value.flag, False), _of(keys, "words", _plain_words, none))

    def timeouts(self, value: _Value) -> Mapping[str, float]:
        given = value.keys(tuple(TIMEOUTS))
        return {**TIMEOUTS, **{name: each.number(0.1, _DAY) for name, each in given.items()}}

    def permissions(self, value: _Value) -> PermissionConfig:
        keys = value.keys(tuple(PermissionConfig.__dataclass_fields__))
        none: tuple[str, ...] = ()
        return PermissionConfig(*(_of(keys, name, _texts, none) for name in ("allow", "ask", "deny")))

    def endpoints(self, value: _Value | None) -> tuple[tuple[EndpointConfig, ...], tuple[ScriptConfig, ...]]:
        endpoints: list[EndpointConfig] = []
        scripts: list[ScriptConfig] = []
        for each in value.items() if value else []:
            if _kind(each.node) == "text":
                endpoints.append(_short(each))
                continue
            known = (*EndpointConfig.__dataclass_fields__, "name", "script", "python")
            keys = each.keys(known)
            if "script" in keys or "python" in keys:
                scripts.append(_script(each, keys))
            else:
                endpoints.append(_endpoint(each, keys))
        return tuple(endpoints), tuple(scripts)


def _of(keys: Mapping[str, _Value], name: str, read: Callable[[_Value], T], default: T) -> T:
    value = keys.get(name)
    return default if value is None or _kind(value.node) == "nothing" else read(value)


def _command(value: _Value) -> tuple[str, Effect | None]:
    """A shell line, or ``{run: LINE, effect: EFFECT}``."""
    if _kind(value.node) != "a mapping":
        return value.text(), None
    keys = value.keys(("run", "effect"))
    if "run" not in keys:
        raise value.fail(f"{value.name} needs run: the shell line")
    word = _of(keys, "effect", lambda each: each.one_of(EFFECTS), "")
    return keys["run"].text(), next((effect for effect in EFFECTS if effect == word), None)


def _texts(value: _Value) -> tuple[str, ...]:
    return tuple(each.text() for each in value.items())


def _plain_words(value: _Value) -> tuple[str, ...]:
    """Single words: a sentence would stand for nothing."""
    for each in value.items():
        if not is_word(each.text()):
            raise each.fail(f"{each.name} must be one word, not {each.text()!r}: write each word by itself")
    return _texts(value)


def _paths(value: _Value) -> tuple[str, ...]:
    return (_path(value),) if _kind(value.node) == "text" else tuple(_path(each) for each in value.items())


def _path(value: _Value) -> str:
    word = value.text()
    if Path(word).is_absolute() or ".." in Path(word).parts:
        raise value.fail(f"{value.name} must be a path below the project, not {word!r}")
    return word


def _url(value: _Value) -> str:
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


def _reference(value: _Value) -> str:
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


def _route(value: _Value) -> str:
    word = value.text()
    if not word.startswith("/"):
        raise value.fail(f"{value.name} must begin with /, as in /health; the host stands in url")
    return word


def _short(value: _Value) -> EndpointConfig:
    """An endpoint as one string: "/health" or "GET /health"."""
    method, _, path = value.text().rpartition(" ")
    if (method or "GET") not in _METHODS or not path.startswith("/"):
        raise value.fail(f"{value.name} must be a path such as /health, or a method and a path such as GET /health")
    return EndpointConfig(path, method or "GET")


def _endpoint(value: _Value, keys: Mapping[str, _Value]) -> EndpointConfig:
    if "path" not in keys:
        raise value.fail(f"{value.name} needs a path (or script, or python)")
    if "name" in keys:
        raise keys["name"].fail(f"{value.name}.name belongs to a script or python check; endpoints go by their path")
    status = _of(keys, "status", lambda each: int(each.number(100, 599)), None)
    return EndpointConfig(
        path=_route(keys["path"]),
        method=_of(keys, "method", lambda each: each.one_of(_METHODS), "GET"),
        status=status,
        media=_of(keys, "media", _Value.text, ""),
        json=keys["json"].plain() if "json" in keys else None,
        headers=_of(keys, "headers", _headers, {}),
        seconds=_of(keys, "seconds", lambda each: each.number(0.1, _DAY), 0.0),
    )


def _headers(value: _Value) -> dict[str, str]:
    found = {name: each.text() for name, each in value.keys(()).items()}
    for name, text in found.items():
        if name.lower() in ("authorization", "cookie", "x-api-key") and not text.startswith(("env:", "file:")):
            raise value.fail(f"{value.name}.{name} is a secret: write env:NAME, where its whole value stands")
    return found


def _script(value: _Value, keys: Mapping[str, _Value]) -> ScriptConfig:
    extra = sorted(set(keys) - {"name", "script", "python", "seconds"})
    if extra:
        raise keys[extra[0]].fail(f"{value.name}.{extra[0]} does not go with a script or python check")
    if "script" in keys and "python" in keys:
        raise value.fail(f"{value.name} has both script and python: keep one of them")
    file = _of(keys, "script", _path, "")
    code = _of(keys, "python", _Value.text, "")
    if not (file or code):
        raise value.fail(f"{value.name} is empty: name a script, or write python code")
    seconds = _of(keys, "seconds", lambda each: each.number(0.1, _DAY), 0.0)
    return ScriptConfig(_of(keys, "name", _Value.text, "") or file or value.name, file, code, seconds)
