"""Every key has a name and a help text, can be set, and stands in the table in docs/."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.key_bar import BarKey, fitting
from tui.key_table import bindings, markdown, own_bindings, places
from tui.keys import NEVER, Own, own_file, read_own, usable

DOCS = Path(__file__).parents[2] / "docs" / "keys.md"


def test_the_table_in_docs_is_the_one_that_the_bindings_make() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown(), "run: python -m tui.key_table > docs/keys.md"


def test_every_binding_has_an_id_of_its_own_and_a_tooltip() -> None:
    ids = [one.id for _, place in places() for one in own_bindings(place)]
    assert None not in ids
    assert len(ids) == len(set(ids))
    assert [one.id for _, place in places() for one in own_bindings(place) if not one.tooltip] == []


def test_no_binding_uses_a_key_that_a_terminal_cannot_tell_apart() -> None:
    used = {key.strip() for one in bindings().values() for key in one.key.split(",")}
    assert used & set(NEVER) == set()


def test_enter_and_shift_tab_answer_nothing() -> None:
    for name, one in bindings().items():
        if name.startswith("answer."):
            assert not {"enter", "shift+tab", "tab", "space"} & set(one.key.split(","))
    assert bindings()["app.mode"].key == "shift+tab"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("", Own()),
        ("keys:\n  app.quit: Q\n", Own(keys={"app.quit": "Q"})),
        ("theme: light\n", Own(theme="light")),
        ("theme: ansi\nkeys: {}\n", Own(theme="ansi")),
    ],
)
def test_the_own_configuration_is_read(tmp_path: Path, text: str, own: Own) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert read_own(path) == own


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("keys: [a]\n", "must be a mapping"),
        ("- a\n", "must be a mapping"),
        ("theme: pink\n", "theme must be one of"),
        ("colour: red\n", "unknown key 'colour'"),
        ("keys: {a: [}\n", "not valid YAML"),
        ("42\n", "must be a mapping"),
    ],
)
def test_a_mistake_in_it_is_told_and_the_defaults_hold(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    own = read_own(path)
    assert own.theme == "dark"
    assert own.keys == {}
    assert word in " ".join(own.problems)


def test_without_a_file_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert read_own(tmp_path / "none.yaml") == Own()


def test_the_file_lies_where_such_files_lie() -> None:
    assert own_file({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/safemig/config.yaml")
    assert own_file({"HOME": "/h"}) == Path("/h/.config/safemig/config.yaml")


def test_only_keys_that_work_are_set() -> None:
    good, problems = usable(
        {"app.quit": "Q", "app.quitt": "Q", "log.follow": "ctrl+i", "plan.open": " "},
        ["app.quit", "log.follow", "plan.open"],
    )
    assert good == {"app.quit": "Q"}
    assert [problem.split(";")[0] for problem in problems] == [
        "keys: no binding is called app.quitt",
        "keys: log.follow: a terminal sends Tab for ctrl+i",
        "keys: plan.open: no key is given",
    ]


def _bar(*words: str, answer: bool = False) -> tuple[BarKey, ...]:
    return tuple(BarKey(word.partition(" ")[0], word.partition(" ")[2], "", answer) for word in words)


ALWAYS = _bar("shift+tab mode", "? keys", "q quit")
ANSWERS = _bar("y yes", "a always", "t tool", "e edit", "n no", "d details", answer=True)
STOP = _bar("^c stop")


@pytest.mark.parametrize(
    ("rest", "width", "shown"),
    [
        (_bar("⏎ open step", "^c stop"), 80, "⏎ ^c shift+tab ? q"),
        ((*ANSWERS, *_bar("⏎ open step")), 80, "y a t e n d ⇧tab ? q"),
        ((*ANSWERS, *_bar("⏎ open step", "^c stop")), 120, "y a t e n d ⏎ ^c shift+tab ? q"),
        (ANSWERS, 40, "y a ⇧tab ? q"),
        ((), 20, "⇧tab ? q"),
    ],
)
def test_the_way_out_help_and_the_mode_are_always_in_the_bar(rest: tuple[BarKey, ...], width: int, shown: str) -> None:
    assert " ".join(one.shown for one in fitting(rest, ALWAYS, width)) == shown


def test_the_answers_stand_closer_together_before_one_of_them_has_no_room() -> None:
    shown = fitting((*ANSWERS, *_bar("⏎ open step")), (*STOP, *ALWAYS), 80)
    assert " ".join(one.shown for one in shown) == "y a t e n d ^c ⇧tab ? q"
    assert sum(one.width for one in shown) <= 80
    assert {one.gap for one in fitting(ANSWERS, (*STOP, *ALWAYS), 120)} == {1}
