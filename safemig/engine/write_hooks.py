"""A post-write hook of Alembic on the file that a run has written; the file is read again afterwards."""

from __future__ import annotations

from dataclasses import replace

from safemig.base.file_edit import unified
from safemig.engine import observation
from safemig.engine.command import cause, output_of, require_success, run_command, tail
from safemig.engine.session import RunEnds, Session
from safemig.planning.collect import revision_contents
from safemig.planning.contents import reread
from safemig.planning.facts import Finding
from safemig.planning.plan import Step


async def run_hook(s: Session, step: Step) -> None:
    """As in Alembic a hook that fails fails nothing: it is said, and the file is taken as it is then."""
    ended = await run_command(s, step)
    if ended.how == "stopped":
        require_success(s, step, ended)
    if ended.status != 0:
        why = cause(s.clean(tail(output_of(s, step))))
        status = f"returned {ended.status}" if ended.how == "exit" else f"did not end by itself ({ended.how})"
        s.note(f"{step.title}: `{s.clean(step.action.line)}` {status}: {why}", step.id, "warning")
    await _read_again(s, step)


async def _read_again(s: Session, step: Step) -> None:
    """What the hook has made of the file: what is applied and asked about from here on. Where its statements are other
    ones, a person is asked about them in every mode."""
    written = s.facts.merge if step.id.startswith("merge") else s.facts.migration
    assert written is not None
    graph = await s.look(lambda: observation.graph_of(s))
    if written.revision not in graph.revisions:
        raise RunEnds("failed", f"{step.title}: {written.path} is no revision {written.revision} any more")
    reading = await s.look(lambda: revision_contents.read_revisions(s.root, graph, (written.revision,), {}))
    known = next((one for one in reread(s.facts, s.findings).files if one.revision == written.revision), None)
    (fresh,) = reading.files
    if known is not None and known.sha256 == fresh.sha256:
        return
    alike = known is not None and not (known.unread or fresh.unread) and known.sql == fresh.sql
    before = known.text if known else None
    diff = unified(written.path, before, fresh.text) or f"{written.path} is another file\n"
    fresh = replace(fresh, diff="" if alike else diff)
    said = f"the post-write hook of “{step.title}” wrote {written.path} anew ({fresh.sha256[:8]})"
    s.find(Finding("contents", said, files=(fresh,), risks=reading.risks))
