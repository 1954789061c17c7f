"""From a red test run to its remedy: the cause in words, and the packages that the failure or the tests call for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from checks.evidence import Evidence
from safemig.remedies.known_packages import ASYNC_MARKS, ASYNC_PLUGINS, FIXTURES, IMPORTS, MARKS, OPTIONS
from safemig.remedies.test_imports import Calls, read_calls

_MODULE = re.compile(r"""(?:ModuleNotFoundError|ImportError)\S*:? .*?[Nn]o module named ['"]?([\w.]+)""")
_RUNNER = re.compile(
    r"""(?:No module named pytest\b|pytest: (?:(?:command )?not found|No such file)|Failed to spawn: [`'"]?pytest\b|"""
    r"""exec: "\S*pytest": (?:executable file not found|stat)|Command not found: pytest|"""
    r"""Command '?pytest'? is not found|the command pytest could not be found)""",
    re.IGNORECASE,
)
# starlette up to 1.0 names httpx, later ones httpx2; the wording around the name stayed.
_CLIENT = re.compile(r"starlette\.testclient\S* (?:module )?requires the (\w[\w-]*) package")
_FIXTURE = re.compile(r"fixture '(\w+)' not found")
_MARK = re.compile(r"(?:Unknown pytest\.mark\.(\w+)|['\"](\w+)['\"] not found in `?markers`?)")
_ARGUMENTS = re.compile(r"unrecognized arguments: (.+)")
_SETTING = re.compile(r"Unknown config option: (\w+)")
_ASYNC = re.compile(r"async def functions? (?:are|is) not natively supported|async def function and no async plugin")
_REQUIRED = re.compile(r"Missing required plugins: ([\w ,.<>=~!-]+)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

OLD_SETUPTOOLS = "setuptools<82"

# Both speak to starlette's test client; it takes httpx2 first and falls back to httpx.
_CLIENT_PACKAGES = frozenset({"httpx", "httpx2"})


@dataclass(frozen=True)
class Remedy:
    """``cause`` in one or more sentences; ``packages`` are distribution names that are declared nowhere yet.

    ``packages`` is empty when the cause is known and no package mends it. ``config`` are pytest options to set
    (name -> value) without which a proposed plugin would not take effect. ``install`` are distributions that are
    declared and not there; ``modules`` are the project's own that are not found.
    """

    packages: tuple[str, ...]
    cause: str
    config: Mapping[str, str] = field(default_factory=dict)
    install: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass
class _Found:
    """What has been gathered so far, in the order in which it was found."""

    packages: dict[str, str] = field(default_factory=dict)  # distribution -> why, one sentence
    others: dict[str, None] = field(default_factory=dict)  # causes that no package mends
    modules: dict[str, None] = field(default_factory=dict)  # the project's own that are not found

    def need(self, package: str, why: str) -> None:
        self.packages.setdefault(package, why)

    def other(self, why: str) -> None:
        self.others.setdefault(why)


def remedy(
    evidence: Evidence,
    output: str,
    test_files: Mapping[str, str],
    declared: Collection[str],
    *,
    local: Collection[str] = (),
    locked: Collection[str] = (),
    asyncio_mode: str = "",
) -> Remedy | None:
    """What a failed run calls for; None when nothing missing is seen in it (a plain failing test, a green run).

    ``test_files``: path -> source. ``declared``: distributions that the project declares in any group. ``local``:
    top-level modules of the project itself. ``locked``: distributions of the lock, thus there without being
    declared. ``asyncio_mode``: the option's value in the project's pytest configuration, "" where it is not set.
    """
    if not evidence.seen or (evidence.data.get("exit_code") == 0 and not evidence.data.get("problems")):
        return None  # where async tests were only skipped, the exit code is 0
    text = _ESCAPES.sub("", output) + "\n" + "\n".join(_causes(evidence))
    known = {_normal(name) for name in declared}
    calls = read_calls(test_files)
    found = _Found()
    client = _read_output(text, frozenset(local), calls, found)
    if not found.packages and not found.others:
        return None
    # One run shows only the first thing missing of each file: the sources say what the next one would lack.
    _read_sources(calls, known | {_normal(name) for name in locked}, frozenset(local), asyncio_mode, found)
    _settle_client(found, client, calls)
    return _conclude(found, known, calls, asyncio_mode)


def _read_output(text: str, local: frozenset[str], calls: Calls, found: _Found) -> str:
    """Gather what the output says; the package that starlette's client asks for, or ""."""
    for name in _named(_MODULE, text):
        _missing_module(name.rstrip("."), local, found)
    if _RUNNER.search(text):
        found.packages.pop("pytest", None)
        found.need("pytest", "pytest itself is not installed where the tests run.")
    client = next((name for name in _named(_CLIENT, text) if name in _CLIENT_PACKAGES), "")
    if client:
        # Starlette's own words say more than the bare import error that other test files may end with.
        found.packages[client] = f"The test client needs {client}, which is not installed."
    for table, pattern, what in (
        (FIXTURES, _FIXTURE, "fixture"),
        (OPTIONS, _SETTING, "pytest option"),
        (MARKS, _MARK, "mark"),
    ):
        for name in _named(pattern, text):
            if name in table:
                found.need(table[name], f"The {what} {name} comes from {table[name]}, which is not installed.")
    _read_requirements(text, found)
    if _ASYNC.search(text):
        plugin = "pytest-trio" if "trio" in calls.marks and "asyncio" not in calls.marks else "pytest-asyncio"
        found.need(plugin, f"Async tests need {plugin}, which is not installed.")
    return client


def _read_requirements(text: str, found: _Found) -> None:
    """Gather what the project's pytest configuration asks for."""
    for arguments in _named(_ARGUMENTS, text):
        for word in arguments.split():
            option = word.partition("=")[0]
            if option in OPTIONS:
                found.need(OPTIONS[option], f"The pytest option {option} needs {OPTIONS[option]}.")
    for names in _named(_REQUIRED, text):
        for name in re.findall(r"[A-Za-z][\w-]*", names):
            if _normal(name) in {*IMPORTS.values(), *OPTIONS.values()}:
                found.need(_normal(name), f"The pytest configuration requires {_normal(name)}.")


def _missing_module(name: str, local: frozenset[str], found: _Found) -> None:
    top = name.partition(".")[0]
    if top == "pkg_resources":
        found.need(OLD_SETUPTOOLS, "pkg_resources is imported, which setuptools no longer brings since its version 82.")
    elif top in local:
        found.modules.setdefault(name)
        found.other(f"The project's own module {name} is not found where the tests run (import path or image).")
    elif top in IMPORTS:
        found.need(IMPORTS[top], f"The tests import {top}{_of(top)}, which is not installed.")
    else:
        found.other(f"The module {name} is missing, and which package brings it is not known to safemig.")


def _read_sources(
    calls: Calls, there: Collection[str], local: frozenset[str], asyncio_mode: str, found: _Found
) -> None:
    """Add what the sources use and neither the project nor its lock has."""
    for name in sorted(calls.imports - local):
        package = IMPORTS.get(name)
        # pytest read these sources: it is there, however it came.
        if package and package != "pytest" and package not in there:
            found.need(package, f"The tests import {name}{_of(name)}, which no group declares.")
    # starlette before 0.21 drove its client with requests: then the output has named that one.
    old_client = "requests" in found.packages and "requests" not in calls.imports
    if calls.client and not old_client and not _CLIENT_PACKAGES & ({*there, *found.packages}):
        found.need("httpx", "The test client needs httpx, which no group declares.")
    for mark in sorted(calls.marks & ASYNC_MARKS):
        if MARKS[mark] not in there:
            found.need(MARKS[mark], f"The mark {mark} needs {MARKS[mark]}, which no group declares.")
    if (calls.bare_async or (calls.coroutine and asyncio_mode)) and not ASYNC_PLUGINS & ({*there, *found.packages}):
        found.need("pytest-asyncio", "Async tests need pytest-asyncio, which no group declares.")


def _settle_client(found: _Found, client: str, calls: Calls) -> None:
    """Where the tests import httpx themselves, it serves starlette's client too: one package, not two."""
    if client == "httpx2" and "httpx" in found.packages and "httpx2" not in calls.imports:
        del found.packages["httpx2"]
        found.packages["httpx"] = "The test client and the tests need httpx, which is not installed."


def _conclude(found: _Found, known: Collection[str], calls: Calls, asyncio_mode: str) -> Remedy:
    causes = []
    packages = []
    install = []
    for package, why in found.packages.items():
        if package in known or (package == "httpx2" and "httpx" in known):
            there = package if package in known else "httpx"
            install.append(there)
            causes.append(f"{why} The project declares {there}: rebuild, or look at which groups are installed.")
        elif package == OLD_SETUPTOOLS and "setuptools" in known:
            causes.append(f"{why} The project declares setuptools: pin it below 82.")
        else:
            packages.append(package)
            causes.append(why)
    config = {}
    plugin = "pytest-asyncio" in packages or "pytest-asyncio" in known
    anyio_only = "anyio" in calls.marks and "asyncio" not in calls.marks
    if calls.bare_async and plugin and not asyncio_mode and not anyio_only:
        config["asyncio_mode"] = "auto"
        causes.append("Async tests without a mark are collected only with asyncio_mode = auto.")
    return Remedy(tuple(packages), " ".join([*causes, *found.others]), config, tuple(install), tuple(found.modules))


def _causes(evidence: Evidence) -> Iterator[str]:
    places = evidence.data.get("error_places")
    for place in places if isinstance(places, list) else ():
        if isinstance(place, dict):
            yield str(place.get("cause", ""))


def _named(pattern: re.Pattern[str], text: str) -> list[str]:
    """What the pattern names, each once, in order."""
    names = (next((group for group in match.groups() if group), "") for match in pattern.finditer(text))
    return list(dict.fromkeys(name for name in names if name))


def _of(name: str) -> str:
    """The distribution of an import, where it has another name."""
    package = IMPORTS[name]
    return "" if package == _normal(name) else f" (package {package})"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
