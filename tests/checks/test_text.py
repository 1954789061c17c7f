"""Untrusted text is harmless and bounded once it is evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.text import encodable, lines, plain


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bcreset", "reset"),
        ("a\x00\x08b", "ab"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("a\tb\r\nc", "a b  c"),
        ("half \ud800", "half \ufffd"),
        ("größe ✓ 日本", "größe ✓ 日本"),
        ("\x1b]no end", ""),
    ],
)
def test_plain_table(raw: str, expected: str) -> None:
    assert plain(raw) == expected


def test_plain_is_bounded_and_says_so() -> None:
    assert plain("x" * 50, 10) == "x" * 9 + "…"


@given(st.text(st.characters(), max_size=300), st.integers(1, 50))
def test_plain_can_always_be_printed(text: str, limit: int) -> None:
    result = plain(text, limit)
    assert len(result) <= limit
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in result)
    result.encode("utf-8")


def test_encodable_replaces_only_lone_surrogates() -> None:
    assert encodable({"a\ud800": ["\udfff", "ä\x1b", 1, None]}) == {"a?": ["?", "ä\x1b", 1, None]}


@given(
    st.lists(st.binary(max_size=30).filter(lambda raw: b"\n" not in raw and b"\r" not in raw), max_size=8),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_lines_are_those_of_the_range(rows: list[bytes], start: int, length: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        content = b"\n".join(rows)
        path.write_bytes(content)
        part = content[start : start + length]
        assert (
            list(lines(path, start, start + length))
            == part.split(b"\n")[: part.count(b"\n") + bool(part[-1:] != b"\n" and part)]
        )


def test_a_line_that_is_too_long_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"x" * 100 + b"\nnext\n")
    assert list(lines(path, longest=10)) == [b"x" * 10, b"next"]
