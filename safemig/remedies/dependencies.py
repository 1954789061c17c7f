"""Declares packages where a project keeps what its tests need, with the file's formatting kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_TEST_NAMES = ("test", "tests", "testing", "dev", "develop", "development")
_REQUIREMENTS = (
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "requirements-test.txt",
    "requirements-tests.txt",
    "requirements_test.txt",
    "test-requirements.txt",
    "requirements/dev.txt",
    "requirements/test.txt",
    "requirements.txt",
)
_NAME = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)")
_OPERATOR = re.compile(r"(===|==|>=|~=|\^|~|<=|!=|<|>)\s*\d")


class NoPlace(Exception):
    """There is no file or table in which this project declares dependencies; says which were looked at."""


@dataclass(frozen=True)
class Declared:
    """Where packages were declared: file, its new text, and the group in the words of its tool."""

    path: str
    text: str
    group: str


@dataclass(frozen=True)
class _Group:
    """One table or array of dependencies: ``path`` are the keys that lead to it."""

    label: str
    path: tuple[str, ...]
    name: str
    entries: Mapping[str, str]  # normalised name -> specifier ("" when there is none)


def declare(
    files: Mapping[str, str],
    packages: Sequence[str],
    *,
    install: str = "",
    versions: Mapping[str, str] | None = None,
) -> Declared:
    """Declare ``packages`` in the first of the project's files that holds dependencies.

    ``files``: path -> text of pyproject.toml and of requirement files, relative to the service's folder. ``install``:
    the command that installs them (a Dockerfile line or a recipe), for choosing a group that it takes. ``versions``:
    known versions, used where the neighbours are constrained. Raises NoPlace.
    """
    pyproject = files.get("pyproject.toml")
    if pyproject is not None and _has_dependencies(pyproject):
        text, group = add(pyproject, packages, install=install, versions=versions)
        return Declared("pyproject.toml", text, group)
    present = [name for name in _REQUIREMENTS if name in files]
    holding = [name for name in present if "pytest" in _requirement_names(files[name])]
    named = [name for name in present if name in install]
    for name in [*(name for name in holding if name in named), *holding, *present]:
        return Declared(name, add_to_requirements(files[name], packages, versions=versions), name)
    raise NoPlace("no dependencies in pyproject.toml and no requirements file: declare the packages by hand")


def add(
    pyproject: str, packages: Sequence[str], *, install: str = "", versions: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """The pyproject.toml that declares ``packages`` too, and the name of the group edited.

    The group that holds pytest, else one named for tests, else a new one that ``install`` takes. Raises NoPlace when
    the text is no TOML.
    """
    document = _parse(pyproject)
    groups = list(_groups(document))
    chosen = _choose(groups, install)
    if chosen is None:
        chosen = _new_group(document, install)
    table = _reach(document, chosen.path)
    known = {_normal(name) for group in groups for name in group.entries}
    for package in packages:
        name, bound = split(package)
        if _normal(name) in known:
            continue
        specifier = bound or _specifier(list(chosen.entries.values()), (versions or {}).get(package, ""))
        if isinstance(table, list):
            table.append(name + specifier)
        else:
            table[name] = specifier or "*"
    return _dump(document, pyproject), chosen.label


def add_to_requirements(text: str, packages: Sequence[str], *, versions: Mapping[str, str] | None = None) -> str:
    """The requirements file with ``packages`` at its end, in the style of its neighbours."""
    newline = "\r\n" if "\r\n" in text else "\n"
    entries = _requirement_names(text)
    fresh = [
        name + (bound or _specifier(list(entries.values()), (versions or {}).get(package, "")))
        for package in packages
        for name, bound in [split(package)]
        if _normal(name) not in entries
    ]
    if not fresh:
        return text
    start = text if not text or text.endswith("\n") else text + newline
    end = newline if not text or text.endswith("\n") else ""
    return start + newline.join(fresh) + end


def split(package: str) -> tuple[str, str]:
    """A distribution's name, and the bound that it is asked for with: ``setuptools<82``."""
    match = re.match(r"[\w.-]+", package)
    name = match.group() if match else package
    return name, package[len(name) :]


def declared(files: Mapping[str, str]) -> frozenset[str]:
    """Normalised names of all distributions that pyproject.toml and the requirement files name, in any group.

    A file that is no TOML declares nothing; ``declare`` says what is wrong with it.
    """
    names: set[str] = set()
    for path, text in files.items():
        if path.endswith(".toml"):
            try:
                names |= {name for group in _groups(_parse(text)) for name in group.entries}
            except NoPlace:
                continue
        else:
            names |= set(_requirement_names(text))
    return frozenset(names)


def configure(pyproject: str, options: Mapping[str, str]) -> str:
    """The pyproject.toml with pytest options set that are not set yet ([tool.pytest.ini_options])."""
    import tomlkit

    document: Any = _parse(pyproject)
    pytest = _child(_child(document, "tool"), "pytest")
    section = _child(pytest, "ini_options", tomlkit.table())
    for name, value in options.items():
        section.setdefault(name, value)
    return _dump(document, pyproject)


def _parse(text: str) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        return tomlkit.parse(text)
    except ParseError as error:
        raise NoPlace(f"pyproject.toml is no TOML: {error}") from error


def _dump(document: TOMLDocument, before: str) -> str:
    import tomlkit

    text = tomlkit.dumps(document)
    # Tables that tomlkit makes end in LF whatever the rest of the file does.
    if "\r\n" in before and not re.search(r"(?<!\r)\n", before):
        text = re.sub(r"(?<!\r)\n", "\r\n", text)
    return text


