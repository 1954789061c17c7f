"""What a watchdog leaves, and what is read of it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from safemig.protection.record import Cancelled, Off, Queued, Ready, Stall, lines, parse, path_of, read

TEXT = st.text(max_size=20)
SECONDS = st.floats(0, 1e6)
COUNT = st.integers(0, 10**6)
RECORDS = st.lists(
    st.one_of(
        st.builds(Ready, st.booleans()),
        st.builds(Off, TEXT),
        st.builds(Queued, TEXT, st.booleans()),
        st.builds(Cancelled, COUNT, SECONDS, COUNT, st.tuples(TEXT)),
        st.builds(Stall, SECONDS, TEXT, st.tuples(TEXT), COUNT, SECONDS, COUNT, SECONDS, SECONDS, st.booleans()),
    )
)


@given(RECORDS, st.integers(0, 60))
def test_whole_lines_are_read_back_and_a_cut_one_is_left_out(
    records: list[Ready | Off | Queued | Cancelled | Stall], cut: int
) -> None:
    content = b"".join(map(lines, records))
    assert parse(content) == tuple(records)
    kept = parse(content[: max(0, len(content) - cut)])
    assert kept == tuple(records)[: len(kept)]


@given(st.binary(max_size=200))
def test_what_is_no_record_is_left_out(content: bytes) -> None:
    parse(content)


def test_a_command_without_a_watchdog_has_no_records(tmp_path: Path) -> None:
    assert read(path_of(tmp_path, 7)) == ()
    assert path_of(tmp_path, 7).name == "0007.watchdog"
