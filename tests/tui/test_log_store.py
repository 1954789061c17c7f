"""The store of the log: what it shows of spool files that nobody may trust, without holding their text."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.log import level
from tui.log.seek import settled, settled_error
from tui.log.store import LogStore
from tui.log.text import GONE, HEAD, shown
from tui.log.turns import Turns
from tui.log.view import Filter, LogView


def drained(store: LogStore, most: int = 1 << 20) -> LogStore:
    while store.advance(most):
        pass
    return store


def fill(folder: Path, content: bytes, *, most: int = 1 << 20) -> LogStore:
    """A store over one spool file with that content."""
    (folder / "1.output").write_bytes(content)
    store = LogStore(folder)
    store.add_source(1, "make test", "test", "1.output")
    store.grow(1, len(content), 1000.0)
    return drained(store, most)


def texts(store: LogStore) -> list[str]:
    return [store.line(number).text for number in range(len(store))]


LINES = [
    (b"", []),
    (b"one\ntwo\n", ["one", "two"]),
    (b"one\ntwo", ["one", "two"]),
    (b"\n\nthree\n\n", ["", "", "three", ""]),
    (b"\n", [""]),
    (b"windows\r\nlines\r\n", ["windows", "lines"]),
    (b" 10%\r 50%\r100%\n", ["100%"]),
    (b" 10%\r 50%", [" 50%"]),
    (b" 10%\r\x1b[K\n", [" 10%"]),
    (b"\xff\xfe bad \xc3( bytes\n", ["\ufffd\ufffd bad \ufffd( bytes"]),
    ("naïve ✓ 日本\n".encode(), ["naïve ✓ 日本"]),
    (b"a\tb\n", ["a       b"]),
    (b"\x00nul\x00\n", ["nul"]),
]


@pytest.mark.parametrize(("content", "wanted"), LINES)
@pytest.mark.parametrize("most", [1, 3, 1 << 20])
def test_lines_are_what_a_terminal_would_show(content: bytes, wanted: list[str], most: int, tmp_path: Path) -> None:
    assert texts(fill(tmp_path, content, most=most)) == wanted


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"ERROR x", b"\xff", b"\x1b[31m", b"\t", b"  "])), st.integers(1, 7)
)
def test_any_piece_at_a_time_gives_the_same_lines(pieces: list[bytes], most: int) -> None:
    import tempfile

    content = b"".join(pieces)
    with tempfile.TemporaryDirectory() as name:
        store = fill(Path(name), content, most=most)
        whole = content.removesuffix(b"\n").split(b"\n") if content else []
        assert texts(store) == [shown(line) for line in whole]
        assert store.errors == sum(bool(level.judge(line.split(b"\r")[-1]) == level.ERROR) for line in whole) or (
            b"\r" in content  # what was overwritten may have been an error in its time
        )


HOSTILE = [
    b"\x1b]0;owned\x07",
    b"\x1b]52;c;cm0gLXJmIC8=\x07",
    b"\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    b"\x1b[2J\x1b[H",
    b"\x1b[?1049l",
    b"\x1b[6n",
    b"\x1bP1$r0m\x1b\\",
    b"\x1b_G;AAAA\x1b\\",
    b"\x1bc",
    b"\x1b",
    b"\x9b31m\x9d0;owned\x9c",
    "\u009b2J\u009d0;owned\u009c".encode(),
    "\u202eevil\u202c\u2066\u2069\u200f".encode(),
    "\u2028\u2029\x85".encode(),
    b"\x07\x08\x0b\x0c\x0e\x0f\x7f",
    b"\x1b]0;never ended " + b"x" * 9000,
    "\U000e0041\ufeff\u00ad".encode(),
]


@pytest.mark.parametrize("attack", HOSTILE)
def test_no_control_reaches_the_text(attack: bytes, tmp_path: Path) -> None:
    for text in texts(fill(tmp_path, b"before " + attack + b" after\n" + attack * 3 + b"\n[bold]not markup[/]\n")):
        assert not [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    store = fill(tmp_path, b"DATABASE_URL=postgresql://app:hunter2@db/app\n")
    assert "hunter2" not in store.line(0).text


@pytest.mark.parametrize("size", [HEAD * 4, 5_000_000])
def test_a_line_of_megabytes_is_cut_and_says_so(size: int, tmp_path: Path) -> None:
    store = fill(tmp_path, b"first\n" + b"x" * size + b"\nlast\n")
    assert len(store) == 3
    assert store.line(1).text.startswith("xxx") and store.line(1).text.endswith("bytes more")
    assert len(store.line(1).text) < HEAD + 100
    assert store.line(2).text == "last"


def test_a_progress_bar_of_megabytes_shows_its_last_state(tmp_path: Path) -> None:
    bar = b"".join(b"\r%7d of 200000" % number for number in range(200_001))
    assert fill(tmp_path, bar).line(0).text == " 200000 of 200000"


def test_a_line_grows_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "1.output"
    store = fill(tmp_path, b"begun")
    assert store.line(0).text == "begun"
    path.write_bytes(b"begun and ended\nERR")
    store.poll(1)
    assert texts(drained(store)) == ["begun and ended", "ERR"]
    assert store.errors == 1
    path.write_bytes(b"begun and ended\nERR\n")
    store.poll(1)
    drained(store)
    assert (len(store), store.errors) == (2, 1)


def test_a_line_that_turns_bad_late_is_counted_and_filtered(tmp_path: Path) -> None:
    path = tmp_path / "1.output"
    store = fill(tmp_path, b"good\nFAT")
    view = LogView(store, Filter(level=level.ERROR))
    while view.advance():
        pass
    assert (len(view), store.errors) == (0, 0)
    path.write_bytes(b"good\nFATAL: no\nlast\n")
    store.poll(1)
    drained(store)
    while view.advance():
        pass
    assert [view.line(place) for place in range(len(view))] == [1]
    assert store.errors == 1


def test_sources_stand_in_the_order_of_the_events(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a1\na2\n")
    (tmp_path / "b").write_bytes(b"b1\n")
    store = LogStore(tmp_path)
    store.add_source(1, "make a", "one", "a")
    store.add_source(2, "make b", "two", "b")
    store.note("begins", "safemig", "one", "info", 5.0)
    store.grow(1, 3, 6.0)
    store.grow(2, 3, 7.0)
    store.grow(1, 6, 8.0)
    store.note("went wrong\nbadly", "safemig", "two", "error", 9.0)
    drained(store)
    assert texts(store) == ["begins", "a1", "b1", "a2", "went wrong", "badly"]
    lines = [store.line(number) for number in range(6)]
    assert [line.source for line in lines] == ["safemig", "make a", "make b", "make a", "safemig", "safemig"]
    assert [line.step for line in lines] == ["one", "one", "two", "one", "two", "two"]
    assert [line.wall for line in lines] == [5.0, 6.0, 7.0, 8.0, 9.0, 9.0]
    assert [line.level for line in lines] == ["info"] * 4 + ["error"] * 2
    assert store.errors == 2
    store.close()


def test_a_file_that_vanished_is_said_to_be_gone(tmp_path: Path) -> None:
    store = fill(tmp_path, b"one\ntwo\n")
    (tmp_path / "1.output").unlink()
    store.poll(1)
    store.grow(1, 100, 1.0)
    drained(store)
    assert texts(store) == [GONE, GONE]


def test_a_file_that_was_cut_starts_anew(tmp_path: Path) -> None:
    store = fill(tmp_path, b"one\ntwo\n")
    (tmp_path / "1.output").write_bytes(b"new\n")
    store.poll(1)
    drained(store)
    assert texts(store) == [GONE, GONE, "new"]


@pytest.mark.parametrize("file", ["/etc/hostname", "../outside", "a/../../outside"])
def test_nothing_outside_the_run_is_opened(file: str, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret\n")
    folder = tmp_path / "run"
    folder.mkdir()
    store = LogStore(folder)
    store.add_source(1, "x", "x", file)
    store.grow(1, 7, 1.0)
    store.poll(1)
    assert len(drained(store)) == 0


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.output")
    store = LogStore(tmp_path)
    store.add_source(1, "x", "x", "1.output")
    store.grow(1, 7, 1.0)
    assert len(drained(store)) == 0


FOUND = [
    ("needle", 1, 0, 2),
    ("needle", 1, 3, 5),
    ("needle", 1, 6, None),
    ("needle", -1, 7, 5),
    ("needle", -1, 4, 2),
    ("needle", -1, 1, None),
    ("NEEDLE", 1, 0, 5),
    ("a.c", 1, 0, None),
    ("", 1, 0, None),
    ("secret", 1, 0, None),
    ("owned", 1, 0, None),
    ("tab b", 1, 0, None),
    ("über", 1, 0, 7),
    ("ÜBER", -1, 7, None),
]
HAY = (
    b"abc\nnothing\na \x1b[1mnee\x1b[0mdle\ntoken=secret \x1b]0;owned\x07\ntab\tb\n"
    + "overwritten needle\r a NEEDLE\ngone needle\rleft\nüber\n".encode()
)


@pytest.mark.parametrize(("pattern", "direction", "start", "wanted"), FOUND)
def test_a_search_finds_what_is_drawn(
    pattern: str, direction: int, start: int, wanted: int | None, tmp_path: Path
) -> None:
    assert fill(tmp_path, HAY).find(pattern, start, direction) == wanted


@pytest.mark.parametrize("filler", [b"x" * 90, b"\xc3\xa9" * 45, b"\x1b[31mred\x1b[0m" * 8, b"y" * 700_000])
def test_a_search_goes_through_all_pieces(filler: bytes, tmp_path: Path) -> None:
    count = 3 if len(filler) > 1000 else 20_000
    store = fill(tmp_path, (filler + b"\n") * count + b"the Needle\n" + (filler + b"\n") * count)
    assert store.find("needle", 0) == count
    assert store.find("needle", len(store) - 1, -1) == count
    assert store.find("needle", count + 1) is None
    breaths = sum(found is None for found in store.matches("needle", 0, 1))
    assert breaths >= min(count * 2, len(filler) * count * 2 // (256 << 10)), "the screen gets its turn"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "b", " ", "\t", "\r", "\x1b[1m", "\x1b]0;ab\x07", "\x00", "é", "\u202e", "\n"]),
        max_size=40,
    ),
    st.sampled_from(["ab", "a b", "A", "é", "ba"]),
)
def test_a_search_is_the_same_as_looking_at_every_line(pieces: list[str], pattern: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        store = fill(Path(name), "".join(pieces).encode())
        flags = re.IGNORECASE if pattern == pattern.lower() else 0
        wanted = [at for at, text in enumerate(texts(store)) if re.search(re.escape(pattern), text, flags)]
        assert [found for found in store.matches(pattern, 0, 1) if found is not None] == wanted
        backward = [found for found in store.matches(pattern, len(store) - 1, -1) if found is not None]
        assert backward == wanted[::-1]


JUDGED = [
    (b"ERROR: no", level.ERROR),
    (b"2026-01-01 12:00:00 [ERROR] no", level.ERROR),
    (b"\x1b[31mERROR\x1b[0m no", level.ERROR),
    (b"FATAL:  password authentication failed", level.ERROR),
    (b"Traceback (most recent call last):", level.ERROR),
    (b"sqlalchemy.exc.OperationalError: no", level.ERROR),
    (b"E   assert 1 == 2", level.ERROR),
    (b"FAILED tests/test_x.py::test_y", level.ERROR),
    (b"make: *** [Makefile:3: test] Error 2", level.ERROR),
    (b"Error response from daemon: no", level.ERROR),
    (b'{"level": "error", "message": "no"}', level.ERROR),
    (b"WARNING: old", level.WARNING),
    (b"x.py:3: DeprecationWarning: old", level.WARNING),
    (b"level=warn msg=old", level.WARNING),
    (b"INFO: no ERROR so far", level.PLAIN),
    (b"0 errors, 0 failed", level.PLAIN),
    (b"GET /errors 200", level.PLAIN),
    (b"plain", level.PLAIN),
    (b"", level.PLAIN),
]


@pytest.mark.parametrize(("line", "wanted"), JUDGED)
def test_the_level_of_a_line(line: bytes, wanted: int, tmp_path: Path) -> None:
    assert level.judge(line) == wanted
    store = fill(tmp_path, b"fine\n" + line + b"\nfine\n")
    assert store.line(1).level == level.NAMES[wanted]
    assert store.line(0).level == store.line(2).level == "info"


def test_errors_are_found_in_both_directions_and_in_some_sources_only(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ERROR a\nfine\n")
    (tmp_path / "b").write_bytes(b"fine\nERROR b\nfine\n")
    store = LogStore(tmp_path)
    store.add_source(1, "a", "one", "a")
    store.add_source(2, "b", "two", "b")
    store.grow(1, 13, 1.0)
    store.grow(2, 19, 2.0)
    drained(store)
    assert [store.next_error(start, 1) for start in range(6)] == [0, 3, 3, 3, None, None]
    assert [store.next_error(start, -1) for start in range(-1, 5)] == [None, 0, 0, 0, 3, 3]
    view = LogView(store, Filter(source="b"))
    assert store.next_error(0, 1, view.accepts) == 3
    assert store.next_error(2, -1, view.accepts) is None


def test_a_filter_lets_through_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ERROR a\nWARNING a\nfine a\n" * 40_000)
    store = LogStore(tmp_path)
    store.add_source(1, "make a", "one", "a")
    store.grow(1, 1 << 30, 1.0)
    store.note("told", "safemig", "one", "info", 1.0)
    drained(store)
    counts = {}
    for only in [
        Filter(),
        Filter(level=1),
        Filter(level=2),
        Filter(source="safemig"),
        Filter(step="one"),
        Filter(step="x"),
    ]:
        view = LogView(store, only)
        turns = 1
        while view.advance():
            turns += 1
        counts[only.words()] = len(view)
        assert turns == 1 or turns > 2, "a long log is filtered in turns"
        assert all(view.place(view.line(place)) == place for place in range(0, len(view), 997))
    assert list(counts.values()) == [120_001, 80_000, 40_000, 1, 120_001, 0]


def test_no_text_is_held(tmp_path: Path) -> None:
    store = fill(tmp_path, b"a line of the log that is not held in memory, whatever comes\n" * 200_000)
    assert len(store) == 200_000
    held = sys.getsizeof(store.sources[0].starts) + sys.getsizeof(store.sources[0].levels)
    assert held < 200_000 * 11


def test_lines_are_there_before_they_are_judged(tmp_path: Path) -> None:
    content = b"fine\n" * 40_000 + b"ERROR: no\n"
    (tmp_path / "1.output").write_bytes(content)
    store = LogStore(tmp_path)
    store.add_source(1, "make test", "test", "1.output")
    store.grow(1, len(content), 1000.0)
    store.note("an ERROR that is told as news", "safemig", "test", "info", 1000.0)
    while store.waiting:
        store.advance()
    last = 40_000
    assert len(store) == last + 2 and store.judged <= last and store.errors == 0
    assert [store.line(line).level for line in (0, last, last + 1)] == ["info", "error", "info"], (
        "what is seen is known"
    )
    assert store.level(last) == level.ERROR
    view = LogView(store, Filter(level=level.ERROR))
    assert not settled(view, 0, 1) and not settled(view, last, -1)
    assert not view.advance() and len(view) == 0, "what is not judged is not looked at yet"
    drained(store)
    while view.advance():
        pass
    assert (store.judged, store.errors, len(view)) == (last + 2, 1, 1)
    assert settled(view, 0, 1) and store.next_error(last + 1, -1) == last
    store.close()


async def test_an_error_is_found_among_lines_that_wait_to_be_judged(tmp_path: Path) -> None:
    content = b"ERROR: first\n" + b"fine\n" * 40_000 + b"ERROR: no\nfine\n"
    (tmp_path / "1.output").write_bytes(content)
    for start, direction, wanted in [(0, 1, 0), (1, 1, 40_001), (40_002, -1, 40_001), (40_000, -1, 0)]:
        store = LogStore(tmp_path)
        store.add_source(1, "make test", "test", "1.output")
        store.grow(1, len(content), 1000.0)
        while store.waiting:
            store.advance()
        assert await settled_error(Turns(), LogView(store), start, direction) == wanted
