"""Why a run has not passed: a signal that is not good or was not seen, a schema that is not as asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from checks.evidence import Evidence, Json
from safemig.engine import observation
from safemig.engine.applied_revisions import applied_by
from safemig.engine.baseline import _applied_by
from safemig.engine.session import Session
from safemig.engine.verdict import Judged, _compares, _done, _unchanged, _untold
from safemig.journal.state import RunState, Seen, StepState
from safemig.plan_document.migrating import asks_migration
from safemig.planning.applying import FIRST_LOOK
from safemig.planning.facts import Facts, Finding
from safemig.planning.heads import SEEN_THERE, THERE
from safemig.planning.pending import ACCEPTED, UNCOMPARED
from safemig.planning.planner import draft
from safemig.project.config_schema import Config
from safemig.signals.comparison import Signal
from tests.safemig.planning.test_applying import BAKED, applying
from tests.safemig.plans import DOWN, FACTS, without

GOOD = Signal(True, "3 passed", "3 passed")


def judged(ok: bool | None = True, matches: bool | None = True, asked: bool = True, *reasons: str) -> Judged:
    return Judged({"tests": GOOD, "container": Signal(ok, "", "", reasons)}, matches, asked, ())


@pytest.mark.parametrize(
    ("result", "reasons"),
    [
        (judged(), ()),
        (judged(matches=None, asked=False), ()),
        (judged(None), ("container: not checked",)),
        (judged(False), ("container: not good",)),
        (judged(False, True, True, "app is absent", "db is gone"), ("container: app is absent; db is gone",)),
        (judged(matches=None), ("schema: not compared with the spec",)),
        (judged(matches=False), ("schema: not as asked for",)),
        (judged(None, None), ("container: not checked", "schema: not compared with the spec")),
    ],
)
def test_every_reason_is_named(result: Judged, reasons: tuple[str, ...]) -> None:
    assert result.reasons() == reasons


@pytest.mark.parametrize(
    ("facts", "name", "step", "skipped", "compares"),
    [
        (FACTS, UNCOMPARED, "migrate", "", False),  # a person has said yes to it
        (FACTS, ACCEPTED, "migrate", "", False),
        (FACTS, "remedy", "migrate", "", True),
        (FACTS, UNCOMPARED, "pending", "", True),  # the new revision is compared all the same
        (applying(FACTS, "start", "write"), UNCOMPARED, "migrate", "migrate", True),  # a reloader had applied it
        (applying(FACTS, "start", "write"), ACCEPTED, "migrate", "migrate", False),
        (applying(BAKED, "start"), UNCOMPARED, "start-migration", "migrate", False),
        (applying(without("migrate"), "start"), UNCOMPARED, "start-migration", "", False),
    ],
)
def test_a_comparison_is_done_without_only_where_somebody_was_asked(
    facts: Facts, name: str, step: str, skipped: str, compares: bool
) -> None:
    past = RunState()
    past.known[skipped] = StepState(skipped, status="skipped")
    s = SimpleNamespace(past=past, plan=draft(facts), findings=[Finding(name, "cannot be told", step=step)])
    assert _compares(cast(Session, s)) is compares


@pytest.mark.parametrize(
    ("facts", "done", "step"),
    [
        (FACTS, (), "migrate"),
        (applying(without("migrate"), "start"), (), "start-migration"),
        (applying(without("migrate"), "start", "write"), ("create",), "start-migration"),
    ],
)
def test_what_cannot_be_compared_is_asked_at_the_step_that_applies_it(
    facts: Facts, done: tuple[str, ...], step: str
) -> None:
    past = RunState()
    for name in done:
        past.known[name] = StepState(name, status="done")
    assert _applied_by(cast(Session, SimpleNamespace(past=past, plan=draft(facts))), ("b2",)) == step


def session_of(facts: Facts, findings: list[Finding], at: list[str]) -> Session:
    """A run of those facts that has come to its end, with the database at those revisions."""
    plan, past = draft(facts, findings), RunState()
    for step in plan.steps:
        past.known[step.id] = StepState(step.id, status="done")
    past.evidence.append(Seen("after", "revision", Evidence("revision", "db", True, "", "", "", {"current": [*at]})))
    return cast(Session, SimpleNamespace(facts=facts, findings=findings, plan=plan, past=past))


ASKED_NOTHING = replace(applying(DOWN, "start"), migration=None, spec=None)
SEEN = Finding("database", "read before the start", ("a0",), (), step=FIRST_LOOK)


@pytest.mark.parametrize(
    ("facts", "findings", "at", "done", "untold"),
    [
        (ASKED_NOTHING, [], ["a1"], False, True),  # nobody knows where it was
        (ASKED_NOTHING, [SEEN], ["a0"], False, False),
        (ASKED_NOTHING, [SEEN], ["a1"], True, False),
        (replace(ASKED_NOTHING, applies=()), [], ["a1"], False, False),
    ],
)
def test_a_start_that_applied_what_nobody_had_read_is_not_called_no_change(
    facts: Facts, findings: list[Finding], at: list[str], done: bool, untold: bool
) -> None:
    s = session_of(facts, findings, at)
    assert _done(s) is done
    assert bool(_untold(s)) is untold


def test_a_start_follows_the_build_that_applied_its_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed over, the service of before would go on."""

    async def at_heads(_: Session) -> bool:
        return True

    monkeypatch.setattr(observation, "at_heads", at_heads)
    facts = applying(BAKED, "build", "start")
    plan, past = draft(facts), RunState()
    past.known["build-migration"] = StepState("build-migration", status="done")
    s = cast(Session, SimpleNamespace(facts=facts, plan=plan, past=past))
    assert not asyncio.run(applied_by(s, plan.step("start-migration")))
    assert asyncio.run(applied_by(s, plan.step("migrate")))


