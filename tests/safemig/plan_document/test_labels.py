"""Words above a block: which set it aside, which call it the way back, and which only sound like it."""

from __future__ import annotations

import pytest

from safemig.migrations.change import Wanted
from safemig.plan_document import labels
from safemig.plan_document.document import Block, parse
from safemig.requirements.sources import wanted

ADD = "ALTER TABLE course ADD COLUMN price integer;"
DROP = "ALTER TABLE course DROP COLUMN price;"


def _wanted(text: str) -> Wanted | None:
    document = parse(text.encode(), "plan.md")
    return wanted(document, document.phases[0], [])


def _sql(text: str) -> str:
    return f"```sql\n{text}\n```\n"


@pytest.mark.parametrize(
    "heading",
    [
        "Alternatives considered",
        "2.1 A JSON column (rejected)",
        "Out of scope",
        "Non-goals",
        "Verworfene Alternativen",
        "Alternativas descartadas",
        "Rejeté : une colonne JSON",
        "Отвергнутые варианты",
        "却下した案",
        "Current state",
        "Existing schema",
        "Before",
        "**Estado actual**",
        "Ist-Zustand",
        "Aktueller Zustand von `course`",
        "État actuel",
        "Schéma actuel",
        "Текущая схема",
        "Mevcut durum",
        "変更前",
        "现状",
    ],
)
def test_a_heading_sets_the_code_below_it_aside(heading: str) -> None:
    text = f"# Plan\n\n## {heading}\n\n{_sql(ADD)}\n## Change\n\n{_sql('CREATE TABLE tag (id integer);')}"
    found = _wanted(text)
    assert found is not None
    assert "price" not in found.upgrade
    assert "plan.md:6 is not used" in found.differences[0]


@pytest.mark.parametrize(
    "heading",
    [
        "Before you start",
        "Add the current state of a course",
        "Changes to existing tables",
        "Existing table modifications",
        "The current price of a course",
        "Alternatives for a course",
        "Current prices",
        "Instead",
        "Rejection reasons are kept",
    ],
)
def test_other_headings_set_nothing_aside(heading: str) -> None:
    found = _wanted(f"# Plan\n\n## {heading}\n\n{_sql(ADD)}")
    assert found is not None
    assert "price" in found.upgrade


@pytest.mark.parametrize(
    "lead",
    [
        "❌ Do not do this, it locks:",
        "**Bad** (blocks writes):",
        "Before:",
        "**Avant :**",
        "Не делайте так:",
        "不要这样做：",
    ],
)
def test_a_line_above_sets_the_code_aside(lead: str) -> None:
    assert labels.aside(Block("sql", ADD, 3, lead=lead))


@pytest.mark.parametrize(
    "lead",
    [
        "The current table has no price. We add it:",
        "Do not forget the index:",
        "We use a column instead of a trigger:",
        "❗ Important:",
        "Now the price:",
        "",
    ],
)
def test_other_lines_set_nothing_aside(lead: str) -> None:
    assert labels.aside(Block("sql", ADD, 3, lead=lead)) == ""


@pytest.mark.parametrize(
    "heading",
    [
        "Rollback",
        "Rollback plan",
        "⏪ Downgrade",
        "3. Undo",
        "Rücknahme",
        "Reversión",
        "Откат миграции",
        "Wycofanie",
        "Geri alma",
        "ロールバック",
        "回滚方案",
        "التراجع",
    ],
)
def test_what_stands_below_a_word_for_the_way_back_is_the_downgrade(heading: str) -> None:
    """Also where it adds: the way back of a DROP COLUMN."""
    found = _wanted(f"# Plan\n\n{_sql(DROP)}\n## {heading}\n\n{_sql(ADD)}")
    assert found is not None
    assert (found.upgrade, found.downgrade) == (DROP, ADD)


@pytest.mark.parametrize(
    "heading",
    ["Undo history", "Annulations de commandes", "Rollback-safe migration", "Breaking down courses", "Отмена заказов"],
)
def test_a_feature_that_sounds_like_it_is_made(heading: str) -> None:
    found = _wanted(f"# Plan\n\n## {heading}\n\n{_sql(ADD)}")
    assert found is not None
    assert found.upgrade == ADD


def test_of_several_options_the_chosen_one_is_taken_or_the_person_asked() -> None:
    def text(mark: str) -> str:
        second = ADD.replace("integer", "numeric(10,2)")
        return f"# Plan\n\n### Option A\n\n{_sql(ADD)}\n### Option B{mark}\n\n{_sql(second)}"

    undecided = _wanted(text(""))
    assert undecided is not None
    assert undecided.problems == (
        "plan.md:6 and plan.md:12 are options of one choice; "
        "write (chosen) behind the heading of the one that is meant",
    )
    chosen = _wanted(text(" (chosen)"))
    assert chosen is not None
    assert (chosen.problems, "numeric" in chosen.upgrade, "integer" in chosen.upgrade) == ((), True, False)
