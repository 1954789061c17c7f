"""What a step that applies revisions carries: their files and the scripts beside them, their SQL, their risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from safemig.base.action import FileDigest
from safemig.planning.facts import Facts, Finding, RevisionFact, RiskFact, ScriptFact
from safemig.planning.impact import hurting
from safemig.planning.plan import Step, sha256_of

_SCRIPTS = 20  # names of scripts that a question lists
_RISKS = 12  # risks that one line lists: of 549 revisions it was 63,832 characters long


def reread(facts: Facts, findings: Sequence[Finding]) -> Facts:
    """The facts with the newest reading of each revision file and script."""
    for finding in findings:
        fresh = {fact.revision for fact in finding.files}
        files = {fact.revision: fact for fact in (*facts.files, *finding.files)}
        scripts = {fact.path: fact for fact in (*facts.scripts, *finding.scripts)}
        risks = (*(one for one in facts.risks if one.revision not in fresh), *finding.risks)
        impact = finding.impact or facts.impact
        facts = replace(facts, files=tuple(files.values()), scripts=tuple(scripts.values()), risks=risks, impact=impact)
    return facts


def applying(step: Step, facts: Facts, revisions: Sequence[str]) -> Step:
    """The step that applies those revisions, with their files in its action, so that an approval holds for them as they
    are; destructive where one has no way back or may lose data."""
    files = [fact for fact in facts.files if fact.revision in revisions]
    read: list[RevisionFact | ScriptFact] = [*files, *facts.scripts]
    contents = tuple(FileDigest(fact.path, fact.sha256) for fact in read)
    changed = [fact.path for fact in read if fact.diff]
    asks = f"{', '.join(changed)} changed after the plan was made" if changed else step.action.asks
    action = replace(step.action, contents=contents, asks=asks)
    step = replace(step, action=action, detail=tuple(_detail(facts, files)), cause=step.cause or asks)
    step = replace(step, assumes=(*step.assumes, "contents") if contents else step.assumes)
    return hurting(_risky(step, [one for one in facts.risks if one.revision in revisions]), facts, files)


def sql_of(step: Step, facts: Facts) -> tuple[str, ...]:
    """The statements of the revisions that the step applies, as far as they are known."""
    from safemig.sql.text import statements

    paths = {content.path for content in step.action.contents}
    texts = [fact.sql for fact in facts.files if fact.path in paths and fact.sql]
    return tuple(statement.text for text in texts for statement in statements(text))


def _risky(step: Step, risks: Sequence[RiskFact]) -> Step:
    """Destructive where data may be lost or there is no way back; asked in every mode where something else is at
    stake."""
    losses, others = [one for one in risks if one.loses], [one for one in risks if not one.loses]
    if others:
        listed = _listed([one.text for one in others])
        asks = "; ".join([*([step.action.asks] if step.action.asks else []), listed])
        changes = f"{step.changes}; to be decided by a person: {listed}"
        step = replace(step, action=replace(step.action, asks=asks), changes=changes)
    return _losing(step, losses) if losses else step


def _losing(step: Step, risks: Sequence[RiskFact]) -> Step:
    final = [one for one in risks if one.final]
    # What has no way back first: of many only the first are named.
    ordered = sorted(risks, key=lambda one: not one.final)
    says = _listed([f"{'irreversible' if one.final else 'destructive'}: {one.text}" for one in ordered])
    undo = "; what was lost stays lost without a backup"
    if final:
        named = list(dict.fromkeys(one.revision for one in final))
        more = f" and {len(named) - _RISKS} more" if len(named) > _RISKS else ""
        names = f"{', '.join(named[:_RISKS])}{more}"
        undo = f", but not past {names}, which has no way back: take a backup first"
    action = replace(step.action, effect="destructive")
    return replace(step, action=action, changes=f"{step.changes}; {says}", undo=step.undo + undo)


def _listed(texts: Sequence[str]) -> str:
    """One line for a person; the rest of many stands beside each revision's SQL."""
    shown, more = "; ".join(texts[:_RISKS]), len(texts) - _RISKS
    return f"{shown}; and {more} more like these, each in its revision's file below" if more > 0 else shown


def as_written(steps: Sequence[Step], facts: Facts, findings: Sequence[Finding] = ()) -> list[Step]:
    """The steps, each with the contents that the edits before it leave behind: the plan writes some of the files. What
    changed in such a file afterwards has been read from it."""
    later = {fact.path for one in findings if one.name == "contents" for fact in one.files}
    later |= {fact.path for fact in facts.files if fact.diff} | {fact.path for fact in facts.scripts if fact.diff}
    later |= {one.path for command in facts.commands.values() for one in command.calls if one.diff}
    written: dict[str, str] = {}
    made: list[Step] = []
    for step in steps:
        if step.action.kind == "edit" and step.action.path not in later:
            written[step.action.path] = sha256_of(step.action.text)
        contents, calls = _with(written, step.action.contents), _with(written, step.action.calls)
        made.append(replace(step, action=replace(step.action, contents=contents, calls=calls)))
    return made


def _with(written: Mapping[str, str], files: Sequence[FileDigest]) -> tuple[FileDigest, ...]:
    return tuple(FileDigest(one.path, written.get(one.path, one.sha256)) for one in files)


def _detail(facts: Facts, files: Sequence[RevisionFact]) -> Iterator[str]:
    """What a person should read before the files are applied."""
    read: list[RevisionFact | ScriptFact] = [*files, *facts.scripts]
    for one in read:
        if one.diff:
            yield f"new in {one.path} since the plan was made:"
            yield from (f"  {line}" for line in one.diff.splitlines())
    if any(fact.sql is None and not fact.unread for fact in files):
        yield "which of the revisions are pending is not known yet, so their SQL is not shown"
        return
    for fact in files:
        yield f"{fact.path} (revision {fact.revision}, sha256 {fact.sha256[:12]})"
        if fact.unread:
            yield f"  what it comes to cannot be told: {fact.unread}; the file:"
            yield from (f"  | {line}" for line in fact.text.splitlines())
        else:
            yield from (f"  {line}" for line in (fact.sql or "-- its upgrade does nothing").splitlines())
    if facts.scripts:
        more = len(facts.scripts) - _SCRIPTS
        shown = [f"{fact.path} ({fact.sha256[:12]})" for fact in facts.scripts[:_SCRIPTS]]
        yield f"with them run: {', '.join(shown)}" + (f" and {more} more" if more > 0 else "")
