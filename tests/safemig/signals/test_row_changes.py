"""What a test run did to rows: when it makes the tests signal bad, and in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.evidence import Evidence, Json, unseen
from safemig.journal.state import RunState, Seen
from safemig.reports.formats import render
from safemig.reports.json_document import document
from safemig.signals.comparison import Moment, judge
from safemig.signals.row_changes import doubts, losses, remarks

AT = "2026-01-01T00:00:00.000+00:00"
GREEN = Evidence("tests", "app", True, AT, AT, "make test", {"passed": 3, "exit_code": 0, "complete": True})


def look(*changes: dict[str, Json], others: tuple[str, ...] = (), unread: tuple[str, ...] = ()) -> Evidence:
    data: dict[str, Json] = {"changes": [*changes], "others": [*others], "not_counted": [*unread], "tables": 9}
    return Evidence("rows", "shop around test", True, AT, AT, "make test", data)


def change(kind: str, before: int | None = 50, after: int | None = 0, lost: int = 0) -> dict[str, Json]:
    return {"table": "public.order", "change": kind, "before": before, "after": after, "lost": lost}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (change("emptied"), "`make test` emptied public.order (50 → 0 rows)"),
        (change("fewer", 50, 49), "`make test` deleted rows of public.order (50 → 49 rows)"),
        (change("dropped", 50, None), "`make test` dropped public.order (50 rows)"),
        (change("made anew", 0, 0), "`make test` dropped and made anew public.order (0 → 0 rows)"),
        (
            change("replaced", 3, 3, 2),
            "`make test` deleted rows of, and put others into, public.order (3 → 3 rows, at least 2 gone)",
        ),
        (
            change("fewer", None, None, 70),
            "`make test` deleted rows of public.order (uncounted → uncounted rows, at least 70 gone)",
        ),
    ],
)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("tests", [GREEN, None])
def test_a_loss_makes_the_tests_bad_whenever_it_was(
    changed: dict[str, Json], words: str, moment: str, tests: Evidence | None
) -> None:
    before, after = Moment(GREEN, None), Moment(tests, None)
    if moment == "before":
        before = replace(before, rows=(look(changed),))
    else:
        after = replace(after, rows=(look(changed), look()))
    found = judge(before, after)["tests"]
    assert (found.ok, found.reasons[0]) == (False, words)
    assert words in found.after


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (look(change("more", 50, 53)), "`make test` left rows behind in public.order (50 → 53 rows)"),
        (look(change("new", None, 2)), "`make test` left behind the table public.order (2 rows)"),
        (look(change("truncated", 0, 0)), "`make test` truncated the empty table public.order (0 → 0 rows)"),
        (look(unread=("public.secret",)), "the rows of public.secret may not be read"),
        (look(change("more", 1, 2), others=("session 7 of shop: COMMIT",)), "not told apart"),
    ],
)
def test_what_is_left_behind_is_said_and_not_bad(evidence: Evidence, words: str) -> None:
    assert words in " ".join(remarks(evidence))
    assert losses([evidence]) == doubts([evidence]) == ()
    assert judge(Moment(GREEN, None), Moment(GREEN, None, rows=(evidence,)))["tests"].ok is True


@pytest.mark.parametrize(
    "evidence",
    [
        look(change("emptied"), others=("session 7 of shop (cleaner): DELETE FROM order",)),
        unseen("rows", "shop around test", "make test", "the database gave no session"),
    ],
)
def test_what_cannot_be_told_is_never_good_and_hides_no_failure(evidence: Evidence) -> None:
    found = judge(Moment(GREEN, None), Moment(GREEN, None, rows=(evidence,)))["tests"]
    assert (found.ok, losses([evidence])) == (None, ())
    assert doubts([evidence])[0] in found.reasons
    red = replace(GREEN, data={"passed": 2, "failed": 1, "exit_code": 1, "complete": True})
    assert judge(Moment(GREEN, None), Moment(red, None, rows=(evidence,)))["tests"].ok is False


def test_a_hundred_tables_are_not_all_named() -> None:
    many = [{**change("emptied"), "table": f"public.t{number}"} for number in range(100)]
    assert len(losses([look(*many)])) == 11
    assert losses([look(*many)])[-1] == "and 90 more tables"


def test_report_and_document_hold_the_rows() -> None:
    summary = RunState(evidence=[Seen("first", "test", look(change("emptied")))])
    listed = document(summary)["rows"]
    assert isinstance(listed, list) and isinstance(listed[0], dict)
    rows = listed[0]
    assert (rows["step"], rows["moment"], rows["changes"]) == ("test", "first", [change("emptied")])
    assert "emptied" in render(summary) and "public.order" in render(summary)
