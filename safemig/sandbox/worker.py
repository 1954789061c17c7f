"""The work on the scratch database in a process of its own: what a spec or a revision holds reaches the engine only as
the answer.

The child is asked for one function of ``safemig.sandbox.desired`` by name; lines of JSON go both ways. It asks back for
each scratch database that it needs; they are thrown away when it has ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

import msgspec

from checks.database.statement_trace import RevisionTrace
from safemig.base.redaction import redact
from safemig.migrations.change import Wanted
from safemig.migrations.offline_sql import Rendered, render
from safemig.migrations.reconcile.tables import Restated
from safemig.sandbox import already_made as there
from safemig.sandbox import chain as chains
from safemig.sandbox import desired
from safemig.sandbox import trace as traces
from safemig.sandbox.chain import Chained
from safemig.sandbox.desired import Desired, RevisionFails, SpecFails
from safemig.sandbox.restore import ScratchFails

Scratch = Callable[[], AbstractContextManager[str]]
LIMIT_SECONDS = 600.0  # the largest schema measured (2,000 tables) takes about 40
_TAIL_BYTES = 64 * 1024
_LONGEST = 300  # letters of the child's last line that are shown
_HOME = str(Path(__file__).resolve().parents[2])
# Looking through all that a start imports, again and again, is a fifth of its CPU time (safemig.entry).
_START = (
    "import gc, sys; gc.set_threshold(50_000, 20, 20); sys.path.append(sys.argv[1]); "
    "from safemig.sandbox.worker import work; work()"
)


class Order(msgspec.Struct, frozen=True):
    """One call: the function's name and what it is called with."""

    name: Literal["desire", "desire_applied", "restated", "union", "rendered", "chain", "already_made", "trace"]
    dump: str
    wanted: Wanted | None
    revision: Wanted | None = None
    stated: bool = False
    pending: tuple[Wanted, ...] = ()
    chain: tuple[Wanted | None, ...] = ()
    mark: int = 0
    written: tuple[Wanted | None, ...] = ()


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the child: it wants a database, or it has ended with a value or an error."""

    kind: Literal[
        "scratch",
        "desired",
        "restated",
        "rendered",
        "chained",
        "made",
        "traced",
        "SpecFails",
        "RevisionFails",
        "ScratchFails",
        "OperationalError",
    ]
    desired: Desired | None = None
    chained: Chained | None = None
    restated: Restated | None = None
    rendered: tuple[Rendered, ...] = ()
    made: tuple[str, ...] | None = None
    traced: tuple[RevisionTrace, ...] = ()
    file: str = ""
    line: int = 0
    message: str = ""


def desire(
    dump: str,
    wanted: Wanted,
    scratch: Scratch,
    *,
    revision: Wanted | None = None,
    stated: bool = True,
    pending: Sequence[Wanted] = (),
) -> Desired:
    """As ``safemig.sandbox.desired.desire``."""
    found = _call(Order("desire", dump, wanted, revision, stated, tuple(pending)), scratch).desired
    assert found is not None
    return found


def desire_applied(
    dump: str, wanted: Wanted, scratch: Scratch, *, stated: bool = False, revision: Wanted | None = None
) -> Desired:
    """As ``safemig.sandbox.desired.desire_applied``."""
    found = _call(Order("desire_applied", dump, wanted, revision, stated), scratch).desired
    assert found is not None
    return found


def restated(dump: str, wanted: Wanted, scratch: Scratch, *, pending: Sequence[Wanted] = ()) -> Restated:
    """As ``safemig.sandbox.desired.restated``."""
    found = _call(Order("restated", dump, wanted, pending=tuple(pending)), scratch).restated
    assert found is not None
    return found


def already_made(
    dump: str, wanted: Wanted, scratch: Scratch, *, pending: Sequence[Wanted] = ()
) -> tuple[str, ...] | None:
    """As ``safemig.sandbox.already_made.already_made``."""
    return _call(Order("already_made", dump, wanted, pending=tuple(pending)), scratch).made


def union(dump: str, steps: Sequence[Wanted], scratch: Scratch) -> Desired:
    """As ``safemig.sandbox.desired.union``."""
    found = _call(Order("union", dump, None, pending=tuple(steps)), scratch).desired
    assert found is not None
    return found


def rendered(steps: Sequence[Wanted]) -> tuple[Rendered, ...]:
    """As ``safemig.migrations.offline_sql.render``, for each of the upgrades. No database is made for it."""

    def none() -> AbstractContextManager[str]:
        raise ScratchFails("text is made without a database")

    return _call(Order("rendered", "", None, pending=tuple(steps)), none).rendered


def chain(
    steps: Sequence[Wanted | None], mark: int, scratch: Scratch, written: Sequence[Wanted | None] = ()
) -> Chained:
    """As ``safemig.sandbox.chain.chain``."""
    found = _call(Order("chain", "", None, chain=tuple(steps), mark=mark, written=tuple(written)), scratch).chained
    assert found is not None
    return found


def trace(dump: str, steps: Sequence[Wanted | None], scratch: Scratch) -> tuple[RevisionTrace, ...]:
    """As ``safemig.sandbox.trace.trace``."""
    return _call(Order("trace", dump, None, chain=tuple(steps)), scratch).traced


def _call(order: Order, scratch: Scratch) -> Said:
    """What the child ends with.

    Raises the errors of ``safemig.sandbox.desired``, and ScratchFails when the child ends without an answer.
    """
    with ExitStack() as databases, TemporaryFile() as words:
        # The child ends before its databases are thrown away, also on Ctrl+C.
        with _started(words) as (child, late):
            assert child.stdin is not None
            assert child.stdout is not None
            with suppress(BrokenPipeError):
                _tell(child.stdin, order)
                for line in child.stdout:
                    said = msgspec.json.decode(line, type=Said)
                    if said.kind != "scratch":
                        return _judged(said)
                    _tell(child.stdin, databases.enter_context(scratch()))
            status = child.wait()
        if late.is_set():
            raise ScratchFails(
                f"the work on the throwaway database was ended after {LIMIT_SECONDS:.0f} s without an answer"
            )
        message = f"the process that works on the throwaway database ended without an answer ({status})"
        last = _last_line(words)
        raise ScratchFails(f"{message}: {last}" if last else message)


@contextmanager
def _started(words: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], threading.Event]]:
    """The child, ended at the latest after LIMIT_SECONDS (the event says so) or behind the ``with``; its stderr goes to
    that file: nobody reads a pipe meanwhile, and a full one would stop it."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _START, _HOME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    over = threading.Event()

    def end() -> None:
        over.set()
        child.kill()

    with child:
        late = threading.Timer(LIMIT_SECONDS, end)
        late.start()
        try:
            yield child, over
        finally:
            late.cancel()
            child.kill()
            assert child.stdin is not None
            with suppress(BrokenPipeError):  # what a dead child has not read
                child.stdin.close()


