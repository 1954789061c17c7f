"""The folders of the person's decisions are the person's alone, each of them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from safemig.consent.person_folder import PersonFolderError, make_private, person_folder, project_folder


def test_every_folder_that_is_made_on_the_way_is_private(tmp_path: Path) -> None:
    """What lies beside the projects (the theme that was chosen) is kept in a folder that was made for a project."""
    environment = {"XDG_STATE_HOME": str(tmp_path / "new" / "state")}
    make_private(project_folder(tmp_path, environment))
    made = [tmp_path / "new", *(path for path in (tmp_path / "new").rglob("*") if path.is_dir())]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * 5
    assert make_private(person_folder(environment)) == tmp_path / "new" / "state" / "safemig"


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(PersonFolderError, match="is open to others"):
        make_private(folder)


def test_a_link_and_a_file_are_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link", "lost", "file/below"):
        with pytest.raises(PersonFolderError):
            make_private(tmp_path / name)
