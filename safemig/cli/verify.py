"""`safemig verify`: the schema in PostgreSQL against what the spec asks for. Changes nothing."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from checks.evidence import Json
from checks.schema.difference import Difference, table_of
from checks.schema.snapshot import Snapshot, TableHeld, last_name, part
from safemig.base.redaction import redact
from safemig.cli.errors import UsageError
from safemig.cli.main import DRIFT, FAILED, PASSED
from safemig.cli.opening import Opened, look_at, open_project
from safemig.cli.printing import err, json_out, out
from safemig.migrations import privileges
from safemig.migrations.change import Wanted
from safemig.migrations.privileges import Lacking, Wider
from safemig.planning.collect.observe import wanted_of
from safemig.planning.facts import Facts
from safemig.planning.notes import unchosen
from safemig.planning.request import Request
from safemig.postgres.ddl import dependencies, names
from safemig.postgres.ddl import tables as mend
from safemig.sandbox import desired as desired_schema
from safemig.sandbox.database import Scratch
from safemig.sandbox.desired import SpecFails
from safemig.sandbox.drift import Drift, differing
from safemig.sandbox.restore import ScratchFails, load


class CannotVerify(Exception):
    """What keeps the two schemas from being compared."""


def main(options: argparse.Namespace) -> int:
    """0 when the schema is what the spec asks for, 1 when not, with every difference, or when it cannot be told, 5 when
    it is, but the database is otherwise not what its revisions make, or nobody knows whether it is."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    opened = open_project(options)
    request = Request(options.spec, options.phase, purpose="schema")
    facts = look_at(opened, request)
    wanted = wanted_of(opened.project, facts)
    if wanted is None or facts.spec is None:
        raise UsageError(unchosen(facts) or "no spec describes a schema here; name one with --spec NAME and --phase N")
    try:
        document = _compare(opened, facts, wanted)
    except (SpecFails, ScratchFails, TableHeld, CannotVerify, Unreachable, psycopg.Error) as error:
        document = _head(facts) | {"matches_spec": None, "reason": _why(error), "differences": []}
    if options.json:
        json_out(document, indented=True)
    else:
        out("".join(f"{line}\n" for line in _lines(document)))
    return exit_code(document)


def exit_code(document: Mapping[str, Json]) -> int:
    """What the document comes to; only what was looked at and found good is 0."""
    if not document["matches_spec"]:
        return FAILED
    drifted = document["drift"]
    proved = isinstance(drifted, dict) and drifted["known"] and not drifted["differences"]
    return PASSED if proved else DRIFT


def _head(facts: Facts) -> dict[str, Json]:
    spec = facts.spec
    return {
        "format": 1,
        "spec": spec.path if spec else None,
        "phase": spec.phase if spec else None,
        "origin": spec.origin if spec else None,
        "chosen_because": spec.why if spec else None,
    }


def _why(error: Exception) -> str:
    from safemig.runtimes.base import Unreachable

    if isinstance(error, SpecFails):
        return f"what the spec asks for cannot be made: {error}"
    if isinstance(error, TableHeld):
        return f"{error}; end that transaction or wait for it, then verify again"
    said = " ".join(redact(str(error)).split())
    if isinstance(error, ScratchFails | CannotVerify | Unreachable):
        return said
    return f"the database did not answer to the end: {said}; verify again once that is settled"


def _say(text: str) -> None:
    err(f"{text}\n")