def _has_dependencies(pyproject: str) -> bool:
    document = _parse(pyproject)
    project = _table(document, "project")
    dynamic = project.get("dynamic", [])
    return (
        any(group.entries for group in _groups(document))
        or ("dependencies" in project and "dependencies" not in dynamic)
        or bool(_table(document, "tool", "poetry", "dependencies"))
    )


def _groups(document: TOMLDocument) -> Iterator[_Group]:
    """Every place with dependencies, optional ones first: in that order pytest is looked for."""
    path: tuple[str, ...]
    for path in (
        ("project", "optional-dependencies"),
        ("dependency-groups",),
        ("tool", "pdm", "dev-dependencies"),
    ):
        for name, value in _table(document, *path).items():
            if isinstance(value, list):
                yield _Group(".".join((*path, name)), (*path, name), name, _array_names(value))
    for name in _table(document, "tool", "poetry", "group"):
        keys = ("tool", "poetry", "group", name, "dependencies")
        if members := _table(document, *keys):
            yield _Group(f"tool.poetry.group.{name}", keys, name, _table_names(members))
    for label, path in (
        ("tool.uv.dev-dependencies", ("tool", "uv", "dev-dependencies")),
        ("project.dependencies", ("project", "dependencies")),
    ):
        array = _table(document, *path[:-1]).get(path[-1])
        if isinstance(array, list):
            yield _Group(label, path, "dev" if "uv" in path else "", _array_names(array))
    for key in ("dev-dependencies", "dependencies"):
        path = ("tool", "poetry", key)
        found = _table(document, *path)
        if found:
            yield _Group(f"tool.poetry.{key}", path, "dev" if key[:3] == "dev" else "", _table_names(found))


def _choose(groups: Sequence[_Group], install: str) -> _Group | None:
    """The group that holds pytest, else a test-like one; where several do, one that ``install`` takes."""
    holding = [group for group in groups if "pytest" in group.entries]
    by_name = [group for name in _TEST_NAMES for group in groups if _normal(group.name) == name]
    for candidates in (holding, by_name):
        if candidates:
            taken = [group for group in candidates if _takes(install, group)]
            return (taken or candidates)[0]
    return None


def _takes(install: str, group: _Group) -> bool:
    """Whether the install command takes the group; without a command that shows it, no."""
    if re.search(rf"(?:--extra|--group|--with|-G|-E|--only)[= ]+\S*\b{re.escape(group.name)}\b", install):
        return bool(group.name)
    if group.path[0] == "project" and group.name:
        return "--all-extras" in install or bool(re.search(rf"\[[\w,\s-]*\b{re.escape(group.name)}\b", install))
    if group.path[0] == "dependency-groups":
        by_default = group.name == "dev" and "--no-dev" not in install and "uv sync" in install
        return by_default or "--all-groups" in install
    return group.path[0] == "tool" and "install" in install


def _new_group(document: TOMLDocument, install: str) -> _Group:
    """A new ``dev`` group of the kind that the project's tool and install command take."""
    import tomlkit

    root: Any = document
    if "project" not in document and _table(document, "tool", "poetry"):
        path: tuple[str, ...] = ("tool", "poetry", "group", "dev", "dependencies")
        label = "tool.poetry.group.dev"
    else:
        extras = re.search(r"--extra[= ]+([\w-]+)|\.\[([\w-]+)", install)
        if extras or "--all-extras" in install or not re.search(r"\buv\b|--group", install):
            name = next((part for part in extras.groups() if part), "dev") if extras else "dev"
            path = ("project", "optional-dependencies", name)
        else:
            group = re.search(r"--group[= ]+([\w-]+)", install)
            path = ("dependency-groups", group[1] if group else "dev")
        label = ".".join(path)
    table = root
    for key in path[:-1]:
        table = _child(table, key)
    poetry = path[0] == "tool"
    table[path[-1]] = tomlkit.table() if poetry else tomlkit.array()
    return _Group(label, path, path[-2] if poetry else path[-1], {})


def _child(table: Any, key: str, fresh: Any = None) -> Any:
    import tomlkit

    if key not in table:
        # Only the innermost table gets a header of its own.
        made = tomlkit.table(is_super_table=key in {"tool", "poetry", "pytest", "group"}) if fresh is None else fresh
        table[key] = made
    return table[key]


def _reach(document: TOMLDocument, path: Sequence[str]) -> Any:
    found: Any = document
    for key in path:
        found = found[key]
    return found


def _table(document: TOMLDocument, *path: str) -> Mapping[str, Any]:
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _array_names(array: Sequence[object]) -> dict[str, str]:
    """Normalised name -> specifier; entries that are no requirement ({include-group = …}) are left out."""
    named = ((_NAME.match(entry), entry) for entry in array if isinstance(entry, str))
    return {_normal(found[1]): entry[found.end() :].strip() for found, entry in named if found}


def _table_names(table: Mapping[str, object]) -> dict[str, str]:
    def version(value: object) -> str:
        if isinstance(value, Mapping):
            value = value.get("version", "")
        return str(value)

    return {_normal(name): version(value) for name, value in table.items() if name != "python"}


def _requirement_names(text: str) -> dict[str, str]:
    lines = (line.split("#")[0].split(";")[0].strip() for line in text.splitlines())
    return _array_names([line for line in lines if line and not line.startswith("-")])


def _specifier(neighbours: Sequence[str], version: str) -> str:
    """The constraint that most neighbours use, with a version that is known; bare where either is missing."""
    operators = [match[1] for text in neighbours if (match := _OPERATOR.search(text))]
    if not version or len(operators) * 2 <= len(neighbours):
        return ""
    count: Callable[[str], int] = operators.count
    usual = max(dict.fromkeys(operators), key=count)
    return f"{usual}{version}" if usual in {"==", ">=", "~=", "^", "~"} else f">={version}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
