"""PostgreSQL's own parser behind one module: places, limits, and what a text that ends the parser may do."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.sql import parser
from safemig.sql import text as by_hand
from safemig.sql.parser import parse, parse_apart

TESTS = Path(__file__).parents[2]
_SQL = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:CREATE|ALTER|DROP|COMMENT ON|INSERT|UPDATE|DELETE|SELECT|GRANT|REVOKE)\s", re.I
)


@cache
def _corpus() -> tuple[str, ...]:
    """The SQL strings of the tests."""
    found: dict[str, None] = {}
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value):
                found[node.value] = None
    return tuple(found)


def test_the_corpus_is_read_as_before() -> None:
    """The contract with libpg_query: most strings are valid, none ends the parser, and the statements are those of the
    tokeniser that this replaces."""
    texts = _corpus()
    read = parse_apart(texts)
    valid = [(text, one) for text, one in zip(texts, read, strict=True) if not one.error]
    assert len(valid) >= 640, f"{len(valid)} of {len(texts)} strings are PostgreSQL"
    assert not [one.error for one in read if "ended" in one.error]
    differing = [
        text for text, one in valid if [a.line for a in one.statements] != [b.line for b in by_hand.statements(text)]
    ]
    assert differing == []


def test_a_statement_stands_where_it_says() -> None:
    for text, one in zip(_corpus(), parse_apart(_corpus()), strict=True):
        for statement in one.statements:
            assert text[statement.start : statement.end] == statement.text
            assert parse(statement.text).statements[0].kind == statement.kind


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" ;; -- nothing\n;", []),
        ("SELECT 1;\n-- é\n/* a /* b; */ ; */ DROP\nTABLE t ;", [("SELECT 1", 1), ("DROP\nTABLE t", 3)]),
        ("SELECT 'é;é';\nSELECT $x$;$x$", [("SELECT 'é;é'", 1), ("SELECT $x$;$x$", 2)]),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\nSELECT 3",
            [("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", 1), ("SELECT 3", 2)],
        ),
    ],
)
def test_the_places_of_statements(text: str, found: list[tuple[str, int]]) -> None:
    assert [(one.text, one.line) for one in parse(text).statements] == found
    assert parse(text) == parse_apart([text])[0]


def test_an_error_names_its_line() -> None:
    read = parse("SELECT 1;\nCREATE TABLE t (\n  id int AUTO_INCREMENT\n)")
    assert (read.error, read.line) == ('syntax error at or near "AUTO_INCREMENT"', 3)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "||".join(["a"] * 60_000),
        "SELECT " + "NOT " * 50_000 + "true",
        " UNION ".join(["SELECT 1"] * 20_000),
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT a" + "::text" * 30_000,
        "SELECT '" + "x" * parser.MAX_CHARACTERS + "'",
        "SELECT '\0'",
        "SELECT '\ud800'",
    ],
    ids=["concatenations", "negations", "unions", "brackets", "casts", "length", "NUL", "surrogate"],
)
def test_pathological_text_is_an_error_and_harms_no_other(text: str) -> None:
    before, bad, after = parse_apart(["SELECT 1", text, "SELECT 2"])
    assert bad.error
    assert not bad.statements
    assert [len(one.statements) for one in (before, after)] == [1, 1]


def test_a_text_that_ends_the_child_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    source = Path(parser.__file__).with_name("parser_process.py").read_text(encoding="utf-8")
    dies = 'def _answer(text: str) -> str:\n    if "die" in text:\n        import os\n        os.abort()'
    child.write_text(source.replace("def _answer(text: str) -> str:", dies), encoding="utf-8")
    monkeypatch.setattr(parser, "_CHILD", str(child))
    read = parse_apart(["SELECT 1", "SELECT die", "SELECT 2"])
    assert [bool(one.error) for one in read] == [False, True, False]
    assert read[1].error == "it ended PostgreSQL's parser (exit status -6)"
    read = parse_apart([f"SELECT die{number}" for number in range(9)] + ["SELECT 1"])
    assert all(one.error for one in read)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_is_answered(texts: list[str]) -> None:
    read = parse_apart(texts)
    assert len(read) == len(texts)
    assert all(one.error == "" or not one.statements for one in read)
