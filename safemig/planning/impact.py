"""What a step that applies revisions will do to the tables in use, as the plan and the question say it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from checks.database.statement_trace import RevisionTrace
from safemig.planning.facts import Facts, ImpactFact, RevisionFact
from safemig.planning.plan import Step
from safemig.protection.impact import Impact, impact, size_words, weight


def impact_of(fact: ImpactFact, files: Sequence[RevisionFact]) -> Impact:
    """What the revisions with those files do, in one go."""
    return impact(_traces(fact, files), fact.sizes, fact.limits)


def _traces(fact: ImpactFact, files: Sequence[RevisionFact]) -> list[RevisionTrace]:
    """Those of the files as they are now: what changed since was not traced."""
    return [one for file in files for one in fact.traces if (one.revision, one.sha256) == (file.revision, file.sha256)]


def hurting(step: Step, facts: Facts, files: Sequence[RevisionFact]) -> Step:
    """The step with what it does to the tables in use; asked in every mode where that may hurt."""
    if facts.impact is None or not files:
        return step
    found = impact_of(facts.impact, files)
    detail = (*step.detail, *_lines(facts.impact, files, found))
    step = replace(step, detail=detail)
    if not found.asks:
        return step
    asks = "; ".join((*filter(None, (step.action.asks,)), *found.asks))
    return replace(step, action=replace(step.action, asks=asks), cause=step.cause or "; ".join(found.asks))


def _lines(fact: ImpactFact, files: Sequence[RevisionFact], found: Impact) -> Iterator[str]:
    traced = {one.revision for one in _traces(fact, files)}
    missing = [file.path for file in files if file.revision not in traced]
    if missing:
        yield f"what it does to tables in use is not known for {', '.join(missing)}" + f": {fact.untraced}" * bool(
            fact.untraced
        )
    if not traced:
        return
    yield "in the live database, by a run on a throwaway server and the present sizes:"
    yield from (f"  {one.kind}: {one.words}" for one in found.hazards)
    yield from _remarks(fact, traced)
    if not found.hazards:
        yield "  nobody has to wait: no table that is there is locked so that others cannot read and write it"


def _remarks(fact: ImpactFact, traced: Collection[str]) -> Iterator[str]:
    """What squawk says of statements on tables that are not small, each with the largest of them."""
    sizes = {one.table: one for one in fact.sizes}
    for one in fact.remarks:
        if not one.rule and one.revision in traced:
            yield f"  {one.text}"
        felt = [table for table in one.tables if weight(sizes.get(table), fact.limits) != "small"]
        if felt and one.revision in traced:
            told = ", ".join(f"{table}: {size_words(sizes.get(table))}" for table in felt)
            yield f"  squawk {one.rule}: {one.path}:{one.line} {one.text} {one.help} ({told})"
