"""Joins a renewed uv.lock with the one before it, so that only what is new differs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What an entry's files and origin say: they stay as the old lock has them, whatever registry or uv renewed it.
_ORIGIN = frozenset({"source", "sdist", "wheels"})
_UPLOAD_TIME = re.compile(r', upload-time = "[^"]*"')
_REGISTRY = re.compile(r'registry = "([^"]*)"')
_URL = re.compile(r'url = "([^"]*)"')


class Unmergeable(Exception):
    """The new lock cannot stand in for the old one; says why."""


@dataclass(frozen=True)
class _Block:
    """One [[package]] with its text."""

    text: str
    data: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Name and version; a project with a dynamic version has none."""
        return str(self.data.get("name")), str(self.data.get("version", ""))

    @property
    def registry(self) -> str:
        """The registry it came from, "" for anything else."""
        return str(self.data.get("source", {}).get("registry", ""))

    @property
    def local(self) -> bool:
        """Whether it is the project itself, a workspace member or a folder beside it."""
        return bool({"editable", "virtual", "directory"} & set(self.data.get("source", {})))


def merge(old: str, new: str) -> str:
    """``new`` with everything that ``old`` says already in the words of ``old``.

    Revision, registries, file addresses and pins of ``old`` stay; entries that are new name the old lock's registry.
    Raises Unmergeable when a pin would change or the lock's format is another.
    """
    old_head, old_blocks = _split(old)
    new_head, new_blocks = _split(new)
    _same_pins(old_blocks, new_blocks)
    known = {block.key: block for block in old_blocks}
    locals_of_old = {str(block.data.get("name")): block for block in old_blocks if block.local}
    registry = _registry_change(known, new_blocks)
    address = _address_change(known, new_blocks)
    dated = any(_UPLOAD_TIME.search(block.text) for block in old_blocks if block.registry)
    texts = []
    for block in new_blocks:
        before = known.get(block.key)
        if block.local:
            before = locals_of_old.get(str(block.data.get("name")), before)
        if before is not None:
            texts.append(_kept(before, block, registry))
        else:
            texts.append(_foreign(block.text, registry, address, dated or not old_blocks))
    return _head(old_head, new_head) + "".join(texts).rstrip("\n") + "\n"


def _split(text: str) -> tuple[str, list[_Block]]:
    """The part before the first package, and the packages."""
    pieces = re.split(r"^(?=\[\[package\]\]$)", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    try:
        packages = tomllib.loads(text).get("package", [])
        blocks = [_Block(piece, data) for piece, data in zip(pieces[1:], packages, strict=True)]
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise Unmergeable(f"the lock is no TOML: {error}") from error
    return pieces[0], blocks


def _same_pins(old: list[_Block], new: list[_Block]) -> None:
    """Raises when a package that stays would get another version."""
    after: dict[str, set[str]] = {}
    for block in new:
        after.setdefault(block.key[0], set()).add(block.key[1])
    moved = []
    for block in old:
        name, version = block.key
        if not block.local and name in after and version not in after[name]:
            moved.append(f"{name} {version} -> {', '.join(sorted(after[name]))}")
    if moved:
        raise Unmergeable(f"existing pins would change ({'; '.join(moved)})")


def _kept(before: _Block, block: _Block, registry: tuple[str, str] | None) -> str:
    """The old text where the entry says the same; else the new one with the old origin and files."""

    def rest(data: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name not in _ORIGIN}

    if rest(before.data) == rest(block.data):
        return before.text.rstrip("\n") + "\n\n"
    old_entries = dict(_entries(before.text))
    texts = []
    for name, text in _entries(block.text):
        if name in _ORIGIN and name in old_entries:
            texts.append(old_entries[name])
        elif name == "version" and "version" not in before.data:
            continue  # a dynamic version, which the lock leaves out
        else:
            texts.append(_foreign(text, registry, None, True))
    return "".join(texts).rstrip("\n") + "\n\n"


def _entries(text: str) -> list[tuple[str, str]]:
    """The block's top-level entries and sub-tables, name -> text, in order."""
    pieces = re.split(r"^(?=[a-z][\w-]* = |\[)", text, flags=re.MULTILINE)
    found: list[tuple[str, str]] = []
    inside = False
    for piece in pieces:
        if piece.startswith("[package."):
            inside = True
        if inside and found and not piece.startswith("["):
            found[-1] = (found[-1][0], found[-1][1] + piece)
        elif piece:
            found.append((piece.split(" = ")[0].strip(), piece))
    return found


def _registry_change(known: Mapping[tuple[str, str], _Block], new: list[_Block]) -> tuple[str, str] | None:
    """(ours, the lock's) when the renewal took its packages from another registry than the lock names."""
    pairs = {(block.registry, known[block.key].registry) for block in new if block.registry and block.key in known}
    changed = {pair for pair in pairs if pair[0] != pair[1] and pair[1]}
    return next(iter(changed)) if len(changed) == 1 else None


def _address_change(known: Mapping[tuple[str, str], _Block], new: list[_Block]) -> tuple[str, str] | None:
    """(our prefix, the lock's) of the files' addresses, where all files of both locks agree on one."""
    changes = set()
    for block in new:
        before = known.get(block.key)
        if before is None or not block.registry:
            continue
        theirs = {url.rsplit("/", 1)[-1]: url for url in _URL.findall(before.text)}
        for url in _URL.findall(block.text):
            other = theirs.get(url.rsplit("/", 1)[-1])
            if other is not None and other != url:
                shared = _common_end(url, other)
                changes.add((url.removesuffix(shared), other.removesuffix(shared)))
    return next(iter(changes)) if len(changes) == 1 else None


def _common_end(left: str, right: str) -> str:
    """The longest shared end that starts at a path's slash."""
    parts, others = left.split("/"), right.split("/")
    count = 0
    while count < min(len(parts), len(others)) and parts[-1 - count] == others[-1 - count]:
        count += 1
    return "/" + "/".join(parts[-count:]) if count else ""


def _foreign(text: str, registry: tuple[str, str] | None, address: tuple[str, str] | None, dated: bool) -> str:
    """An entry as the old lock's registry and its uv would have written it."""
    if registry:
        ours, theirs = registry
        text = _REGISTRY.sub(
            lambda found: f'registry = "{theirs}"' if found[1] == ours else found[0],
            text,
        )
    if address:
        prefix, wanted = address
        text = _URL.sub(
            lambda found: f'url = "{wanted}{found[1][len(prefix) :]}"' if found[1].startswith(prefix) else found[0],
            text,
        )
    # A uv that wrote no upload times (lock revision 1) reads entries without them.
    return text if dated else _UPLOAD_TIME.sub("", text)


def _head(old: str, new: str) -> str:
    """The old head, or the new one with the old revision where it says more (other markers)."""
    before, after = tomllib.loads(old), tomllib.loads(new)
    if before.get("version") != after.get("version"):
        raise Unmergeable(f"this uv writes lock version {after.get('version')}, not {before.get('version')}")
    revision = before.pop("revision", None)
    after.pop("revision", None)
    if before == after:
        return old
    line = "" if revision is None else f"revision = {revision}\n"
    return re.sub(r"^revision = \d+\n", line, new, flags=re.MULTILINE)
