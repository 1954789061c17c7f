"""Identifiers: one quoting, one splitting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.sql.identifiers import cut, qualify, quote, quote_if_needed, split


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("users", ("users",)),
        ("App.Users", ("app", "users")),
        ('app."Users"', ("app", "Users")),
        ('"a.b"."c""d"', ("a.b", 'c"d')),
        (" a . b ", ("a", "b")),
        ("größe", ("größe",)),
        ("", ()),
        ("a.", ()),
        ("a b", ()),
        ('"a', ()),
        ("1a", ()),
    ],
)
def test_a_written_name_is_taken_apart(text: str, parts: tuple[str, ...]) -> None:
    assert split(text) == parts


@given(st.lists(st.text(min_size=1).filter(lambda part: "\0" not in part), min_size=1, max_size=3))
def test_what_is_put_together_is_taken_apart_again(parts: list[str]) -> None:
    assert split(qualify(*parts)) == tuple(parts)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("users", "users"),
        ("order", '"order"'),
        ("Users", '"Users"'),
        ("a b", '"a b"'),
        ("user", '"user"'),
        ("a$", "a$"),
    ],
)
def test_only_what_needs_quotes_gets_them(name: str, shown: str) -> None:
    assert quote_if_needed(name) == shown
    assert quote(name).startswith('"')


def test_a_long_name_is_cut_at_whole_characters() -> None:
    assert cut("ü" * 40) == "ü" * 31
    assert cut("t" * 63) == "t" * 63
