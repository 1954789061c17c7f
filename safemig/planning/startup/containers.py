"""Which containers a call of compose starts, and what each runs first, with the file and line that says so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from safemig.base.files import head
from safemig.planning.startup.world import World
from safemig.project.compose import Compose, Service


def start_of(compose: Compose, service: Service, world: World) -> Iterator[tuple[str, Path, int]]:
    """Entry point and command of a container, with file and line; an entry point of compose's takes the image's CMD
    away."""
    image, build = world.image, service.build
    file = build.context / build.dockerfile if build else compose.files[0]
    if service.entrypoint is not None:
        yield shlex.join(service.entrypoint), *_key(compose, service.name, "entrypoint")
    elif image and image.entrypoint:
        yield image.entrypoint.text, file, image.entrypoint.number
    if service.argv is not None:
        yield shlex.join(service.argv), *_key(compose, service.name, "command")
    elif image and image.command and service.entrypoint is None:
        yield image.command.text, file, image.command.number


def started(compose: Compose, names: Sequence[str]) -> Iterator[Service]:
    """The services that ``up`` starts: the named ones with what they depend on, else all without a profile."""
    chosen = [name for name in names if name in compose.services]
    if not chosen:
        yield from (each for each in compose.services.values() if not each.profiles)
        return
    known: set[str] = set()
    while chosen:
        name = chosen.pop()
        if name not in known and name in compose.services:
            known.add(name)
            chosen += compose.services[name].depends_on
            yield compose.services[name]


def built(compose: Compose, names: Sequence[str]) -> Iterator[Service]:
    chosen = [name for name in names if name in compose.services] or list(compose.services)
    yield from (compose.services[name] for name in chosen)


def _key(compose: Compose, service: str, key: str) -> tuple[Path, int]:
    """File and line of a service's key; the reading of the files themselves keeps no lines."""
    for path in reversed(compose.files):
        inside = ""
        for number, text in enumerate(head(path, 2_000_000).splitlines(), 1):
            named = re.match(r"(\s+)([\w.-]+):\s*(#.*)?$", text)
            if named and named[2] == service:
                inside = named[1]
            elif inside and text.strip() and not text.startswith(inside + " "):
                inside = ""
            elif inside and re.match(rf"\s+{key}\s*:", text):
                return path, number
    return compose.files[0], 0
