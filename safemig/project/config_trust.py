"""What of a safemig.yaml takes a person's trust, and what is left of it without. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from checks.evidence import Json
from safemig.project.config_schema import Config, DatabaseConfig, EndpointConfig, MigrationConfig, PermissionConfig

# Whoever writes these can neither have something run nor have less asked, refused or compared. Every other key counts.
_MIGRATION = ("migration.gentle", "migration.autocommit")
HARMLESS = frozenset(
    ("file", "specs", "timeouts", "settle", "health", *_MIGRATION, "permissions.ask", "permissions.deny")
)
# What an entry of a list has where nothing is said.
_ELEMENTS: Mapping[str, Json] = {
    "endpoints": msgspec.to_builtins(EndpointConfig("")),
    "endpoints.scripts": {"name": "", "script": "", "python": ""},
}


def settings(config: Config) -> tuple[str, ...]:
    """What the file may have run or loosens, one `key: value` a setting; what stands at its default is left out, so
    that comments, order and new keys of safemig change nothing."""
    given, default = msgspec.to_builtins(_plain(config)), msgspec.to_builtins(_plain(Config()))
    return tuple(f"{_text(key)}: {_text(value)}" for key, value in sorted(_differing(given, default)))


def without_trust(config: Config) -> Config:
    """The configuration as far as it only says where to look, or refuses and asks more. No program that it names is
    run, and nothing that it loosens holds."""
    named, rules = config.database, config.permissions
    return Config(
        file=config.file,
        project=config.project,
        runtime=config.runtime,
        commands=config.commands,
        service=config.service,
        database=DatabaseConfig(
            service=named.service,
            url=named.url,
            version_table=named.version_table,
            version_table_schema=named.version_table_schema,
        ),
        url=config.url,
        health=config.health,
        endpoints=config.endpoints,
        scripts=config.scripts,
        timeouts=config.timeouts,
        permissions=PermissionConfig(ask=rules.ask, deny=rules.deny),
        specs=config.specs,
        vocabulary=config.vocabulary,
        migration=MigrationConfig(gentle=config.migration.gentle, autocommit=config.migration.autocommit),
        settle=config.settle,
    )


def _plain(config: Config) -> dict[str, Json]:
    """As data, without what counts for nothing."""
    names = [name for name in Config.__dataclass_fields__ if name not in (*HARMLESS, "scripts")]
    scripts: list[Json] = [
        {"name": script.name, "script": script.file, "python": script.code} for script in config.scripts
    ]
    data: dict[str, Json] = msgspec.to_builtins({name: getattr(config, name) for name in names})
    return {**data, "endpoints.scripts": scripts}


def _differing(given: Json, default: Json, key: str = "") -> Iterator[tuple[str, Json]]:
    """Every value that is not its default, with its dotted key."""
    if key in HARMLESS or given == default:
        return
    if isinstance(given, dict) and isinstance(default, dict):
        for name, value in given.items():
            yield from _differing(value, default.get(name), f"{key}.{name}" if key else name)
    elif isinstance(given, Sequence) and key in _ELEMENTS:
        for place, value in enumerate(given):
            yield from _differing(value, _ELEMENTS[key], f"{key}[{place}]")
    else:
        yield key, given


def _text(value: Json) -> str:
    """The value on one line: plain text as it stands, everything else as JSON."""
    plain = isinstance(value, str) and value.isprintable() and value == value.strip() and value[:1] not in ('"', "")
    return str(value) if plain else json.dumps(value, sort_keys=True)
