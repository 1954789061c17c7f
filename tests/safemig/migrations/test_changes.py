"""The same change in SQL, in op code, as a model and as a table: one downgrade, online form, risk and schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import pytest

from checks.revisions.style import Pattern
from checks.schema.difference import compare
from checks.schema.snapshot import Snapshot
from safemig.migrations import evaluator, offline_sql
from safemig.migrations.change import Wanted
from safemig.migrations.changes import changes
from safemig.migrations.downgrade import NoUndo, derive
from safemig.migrations.from_sql import in_operations
from safemig.migrations.hazards import risks_of
from safemig.migrations.online.forms import gentle
from safemig.migrations.writer import author
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import engine, take
from safemig.sql.parser import parse as parse_sql
from tests.safemig.change_pairs import BASE, PAIRS, Pair

TABLES = ("t", "u", "old", "shop.item", "Order", "measure")


def _forms(pair: Pair) -> Iterator[Wanted]:
    """The change in each language, as a spec gives it."""
    fences = {"sql": ("sql", pair.sql), "op": ("python", pair.op)}
    fences |= {name: ("python", code) for name, code in pair.forms.items() if name == "model"}
    texts = [f"```{language}\n{code}\n```\n" for language, code in fences.values()]
    for text in [*texts, *(code for name, code in pair.forms.items() if name == "table")]:
        document = parse(f"# Change\n\n{text}\n".encode(), "plan.md")
        found = wanted(document, document.phases[0], [])
        assert found is not None
        assert found.problems == ()
        yield replace(found, types=pair.types)


def _back(form: Wanted) -> str | None:
    try:
        return derive(form)
    except NoUndo:
        return None


def _statements(form: Wanted, code: str) -> list[Any]:
    """The trees of the statements, actions of a list one by one, without their places."""
    sql = code if form.kind == "sql" else offline_sql.render(replace(form, upgrade=code)).sql
    parsed = parse_sql(sql)
    assert not parsed.error, sql
    plain = [(one.kind, _plain(one.node)) for one in parsed.statements if one.kind != "TransactionStmt"]
    return [(kind, {**node, "cmds": [one]}) for kind, node in plain for one in node.get("cmds", [None])]


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        left = ("location", "missing_ok", "stmt_len")
        return {key: _plain(value) for key, value in node.items() if key not in left}
    return [_plain(one) for one in node] if isinstance(node, list) else node


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_form_has_the_same_downgrade(pair: Pair) -> None:
    forms = list(_forms(pair))
    backs = [_back(form) for form in forms]
    assert [back is not None for back in backs] == [pair.back] * len(forms)
    first, *others = [_statements(form, back) for form, back in zip(forms, backs, strict=True) if back is not None] or [
        []
    ]
    for other in others:
        assert other == first


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_form_has_the_same_online_form(pair: Pair) -> None:
    first, *others = [gentle(form, TABLES) for form in _forms(pair)]
    for form, choices in others:
        assert choices == first[1]
        if all(choice.kept for choice in choices):
            continue
        assert _statements(form, form.upgrade) == _statements(first[0], first[0].upgrade)


def test_every_form_has_the_same_risk() -> None:
    texts = [(pair.name, _text(form)) for pair in PAIRS for form in _forms(pair)]
    found: dict[str, list[list[str]]] = {}
    for (name, _), risks in zip(texts, risks_of([text for _, text in texts]), strict=True):
        found.setdefault(name, []).append(sorted({risk.kind for risk in risks}))
    assert {name: kinds for name, kinds in found.items() if any(one != kinds[0] for one in kinds)} == {}


def _text(form: Wanted) -> str:
    """The revision that is written for it, with any downgrade where none follows."""
    from pathlib import Path

    back = _back(form)
    none = 'op.execute("SELECT 1 INTO x")' if form.kind == "op" else "SELECT 1 INTO x;"
    whole = in_operations(replace(form, downgrade=none if back is None else back))
    return author(
        Pattern(), versions=Path(), down=(), wanted=whole, message="m", moment="2026-01-01T00:00:00+00:00"
    ).text


@pytest.mark.integration
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_form_leads_to_the_same_schema_and_back(pair: Pair, dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(BASE.encode())
    before, after = take(dsn), list[Snapshot]()
    for form in _forms(pair):
        _apply(dsn, form, "up")
        after.append(take(dsn))
        if pair.back:
            _apply(dsn, replace(form, downgrade=derive(form)), "down")
            assert compare(before, take(dsn), ignore=frozenset()) == ()
        else:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(b"DROP SCHEMA public, shop CASCADE; CREATE SCHEMA public")
                connection.execute(BASE.encode())
    # What no snapshot shows is made and taken back all the same.
    assert pair.name in ("publication", "granted") or compare(before, after[0], ignore=frozenset())
    for other in after[1:]:
        assert compare(after[0], other, ignore=frozenset()) == ()


def _apply(dsn: str, form: Wanted, side: Literal["up", "down"]) -> None:
    with engine(dsn) as target, target.connect() as connection:
        evaluator.apply(form, connection, side=side)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("x = 'abcd'\n" + "x = x + x\n" * 40, "not computed"),
        ("x = 'abcd'\n" + "x = f'{x}{x}'\n" * 40, "not computed"),
        ("op.create_unique_constraint('uq', 't', [1])", "not evaluated"),
        ("op.create_index('i', 't', [sa.text('a')], schema=3)", "not evaluated"),
        ("op.add_column('t', sa.Column('x', Geometry()))", "the name is not known"),
        ("op.execute(" * 300 + ")" * 300, ""),
        ("op.execute('CREATE TABL n (a int)')", "syntax error"),
    ],
)
def test_what_cannot_be_read_is_said_and_has_no_downgrade(code: str, why: str) -> None:
    form = Wanted("op", code, "", (), frozenset(), ("plan.md", 1))
    found = changes(form)
    assert any(why in change.problem for change in found if change.problem)
    assert _back(form) is None
    assert gentle(form, TABLES) == (form, ())


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ('CREATE INDEX "per%cent" ON course (slug)', 'DROP INDEX "per%cent";'),
        ('ALTER TABLE course ADD CONSTRAINT "5%" CHECK (id > 0)', 'ALTER TABLE course DROP CONSTRAINT "5%";'),
        ('ALTER TABLE course ADD COLUMN "per%cent" integer', 'ALTER TABLE course DROP COLUMN "per%cent";'),
    ],
)
def test_a_percent_sign_in_a_name_stands_once_in_the_way_back(up: str, down: str) -> None:
    """Drivers want it twice in a statement; a revision file is no statement of a driver."""
    assert derive(Wanted("sql", up, "", (), frozenset(), ("plan.md", 1))) == down
