"""An edit whose file changed: made of the file as it is now, or not at all; never what nobody has proposed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.base.file_edit import propose
from safemig.base.rebase import Overlaps, base_of, rebased

BASE = "# notes\n\nbuild:\n\tmake it\n\nstart:\n\trun it\n"
WITH_TEST = BASE + "\ntest:\n\tpytest\n"
WORDS = st.sampled_from(["a", "b", "a b", "", "\f", "\r", "-x", "+y", "@@ -1 +1 @@"])
LINES = st.lists(WORDS, max_size=8).map("\n".join)


@given(LINES, LINES)
def test_text_and_diff_tell_what_the_edit_was_proposed_for(before: str, after: str) -> None:
    assert base_of(propose("f", before, after)) == before


@pytest.mark.parametrize(
    ("wanted", "now", "result"),
    [
        (WITH_TEST, BASE.replace("# notes", "# more notes"), WITH_TEST.replace("# notes", "# more notes")),
        (WITH_TEST, BASE + "\nclean:\n\trm -f log\n", BASE + "\nclean:\n\trm -f log\n\ntest:\n\tpytest\n"),
        (WITH_TEST, "new: ; true\n" + BASE, "new: ; true\n" + WITH_TEST),
        (BASE.replace("run it", "run it twice"), BASE.replace("make it", "build it"),
         BASE.replace("run it", "run it twice").replace("make it", "build it")),
        (BASE.replace("# notes\n\n", ""), BASE + "x: ; true\n", BASE.replace("# notes\n\n", "") + "x: ; true\n"),
    ],
    ids=["far away", "both at the end", "before it", "two recipes", "a removal"],
)  # fmt: skip
def test_the_same_change_is_made_of_the_file_as_it_is_now(wanted: str, now: str, result: str) -> None:
    action = rebased(propose("Makefile", BASE, wanted), now)
    assert action.text == result
    assert action == propose("Makefile", now, result)


@pytest.mark.parametrize(
    ("wanted", "now", "why"),
    [
        (BASE.replace("run it", "run it twice"), BASE.replace("run it", "run all"), "changed too"),
        (BASE.replace("run it", "run it twice"), BASE.replace("start:", "begin:"), "those beside them"),
        (WITH_TEST, BASE.removesuffix("\n"), "changed too"),
        (WITH_TEST, None, "it is gone"),
        (BASE.replace("run it", "run it twice"), "", "changed too"),
    ],
    ids=["the same line", "the line above", "the end that it stands behind", "no file", "emptied"],
)
def test_what_cannot_be_told_is_no_edit(wanted: str, now: str | None, why: str) -> None:
    with pytest.raises(Overlaps, match=why):
        rebased(propose("Makefile", BASE, wanted), now)


def test_a_new_file_takes_nobodys_place() -> None:
    with pytest.raises(Overlaps, match="there was no such file"):
        rebased(propose("new.py", None, "x = 1\n"), "y = 2\n")


@given(LINES, LINES, LINES)
def test_a_line_of_the_person_is_never_lost(before: str, after: str, now: str) -> None:
    """What the edit does not take out itself stays, however the file has changed."""
    action = propose("f", before, after)
    try:
        text = rebased(action, now).text
    except Overlaps:
        return
    taken = [row[1:] for row in action.diff.split("\n")[2:] if row.startswith("-")]
    left = now.split("\n")
    for line in taken:
        if line in left:
            left.remove(line)
    for line in set(left):
        assert text.split("\n").count(line) >= left.count(line) or line == ""
