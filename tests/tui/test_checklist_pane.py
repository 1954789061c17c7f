"""The checklist pane as a person meets it: what it draws, what its keys ask for, what an editor does meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.screens import check_golden, screen_text
from tui.panes import ticking
from tui.panes.checklist import ChecklistPane, ChecklistRead, TickAsked

GOLDENS = Path(__file__).parent / "goldens"
PLAN = """\
# Ratings

## Phase 1: Database ✅

- [ ] Create the migration `alembic/versions/…_add_course_rating.py`
- [ ] Apply it with `make migrate`
- [x] Agree on the names
- [~] Ask the support team

## Phase 2: [bold]API

- [ ] Add the endpoint that answers with the average and the number of all the ratings of a course
- [ ] `make test` is green
"""
FIRST, SECOND, AGREED, SKIPPED, ENDPOINT, GREEN = 5, 6, 7, 8, 12, 13


class Small(App[None]):
    """The pane beside an input; ticks are written as the app writes them when no engine runs."""

    CSS = "ChecklistPane { height: 1fr; } Input { height: 1; border: none; }"

    def __init__(self, root: Path, *, write: bool = True) -> None:
        super().__init__()
        self.root, self.write = root, write
        self.asked: list[TickAsked] = []
        self.failures: list[str] = []
        self.read: list[str] = []

    def compose(self) -> ComposeResult:
        yield ChecklistPane(self.root)
        yield Input()

    def on_tick_asked(self, message: TickAsked) -> None:
        self.asked.append(message)
        if self.write:
            self.failures.append(ticking.write(self.root, message))
            self.pane.look_again()

    def on_checklist_read(self, message: ChecklistRead) -> None:
        self.read.append(message.sha256)

    @property
    def pane(self) -> ChecklistPane:
        return self.query_one(ChecklistPane)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/plan.md").write_text(PLAN, encoding="utf-8")
    return tmp_path


def text_of(root: Path) -> str:
    return (root / "specs/plan.md").read_text(encoding="utf-8")


def edit(root: Path, old: str, new: str) -> None:
    """As an editor does it: a fresh file takes the place of the old one."""
    fresh = root / "specs/plan.md~"
    fresh.write_text(text_of(root).replace(old, new), encoding="utf-8")
    fresh.replace(root / "specs/plan.md")


async def opened(pilot: Pilot[None], phase: str = "1") -> Small:
    app = pilot.app
    assert isinstance(app, Small)
    app.pane.show("specs/plan.md", phase)
    app.pane.focus()
    await pilot.pause()
    return app


def prove(app: Small) -> None:
    app.pane.prove(
        {FIRST, SECOND, GREEN},
        {
            FIRST: "alembic/versions/ab12_add_course_rating.py was written",
            SECOND: "make migrate ended well",
            AGREED: "it names nothing that can be looked up",
            GREEN: "make test ended well",
        },
    )


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_person_reads_what_is_done_and_what_the_run_has_proved(root: Path, size: tuple[int, int]) -> None:
    async with Small(root).run_test(size=size) as pilot:
        app = await opened(pilot)
        prove(app)
        await pilot.press("down", "v", "down")
        await pilot.pause()
        check_golden(app, GOLDENS / f"checklist_{size[0]}x{size[1]}.txt")


@pytest.mark.parametrize("size", [(40, 12), (200, 60), (12, 4), (3, 2)])
async def test_no_size_breaks_it(root: Path, size: tuple[int, int]) -> None:
    async with Small(root).run_test(size=size) as pilot:
        app = await opened(pilot)
        prove(app)
        await pilot.press("enter", "end", "K", "pageup", "pagedown")
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert "Create the migration" in screen_text(app)


async def test_it_begins_at_the_first_open_item_of_the_phase_at_hand(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot, "2")
        assert cursor(app) == ENDPOINT


def cursor(app: Small) -> int:
    view = app.pane.view
    assert view is not None
    assert view.selected is not None
    return view.selected.item.line


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["j"], SECOND),
        (["down", "down", "k"], SECOND),
        (["up"], FIRST),
        (["G"], GREEN),
        (["end", "home"], FIRST),
        (["G", "g"], FIRST),
        (["right_square_bracket"], ENDPOINT),
        (["G", "left_square_bracket"], ENDPOINT),
        (["G", "left_square_bracket", "left_square_bracket"], FIRST),
        (["right_square_bracket", "right_square_bracket"], ENDPOINT),
        (["pagedown"], GREEN),
        (["G", "ctrl+u"], FIRST),
        (["ctrl+d", "pageup"], FIRST),
    ],
)
async def test_keys_move_from_item_to_item(root: Path, keys: list[str], line: int) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press(*keys)
        assert cursor(app) == line


async def test_space_ticks_and_unticks_one_byte(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press("space")
        await pilot.pause()
        assert text_of(root) == PLAN.replace("[ ] Create", "[x] Create")
        assert "[x] Create" in screen_text(app)
        assert "2 of 4" in screen_text(app)
        await pilot.press("space")
        await pilot.pause()
        assert text_of(root) == PLAN
        assert app.failures == ["", ""]


@pytest.mark.parametrize("keys", [["v", "j", "j"], ["shift+down", "shift+down"], ["j", "j", "K", "shift+up"]])
async def test_a_range_is_ticked_at_once(root: Path, keys: list[str]) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press(*keys)
        await pilot.pause()
        assert "3 marked" in screen_text(app)
        await pilot.press("space")
        await pilot.pause()
        assert [asked.lines for asked in app.asked] == [(FIRST, SECOND)]
        assert text_of(root).count("[x]") == 3
        assert "marked" not in screen_text(app)


async def test_a_range_without_an_open_item_is_unticked(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press("j", "j", "J", "space")
        await pilot.pause()
        assert [(asked.lines, asked.ticked) for asked in app.asked] == [((AGREED,), False)]


async def test_escape_drops_the_range_and_an_item_of_a_third_kind_is_left_alone(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press("v", "down", "down", "down", "escape", "space")
        await pilot.pause()
        assert app.asked == []
        assert "neither ticked nor unticked" in screen_text(app)


async def test_t_ticks_what_is_proved_in_the_phase_at_hand_and_nothing_beyond(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        prove(app)
        await pilot.press("G", "T")
        await pilot.pause()
        assert [(asked.lines, asked.ticked) for asked in app.asked] == [((FIRST, SECOND), True)]
        assert "[ ] `make test`" in text_of(root)
        await pilot.press("T")
        await pilot.pause()
        assert len(app.asked) == 1
        assert "nothing that is proved is still open" in screen_text(app)


async def test_t_ticks_nothing_before_anything_is_proved(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press("T")
        await pilot.pause()
        assert app.asked == []


async def test_enter_shows_the_evidence_of_every_item(root: Path) -> None:
    async with Small(root).run_test(size=(100, 30)) as pilot:
        app = await opened(pilot)
        prove(app)
        await pilot.pause()
        assert "make migrate ended well" not in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "proved, not yet ticked: make migrate ended well" in screen_text(app)
        assert "ticked, and not proved by this run: it names nothing that can be looked up" in screen_text(app)


async def test_evidence_stays_beside_an_item_that_is_ticked(root: Path) -> None:
    async with Small(root).run_test(size=(100, 30)) as pilot:
        app = await opened(pilot)
        prove(app)
        await pilot.press("space")
        await pilot.pause()
        assert "evidence: alembic/versions/ab12_add_course_rating.py was written" in screen_text(app)


async def test_an_item_that_is_ticked_and_not_true_says_so(root: Path) -> None:
    async with Small(root).run_test(size=(100, 30)) as pilot:
        app = await opened(pilot)
        app.pane.prove((), {AGREED: "disproved: the table has another name"})
        await pilot.press("j", "j")
        await pilot.pause()
        assert "›![x] Agree on the names" in screen_text(app)
        assert "      disproved: the table has another name" in screen_text(app)


async def test_a_change_made_in_an_editor_appears_by_itself(root: Path) -> None:
    async with Small(root).run_test(size=(100, 30)) as pilot:
        app = await opened(pilot)
        prove(app)
        await pilot.press("j", "v", "j")
        edit(root, "# Ratings\n", "# Ratings\n\nA line more.\n- a list\n")
        edit(root, "[ ] Add the endpoint", "[x] Add another endpoint")
        while len(app.read) < 2:  # the pane's own look, twice a second
            await pilot.pause(0.05)
        await pilot.pause()
        shown = screen_text(app)
        assert "[x] Add another endpoint" in shown
        assert "the file was changed elsewhere" in shown
        assert "marked" not in shown
        # The cursor and what is proved went along with their items.
        assert cursor(app) == AGREED + 3
        assert "+[ ] Apply it" in shown


async def test_an_item_whose_words_changed_has_no_proof_any_more(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        prove(app)
        edit(root, "with `make migrate`", "with `make migrate` on the shared database")
        app.pane.look_again()
        await pilot.press("T")
        await pilot.pause()
        assert app.asked[0].lines == (FIRST,)


async def test_a_change_of_that_very_moment_is_never_overwritten(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        edit(root, "[ ] Create the migration", "[ ] Throw the migration away")
        await pilot.press("space")
        await pilot.pause()
        assert app.asked == []
        assert "press again" in screen_text(app)
        assert "[ ] Throw" in text_of(root)
        assert "[ ] Throw" in screen_text(app)


async def test_a_file_changed_on_the_way_is_left_as_it_is(root: Path) -> None:
    async with Small(root, write=False).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press("space")
        await pilot.pause()
        edit(root, "# Ratings", "# Other")
        assert "has changed" in ticking.write(root, app.asked[0])
        assert "[x] Create" not in text_of(root)


async def test_a_file_that_goes_and_comes_back(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press("j")
        (root / "specs/plan.md").rename(root / "specs/away.md")
        app.pane.look_again()
        await pilot.press("space", "T", "j", "v")
        await pilot.pause()
        assert "plan.md cannot be read: No such file" in screen_text(app)
        assert app.asked == []
        (root / "specs/away.md").rename(root / "specs/plan.md")
        app.pane.look_again()
        await pilot.pause()
        assert cursor(app) == SECOND


async def test_nothing_is_chosen_yet(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Small)
        app.pane.focus()
        await pilot.press("space", "T", "v", "escape", "j", "enter", "right_square_bracket")
        app.pane.prove({1}, {1: "x"})
        await pilot.click(ChecklistPane, offset=(3, 1))
        assert "no implementation plan is chosen yet" in screen_text(app)


async def test_a_file_without_items_says_so(root: Path) -> None:
    (root / "specs/plan.md").write_text("# Nothing\n\nJust words.\n", encoding="utf-8")
    async with Small(root).run_test() as pilot:
        app = await opened(pilot, "")
        await pilot.press("space", "G")
        await pilot.pause()
        assert "no checklist items" in screen_text(app)


async def test_a_click_goes_to_the_item_and_on_its_box_ticks_it(root: Path) -> None:
    async with Small(root).run_test(size=(100, 30)) as pilot:
        app = await opened(pilot)
        at = next(number for number, line in enumerate(screen_text(app).splitlines()) if "Apply it" in line)
        await pilot.click(offset=(20, at))
        assert cursor(app) == SECOND
        assert app.asked == []
        # The evidence line below the first item has gone, so the second is one line higher now.
        at = next(number for number, line in enumerate(screen_text(app).splitlines()) if "Apply it" in line)
        await pilot.click(offset=(4, at))
        await pilot.pause()
        assert [asked.lines for asked in app.asked] == [(SECOND,)]


async def test_keys_typed_elsewhere_are_not_its_own(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        prove(app)
        app.query_one(Input).focus()
        await pilot.press("space", "T", "v")
        assert app.asked == []
        assert app.query_one(Input).value == " Tv"


async def test_no_escape_sequence_or_markup_of_the_file_reaches_the_terminal(root: Path) -> None:
    hostile = "## Phase 1: \x1b]0;owned\x07X\n\n- [ ] \x1b[31mred\x1b[0m \x9b2J [link=evil]here[/link] \u202eabc\r\n"
    (root / "specs/plan.md").write_bytes(hostile.encode())
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        app.pane.prove({3}, {3: "\x1b[2Jproof [red]x[/red]"})
        await pilot.pause()
        shown = screen_text(app)
        assert "red" in shown
        assert "[link=evil]here[/link]" in shown
        assert "proof [red]x[/red]" in shown
        assert all(char.isprintable() or char == "\n" for char in shown)


async def test_a_plan_of_thousands_of_items_answers_at_once(root: Path) -> None:
    items = "".join(f"- [ ] Item {number} with `code_{number}`\n" for number in range(3_000))
    (root / "specs/plan.md").write_text(f"# Long\n\n## Phase 1: All\n\n{items}", encoding="utf-8")
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        await pilot.press("G")
        await pilot.pause()
        assert "Item 2999" in screen_text(app)
