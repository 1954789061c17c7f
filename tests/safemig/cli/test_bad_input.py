"""Bad input, through the command line: one clear error, the right exit code, nothing half-written, no password."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from safemig.journal.journal import read_events
from tests.safemig.bad_projects import (
    AUTO,
    COMPOSE,
    SECRET,
    bound,
    make,
    safemig,
    write,
)
from tests.spine.project import ENV, FIRST, SPEC

pytestmark = pytest.mark.integration


def no_makefile(root: Path) -> None:
    (root / "Makefile").unlink()


def no_compose(root: Path) -> None:
    (root / "safemig.yaml").unlink()
    recipe = "\tdocker compose exec -T api"
    text = f"build:\n\tdocker compose build\nstart:\n\tdocker compose up -d\nmigrate:\n{recipe} alembic upgrade head\n"
    write(root, "Makefile", text)


def no_alembic(root: Path) -> None:
    (root / "alembic.ini").unlink()
    shutil.rmtree(root / "alembic")


def no_revisions(root: Path) -> None:
    shutil.rmtree(root / "alembic" / "versions")


def two_makefiles(root: Path) -> None:
    text = (root / "Makefile").read_text(encoding="utf-8")
    (root / "Makefile").unlink()
    write(root, "shop/Makefile", text)
    write(root, "till/Makefile", text)


def two_composes(root: Path) -> None:
    no_compose(root)
    write(root, "shop/compose.yaml", COMPOSE)
    write(root, "till/compose.yaml", COMPOSE)


def two_trees(root: Path) -> None:
    for name in ("shop", "till"):
        shutil.copytree(root / "alembic", root / name / "alembic")
        shutil.copy(root / "alembic.ini", root / name / "alembic.ini")
    no_alembic(root)


def broken_makefile_bytes(root: Path) -> None:
    (root / "Makefile").write_bytes(b"\xff\xfe\x00build")


def yaml_of(text: str) -> Callable[[Path], None]:
    return lambda root: write(root, "safemig.yaml", text)


def state_is_a_file(root: Path) -> None:
    (root / ".safemig").write_text("")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (no_makefile, 2, ["no Makefile", "safemig.yaml"]),
        (no_compose, 2, ["no compose file", "safemig.yaml"]),
        (no_alembic, 2, ["no Alembic configuration", "alembic init"]),
        (no_revisions, 2, ["the folder of revisions is not there", "alembic/versions"]),
        (broken_makefile_bytes, 2, ["no Makefile"]),
        (two_makefiles, 4, ["several Makefiles", "shop/Makefile", "till/Makefile", "project.makefile"]),
        (two_composes, 4, ["several compose files", "shop/compose.yaml", "till/compose.yaml", "project.compose"]),
        (two_trees, 4, ["several Alembic trees", "shop/alembic.ini", "till/alembic.ini", "project.alembic"]),
        (yaml_of("runtime: process\ntimeouts: {build: soon}\n"), 2, ["safemig.yaml:2"]),
        (yaml_of("runtime: process\n\ncomands:\n  build: make\n"), 2, ["safemig.yaml:3", "commands"]),
        (yaml_of("runtime: [process\nurl: x\n"), 2, ["safemig.yaml:2"]),
        (yaml_of(f"database:\n  url: postgresql://me:{SECRET}@db/shop\n"), 2, ["safemig.yaml:2", "env:DATABASE_URL"]),
        (state_is_a_file, 2, [".safemig"]),
    ],
    ids=lambda value: getattr(value, "__name__", None) or None,
)
def test_a_run_does_not_begin(spoil: Callable[[Path], None], code: int, words: Sequence[str], tmp_path: Path) -> None:
    spoil(make(tmp_path))
    ended = safemig(tmp_path, *AUTO)
    assert [word for word in words if word not in ended.reason] == [], ended.reason
    assert ended.err.count("\n") == 1
    assert (ended.code, ended.out, ended.changed) == (code, "", ())
    assert not (tmp_path / ".safemig" / "runs").exists() or not list((tmp_path / ".safemig" / "runs").iterdir())


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda root: None, 0, ["open: the database could not be read", "db.invalid"]),
        (no_makefile, 0, ["open: no Makefile"]),
        (no_compose, 0, ["open: no compose file"]),
        (no_alembic, 0, ["open: no Alembic configuration"]),
        (two_makefiles, 4, ["open: several Makefiles", "shop/Makefile, till/Makefile"]),
        (two_trees, 4, ["open: several Alembic trees", "shop/alembic.ini"]),
        (yaml_of("runtime: 3\n"), 2, ["safemig.yaml:1"]),
    ],
    ids=["database down", "no_makefile", "no_compose", "no_alembic", "two_makefiles", "two_trees", "yaml"],
)
def test_a_plan_says_what_is_missing(
    spoil: Callable[[Path], None], code: int, words: Sequence[str], tmp_path: Path
) -> None:
    spoil(make(tmp_path))
    ended = safemig(tmp_path, "plan")
    assert [word for word in words if word not in ended.shown] == [], ended.shown
    assert ended.code == code
    assert ended.changed == ()
    assert not (tmp_path / ".safemig").exists()


BROKEN = "alembic/versions/2b3c_broken.py"


def broken_revision(root: Path) -> None:
    write(root, BROKEN, 'revision = "2b3c"\ndown_revision = "1a2b3c4d5e6f"\n\ndef upgrade(:\n    pass\n')


def lost_parent(root: Path) -> None:
    write(root, BROKEN, FIRST.replace("1a2b3c4d5e6f", "2b3c").replace("down_revision = None", 'down_revision = "beef"'))


def two_heads(root: Path) -> None:
    """With a label, so that they are kept apart on purpose."""
    shutil.rmtree(root / "docs")
    for name in ("2b3c", "3c4d"):
        text = FIRST.replace("1a2b3c4d5e6f", name).replace("down_revision = None", 'down_revision = "1a2b3c4d5e6f"')
        text = text.replace("branch_labels = None", 'branch_labels = ("shop",)') if name == "2b3c" else text
        write(root, f"alembic/versions/{name}.py", text.replace("course", f"course_{name}"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (broken_revision, [f"{BROKEN}, line 4", "mend"]),
        (lost_parent, [BROKEN, "beef", "mend"]),
        (two_heads, ["2 heads", "2b3c, 3c4d", "alembic merge"]),
    ],
)
def test_revision_files_that_alembic_would_refuse(
    spoil: Callable[[Path], None], words: Sequence[str], tmp_path: Path
) -> None:
    spoil(make(tmp_path))
    plan = safemig(tmp_path, "plan")
    (line,) = [line for line in plan.out.splitlines() if words[0] in line and "open:" in line]
    assert [word for word in words if word not in line] == []
    assert "Write the migration" not in plan.out
    ended = safemig(tmp_path, *AUTO)
    assert (ended.code, ended.changed) == (1, ())
    assert [word for word in words if word not in ended.reason] == [], ended.reason
    assert "make build" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--spec", "raitings"), 2, ["raitings", "docs/ratings_plan.md"]),
        (("--spec", "../shop/plan.md"), 2, ["../shop/plan.md", "docs/ratings_plan.md"]),
        (("--spec", "docs/words.md"), 2, ["docs/words.md", "it holds nothing", "a checklist"]),
        (("--spec", "ratings", "--phase", "7"), 2, ["'7'", "phase 1: Database"]),
    ],
)
@pytest.mark.parametrize(
    "command",
    [("plan",), AUTO, ("verify",), ("checklist",), ("tick",)],
    ids=["plan", "run", "verify", "checklist", "tick"],
)
def test_a_spec_or_phase_that_is_not_there(
    command: tuple[str, ...], arguments: tuple[str, ...], code: int, words: Sequence[str], tmp_path: Path
) -> None:
    write(make(tmp_path), "docs/words.md", "# Words\n\nOnly words.\n")
    ended = safemig(tmp_path, *command, *arguments)
    assert [word for word in words if word not in ended.reason] == [], ended.reason
    assert (ended.code, ended.changed) == (code, ())


@pytest.mark.parametrize("command", [("status",), ("plan",), AUTO, ("checklist",), ("init", "--force")])
@pytest.mark.parametrize(("entry", "lacks"), [("plans", "no file, and no folder"), ("docs/words.md", "holds nothing")])
def test_configuration_that_names_no_spec_is_an_error(
    command: tuple[str, ...], entry: str, lacks: str, tmp_path: Path
) -> None:
    make(tmp_path)
    write(tmp_path, "docs/words.md", "# Words\n\nOnly words.\n")
    write(
        tmp_path, "safemig.yaml", f"{(tmp_path / 'safemig.yaml').read_text()}\nspecs: [docs/ratings_plan.md, {entry}]\n"
    )
    ended = safemig(tmp_path, *command)
    assert (ended.code, ended.changed) == (2, ())
    assert f"specs: in safemig.yaml names '{entry}'" in ended.reason
    assert lacks in ended.reason


@pytest.mark.parametrize("named", [".hidden/plans/stars", "stars", ".hidden/plans/stars/note.txt", ".hidden/plans"])
def test_a_spec_in_a_hidden_place_is_taken_where_it_is_named(named: str, tmp_path: Path) -> None:
    make(tmp_path)
    write(tmp_path, ".hidden/plans/stars/note.txt", SPEC.replace("rating", "star"))
    write(tmp_path, ".hidden/plans/stars/plan.md", SPEC.replace("rating", "star"))
    ended = safemig(tmp_path, "plan", "--spec", named)
    assert ended.code == 0, ended.reason
    name = "note.txt" if named.endswith("txt") else "plan.md"
    assert f"spec .hidden/plans/stars/{name}, phase 1" in ended.out
    assert "create star" in ended.out


def test_two_specs_that_fit_are_a_choice(tmp_path: Path) -> None:
    make(tmp_path)
    write(tmp_path, "docs/stars_plan.md", SPEC.replace("rating", "star"))
    for command in (("plan",), AUTO):
        ended = safemig(tmp_path, *command)
        assert ended.code == 4
        for word in ("docs/ratings_plan.md", "docs/stars_plan.md", "--spec"):
            assert word in ended.reason


def test_a_spec_without_a_table(tmp_path: Path) -> None:
    make(tmp_path)
    write(tmp_path, "docs/ratings_plan.md", "# Ratings\n\n## Phase 1: Talk\n\n- [ ] Somebody has been told\n")
    ended = safemig(tmp_path, "plan")
    assert ended.code == 0
    assert "no new revision is planned" in ended.out
    named = safemig(tmp_path, "plan", "--spec", "ratings")
    assert "docs/ratings_plan.md" in named.shown
    assert "schema" in named.shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("tick", "docs/none.md:3"), 2, ["docs/none.md"]),
        (("tick", "docs/ratings_plan.md:900"), 2, ["900"]),
        (("report",), 2, ["safemig run"]),
        (("resume",), 2, ["safemig run"]),
        (("plan", "--project", "nowhere"), 2, ["nowhere"]),
        (("plan", "--out", "nowhere/plan.txt"), 2, ["nowhere/plan.txt"]),
    ],
)
def test_what_is_not_there(arguments: tuple[str, ...], code: int, words: Sequence[str], tmp_path: Path) -> None:
    ended = safemig(make(tmp_path), *arguments)
    assert [word for word in words if word not in ended.reason] == []
    assert (ended.code, ended.out, ended.changed) == (code, "", ())


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A project that may be read and not written."""
    make(tmp_path)
    for path in (*tmp_path.rglob("*"), tmp_path):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield tmp_path
    tmp_path.chmod(0o755)
    for path in tmp_path.rglob("*"):
        path.chmod(0o755)


