"""`safemig verify`: the schema in PostgreSQL against what the spec asks for. Changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from checks.evidence import Json
from safemig.cli.errors import UsageError
from safemig.cli.opening import Opened, open_project
from safemig.facts import Facts
from safemig.run.observe import observe, wanted_of
from safemig.run.session import Request
from safemig.spec.sources import Wanted


def main(options: argparse.Namespace) -> int:
    """0 when the schema is what the spec asks for, 1 when not, with every difference."""
    opened = open_project(options)
    request = Request(options.spec, options.phase)
    facts = asyncio.run(observe(opened.project, opened.config, opened.runtime, request))
    wanted = wanted_of(opened.project, facts)
    if wanted is None or facts.spec is None:
        raise UsageError("no spec describes a schema here; name one with --spec NAME and --phase N")
    document = _compare(opened, facts, wanted)
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
    else:
        _print(document)
    return 0 if document["matches_spec"] else 1


def _compare(opened: Opened, facts: Facts, wanted: Wanted) -> dict[str, Json]:
    from checks.schema.snapshot import take
    from safemig.desired import desire_applied
    from safemig.run.baseline import mismatches

    with opened.runtime.connect() as connection:
        found = take(connection)
    desired = desire_applied(opened.runtime.dump_schema(), wanted, opened.runtime.scratch)
    differences = mismatches(desired.base, desired.base, desired.wanted, found, desired.open_names)
    return {
        "format": 1,
        "spec": facts.spec.path if facts.spec else None,
        "phase": facts.spec.phase if facts.spec else None,
        "origin": facts.spec.origin if facts.spec else None,
        "matches_spec": not differences,
        "differences": [
            {"object": d.key, "aspect": d.aspect, "wanted": d.wanted, "found": d.found} for d in differences
        ],
    }


def _print(document: dict[str, Json]) -> None:
    differences = document["differences"]
    sys.stdout.write(f"{document['spec']}, {document['phase']}: asked for at {document['origin']}\n")
    for difference in differences if isinstance(differences, list) else []:
        if isinstance(difference, dict):
            sys.stdout.write(
                f"  {difference['object']}: {difference['aspect']}: "
                f"wanted {difference['wanted']}, found {difference['found']}\n"
            )
    sys.stdout.write("the schema is what the spec asks for\n" if document["matches_spec"] else "the schema differs\n")