def _compare(opened: Opened, facts: Facts, wanted: Wanted) -> dict[str, Json]:
    from checks.revisions.graph import read_graph
    from checks.schema.snapshot import take
    from safemig.engine.baseline import mismatches
    from safemig.engine.drift import carried
    from safemig.planning.collect.existing_tables import changed_since
    from safemig.project.constants import of_revisions
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.worker import desire_applied

    if wanted.problems:
        raise CannotVerify("the spec cannot be used as it stands: " + "; ".join(wanted.problems))
    with opened.runtime.connect() as connection:
        found = take(connection)
        grants = privileges.granted(wanted)
        lacking = (*privileges.lacking(connection, grants), *privileges.absent(connection, wanted))
        wider = privileges.wider(connection, grants)
    dump = opened.runtime.dump_schema()
    tree = opened.project.tree
    drifted = _drift(opened, facts, found)
    # A CREATE leaves be what it does not name, as in a plan: but only what is known to come from a revision.
    stated = drifted.differences is not None or (
        tree is not None
        and changed_since(
            read_graph(tree.versions, recursive=tree.recursive, known=of_revisions(opened.project.root)), wanted.tables
        )
    )
    desired = on_scratch(opened.runtime, partial(desire_applied, dump, wanted, stated=stated), _say)
    copy, original = desired.base, desired.base
    if desired.wanted.server_version // 10_000 != found.server_version // 10_000:
        # Another major prints views and expressions otherwise: what it makes of the schema as it is tells them apart.
        copy, original = on_scratch(opened.runtime, partial(reprinted, dump), lambda _: None), found
        if drifted.made is not None:
            told = differing(drifted.made, found, (copy, found))
            drifted = replace(drifted, differences=told)
    differences = carried(mismatches(copy, original, desired.wanted, found, desired.open_names), wanted, found)
    differences = (*differences, *unasked(drifted, differences, found, wanted))
    inorder = dependencies.ordered(differences, desired.wanted, found)
    shown: list[Json] = [shown_difference(one, desired.wanted, found, wanted) for one in inorder]
    shown += [_shown_privilege(one) for one in lacking]
    shown += [_shown_wider(one) for one in wider if one.name in wanted.tables]
    unread = [f"{place[0]}:{place[1]}: {text}" for text, place in privileges.unread(wanted)]
    unread += [
        f"{one.place[0]}:{one.place[1]}: {one.text} is more than the spec grants, and may come from elsewhere"
        for one in wider if one.name not in wanted.tables
    ]  # fmt: skip
    head = _head(facts) | {"differences": shown, "left_out": [*desired.kept], "not_checked": [*unread]}
    # What was not looked at is never good.
    matches = False if shown else None if unread else True
    reason = "no look tells whether these statements were carried out" if unread and not shown else ""
    return head | {"matches_spec": matches, "reason": reason, "drift": _drift_shown(drifted, found)}


def _shown_privilege(one: Lacking) -> dict[str, Json]:
    more = {"spec": f"{one.place[0]}:{one.place[1]}", "definition": None, "sql": one.sql, "why": None}
    return privileges.shown(one) | more | {"destructive": False}


def _shown_wider(one: Wider) -> dict[str, Json]:
    return {
        "object": f"privilege {one.text}",
        "aspect": "unexpected",
        "wanted": None,
        "found": one.text,
        "spec": f"{one.place[0]}:{one.place[1]}",
        "definition": None,
        "sql": one.sql,
        "why": None,
        "destructive": False,
    }


def reprinted(dump: str, scratch: Scratch) -> Snapshot:
    """The schema in ``dump`` as the throwaway server prints it."""
    with scratch() as conninfo:
        return desired_schema.take(load(dump, conninfo))


def unasked(
    drifted: Drift, differences: Sequence[Difference], found: Snapshot, wanted: Wanted
) -> tuple[Difference, ...]:
    """What stands on the tables that the spec makes although neither it nor a revision asks for it."""
    tables = {".".join(map(part, table.rpartition(".")[::2])) for table in wanted.tables if "." in table}
    tables |= {f"public.{part(table)}" for table in wanted.tables if "." not in table}
    listed = {one.key for one in differences}
    return tuple(
        one for one in drifted.differences or ()
        if one.aspect == "unexpected" and one.key not in listed and table_of(one.key, found.objects[one.key]) in tables
    )  # fmt: skip


def shown_difference(one: Difference, wanted: Snapshot, found: Snapshot, spec: Wanted) -> dict[str, Json]:
    """A difference with the spec's line, the catalog's definition and the SQL that would mend it, or why none does."""
    mending = mend.mend(one, wanted, found)
    there = found.objects.get(one.key)
    asked = one.aspect != "unexpected"
    place = place_of(one.key, wanted, spec) if asked else None
    return {
        "object": one.key,
        "aspect": one.aspect,
        "wanted": one.wanted,
        "found": one.found,
        "spec": f"{place[0]}:{place[1]}" if place else None,
        "definition": _definition(one.key, found) if there is not None else None,
        "sql": mending.sql if mending else None,
        "why": None if mending else mend.why_not(one, wanted, found),
        "destructive": bool(mending and mending.destructive),
    }


def _definition(key: str, found: Snapshot) -> str | None:
    """The object as the catalog has it."""
    if key.startswith("column "):
        return mend.column_sql(names.last(key.partition(" ")[2]), found.objects[key])
    return mend.create(key, found) or None


