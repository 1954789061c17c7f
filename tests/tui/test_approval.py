"""Questions: what they show, which keys answer them, and what never does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input

from safemig.journal.state import Question
from tests.tui.screens import screen_text
from tests.tui.stage import stage
from tui.panes.approval import SETTLE
from tui.screens.step import TextScreen, question_text


async def test_a_question_shows_what_where_and_what_each_answer_grants(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        text = screen_text(s.app)
        for words in (
            "? Migrate the database to b8bf1fd366a3",
            "$ make migrate",
            "in backend",
            "undo    `make downgrade`",
            "y once: this command once",
            "a always: `make migrate` in backend",
            "t tool: every `make` target",
            "n no, with a reason",
        ):
            assert words in text


@pytest.mark.parametrize(("keys", "answer"), [("yy", "once"), ("aA", "always"), ("tT", "tool")])
async def test_a_key_answers_once(tmp_path: Path, keys: str, answer: str) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press(*keys)
        assert [(one.id, one.answer) for one in s.answers] == [("q1", answer)]
        assert s.screen.approval.question is None
        assert "y yes" not in screen_text(s.app)


@pytest.mark.parametrize(
    "keys", [["a"], ["t"], ["a", "a"], ["a", "T"], ["A"], ["T"], ["a", "escape", "A"], ["a", "n", "escape", "A"]]
)
async def test_a_lasting_grant_wants_the_second_key_that_names_it(tmp_path: Path, keys: list[str]) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press(*keys)
        assert s.answers == []
        assert ("A grants it for good" in screen_text(s.app)) == (keys in (["a"], ["a", "a"], ["a", "T"]))


async def test_a_lasting_grant_is_told_with_the_way_to_take_it_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        s.run.add(
            "approval.given",
            {"id": "q1", "digest": "", "answer": "always", "by": "person", "rule": "", "reason": "", "title": "x",
             "grant": "ab12cd34", "granted": "make build (line)"},
        )  # fmt: skip
        await s.play()
        assert "`safemig permissions --revoke ab12cd34` takes it back" in screen_text(s.app)


async def test_in_the_log_the_keys_of_the_log_are_the_logs(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press("2", "t", "e", "T", "A", "n", "escape")  # n opens the search line, where none was searched yet
        assert s.answers == []
        assert s.screen.approval.granting == ""
        assert not s.screen.approval.query_one(Input).has_focus
        await s.press("1", "n")
        assert s.screen.approval.query_one(Input).has_focus


async def test_p_ticks_the_proposed_items_too_where_the_question_offers_them(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate", proposed="these and the 2 items proposed, which say more than was proved")
        await s.play()
        assert "p proposed: these and the 2 items proposed" in screen_text(s.app)
        await s.press("p")
        assert [(one.id, one.answer) for one in s.answers] == [("q1", "proposed")]
    async with stage(tmp_path / "other") as s:
        s.run.ask("migrate")
        await s.play()
        assert "proposed" not in screen_text(s.app)
        await s.press("p")
        assert s.answers == []


@pytest.mark.parametrize("pane", ["1", "2", "3"])
async def test_the_answer_comes_first_in_every_pane(tmp_path: Path, pane: str) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press(pane, "y")
        assert [one.answer for one in s.answers] == ["once"]


@pytest.mark.parametrize("key", ["enter", "shift+tab", "space", "tab", "escape", "ctrl+o", "f1"])
async def test_these_keys_answer_nothing(tmp_path: Path, key: str) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press(key)
        assert s.answers == []
        assert s.screen.approval.question is not None


async def test_always_and_tool_exist_only_where_they_are_granted(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("create")
        await s.play()
        assert "always" not in screen_text(s.app).split("? Write the migration")[1].splitlines()[:-1]
        await s.press("a", "t")
        assert s.answers == []


async def test_a_no_asks_for_its_reason_and_escape_takes_it_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press("n", *"yes", "escape")
        assert s.answers == []
        assert s.app.focused is s.screen.query_one("#plan")
        await s.press("n", *"not on friday".replace(" ", "_"), "enter")
        assert [(one.answer, one.reason) for one in s.answers] == [("no", "not_on_friday")]


async def test_shift_tab_changes_the_mode_while_a_reason_is_typed_and_answers_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press("n", "a", "shift+tab")
        assert [(one.type, one.mode) for one in s.feed.sent] == [("mode", "plan")]
        field = s.screen.approval.query_one(Input)
        assert field.has_focus
        assert field.value == "a"


async def test_a_question_takes_no_focus_while_somebody_types(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.press("exclamation_mark", *"echo")
        typing = s.app.focused
        assert isinstance(typing, Input)
        s.run.ask("migrate")
        await s.play()
        assert s.screen.approval.question is not None
        await s.press("space", "y", "a", "n")
        assert s.answers == []
        assert s.app.focused is typing
        assert typing.value == "echo yan"


async def test_a_question_that_has_just_come_up_is_not_answered_by_keys_under_way(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.screen.approval.settle = 3600.0
        s.run.ask("migrate")
        await s.play()
        await s.press("y", "n")
        assert s.answers == []
        s.screen.approval.settle = 0.0
        await s.press("y")
        assert len(s.answers) == 1
    assert 0.2 <= SETTLE <= 1.0


async def test_questions_wait_in_a_queue(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("build", "q1")
        s.run.ask("migrate", "q2")
        await s.play()
        assert "1 of 2 waiting" in screen_text(s.app)
        await s.press("y")
        assert s.screen.approval.question is not None
        assert s.screen.approval.question.id == "q2"
        await s.press("a", "A")
        assert [(one.id, one.answer) for one in s.answers] == [("q1", "once"), ("q2", "always")]


async def test_a_question_rings_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[bool] = []
    async with stage(tmp_path) as s:
        monkeypatch.setattr(s.app, "bell", lambda: rung.append(True))
        s.run.ask("migrate")
        await s.play()
        s.run.add("note", {"level": "info", "text": "more"})
        await s.play()
    assert rung == [True]


async def test_details_show_all_of_it_and_answer_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("create")
        await s.play()
        await s.press("d")
        assert isinstance(s.app.screen, TextScreen)
        assert "op.create_table" in screen_text(s.app)
        await s.press("y", "a", "n")
        assert s.answers == []
        await s.press("escape", "y")
        assert [one.answer for one in s.answers] == ["once"]


async def test_what_did_not_fit_has_to_be_read_before_it_is_allowed(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as s:
        s.run.ask("migrate", what="\n".join(f"line {number}" for number in range(60)))
        await s.play()
        assert "more lines: d shows them" in screen_text(s.app)
        await s.press("y")
        assert s.answers == []
        assert isinstance(s.app.screen, TextScreen)
        assert "line 0" in screen_text(s.app)
        await s.press("escape", "y")
        assert [one.answer for one in s.answers] == ["once"]


async def test_the_plan_is_approved_as_one_and_the_answer_chooses_the_mode(tmp_path: Path) -> None:
    for key, mode in (("y", "default"), ("a", "auto")):
        async with stage(tmp_path / key, mode="plan") as s:
            s.run.ask(
                "build", kind="plan", title="Run this plan", what="build: Build\nmigrate: Migrate", always="", tool="",
                changes="files: Makefile\nimages or installed packages",
            )  # fmt: skip
            await s.play()
            text = screen_text(s.app)
            assert "a auto mode: these steps" in text
            assert "a always" not in text
            assert "changes files: Makefile" in text
            assert "          images or installed packages" in text
            assert " a auto mode " in text.splitlines()[-1]
            await s.press("t", "e")
            assert s.answers == []
            await s.press(key)
            assert [(one.answer, one.mode) for one in s.answers] == [("once", mode)]


async def test_a_command_is_edited_in_place_and_asked_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press("e", "space", "x", "enter")
        assert [(one.answer, one.text) for one in s.answers] == [("edit", "make migrate x")]


async def test_of_a_long_diff_the_changes_come_first_and_every_answer_stays(tmp_path: Path) -> None:
    context = "".join(f" line {number}\n" for number in range(30))
    diff = (
        f"--- a/backend/Makefile\n+++ b/backend/Makefile\n@@ -1,30 +1,31 @@\n{context}-test:\n+test: build\n+\tpytest\n"
    )
    async with stage(tmp_path, (80, 24)) as s:
        s.run.ask("create", what="write backend/Makefile", changes="writes backend/Makefile", detail=diff)
        await s.play()
        text = screen_text(s.app)
        for words in ("│ -test:", "│ +test: build", "│ +   pytest", "d shows all 36 lines", "undo    delete the file"):
            assert words in text
        for words in ("y once: this command once", "e edit first", "n no, with a reason", "d details"):
            assert words in text
        assert text.count("backend/Makefile") == 1


async def test_an_answer_given_elsewhere_closes_the_question(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press("n")
        s.run.add(
            "approval.given", {"id": "q1", "digest": "", "answer": "once", "by": "person", "rule": "", "title": "x"}
        )
        await s.play()
        assert s.screen.approval.question is None
        assert s.app.focused is s.screen.query_one("#plan")
        assert s.answers == []


async def test_escape_sequences_of_a_question_are_drawn_as_text(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate", what="make \x1b]0;owned\x07[b]x[/b]\x1b[31m", detail="\x1b[2Jgone")
        await s.play()
        text = screen_text(s.app)
        assert "\x1b" not in text
        assert "$ make [b]x[/b]" in text


async def test_where_a_name_must_be_typed_a_key_alone_is_no_yes(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate", kind="question", always="", tool="", typed="courses")
        await s.play()
        assert "y type “courses”: this command once" in screen_text(s.app)
        await s.press("y")
        assert s.answers == []
        await s.press("enter")
        assert s.answers == []
        await s.press(*"courses", "enter")
        assert [(one.answer, one.text) for one in s.answers] == [("once", "courses")]


@pytest.mark.parametrize("size", [(40, 12), (60, 16), (80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize(
    "title", ["Migrate", "Migrate the database to b8bf1fd366a3, which makes three tables and moves one"]
)
async def test_at_every_size_the_answers_and_the_ways_out_are_on_the_screen(
    tmp_path: Path, size: tuple[int, int], title: str
) -> None:
    """As a user of a small window: what is asked, every answer's key, stop, help and the way out."""
    async with stage(tmp_path, size) as s:
        s.run.start_step("test")
        s.run.ask("migrate", title=title)
        await s.play()
        text = " ".join(screen_text(s.app).split())
        for words in ("? Migrate", "$ make migrate", "y ", "n no", "d ", "^c stop", "tab mode", "? keys", "q quit"):
            assert words in text, f"{words} at {size}"
        await s.press("y")
        if not s.answers:  # not all of it was on the screen: the first key opens it
            assert isinstance(s.app.screen, TextScreen)
            await s.press("escape", "y")
        assert [one.answer for one in s.answers] == ["once"]
        await s.shows("Plan")  # the panes are back
        async with asyncio.timeout(20.0):
            while s.app.focused is None:  # and take keys
                await s.pilot.pause()


def test_the_details_say_what_every_answer_is_for() -> None:
    """On a low screen the panel has room for the keys alone."""
    words = {name: f"what {name} does" for name in ("once", "always", "tool", "proposed", "write", "stamp", "skip")}
    told = question_text(Question("q", "s", "step", "", "t", "write", "make it", "", "", "", "", **words)).plain
    assert [name for name, text in words.items() if text not in told] == []


async def test_s_skips_a_step_that_can_be_skipped_and_no_other(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        assert "s skip" not in screen_text(s.app)
        await s.press("s")
        assert s.answers == []
        s.run.add("approval.given", {"id": "q1", "digest": "", "answer": "once", "by": "person"}, "migrate")
        s.run.ask("test", "q2", skip="goes on without it; the signal tests is not checked, and the run cannot pass")
        await s.play()
        assert "s skip: goes on without it; the signal tests is not checked" in screen_text(s.app)
        await s.press("s")
        assert [(one.id, one.answer) for one in s.answers] == [("q2", "skip")]
