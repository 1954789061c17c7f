"""Output in pieces comes out as the whole would, and no secret is seen on the way, however it is cut."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.base.redaction import MARK, redact
from safemig.base.redaction_stream import LONGEST_LINE, Stream

SECRET = "S3cret!with/odd:chars"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nhunter2hunter2\n-----END RSA PRIVATE KEY-----\n"
LINES = (
    "postgresql+psycopg://courses:hunter2hunter2@db:5432/courses\n",
    "password=hunter2hunter2\n",
    '{"password": "hunter2hunter2 and more", "name": "courses"}\n',
    "DB_PASSWORD='hunter2hunter2 x'\n",
    "Authorization: Bearer hunter2hunter2hunter2\n",
    "curl -u me:hunter2hunter2 http://localhost:8000/courses\n",
    "mysql -u root -phunter2hunter2 courses\n",
    "token ghp_hunter2hunter2hunter2hunter2 used\n",
    f"the value {SECRET} was given\n",
    KEY,
    "tests/test_courses.py ........ [ 40%]\r",
    "Grüße an die Ränder € 🚧\n",
    "an ordinary line, http://localhost:8000/courses\r\n",
    "\x1b[32mgreen\x1b[0m \xff\n",
)
HIDDEN = ("hunter2hunter2", SECRET, "MIIEowIBAAKCAQEA")


def new(*, values: tuple[str, ...] = (SECRET,)) -> Stream:
    return Stream(lambda text: redact(text, values), MARK, values)


def encode(text: str) -> bytes:
    return text.replace("\xff", "\udcff").encode("utf-8", "surrogateescape")


@given(st.lists(st.sampled_from(LINES), max_size=8), st.lists(st.integers(0, 600), max_size=12), st.booleans())
def test_pieces_come_out_as_the_whole(lines: list[str], cuts: list[int], shown: bool) -> None:
    whole = encode("".join(lines))
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    stream, out = new(), b""
    for start, end in pairwise(places):
        out += stream.feed(whole[start:end])
        if shown:
            out += stream.show()
        assert not any(hidden.encode() in out for hidden in HIDDEN)
    out += stream.close()
    expected = redact(whole.decode("utf-8", "surrogateescape"), (SECRET,)).encode("utf-8", "surrogateescape")
    if not (shown and b"ghp_" in whole):  # "gh" may have been shown before "p_" said what it is
        assert out == expected


@given(st.sampled_from(LINES), st.data())
def test_no_part_of_a_secret_is_shown_early(line: str, data: st.DataObject) -> None:
    whole = encode(line)
    at = data.draw(st.integers(0, len(whole)))
    stream = new()
    out = stream.feed(whole[:at]) + stream.show()
    assert not any(begins in out for begins in (b"hun", b"S3c", b"MII"))
    out += stream.feed(whole[at:]) + stream.close()
    assert not any(begins in out for begins in (b"hun", b"S3c", b"MII"))


@pytest.mark.parametrize(
    "prompt", ["Message: ", "Password: ", "Continue? [y/N] ", "[####----] 40%", "tests/x.py ....."]
)
def test_a_prompt_is_shown_whole(prompt: str) -> None:
    stream = new()
    assert stream.feed(prompt.encode()) == b""
    assert stream.show() == prompt.encode()
    assert stream.show() == b""
    assert stream.feed(b"\n") == b"\n"


def test_the_beginning_of_a_known_secret_is_held_back() -> None:
    stream = new()
    stream.feed(f"it is {SECRET[:5]}".encode())
    assert stream.show() == b"it is "
    assert stream.feed(f"{SECRET[5:]}!\n".encode()) == b"***!\n"
    stream.feed(f"it is {SECRET[:5]}".encode())
    assert stream.show() == b"it is "
    assert stream.close() == SECRET[:5].encode()


@pytest.mark.parametrize("size", [1000, 65536])
def test_a_line_without_an_end_is_passed_on_in_bounded_memory(size: int) -> None:
    stream, out, line = new(), 0, (b"x" * 60 + b" ") * 40_000
    for start in range(0, len(line), size):
        out += len(stream.feed(line[start : start + size]))
        assert len(stream.line) <= LONGEST_LINE + size
    assert out + len(stream.close()) == len(line)


@pytest.mark.parametrize(
    ("before", "secret", "after"),
    [
        ("password=", "hunter2" * 40_000, " and on"),
        ("", SECRET, "/"),
        ("--password ", "hunter2hunter2", " and on"),
        ("postgresql://courses:", "hunter2hunter2", "@db/"),
    ],
)
@pytest.mark.parametrize("fill", ["x", "x "])
def test_a_secret_in_a_line_without_an_end(before: str, secret: str, after: str, fill: str) -> None:
    for padding in range(0, LONGEST_LINE + 4000, 4999):
        text = (fill * padding)[:padding] + f" {before}{secret}{after}" + "y" * 70_000 + "\n"
        stream = new()
        out = b"".join(stream.feed(text[i : i + 30_000].encode()) for i in range(0, len(text), 30_000)) + stream.close()
        assert b"hunter2" not in out
        assert SECRET.encode() not in out
        assert out.count(b"***") == 1
        assert out.endswith(b"y\n")


def test_a_key_that_never_ends_does_not_swallow_all() -> None:
    stream = new()
    out = stream.feed(b"-----BEGIN PRIVATE KEY-----\n")
    for _ in range(40):
        out += stream.feed(b"x" * 60 + b"\n" + b"x" * 4000 + b"\n")
    assert out.startswith(b"-----BEGIN PRIVATE KEY-----***")
    assert stream.feed(b"later\n") == b"later\n"


def test_time_grows_with_the_text() -> None:
    def seconds(lines: int) -> float:
        text, stream = b"password=abcdefgh and a line\n" * lines, new()
        began = time.process_time()
        stream.feed(text)
        return time.process_time() - began

    small = min(seconds(2_000) for _ in range(3))
    assert min(seconds(8_000) for _ in range(3)) < 10 * small
