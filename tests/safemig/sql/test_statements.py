"""SQL is cut into statements in time that grows with its length alone, each with its line."""

from __future__ import annotations

import time

from safemig.sql.text import statements


def test_each_statement_keeps_its_line() -> None:
    text = "-- first\n\nSELECT 1\n;;\n\nSELECT\n2; SELECT 3;\n\nSELECT '\n\n'; SELECT 4"
    assert [(one.line, one.tokens[1].text) for one in statements(text)] == [
        (3, "1"),
        (6, "2"),
        (7, "3"),
        (9, "'\n\n'"),
        (11, "4"),
    ]


def test_two_megabytes_of_statements_take_seconds() -> None:
    text = "\n".join(
        f"CREATE TABLE t{number} (id int primary key, a text not null default 'x');" for number in range(29_000)
    )
    began = time.process_time()
    found = statements(text)
    assert time.process_time() - began < 15  # 1.6 s; quadratic, as it was, more than 40 s
    assert (len(found), found[-1].line) == (29_000, 29_000)