def test_a_checklist_that_cannot_be_written(locked: Path) -> None:
    line = next(number for number, text in enumerate(SPEC.splitlines(), 1) if text.startswith("- [ ]"))
    ended = safemig(locked, "tick", f"docs/ratings_plan.md:{line}", limits=bound)
    assert ended.code == 1
    assert "docs/ratings_plan.md" in ended.reason
    assert ended.changed == ()
    assert {path.name for path in (locked / "docs").iterdir()} == {"ratings_plan.md"}


def test_a_project_that_cannot_be_written(locked: Path) -> None:
    ended = safemig(locked, *AUTO, limits=bound)
    assert ended.code == 1
    assert ".safemig" in ended.reason
    assert "ermission denied" in ended.reason
    assert ended.err.count("\n") == 1
    plan = safemig(locked, "plan", limits=bound)
    assert (plan.code, plan.err) == (0, "")


@pytest.mark.parametrize("room", [0, 100, 1000, 5000])
def test_a_full_disk(room: int, tmp_path: Path) -> None:
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    ended = safemig(make(tmp_path), *AUTO, limits=full)
    assert ended.code == 1
    assert "File too large" in ended.reason
    assert "cannot write" in ended.reason or ".safemig" in ended.reason
    assert ended.changed == ()
    for run in (tmp_path / ".safemig" / "runs").glob("*"):
        read_events(run)