def _last_line(words: IO[bytes]) -> str:
    """What the child said last on stderr, where an error of Python names itself, without secrets; "" for nothing."""
    words.seek(max(0, words.seek(0, os.SEEK_END) - _TAIL_BYTES))
    # Redacted before it is cut into lines: a secret may be given away by what stands before it.
    said = [line.strip() for line in redact(words.read().decode(errors="replace")).split("\n") if line.strip()]
    return "".join(letter if letter.isprintable() else " " for letter in said[-1])[:_LONGEST] if said else ""


def _judged(said: Said) -> Said:
    import psycopg

    match said.kind:
        case "SpecFails":
            raise SpecFails(said.file, said.line, said.message)
        case "RevisionFails":
            raise RevisionFails(said.file, said.line, said.message)
        case "ScratchFails":
            raise ScratchFails(said.message)
        case "OperationalError":
            raise psycopg.OperationalError(said.message)
    return said


def _tell(stream: Any, value: Any) -> None:
    stream.write(msgspec.json.encode(value) + b"\n")
    stream.flush()


def work() -> None:
    """The child: one order from stdin, its answer on stdout."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    _tell(sys.stdout.buffer, _answer(order))


def _answer(order: Order) -> Said:
    import psycopg

    dump, wanted = order.dump, order.wanted
    if order.name == "rendered":
        return Said("rendered", rendered=tuple(render(step) for step in order.pending))
    try:
        if order.name == "chain":
            return Said("chained", chained=chains.chain(order.chain, order.mark, _asked, order.written))
        if order.name == "trace":
            return Said("traced", traced=traces.trace(dump, order.chain, _asked))
        if wanted is None:
            return Said("desired", desired.union(dump, order.pending, _asked))
        if order.name == "already_made":
            return Said("made", made=there.already_made(dump, wanted, _asked, pending=order.pending))
        if order.name == "restated":
            return Said("restated", restated=desired.restated(dump, wanted, _asked, pending=order.pending))
        if order.name == "desire_applied":
            applied = desired.desire_applied(dump, wanted, _asked, stated=order.stated, revision=order.revision)
            return Said("desired", applied)
        made = desired.desire(dump, wanted, _asked, revision=order.revision, stated=order.stated, pending=order.pending)
        return Said("desired", made)
    except SpecFails as error:
        kind: Literal["SpecFails", "RevisionFails"] = (
            "RevisionFails" if isinstance(error, RevisionFails) else "SpecFails"
        )
        return Said(kind, file=error.file, line=error.line, message=error.message)
    except ScratchFails as error:
        return Said("ScratchFails", message=str(error))
    except psycopg.Error as error:
        return Said("OperationalError", message=str(error))


@contextmanager
def _asked() -> Iterator[str]:
    _tell(sys.stdout.buffer, Said("scratch"))
    yield msgspec.json.decode(sys.stdin.buffer.readline(), type=str)
