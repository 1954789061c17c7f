"""Numbers and their nouns: wherever a text counts something, one of it is said as one."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

import pytest

from tests.imports import ROOT, sources

PLURAL = re.compile(r" (?:more |other |earlier |open )?(?!(?:is|was|has|as|its|this|does|us)\b)[a-z]+s\b")
# What is counted there is never one: the text before says so, or it is no number of things.
NEVER_ONE = {
    "safemig/orm/propose.py",
    "safemig/planning/collect/gaps.py",
    "safemig/protection/impact.py",
    "safemig/requirements/row_sql.py",
    "safemig/requirements/sources.py",
    "safemig/requirements/spec_documents.py",
    "tui/panes/approval_text.py",
}


def counts(value: ast.expr) -> bool:
    """Whether the expression is plainly a number of things."""
    calls = [node.func.id for node in ast.walk(value) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return bool({"len", "sum"} & {*calls}) and "counted" not in calls


def miscounted(text: str) -> Iterator[str]:
    """The places of a module that put a plural behind a number, whatever the number is."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            for value, after in itertools.pairwise(node.values):
                words = after.value if isinstance(after, ast.Constant) else ""
                if isinstance(value, ast.FormattedValue) and counts(value.value) and PLURAL.match(str(words)):
                    yield f"{node.lineno}: {ast.unparse(value.value)}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('f"{len(steps)} steps"', 1),
        ('f"and {len(found) - 3} more phases"', 1),
        ('f"{sum(x)} errors; "', 1),
        ("f\"{counted(len(steps), 'step')} done\"", 0),
        ('f"{len(steps)} of them"', 0),
        ('f"{name} steps"', 0),
        ('f"{len(x)} is much"', 0),
    ],
)
def test_the_rule_finds_what_it_is_for(text: str, found: int) -> None:
    assert len([*miscounted(text)]) == found


def test_no_text_says_1_steps() -> None:
    found = {
        name: places
        for path in sources("checks", "safemig", "tui").values()
        if (name := path.relative_to(ROOT).as_posix()) not in NEVER_ONE
        and (places := [*miscounted(path.read_text(encoding="utf-8"))])
    }
    assert found == {}
