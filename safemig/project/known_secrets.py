"""The secrets that a project's own files hold: values of its env files and of its services' environments.

They are looked for by their value in everything that is written, so a value is only taken where it looks like a secret:
redacting a name such as ``postgres`` would destroy names all over a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from safemig.base.redaction import cannot_be_a_name
from safemig.project import compose_yaml
from safemig.project.compose import Compose
from safemig.project.env_files import interpolate, is_secret_name, read_env_file

_EXAMPLE = re.compile(r"example|sample|template|dist$")
# Without a name that tells it, a value is taken for a secret where it is one long word of three kinds of characters.
_TOKEN = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[\w+=~!@#%^&*-]{12,}", re.ASCII)


def known_secrets(folders: Iterable[Path], compose: Compose | None, environ: Mapping[str, str]) -> frozenset[str]:
    """What looks like a secret in ``.env*`` of those folders and in what the compose files give to services. Never
    raises: a file that cannot be read has nothing to be redacted."""
    pairs = [pair for folder in folders for path in _env_files(folder) for pair in _read(path, environ).items()]
    if compose is not None:
        pairs += _of_compose(compose, environ)
    return frozenset(secret for name, value in pairs for secret in secrets_of(name, value))


def secrets_of(name: str, value: str) -> Iterator[str]:
    """What is secret in the value of a variable: all of it, the password of a URL, or nothing."""
    if "://" in value:
        try:
            password = urlsplit(value).password or ""
        except ValueError:
            password = ""
        candidates = {password, unquote(password)}
    else:
        candidates = {value} if is_secret_name(name) or _TOKEN.fullmatch(value) else set()
    yield from (each for each in candidates if cannot_be_a_name(each))


def _env_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.glob(".env*") if path.is_file() and not _EXAMPLE.search(path.name))
    except OSError:
        return []


def _read(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    try:
        return read_env_file(path, environ)
    except OSError:
        return {}


def _of_compose(compose: Compose, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Read anew from the files, since what was kept of them has no passwords."""
    values = {**_read(compose.folder / ".env", environ), **environ}
    for path in compose.files:
        for body in compose_yaml.services_of(compose_yaml.load(path, []), path, []).values():
            for name in compose_yaml.env_files(body.get("env_file")):
                yield from _read(compose.folder / interpolate(name, values)[0], values).items()
            for name, value in compose_yaml.pairs(body.get("environment")):
                yield name, values.get(name, "") if value is None else interpolate(compose_yaml.text(value), values)[0]
