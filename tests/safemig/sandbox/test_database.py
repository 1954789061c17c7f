"""The throwaway database where the runtime cannot make one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import pytest

from checks.evidence import Json
from safemig.migrations.change import Wanted
from safemig.postgres.server import find_binaries
from safemig.postgres.session_settings import SessionSettings
from safemig.runtimes.base import Runtime, Unreachable
from safemig.sandbox.database import on_scratch
from safemig.sandbox.desired import SpecFails, desire
from safemig.sandbox.restore import ScratchFails

pytestmark = pytest.mark.integration

OWN = find_binaries()
REFUSED = Unreachable("no right to create a database", "db.example:5432", "Ask for it.")
CHANGE = Wanted("sql", "CREATE TABLE made (id int);", "", ("made",), frozenset(), ("plan.md", 1), upgrade_lines=(7,))


class _Runtime:
    """A runtime whose scratch databases fail as ``error`` says, or are ``conninfo``."""

    def __init__(self, error: Exception | None = None, *, conninfo: str = "", version: Json = OWN.major) -> None:
        self.error, self.conninfo, self.version = error, conninfo, version

    def database(self) -> dict[str, Json]:
        if self.version is None:
            raise REFUSED
        return {"version": self.version}

    def session_settings(self) -> SessionSettings:
        return SessionSettings((("search_path", "app, public"),))

    @contextmanager
    def scratch(self) -> Iterator[str]:
        if self.error:
            raise self.error
        yield self.conninfo


def _on(runtime: _Runtime, call: Callable[..., Any]) -> tuple[Any, list[str]]:
    said: list[str] = []
    return on_scratch(cast(Runtime, runtime), call, said.append), said


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (OWN.major, ""),
        (11, "the application's is 11, so what the two print differently may show"),
        (None, "the application's major version is not known"),
    ],
)
def test_a_server_of_this_machine_is_used_and_said(version: Json, words: str) -> None:
    found, said = _on(_Runtime(REFUSED, version=version), partial(desire, "", CHANGE))
    assert "table public.made" in found.wanted.objects
    [sentence] = said
    assert "no right to create a database" in sentence
    assert f"PostgreSQL {OWN.version} of this machine" in sentence
    assert (words in sentence) if words else sentence.endswith("is used instead")


def test_nothing_is_said_where_the_runtime_makes_one(dsn: str) -> None:
    found, said = _on(_Runtime(conninfo=dsn), partial(desire, "", CHANGE))
    assert "table public.made" in found.wanted.objects
    assert said == []


def test_an_extension_that_the_scratch_server_lacks(dsn: str) -> None:
    calls: list[str] = []

    def call(scratch: Callable[[], Any]) -> str:
        with scratch() as conninfo:
            calls.append(conninfo)
        if len(calls) == 1:
            raise ScratchFails('the present schema cannot be loaded: extension "citext" is not available')
        return "loaded"

    result, said = _on(_Runtime(conninfo=dsn), call)
    assert result == "loaded"
    assert calls[0] == dsn != calls[1]
    assert "citext" in said[0]


def test_what_no_other_server_mends_stays_as_it_was(dsn: str) -> None:
    with pytest.raises(ScratchFails, match="missing"):
        _on(_Runtime(conninfo=dsn), partial(desire, "ALTER TABLE missing ADD a int;", CHANGE))
    unknown = "CREATE EXTENSION no_such_extension;"
    with pytest.raises(ScratchFails, match="no_such_extension"):
        _on(_Runtime(conninfo=dsn), partial(desire, unknown, CHANGE))
    spec = Wanted("sql", unknown, "", (), frozenset(), ("plan.md", 1), upgrade_lines=(7,))
    with pytest.raises(SpecFails, match=r"plan\.md:7"):
        _on(_Runtime(conninfo=dsn), partial(desire, "", spec))
    with pytest.raises(SpecFails, match=r"plan\.md:7"):
        _on(_Runtime(REFUSED), partial(desire, "", spec))
