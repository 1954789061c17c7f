"""The YAML of compose files: loading without surprises, merging, and the many spellings of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from safemig.base.files import content
from safemig.project.problem import Problem

if TYPE_CHECKING:
    import yaml

Text: TypeAlias = Callable[[object], str]
_SIZE = 2_000_000
_NODES = 200_000
_REPLACED = ("image", "command", "entrypoint", "healthcheck", "working_dir", "container_name", "hostname")


def load(path: Path, problems: list[Problem]) -> dict[str, object]:
    """The document at ``path``; {} with a Problem when it is not a mapping or cannot be read."""
    import yaml

    try:
        document = yaml.load(content(path, _SIZE), _loader())
    except OSError as error:
        problems.append(Problem(f"cannot be read: {error.strerror}", str(path), "make it readable"))
        return {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problems.append(Problem("is not valid YAML", where, "run `docker compose config` to see the cause"))
        return {}
    if not isinstance(document, dict):
        problems.append(Problem("holds no services", str(path), "name another compose file"))
        return {}
    return {str(key): value for key, value in document.items()}


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes there are with every alias written out: nine aliases of nine aliases … are billions."""
    if id(node) not in known:
        known[id(node)] = 1  # for a node that holds itself
        values = [] if isinstance(node.value, str) else node.value
        parts = [part for each in values for part in (each if isinstance(each, tuple) else (each,))]
        known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(node)]


def _loader() -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Knows compose's !reset and !override, and takes any other tag for what stands behind it."""

        def construct_document(self, node: yaml.Node) -> Any:
            if _expanded(node, {}) > _NODES:
                raise yaml.constructor.ConstructorError(None, None, "its aliases come to too much", node.start_mark)
            return super().construct_document(node)

    def plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None

    Loader.add_multi_constructor("!", plain)
    return Loader


def services_of(
    document: Mapping[str, object], path: Path, problems: list[Problem], depth: int = 0
) -> dict[str, dict[str, object]]:
    """The services of a document with ``include`` and ``extends`` followed (files beside or below it)."""
    found: dict[str, dict[str, object]] = {}
    for word in _included(document.get("include")):
        other = path.parent / word
        if depth < 5 and other.is_file():
            merge(found, services_of(load(other, problems), other, problems, depth + 1))
    bodies = mapping(document.get("services"))
    for name, body in bodies.items():
        if isinstance(body, dict):
            found[name] = _extended(body, bodies, path, problems, depth)
    return found


def _included(value: object) -> Iterator[str]:
    for each in items(value):
        given = each.get("path") if isinstance(each, dict) else each
        yield from (word for word in items(given) if isinstance(word, str))


def _extended(
    body: dict[str, object], bodies: Mapping[str, object], path: Path, problems: list[Problem], depth: int
) -> dict[str, object]:
    extends = body.get("extends")
    if extends is None or depth > 5:
        return body
    file = extends.get("file") if isinstance(extends, dict) else None
    name = text(extends.get("service") if isinstance(extends, dict) else extends)
    if file:
        other = path.parent / text(file)
        bodies = mapping(load(other, problems).get("services")) if other.is_file() else {}
        path = other
    base = bodies.get(name)
    if not isinstance(base, dict):
        return body
    merged = {name: dict(_extended(base, bodies, path, problems, depth + 1))}
    merge(merged, {name: {key: value for key, value in body.items() if key != "extends"}})
    return merged[name]


def merge(into: dict[str, dict[str, object]], more: Mapping[str, Mapping[str, object]]) -> None:
    """Adds ``more`` to ``into`` as compose merges files: scalars replaced, lists joined, pairs by key."""
    for name, body in more.items():
        old = into.setdefault(name, {})
        for key, value in body.items():
            if key not in old or key in _REPLACED:
                old[key] = value
            elif key == "environment":
                old[key] = {**dict(pairs(old[key])), **dict(pairs(value))}
            elif isinstance(old[key], list) and isinstance(value, list):
                old[key] = [*items(old[key]), *value]
            elif isinstance(old[key], dict) and isinstance(value, dict):
                old[key] = {**mapping(old[key]), **value}
            else:
                old[key] = value


def text(value: object) -> str:
    """A scalar as compose reads it; "" for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def items(value: object) -> list[object]:
    """A list, or one scalar as a list of one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def mapping(value: object) -> dict[str, object]:
    """A mapping with string keys; {} for anything else."""
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def names(value: object) -> tuple[str, ...]:
    """The names of a list, or the keys of a mapping."""
    if isinstance(value, dict):
        return tuple(str(key) for key in value)
    return tuple(text(each) for each in items(value) if text(each))


def words(value: object) -> tuple[str, ...]:
    """The words of a command in its string or its list form."""
    return tuple(text(each) for each in items(value))


def pairs(value: object) -> Iterator[tuple[str, object]]:
    """KEY and value of an environment in its list or its mapping form; None where only the key stands."""
    if isinstance(value, dict):
        yield from ((str(key), each) for key, each in value.items())
        return
    for each in items(value):
        key, equals, rest = text(each).partition("=")
        if key:
            yield key, rest if equals else None


def env_files(value: object) -> tuple[str, ...]:
    """The paths of ``env_file`` that have to exist."""
    found: list[str] = []
    for each in items(value):
        if isinstance(each, dict):
            if each.get("required") is not False:
                found.append(text(each.get("path")))
        else:
            found.append(text(each))
    return tuple(word for word in found if word)


def aliases(value: object) -> tuple[str, ...]:
    """The network aliases of a service."""
    found: list[str] = []
    for network in mapping(value).values():
        found.extend(names(mapping(network).get("aliases")))
    return tuple(found)