def test_unchanged_names_what_it_does_not_say() -> None:
    """Of a chosen phase that is there: its open items, those of other phases, and what no look shows."""
    assert FACTS.spec is not None
    spec = replace(FACTS.spec, items=("Migrate the old rows", "Write the docs"))
    facts = replace(FACTS, spec=spec, migration=None, left_open=("docs/b.md:7: Prepare the migration",))
    s = session_of(facts, [Finding(THERE, "all of it is there")], ["a1"])
    s.config = cast(Config, SimpleNamespace(ticks=SimpleNamespace(words=())))
    data: dict[str, Json] = {
        "matches_spec": True,
        "differences": [],
        "not_checked": ["p.md:6: CREATE PUBLICATION feed"],
    }
    seen = Evidence("comparison", "db", True, "", "", "", data)
    s.past.evidence.append(Seen("before", "baseline", seen))
    for step in s.plan.steps:
        s.past.of(step.id).status = "planned"
    reason = _unchanged(s, asks_migration(spec.items))
    assert reason.startswith(SEEN_THERE)
    assert "a revision has and no look shows: p.md:6: CREATE PUBLICATION feed" in reason
    assert "of the phase: Migrate the old rows" in reason
    assert "in no chosen phase: docs/b.md:7: Prepare the migration" in reason
    assert "docs;" not in reason


@pytest.mark.parametrize(
    ("text", "own", "asks"),
    [
        ("Write the migration", (), True),
        ("Escribir la migración de datos", (), True),
        ("Napisać migrację", (), True),
        ("Bring `alembic/versions` up to date", (), True),
        ("Write the documentation of `rating`", (), False),
        ("Обновить схему", (), True),  # nothing is read of it, so it may
        ("データベースを変更する", (), True),
        ("문서를 쓴다", (), True),
        ("文書を書く", ("文書を書く",), False),
        ("Обновить README", ("обновить",), False),
        ("Crème brûlée für `Ж`", (), False),
    ],
)
def test_an_item_that_asks_for_a_migration_or_may_is_never_passed_over(
    text: str, own: tuple[str, ...], asks: bool
) -> None:
    assert asks_migration([text], own) == ((text,) if asks else ())
