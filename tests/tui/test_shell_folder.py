"""Where the shell line stands, and what Tab completes."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.evidence import Json
from safemig.journal.events import Event
from tui.panes.shell_folder import Completion, NoFolder, complete, follow, resolve
from tui.panes.shell_history import MOST, RUNS, History, earlier


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shell") / "project"
    for name in ("backend/app", "my dir/in", ".hidden", "q'uote"):
        (root / name).mkdir(parents=True)
    for name in ("backend/Makefile", "backend/main.py", "my dir/a b.txt", "my dir/a$c.txt", "we\x1bird", "x=y"):
        (root / name).touch()
    (root / "out").symlink_to(root.parent)
    (root / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize(
    ("folder", "line", "expected"),
    [
        (".", "make test", (".", "make test")),
        (".", "cdx backend", (".", "cdx backend")),
        (".", "cd backend", ("backend", "")),
        (".", "  cd   ./backend/app/ ", ("backend/app", "")),
        (".", "cd backend && make test | tail", ("backend", "make test | tail")),
        (".", "cd backend;ls", ("backend", "ls")),
        ("backend", "cd ..", (".", "")),
        ("backend", "cd ../my\\ dir/in", ("my dir/in", "")),
        ("backend/app", "cd", (".", "")),
        ("backend", "cd -", ("my dir", "")),
        (".", "cd 'my dir'", ("my dir", "")),
        (".", 'cd "my dir"/in', ("my dir/in", "")),
        (".", 'cd "q\'uote"', ("q'uote", "")),
        (".", "echo x; cd backend", (".", "echo x; cd backend")),
    ],
)
def test_cd_moves_the_shell_line(root: Path, folder: str, line: str, expected: tuple[str, str]) -> None:
    assert follow(root, folder, "my dir", line) == expected


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("cd nowhere", "there is no folder nowhere"),
        ("cd nowhere; rm -rf x", "there is no folder nowhere"),
        ("cd backend/Makefile", "there is no folder"),
        ("cd ..", "outside the project"),
        ("cd /", "outside the project"),
        ("cd out", "outside the project"),
        ("cd loop", "loop"),
        ("cd $HOME", "one plain folder"),
        ("cd `pwd`", "one plain folder"),
        ("cd b*", "one plain folder"),
        ("cd a b", "one plain folder"),
        ("cd 'backend", "one plain folder"),
        ('cd "$(rm x)"', "one plain folder"),
        ("cd backend || true", "one plain folder"),
        ("cd backend & make", "one plain folder"),
        ("cd backend > x", "one plain folder"),
    ],
)
def test_what_cannot_be_followed_runs_nothing(root: Path, line: str, why: str) -> None:
    with pytest.raises(NoFolder, match=why):
        follow(root, ".", ".", line)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_line_leads_out_of_the_project(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    root = tmp_path_factory.getbasetemp()
    try:
        folder, rest = follow(root, ".", ".", f"cd {words}")
    except NoFolder:
        return
    assert (root / folder).resolve().is_relative_to(root.resolve())
    assert rest in words


@pytest.mark.parametrize(
    ("folder", "typed", "value", "choices"),
    [
        (".", "ba", "backend/", ()),
        (".", "cat backend/M", "cat backend/Makefile ", ()),
        (".", "cat backend/ma", "cat backend/main.py ", ()),
        (".", "cat backend/", "cat backend/", ("Makefile", "app/", "main.py")),
        ("backend", "cat ", "cat ", ("Makefile", "app/", "main.py")),
        (".", "cat nothing", "cat nothing", ()),
        (".", "cat my", "cat my\\ dir/", ()),
        (".", "cat my\\ dir/i", "cat my\\ dir/in/", ()),
        (".", "cat my\\ dir/a", "cat my\\ dir/a", ("a b.txt", "a$c.txt")),
        (".", "cat my\\ dir/a\\ ", "cat my\\ dir/a\\ b.txt ", ()),
        (".", 'cat "my', 'cat "my dir/', ()),
        (".", 'cat "my dir/a ', 'cat "my dir/a b.txt" ', ()),
        (".", "cat 'my dir/a$", "cat 'my dir/a$c.txt' ", ()),
        (".", 'cat "my dir/a$', 'cat "my dir/a$', ()),
        (".", 'cat my" d', "cat my\\ dir/", ()),
        (".", "cat q", "cat q\\'uote/", ()),
        ("backend", "ls ../my", "ls ../my\\ dir/", ()),
        (".", "make&&cat back", "make&&cat backend/", ()),
        (".", "PATH=back", "PATH=backend/", ()),
        (".", "ls .h", "ls .hidden/", ()),
        ("backend", "cd ", "cd app/", ()),
        (".", "cd b", "cd backend/", ()),
        (".", "cat ../", "cat ../", ()),
        (".", "cat /et", "cat /et", ()),
        (".", "cat out/", "cat out/", ()),
        (".", "cat we", "cat we", ()),
        ("gone", "cat ", "cat ", ()),
    ],
)
def test_tab_completes_files_of_the_project(
    root: Path, folder: str, typed: str, value: str, choices: tuple[str, ...]
) -> None:
    assert complete(root, folder, typed, len(typed)) == Completion(value, len(value), choices)


def test_tab_completes_where_the_cursor_stands(root: Path) -> None:
    assert complete(root, ".", "cat ba | head", 6) == Completion("cat backend/ | head", 12)


@given(st.text(alphabet=" abm/\\\"'.$;&=", max_size=12))
@settings(deadline=None)
def test_what_is_completed_means_a_file_that_is_there(tmp_path_factory: pytest.TempPathFactory, typed: str) -> None:
    root = tmp_path_factory.getbasetemp() / "given"
    for name in ("a b", "a'b", "b$", "ma ma"):
        (root / name).mkdir(parents=True, exist_ok=True)
    done = complete(root, ".", typed, len(typed))
    assert done.value.isprintable()
    if done.value != typed and not done.choices:
        closed = done.value if done.value.count('"') % 2 == 0 else done.value + '"'
        try:
            word = shlex.split(closed.replace(";", " ").replace("&", " ").replace("=", " "))[-1]
        except ValueError:  # a single quote stays open
            return
        assert (root / word).exists() or word.startswith("/")


def test_a_folder_that_is_gone_is_none(root: Path) -> None:
    with pytest.raises(NoFolder):
        resolve(root, "gone")


def test_history_walks_to_the_line_being_typed_and_back() -> None:
    history = History()
    assert history.walk(-1, "typed") == "typed"
    for line in ("one", "two", "two", ""):
        history.add(line)
    assert [history.walk(-1, "typed") for _ in range(4)] == ["two", "one", "one", "one"]
    assert [history.walk(1, typed) for typed in ("one", "two", "typed")] == ["two", "typed", "typed"]


def test_history_of_earlier_sessions_comes_first_and_is_bounded() -> None:
    history = History()
    history.add("mine")
    history.load(str(number) for number in range(MOST + 5))
    assert history.walk(-1, "") == "mine"
    assert history.walk(-1, "") == str(MOST + 4)
    assert history.walk(-10 * MOST, "") == "6"


async def test_earlier_lines_are_those_of_the_newest_journals_that_can_be_read(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert await earlier(runs) == []
    for number in range(RUNS + 2):
        folder = runs / f"{number:04}"
        folder.mkdir(parents=True)
        data: dict[str, Json] = {"line": f"echo {number}", "by": "person"}
        line = msgspec.json.encode(Event(1, "command.started", folder.name, "", "!", "", 0.0, data)).decode() + "\n"
        (folder / "events.jsonl").write_text(line if number != 7 else "{" + line)
    lines = await earlier(runs)
    assert lines == [f"echo {number}" for number in range(2, RUNS + 2) if number != 7]
