"""The commands that checklist items name and that only look: planned, run before and after the change, and judged.

They run before the change too, because an item is proved only by what could have failed: a command that ended well
before the phase's work says nothing about it. Tests that are there already are the exception: they have just run with
all others, so they are not run twice more, and the item then needs another part that came about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from checks.evidence import Evidence, Json, now, unseen
from safemig.checklist.proofs import Looked
from safemig.engine.command import output_of, require_success, run_command, tail
from safemig.engine.item_context import subject_of
from safemig.engine.row_comparison import compared
from safemig.engine.session import Session
from safemig.execution import command as commands
from safemig.planning.facts import NamedFact
from safemig.planning.plan import Step
from safemig.planning.steps import named_of
from safemig.sql.text import statements

if TYPE_CHECKING:
    import psycopg

    from safemig.runtimes.base import Runtime

KIND = "named"
QUERY_SECONDS = 30.0
# How pytest, alembic and Python say no.
_NO = re.compile(r"FAILED|\b\d+ (?:failed|errors?)\b|AssertionError|ImportError|ModuleNotFoundError|AttributeError")
# What a service, an engine or a database that is not there makes a command print, with the exit code of a plain no.
_UNREACHED = re.compile(
    r"is not running|no such service|Cannot connect to the Docker daemon|Error response from daemon|not a TTY"
    r"|OperationalError|[Cc]onnection refused|could not (?:connect|translate host)|Connect call failed"
    r"|Name or service not known|authentication failed|is starting up|No config file"
    r"|No module named '?(?:alembic|pytest)"
    r"|Error (?:126|127|137|139)|permission denied while trying|(?:database|role) \".*\" does not exist"
    r"|[Tt]imed out|timeout expired"
    r"|No route to host|Network is unreachable|too many (?:clients|connections)|server closed the connection"
    r"|No space left"
    r"|Too many open files|Cannot allocate memory|MemoryError|command not found|executable file not found"
    r"|InterfaceError|returned error: (?:5\d\d|401|403|407|429)"
)
# Exit codes by which a tool says "not so"; any other may mean that it could not look (127: no such program).
_NOT_SO: Mapping[str, frozenset[int]] = {
    "python": frozenset({1}),
    "pytest": frozenset({1, 2, 4, 5}),  # failed; not collected; no such file; no tests
    "alembic": frozenset({1, 255}),
    "make": frozenset({1, 2}),
    "docker": frozenset({1}),
    "curl": frozenset({22}),  # --fail: the service answered with an error
}


async def run_named(s: Session, step: Step) -> str:
    """Runs it, or asks the database; how it ended is journalled. A bad end is an answer too: the step is done, and
    only after the change there is something to remark."""
    fact = named_of(s.facts, step)
    moment = "after" if step.phase == "after" else "before"
    known = s.known(step.id, moment, KIND)
    seen = known[0] if known else s.observe(step.id, moment, await _look(s, step, fact, moment))
    ended = str(seen.data.get("ended") or seen.reason)
    return "" if seen.data.get("good") or moment == "before" else f"`{s.clean(fact.code)}` {ended}"


async def _look(s: Session, step: Step, fact: NamedFact, moment: str) -> Evidence:
    began = now()
    if fact.query:
        good, ended = await s.look(lambda: _asked(s.runtime, fact.query))
    else:
        async with compared(s, step, moment):
            end = await run_command(s, step)
        if end.how == "stopped":
            require_success(s, step, end)
        good, ended = _judged(fact.tool, end)
        if good is False and not _says_no(fact.tool, tail(output_of(s, step))):
            good, ended = None, f"{ended}: it could not reach what it asks"
    line = s.clean(step.action.line)
    code = s.clean(fact.code)
    if good is None:
        return unseen(KIND, code, line, s.clean(ended), began)
    spec = s.facts.spec
    of = subject_of(spec.path, spec.phase) if spec else ""
    data: dict[str, Json] = {"of": of, "good": good, "ended": s.clean(ended)}
    return Evidence(KIND, code, True, began, now(), line, data)


def _says_no(tool: str, output: str) -> bool:
    """Whether a red end speaks of the item: those that ask through something else must say so in words."""
    if _UNREACHED.search(output):
        return False
    if tool == "curl":  # a server's own trouble, or a closed door, is no answer about the item
        return "returned error: 4" in output
    return tool not in ("alembic", "docker") or bool(_NO.search(output))


def _judged(tool: str, end: commands.Ended) -> tuple[bool | None, str]:
    """Whether it ended well; None when its end says nothing about the item."""
    if end.how != "exit" or end.status is None:
        return None, {"limit": "did not end in time"}.get(end.how, "did not end by itself")
    if end.status == 0:
        return True, "ended well"
    said = f"ended with {end.status}"
    return (False, said) if end.status in _NOT_SO.get(tool, frozenset()) else (None, f"{said}: it could not look")


def _asked(runtime: Runtime, query: str) -> tuple[bool | None, str]:
    """The question on a connection of our own, in a transaction that cannot write and is not kept."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    try:
        with runtime.connect() as connection:
            connection.execute("BEGIN TRANSACTION READ ONLY")
            connection.execute(f"SET LOCAL statement_timeout = {int(QUERY_SECONDS * 1000)}".encode())
            for one in statements(query):
                _ask_one(connection, one.text.strip())
            connection.execute("ROLLBACK")
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.UndefinedObject,
        psycopg.errors.UndefinedFunction,
    ) as error:
        return False, f"was refused: {str(error).splitlines()[0]}"
    except (psycopg.Error, Unreachable) as error:
        return None, f"could not be asked: {str(error).splitlines()[0]}"
    return True, "ended well"


def _ask_one(connection: psycopg.Connection, line: str) -> None:
    """Runs the whole question without bringing its rows over: a table may have millions."""
    if line.lower().startswith("show"):
        connection.execute(line.encode())
        return
    connection.execute(f"DECLARE safemig_asks NO SCROLL CURSOR FOR {line}".encode())
    connection.execute("MOVE ALL IN safemig_asks")
    connection.execute("CLOSE safemig_asks")


def looked(named: Sequence[NamedFact], before: Iterable[Evidence], after: Iterable[Evidence]) -> dict[str, Looked]:
    """What the items' commands came to, by their code: the oldest look before, the newest after."""
    first = {one.subject: _good(one) for one in reversed([*before])}
    last = {one.subject: _good(one) for one in after}
    whys = {one.code: "not run yet: a run does it, after approval" if one.runs else one.why for one in named}
    return {code: Looked(first.get(code), last.get(code), whys.get(code, "")) for code in {**whys, **first, **last}}


def _good(seen: Evidence) -> bool | None:
    good = seen.data.get("good") if seen.seen else None
    return good if isinstance(good, bool) else None