def test_no_terminal_in_default_mode(tmp_path: Path) -> None:
    make(tmp_path)
    write(tmp_path, "Makefile", (tmp_path / "Makefile").read_text().replace("@echo building", "uv sync"))
    ended = safemig(tmp_path, "run")
    verdict = next(line for line in ended.out.splitlines() if line.startswith("=== "))
    assert ended.code == 4
    assert "nobody can give it" in verdict
    assert "Build the service" in verdict
    assert (ended.err, ended.changed) == ("", ())


def test_plan_mode_without_a_terminal_ends_after_the_plan(tmp_path: Path) -> None:
    ended = safemig(make(tmp_path), "run", "--mode", "plan")
    assert ended.code == 4
    assert "make migrate" in ended.out
    assert ended.changed == ()


def test_other_people_s_files_bring_no_warning_to_the_terminal(tmp_path: Path) -> None:
    make(tmp_path)
    odd = 'assert 1 is 1\nodd = "\\d"\n'
    write(tmp_path, "alembic/versions/1a2b3c4d5e6f_first.py", FIRST + odd)
    write(tmp_path, "alembic/env.py", odd + ENV)
    for command in (("plan",), ("status",), ("run",)):
        ended = safemig(tmp_path, *command)
        assert ended.err == ""
        assert "heads" not in ended.out or "1a2b3c4d5e6f" in ended.out


def test_a_safemig_yaml_with_several_mistakes_tells_each_with_its_line(tmp_path: Path) -> None:
    yaml_of("runtime: dokcer\nservise: api\ntimeouts: {build: soon, test: -1}\n")(make(tmp_path))
    ended = safemig(tmp_path, "status")
    lines = ended.err.splitlines()
    assert [line.partition("safemig.yaml:")[2].partition(":")[0] for line in lines] == ["1", "2", "3", "3"]
    assert (ended.code, ended.out, ended.changed) == (2, "", ())