def place_of(key: str, wanted: Snapshot, spec: Wanted) -> tuple[str, int] | None:
    """File and line of the spec that ask for the object: where its name stands, else its table's; None for neither."""
    table = table_of(key, wanted.objects.get(key, {}))
    lines = spec.upgrade.split("\n")
    at = _line_with(lines, last_name(f"table {table}"), 1) if table else 1
    own = _line_with(lines, last_name(key), at or 1)
    line = own or (at if table else 0)
    return spec.place(line) if line else None


def _line_with(lines: list[str], name: str, begin: int) -> int:
    """The first line from ``begin`` (1-based) that has the name as a word; 0 for none."""
    pattern = re.compile(rf"(?<![\w]){re.escape(name)}(?![\w])", re.I)
    return next((number for number, line in enumerate(lines, 1) if number >= begin and pattern.search(line)), 0)


def _drift(opened: Opened, facts: Facts, found: Snapshot) -> Drift:
    """What the database has that no revision made."""
    import psycopg

    from checks.revisions.graph import read_graph
    from safemig.project.constants import of_revisions
    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.drift import drift
    from safemig.sandbox.worker import chain

    tree = opened.project.tree
    if tree is None or facts.current is None:
        return Drift(None, "the database's revision is not known")
    graph = read_graph(tree.versions, recursive=tree.recursive, known=of_revisions(opened.project.root))
    try:
        current = facts.current
        return on_scratch(
            opened.runtime,
            lambda scratch: drift(graph, current, tree.versions[0], found, scratch, run=chain),
            lambda _: None,
        )
    except (ScratchFails, Unreachable, psycopg.Error, OSError) as error:
        return Drift(None, " ".join(redact(str(error)).split()))


def _drift_shown(result: Drift, found: Snapshot) -> dict[str, Json]:
    if result.differences is None or result.made is None:
        return {"known": False, "reason": result.reason, "differences": []}
    made = result.made
    listed: list[Json] = []
    for one in dependencies.ordered(result.differences, made, found):
        mending = mend.mend(one, made, found)
        listed.append(
            {
                "object": one.key,
                "aspect": one.aspect,
                "wanted": one.wanted,
                "found": one.found,
                "sql": mending.sql if mending else None,
                "why": None if mending else mend.why_not(one, made, found),
                "destructive": bool(mending and mending.destructive),
            }
        )
    return {"known": True, "reason": "", "differences": listed}


def _lines(document: dict[str, Json]) -> Iterator[str]:
    yield f"{document['spec']}, phase {document['phase'] or '-'}: asked for at {document['origin']}"
    if document["chosen_because"]:
        yield f"chosen because {document['chosen_because']}"
    unread = document.get("not_checked")
    if document["matches_spec"] is None and not unread:
        yield f"the schema cannot be compared: {document['reason']}"
        return
    yield from _listed(document["differences"])
    yield from (f"  not checked: {text}" for text in (unread if isinstance(unread, list) else []))
    left_out = document.get("left_out")
    yield from (f"  left as it is: {text}" for text in (left_out if isinstance(left_out, list) else []))
    if document["matches_spec"] is None:
        yield f"the tables are what the spec asks for, but {document['reason']}: look at them by hand"
    else:
        yield "the schema is what the spec asks for" if document["matches_spec"] else "the schema differs from the spec"
    drift = document["drift"]
    if not isinstance(drift, dict):
        return
    if not drift["known"]:
        yield f"drift: not known: {drift['reason']}"
    elif drift["differences"]:
        yield "drift: the database is not what its revisions make"
        yield from _listed(drift["differences"])
    else:
        yield "drift: none, the database is what its revisions make"


def _listed(differences: Json) -> Iterator[str]:
    for one in differences if isinstance(differences, list) else []:
        if not isinstance(one, dict):
            continue
        place = f" (asked for at {one['spec']})" if one.get("spec") else ""
        said = "" if one["aspect"] in ("missing", "unexpected") else f": wanted {one['wanted']}, found {one['found']}"
        yield f"  {one['object']}: {one['aspect']}{said}{place}"
        if one.get("definition"):
            yield from (f"      has: {line}" for line in str(one["definition"]).split("\n"))
        if one.get("sql"):
            word = "mend (can lose data)" if one["destructive"] else "mend"
            yield from (f"      {word}: {line}" for line in str(one["sql"]).split("\n"))
        elif one.get("why"):
            yield f"      no SQL mends it: {one['why']}"
