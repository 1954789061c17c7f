"""The socket of a running engine: where it lies, who may speak there, what comes of what is no message."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.consent import channel
from safemig.consent.channel import LONGEST, Reply, listening, message_of, socket_path, tell
from safemig.consent.peer import Peer, peer_of, refusal, sender_of
from safemig.consent.person_folder import PersonFolderError, make_private, person_folder, project_folder
from safemig.execution.command import MARK
from safemig.journal.events import Sender
from safemig.journal.messages import Message

RUN = "20260301-101500-ab12"


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_STATE_HOME": "/s"}, "/s/safemig"),
        ({"XDG_STATE_HOME": "relative"}, str(Path.home() / ".local/state/safemig")),
        ({"XDG_STATE_HOME": ""}, str(Path.home() / ".local/state/safemig")),
        ({}, str(Path.home() / ".local/state/safemig")),
    ],
)
def test_the_persons_folder_is_no_folder_of_the_project(environment: dict[str, str], folder: str) -> None:
    assert str(person_folder(environment)) == folder


def test_a_project_is_known_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert project_folder(tmp_path / "link") == project_folder(tmp_path / "real")
    assert project_folder(tmp_path) != project_folder(tmp_path / "real")


@pytest.mark.parametrize("length", [10, 90, 200])
def test_the_path_of_a_socket_fits_whatever_the_home_is_called(tmp_path: Path, length: int) -> None:
    path = socket_path(tmp_path / RUN, {"XDG_STATE_HOME": "/" + "s" * length})
    assert len(os.fsencode(path)) < LONGEST


def test_a_folder_that_is_open_to_others_or_a_link_is_not_used(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    with pytest.raises(PersonFolderError, match="chmod 700"):
        make_private(folder)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(PersonFolderError, match="link"):
        make_private(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(PersonFolderError, match="cannot be used"):
        make_private(tmp_path / "file" / "below")


async def test_only_this_user_can_reach_the_socket(tmp_path: Path) -> None:
    run = tmp_path / RUN
    async with listening(run, lambda _message: None, lambda _sender, _why: None) as problem:
        assert problem == ""
        path = socket_path(run)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()
    assert tell(run, Message("stop")) is None


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name, which that of a worker of pytest-xdist does not."""
    with tempfile.TemporaryDirectory(prefix="safemig-", dir="/tmp") as folder:
        yield Path(folder)


async def test_an_engine_without_a_place_for_its_socket_says_so_and_goes_on(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(short))
    (short / "safemig").mkdir()
    (short / "safemig" / "sockets").touch()
    async with listening(tmp_path / RUN, lambda _message: None, lambda _sender, _why: None) as problem:
        assert problem.startswith("no other terminal can answer this run: ")
        assert "sockets" in problem


async def test_what_is_no_message_asks_for_nothing(tmp_path: Path) -> None:
    run, said = tmp_path / RUN, list[Message]()
    async with listening(run, said.append, lambda _sender, _why: None):
        reader, writer = await asyncio.open_unix_connection(socket_path(run))
        writer.write(b'{"type":"approve"}\n[]\n{"type":"stop","by":"root"}\n')
        words = [await reader.readline() for _ in range(3)]
        assert words == [b'{"refused":"it is no message"}\n'] * 2 + [b'{"refused":""}\n']
        writer.write(b"x" * (channel.MESSAGE_LIMIT + 10))
        writer.close()
    assert [(one.type, one.by) for one in said] == [("stop", "person")]


def test_who_speaks_is_what_the_kernel_says() -> None:
    sender = Sender(7, "/bin/agent")
    assert message_of(b'{"type":"stop","sender":{"pid":1,"terminal":"/dev/tty1"}}', sender) == Message(
        "stop", sender=sender
    )
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(theirs) == Peer(os.getpid(), os.geteuid())
    assert sender_of(os.getpid()).executable == os.path.realpath(sys.executable)
    assert sender_of(0) == Sender(0)


def test_another_user_a_stranger_and_the_runs_own_commands_are_refused() -> None:
    us = os.geteuid()
    with subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], MARK: f"{RUN}/3"}) as marked:
        cases = [
            (Peer(os.getpid(), us + 1), 1, f"it belongs to the user with id {us + 1}"),
            (Peer(0, us), 1, "the system does not say which process it is"),
            (Peer(2**22 + 1, us), 1, "it had gone before it could be looked at"),
            (Peer(marked.pid, us), os.getpid(), "this run has started it itself"),
            (Peer(marked.pid, us), 2**22 + 1, "this run has started it itself"),
            (Peer(os.getpid(), us), 2**22 + 1, ""),
        ]
        try:
            assert [refusal(peer, engine, RUN) for peer, engine, _ in cases] == [word for *_, word in cases]
            assert refusal(Peer(marked.pid, us), 2**22 + 1, "20260301-101500-cd34") == ""
        finally:
            marked.kill()


def test_a_reply_that_refuses_says_why() -> None:
    assert Reply().refused == ""
