"""What of the revisions that a run would apply cannot be taken back or loses data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from checks.migration.graph import Graph
from safemig.facts import Facts, RiskFact
from safemig.revision_risk import risks


def with_risks(facts: Facts, graph: Graph, root: Path) -> Facts:
    """The facts with the risks of the pending revisions (of all, where it is not known which are) and of the file that
    is to be written."""
    names = facts.pending if facts.pending is not None else tuple(graph.revisions)
    found = [one for name in names if name in graph.revisions for one in _of_file(name, graph, root)]
    if facts.migration:
        made = facts.migration
        found += [RiskFact(made.revision, f"{made.path}:{one.line} {one.what}", one.final) for one in risks(made.text)]
    return replace(facts, risks=tuple(found))


def _of_file(name: str, graph: Graph, root: Path) -> Iterator[RiskFact]:
    path = Path(graph.revisions[name].file)
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        yield RiskFact(name, f"{shown} could not be read, so what it does is not known")
        return
    for one in risks(text):
        yield RiskFact(name, f"{shown}:{one.line} {one.what}", one.final)
