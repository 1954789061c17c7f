"""Editing what is proposed: in a field of our own or in the person's editor, then asked anew."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

import pytest
from textual.widgets import TextArea

from tests.tui.recorded import plan
from tests.tui.screens import screen_text
from tests.tui.stage import stage
from tui.screens.editing import DiscardScreen, EditScreen, edit_text, first_change


async def test_a_file_is_edited_here_when_no_editor_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    async with stage(tmp_path) as s:
        s.run.ask("create")
        await s.play()
        await s.press("e")
        assert isinstance(s.app.screen, EditScreen)
        await s.press("x", "ctrl+s")
        assert [one.answer for one in s.answers] == ["edit"]
        assert s.answers[0].text.startswith('x"""add course_rating')


async def test_a_text_left_as_it_was_asks_nothing_anew_and_keys_right_behind_each_other_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    async with stage(tmp_path) as s:
        s.run.ask("create")
        await s.play()
        await s.press("e", "ctrl+s")
        assert s.answers == []
        assert "the text was left as it was" in screen_text(s.app)
        await s.press("e")
        s.app.simulate_key("z")
        s.app.simulate_key("ctrl+s")
        await s.pilot.pause()
        await s.pilot.pause()
        assert [one.text[:4] for one in s.answers] == ['z"""']


async def test_the_editor_opens_at_the_change_takes_a_tab_and_asks_before_it_discards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    recipes = "".join(f"t{number}:\n\ttrue\n" for number in range(60))
    taken: list[str | None] = []
    async with stage(tmp_path) as s:
        s.app.call_later(edit_text, s.app, "Makefile", recipes, 81, taken.append)
        await s.pilot.pause()
        field = s.app.screen.query_one(TextArea)
        assert field.cursor_location == (80, 0)
        assert 80 - field.size.height < field.scroll_offset.y <= 80, "the line is in view"
        await s.press("escape")
        assert taken == [None], "what was not changed is left without a question"
        s.app.call_later(edit_text, s.app, "Makefile", recipes, 81, taken.append)
        await s.pilot.pause()
        await s.press("tab", "x", "escape")
        assert isinstance(s.app.screen, DiscardScreen)
        await s.press("n")
        assert isinstance(s.app.screen, EditScreen)
        await s.press("ctrl+s")
        assert taken[1] == recipes.replace("t40:", "\txt40:")
        s.app.call_later(edit_text, s.app, "Makefile", recipes, 1, taken.append)
        await s.pilot.pause()
        await s.press("x", "escape", "y")
        assert taken[2:] == [None]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("", "a\nb\n", 1),
        ("a\nb\nc\n", "a\nb\nd\n", 3),
        ("a\nb\nc\n", "a\nb\n", 3),
        ("a\n" * 40, "a\n" * 40 + "z\n", 41),
    ],
)
def test_the_first_line_that_a_change_touches(before: str, after: str, line: int) -> None:
    diff = "".join(unified_diff(before.splitlines(True), after.splitlines(True), "a", "b"))
    assert first_change(diff) == line
    assert first_change("") == 1


EDITOR = """\
#!/bin/sh
printf 'edited\\n' > "$1"
exit {code}
"""


@pytest.mark.parametrize(("code", "texts", "words"), [(0, ["edited\n"], ""), (1, [], "nothing was changed")])
async def test_a_file_is_edited_in_the_persons_own_editor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, texts: list[str], words: str
) -> None:
    script = tmp_path / "my editor"
    script.write_text(EDITOR.format(code=code))
    script.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{script}'")
    async with stage(tmp_path) as s:
        monkeypatch.setattr(s.app, "suspend", nullcontext)
        s.run.ask("create")
        await s.play()
        await s.press("e")
        assert [one.text for one in s.answers] == texts
        assert words in screen_text(s.app)


async def test_an_edited_question_can_be_edited_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press("e", *" A=1", "enter")
        first = plan()
        edited = replace(first.step("migrate").action, line="make migrate A=1")
        steps = tuple(replace(one, action=edited) if one.id == "migrate" else one for one in first.steps)
        s.run.revise(replace(first, revision=2, steps=steps), "edited")
        s.run.ask("migrate", "q2", what="make migrate A=1", digest=edited.digest)
        await s.play()
        await s.press("e", *" B=2", "enter")
        assert [one.text for one in s.answers] == ["make migrate A=1", "make migrate A=1 B=2"]
