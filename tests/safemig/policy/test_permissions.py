from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safemig.consent.person_folder import PersonFolderError
from safemig.policy.decision import Grant
from safemig.policy.permissions import NAME, add, load, revoke

MAKE = Grant("line", "make migrate", "backend", "sha", project="/p", environment="docker")
TOOL = Grant("tool", "make", "backend", project="/p", environment="docker")
AT = "2026-01-02T03:04:05.000+00:00"


def test_what_is_added_is_kept_once_with_who_and_when(tmp_path: Path) -> None:
    state = tmp_path / ".safemig"
    assert load(state) == ()
    add(state, MAKE, by="person", at=AT)
    add(state, TOOL, by="person", at=AT)
    add(state, MAKE, by="another", at=AT)
    kept = load(state)
    assert [one.grant for one in kept] == [MAKE, TOOL]
    assert (kept[0].by, kept[0].at) == ("person", AT)
    assert stat.S_IMODE((state / NAME).stat().st_mode) == 0o600
    assert sorted(path.name for path in state.iterdir()) == [NAME, f"{NAME}.lock"]


def test_what_is_revoked_is_gone(tmp_path: Path) -> None:
    first, _second = add(tmp_path, MAKE, by="p", at=AT)[0], add(tmp_path, TOOL, by="p", at=AT)
    assert [one.grant for one in revoke(tmp_path, frozenset({first.id}))] == [TOOL]
    assert [one.grant for one in load(tmp_path)] == [TOOL]
    with pytest.raises(PersonFolderError, match="no permission 12345678"):
        revoke(tmp_path, frozenset({"12345678"}))
    assert revoke(tmp_path) == ()
    assert load(tmp_path) == ()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format":2,"grants":[]}', '{"format":1,"grants":[{"grant":{"kind":"all"}}]}', '{"format":1,"gr'],
)
def test_a_damaged_file_grants_nothing_and_says_what_next(tmp_path: Path, text: str) -> None:
    path = tmp_path / NAME
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(PersonFolderError, match="delete it"):
        load(tmp_path)
    with pytest.raises(PersonFolderError, match="delete it"):
        add(tmp_path, MAKE, by="p", at=AT)
    assert path.read_text() == text
    assert revoke(tmp_path) == ()
    assert load(tmp_path) == ()


def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    add(tmp_path, MAKE, by="p", at=AT)
    (tmp_path / NAME).chmod(0o666)
    with pytest.raises(PersonFolderError, match="chmod 600"):
        load(tmp_path)


def test_a_link_or_a_pipe_in_its_place_is_not_followed(tmp_path: Path) -> None:
    add(tmp_path, MAKE, by="p", at=AT)
    (tmp_path / NAME).rename(tmp_path / "elsewhere")
    (tmp_path / NAME).symlink_to("elsewhere")
    with pytest.raises(PersonFolderError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / NAME).unlink()
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(PersonFolderError, match="not a file"):
        load(tmp_path)


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PersonFolderError, match="file/state"):
        add(tmp_path / "file" / "state", MAKE, by="p", at=AT)


def test_two_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    grants = [Grant("line", f"make t{number}", ".") for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda grant: add(tmp_path, grant, by="p", at=AT), grants))
    assert {one.grant for one in load(tmp_path)} == set(grants)
