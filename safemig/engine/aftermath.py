"""After a failure: what of the change was committed, what it left behind, and the statements that lead back or on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from checks.database.debris import Debris, read_debris
from checks.evidence import Evidence, Json, now
from checks.schema.difference import Difference, compare
from safemig.engine import guard
from safemig.engine.drift import plain, words
from safemig.migrations.change import Wanted
from safemig.protection.way_back import way_back

if TYPE_CHECKING:
    from safemig.engine.session import Session

KIND = "aftermath"
_APPLYING = ("pending", "migrate")


async def tell_aftermath(s: Session) -> None:
    """Journals and says it, where a step that applies revisions had begun."""
    plan = getattr(s, "plan", None)  # there is none yet where a resumed run ends because its files are not its own
    began = [step for step in plan.steps if step.id in _APPLYING and s.past.of(step.id).started] if plan else []
    if not began:
        return
    step = began[-1]
    debris = await _debris(s)
    for one in debris:
        s.note(one.words, level="error" if one.rejects else "warning")
    kept = s.journal.folder / f"before-{step.id}.json"
    mark = msgspec.json.decode(kept.read_bytes(), type=guard.Mark) if kept.exists() else None
    fresh = await guard.take_mark(s, step) if mark else None
    if mark is None or not isinstance(fresh, guard.Mark):
        return
    moved = guard.moved_since(s, mark, fresh)
    made = moved.differences if moved else ()
    back = way_back(made) if mark.current == fresh.current else None
    tried = await _tried(s, mark, fresh, back) if back else ""
    began_at = now()
    _say(s, mark, fresh, made, back, tried)
    data: dict[str, Json] = {
        "before": [*mark.current],
        "after": [*fresh.current],
        "committed": [plain(one) for one in made],
        "left": [one.words for one in debris],
        "way_back": [*(back or ())],
        "tried": tried,
    }
    s.observe(step.id, "after", Evidence(KIND, s.facts.database, True, began_at, now(), "pg_dump --schema-only", data))


def _say(
    s: Session, mark: guard.Mark, fresh: guard.Mark, made: Sequence[Difference], back: Sequence[str] | None, tried: str
) -> None:
    if mark.current != fresh.current:
        return  # whole revisions are recorded: their own downgrades lead back
    if not made:
        s.note("nothing of the change was committed: revision and schema are those of before it")
        return
    what = f"committed before it failed, and recorded by no revision: {words(made)}"
    if back is None:
        how = "no statement is known that takes all of it back: compare with the revision by hand"
        s.note(f"{what}; a downgrade takes none of it back, and {how}", level="warning")
        return
    s.note(
        f"{what}; a downgrade takes none of it back, these statements do ({tried}): {' '.join(back)}", level="warning"
    )


async def _debris(s: Session) -> tuple[Debris, ...]:
    import psycopg

    from safemig.runtimes.base import Unreachable

    def look() -> tuple[Debris, ...]:
        with s.runtime.connect() as connection:
            return read_debris(connection)

    try:
        return await s.look(look)
    except (psycopg.Error, Unreachable):
        return ()  # that the database does not answer is said by the look at its revision


async def _tried(s: Session, mark: guard.Mark, fresh: guard.Mark, back: Sequence[str]) -> str:
    """How it went to run the statements on a throwaway copy of the schema."""
    import psycopg

    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import union

    steps = [Wanted("sql", "\n".join(back), "", (), frozenset(), ("the way back", 1))]
    try:
        dump = await s.look(s.runtime.dump_schema)
        made = await s.look(lambda: on_scratch(s.runtime, partial(union, dump, steps), lambda _: None))
    except (SpecFails, ScratchFails, Unreachable, psycopg.Error, OSError) as error:
        return f"not tried: {s.clean(' '.join(str(error).split()))}"
    if compare(made.wanted, mark.snapshot, untouched=(made.base, fresh.snapshot)):
        return "on a throwaway server they do NOT lead back to the schema of before"
    return "tried on a throwaway server: they lead back to the schema of before"
