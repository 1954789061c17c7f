"""Of what kind a thing is that was found: a table, an index, a unique constraint, a class, a test, a migration."""

from __future__ import annotations

import re

from safemig.checklist.locations import TESTS
from safemig.checklist.lookup_result import OWN_REVISION, Found, is_test

_MIGRATES = re.compile(r"\balembic\b|migrat")
_TESTS = re.compile(r"test")
_REVISIONS = re.compile(r"(?:^|/)(?:versions|migrations)/[^/]+\.(?:py|sql)$")
_MAKEFILE = re.compile(r"(?:[Mm]akefile|\.mk)$")
# What a constraint, or a column with a constraint of its own, says of itself.
_DEFINED = {
    "check": re.compile(r"^check\b", re.I),
    "unique": re.compile(r"^unique\b|^create unique index\b|\bunique\b(?!.*\bindex\b)", re.I),
    "primary key": re.compile(r"\bprimary key\b", re.I),
    "foreign key": re.compile(r"^foreign key\b|\breferences\b", re.I),
}


def kinds_of(one: Found) -> frozenset[str]:
    """The kinds of everything that the span was found to be, or was before it went; none of what was not found."""
    if one.span.kind == "command" and not one.places:
        tested, migrated = _TESTS.search(one.text), _MIGRATES.search(one.text)
        return frozenset({"command"} | ({"test"} if tested else set()) | ({"revision"} if migrated else set()))
    found: set[str] = {"test"} if is_test(one) else set()
    for place, shown in (one.was if one.went else one.places).items():
        file, colon, _ = place.rpartition(": ")
        if colon:
            found |= _in_file(file, shown)
        elif one.span.kind in ("file", "folder"):
            found |= _of_file(place, one.span.kind, shown)
        elif one.span.kind == "endpoint":
            found.add("endpoint")
        else:
            found |= _in_database(place.partition(" ")[0], shown)
    return frozenset(found)


def _in_file(file: str, shown: str) -> set[str]:
    if _MAKEFILE.search(file):
        return {"target"}
    if shown == OWN_REVISION:
        return {shown, "function"}
    return {shown or "package"} | ({"test"} if TESTS.search(file) else set())


def _of_file(path: str, kind: str, shown: str) -> set[str]:
    found = {kind} | ({"revision"} if _REVISIONS.search(path) else set())
    return found | ({OWN_REVISION, "revision"} if shown == OWN_REVISION else set())


def _in_database(kind: str, shown: str) -> set[str]:
    if kind == "object":  # made by the run, and not looked at: its kind is not known
        return set()
    says = {name for name, pattern in _DEFINED.items() if pattern.search(shown)}
    return {kind} | (says if kind in ("constraint", "index", "column") else set())
