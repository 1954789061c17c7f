"""A throwaway database also where the runtime cannot make one: on PostgreSQL binaries of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from safemig.runtimes.base import Unreachable
from safemig.sandbox.desired import SpecFails
from safemig.sandbox.restore import ScratchFails

if TYPE_CHECKING:
    from safemig.postgres.binaries import Binaries
    from safemig.postgres.session_settings import SessionSettings
    from safemig.runtimes.base import Runtime

T = TypeVar("T")
Scratch = Callable[[], AbstractContextManager[str]]
# PostgreSQL's words where a server has not the files of an extension.
_NO_EXTENSION = "is not available"


def on_scratch(runtime: Runtime, call: Callable[[Scratch], T], say: Callable[[str], None]) -> T:
    """``call`` with the runtime's scratch databases; again with one of this machine where those will not do.

    They will not do when none can be made (no right to, no image), or when they lack an extension that the present
    schema has; one that only the spec names may be missing on the application's server too.
    ``say`` gets one sentence on why and on what is used instead. Where that does not help either, the first error
    stands.
    """
    from safemig.postgres.server import PostgresError, find_binaries

    first: Exception
    try:
        return call(runtime.scratch)
    except Unreachable as error:
        first, why, major = error, str(error), _major(runtime)
        wanted = major
    except ScratchFails as error:
        if _NO_EXTENSION not in str(error):
            raise
        first, why, major = error, str(error), _major(runtime)
        wanted = None  # the embedded server, which has the extensions that come with PostgreSQL
    try:
        binaries = find_binaries(wanted)
        settings = runtime.session_settings()
        result = call(lambda: _own(binaries, settings))
    except (PostgresError, ScratchFails):
        raise first from None
    except SpecFails:
        say(_sentence(why, binaries, major))
        raise
    say(_sentence(why, binaries, major))
    return result


def _sentence(why: str, binaries: Binaries, major: int | None) -> str:
    text = (
        f"the throwaway database could not be made as the application's database is ({why.rstrip('.')}): "
        f"PostgreSQL {binaries.version} of this machine ({binaries.source}) is used instead"
    )
    if major is None:
        return f"{text}; the application's major version is not known"
    if major != binaries.major:
        return f"{text}; the application's is {major}, so what the two print differently may show as a difference"
    return text


def _major(runtime: Runtime) -> int | None:
    import psycopg

    try:
        version = runtime.database()["version"]
    except (Unreachable, psycopg.Error):
        return None
    return version if isinstance(version, int) else None


@contextmanager
def _own(binaries: Binaries, settings: SessionSettings) -> Iterator[str]:
    from safemig.postgres.server import throwaway
    from safemig.postgres.session_settings import give

    with throwaway(binaries, database="scratch") as conninfo:
        give(settings, conninfo)
        yield conninfo
