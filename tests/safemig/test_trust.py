"""Trust once: what takes it, where it is kept, what is said without it, and that it ends with a change."""

from __future__ import annotations

import argparse
import json
import os
import pty
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig import entry
from safemig.cli.main import run_cli
from safemig.cli.opening import new_session, open_project
from safemig.cli.trusting import NotTrusted, own_programs_only, trust_folder
from safemig.consent import trust
from safemig.consent.person_folder import PersonFolderError, project_folder
from safemig.engine.inbox import Inbox
from safemig.planning.request import Request
from safemig.project.config import parse
from safemig.project.config_schema import Config, DatabaseConfig
from safemig.project.config_trust import HARMLESS, settings, without_trust

WHOLE = """\
runtime: process
environment: production
commands: {test: make test}
database: {binaries: ./bin, confirm: shop, url: "env:URL"}
endpoints: [{path: /x, headers: {Cookie: "env:C"}}, {python: "import os"}]
permissions: {allow: ["make *"], ask: ["make seed"], deny: ["make clean"]}
ticks: {proposed: true, words: [add]}
tests: {red_baseline: accept}
migration: {uncompared: accept, gentle: false}
project: {makefile: Makefile}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that nobody has trusted, where one stands."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "Makefile").write_text("build:\n\ttrue\n\nmigrate:\n\talembic upgrade head\n")
    (root / "safemig.yaml").write_text(WHOLE)
    monkeypatch.chdir(root)
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115  it is no terminal
    monkeypatch.setenv("PATH", os.environ["PATH"])
    return root


def opened(root: Path, **more: str) -> argparse.Namespace:
    return argparse.Namespace(project=str(root), command="status", **more)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("# a word\n\n", ()),
        ("runtime: docker", ("runtime: docker",)),
        ("database: {binaries: ./bin}", ("database.binaries: ./bin",)),
        ("commands: {build: ' x', test: 'a'}", ('commands.build: " x"', "commands.test: a")),
        ("commands: {build: \"a\\nruntime: process\"}", ('commands.build: "a\\nruntime: process"',)),
        ("environment: development", ()),
        ("environment: production", ("environment: production",)),
        ("migration: {uncompared: accept, gentle: false}", ("migration.uncompared: accept",)),
        ("permissions: {allow: [b, a], deny: [c]}", ('permissions.allow: ["b", "a"]',)),
        ("ticks: proposed", ("ticks.proposed: true",)),
        ("endpoints: [/a, {path: /b, headers: {\"X\\nY\": z}}]",
         ("endpoints[0].path: /a", '"endpoints[1].headers.X\\nY": z', "endpoints[1].path: /b")),
        ("endpoints: [{python: 'import os', name: n}]",
         ("endpoints.scripts[0].name: n", "endpoints.scripts[0].python: import os")),
        ("specs: [docs]\nsettle: 0\nhealth: /h\ntimeouts: {build: 1}\npermissions: {ask: [a]}", ()),
    ],
)  # fmt: skip
def test_what_takes_trust(text: str, found: tuple[str, ...]) -> None:
    assert settings(parse(text)) == found


def test_every_key_takes_trust_but_a_known_few() -> None:
    """A key that is new counts, until somebody has looked at what it can do."""
    known = set(Config.__dataclass_fields__) - HARMLESS - {"scripts"}
    assert known == {
        "project", "runtime", "commands", "service", "database", "url", "endpoints", "permissions", "migration",
        "effects", "protection", "tests", "ticks", "vocabulary", "environment",
    }  # fmt: skip


def test_without_trust_nothing_that_loosens_is_left() -> None:
    left = without_trust(parse(WHOLE))
    assert left.permissions.allow == ()
    assert (left.permissions.ask, left.permissions.deny) == (("make seed",), ("make clean",))
    assert left.environment == "development"
    assert left.database == DatabaseConfig(url="env:URL")
    assert (left.ticks, left.tests) == (Config().ticks, Config().tests)
    assert left.migration.uncompared == "ask"
    assert not left.migration.gentle


@given(st.dictionaries(st.sampled_from(["build", "start", "test"]), st.text(max_size=8)))
def test_two_configurations_have_one_digest_only_where_they_run_the_same(commands: dict[str, str]) -> None:
    one, other = settings(Config(commands=commands)), settings(Config(commands={**commands, "seed": "x"}))
    assert settings(Config(commands=dict(reversed(commands.items())))) == one
    assert trust.digest_of(one) != trust.digest_of(other)
    assert all("\n" not in line for line in one)


def test_nothing_runs_in_a_folder_that_is_not_trusted(project: Path) -> None:
    found = open_project(opened(project))
    assert not found.standing.trusted
    assert found.config.database.binaries == ""
    with pytest.raises(NotTrusted, match=found.standing.digest):
        new_session(found, Request(), lambda _event: None, Inbox())
    assert not (project / ".safemig").exists()


@pytest.mark.parametrize("command", ["run", "resume", "stop-database"])
def test_without_a_terminal_it_ends_with_4_and_the_line_that_goes_on(
    project: Path, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_cli([command]) == 4
    said = capfd.readouterr().err
    digest = trust.digest_of(settings(parse(WHOLE)))
    assert f"go on with `safemig {command} --trust {digest}`" in said
    assert str(project) in said
    for line in ("make, with the recipes of Makefile", "database.binaries: ./bin", 'permissions.allow: ["make *"]'):
        assert line in said


def test_as_json_it_is_a_document(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["run", "--mode", "auto", "--json"]) == 4
    found = json.loads(capfd.readouterr().out)
    digest = found["trust"]["digest"]
    assert (found["verdict"], found["run"]) == ("waiting", None)
    assert found["trust"]["go_on"] == f"safemig run --mode auto --json --trust {digest}"
    assert run_cli(["trust", "--json"]) == 4
    assert json.loads(capfd.readouterr().out)["digest"] == digest
    assert run_cli(["status", "--json", "--trust", digest]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["trusted"], found["digest"], found["target"]) == (True, digest, "production:.")
    assert run_cli(["trust"]) == 0


@pytest.mark.parametrize("given", ["0" * 32, "all"])
def test_another_digest_trusts_nothing_and_the_right_one_is_said(
    project: Path, given: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["status", "--trust", given]) == 4
    said = capfd.readouterr().err
    digest = trust.digest_of(settings(parse(WHOLE)))
    assert f"--trust {given} is not the digest of this folder" in said
    assert f"go on with `safemig status --trust {digest}`" in said
    assert [*trust.every()] == [one for one in trust.every() if one.root != str(project)]


def test_it_is_kept_in_the_persons_folder_and_nowhere_else(project: Path) -> None:
    before = sorted(project.rglob("*"))
    trust_folder(project)
    path = project_folder(project) / trust.NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(project.rglob("*")) == before
    assert open_project(opened(project)).standing.trusted
    assert open_project(opened(project)).config.database.binaries == "./bin"


def _edit(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        (_edit("make test", "./evil"), ("- commands.test: make test", "+ commands.test: ./evil")),
        (_edit("binaries: ./bin, ", ""), ("- database.binaries: ./bin",)),
        (lambda text: text + "service: api\n", ("+ service: api",)),
    ],
)
def test_a_change_is_asked_anew_as_a_diff(
    project: Path, change: Callable[[str], str], changes: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    trust_folder(project)
    (project / "safemig.yaml").write_text(change(WHOLE))
    found = open_project(opened(project)).standing
    assert not found.trusted
    assert found.changes == changes
    assert run_cli(["run"]) == 4
    said = capfd.readouterr().err
    assert "is another since you trusted this folder" in said
    assert all(f"  {line}\n" in said for line in changes)
    (project / "safemig.yaml").write_text(WHOLE)
    assert open_project(opened(project)).standing.trusted


@pytest.mark.parametrize("added", ["# a word\n", "settle: 1\n", "specs: [docs]\n"])
def test_what_runs_and_loosens_nothing_is_not_asked_anew(project: Path, added: str) -> None:
    trust_folder(project)
    (project / "safemig.yaml").write_text(WHOLE + added)
    assert open_project(opened(project)).standing.trusted


def test_another_folder_with_the_same_file_is_not_trusted(project: Path, tmp_path: Path) -> None:
    trust_folder(project)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "safemig.yaml").write_text(WHOLE)
    other = open_project(opened(tmp_path / "other")).standing
    assert not other.trusted
    assert other.digest == open_project(opened(project)).standing.digest
    (tmp_path / "link").symlink_to(project)
    assert open_project(opened(tmp_path / "link")).standing.trusted, "its real path is that of the trusted one"


def test_trust_is_listed_and_revoked(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    trust_folder(project)
    assert run_cli(["trust", "--list", "--json"]) == 0
    [mine] = [one for one in json.loads(capfd.readouterr().out) if one["root"] == str(project)]
    assert mine["digest"] == open_project(opened(project)).standing.digest
    assert run_cli(["trust", "--revoke"]) == 0
    assert "is not trusted any more" in capfd.readouterr().out
    assert not open_project(opened(project)).standing.trusted
    assert run_cli(["trust", "--revoke"]) == 0
    assert "was not trusted" in capfd.readouterr().out


@pytest.mark.parametrize("damage", ["no JSON", "another folder's", "open to others", "a link"])
def test_a_kept_word_that_is_not_as_safemig_writes_it_is_no_word(project: Path, tmp_path: Path, damage: str) -> None:
    trust_folder(project)
    path = project_folder(project) / trust.NAME
    if damage == "another folder's":
        path.write_bytes(path.read_bytes().replace(str(project).encode(), b"/elsewhere"))
        assert not open_project(opened(project)).standing.trusted
        return
    if damage == "no JSON":
        path.write_text("{")
    elif damage == "open to others":
        path.chmod(0o666)
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PersonFolderError, match="delete it"):
        open_project(opened(project))
    assert trust.revoke(project)
    assert not open_project(opened(project)).standing.trusted


def test_what_the_repository_itself_holds_is_no_word(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder in the repository would let it bring the answer along."""
    trust_folder(project)
    kept = project_folder(project) / trust.NAME
    inside = project / ".state"
    monkeypatch.setenv("XDG_STATE_HOME", str(inside))
    brought = project_folder(project) / trust.NAME
    brought.parent.mkdir(parents=True, mode=0o700)
    brought.write_bytes(kept.read_bytes())
    brought.chmod(0o600)
    assert not open_project(opened(project)).standing.trusted
    with pytest.raises(PersonFolderError, match="XDG_STATE_HOME"):
        trust_folder(project)


def test_what_safemig_init_writes_is_as_trusted_as_the_folder_was(project: Path) -> None:
    (project / "safemig.yaml").unlink()
    assert run_cli(["init"]) == 0
    assert not open_project(opened(project)).standing.trusted
    trust_folder(project)
    (project / "safemig.yaml").unlink()
    trust_folder(project)
    assert run_cli(["init"]) == 0
    found = open_project(opened(project)).standing
    assert found.trusted
    assert found.settings


def test_a_look_starts_no_program_that_lies_in_the_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "bin").mkdir()
    (project.parent / "link").symlink_to(project / "bin")
    inside = [".", "", "bin", "../project/bin", str(project / "bin"), str(project.parent / "link")]
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", *inside, "/bin"]))
    own_programs_only(project)
    assert os.environ["PATH"] == os.pathsep.join(["/usr/bin", "/bin"])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("typed", "code", "trusted"), [(["y"], 0, True), (["n"], 4, False), (["", "yes", "\x04"], 4, False)]
)
def test_on_a_terminal_it_is_asked(project: Path, typed: list[str], code: int, trusted: bool) -> None:
    primary, secondary = pty.openpty()
    os.write(primary, b"y\n")  # too early: nobody has read the question yet
    child = subprocess.Popen([*entry.line(), "trust"], stdin=secondary, stdout=secondary, stderr=secondary)
    os.close(secondary)
    said, asked = b"", 0
    with suppress(OSError):  # the other side has been closed
        while more := os.read(primary, 4096):
            said += more
            if said.count(b"run nothing > ") > asked:
                os.write(primary, typed[asked].encode() + (b"" if typed[asked] == "\x04" else b"\n"))
                asked += 1
    os.close(primary)
    assert child.wait(60) == code
    assert b"database.binaries: ./bin" in said
    assert open_project(opened(project)).standing.trusted is trusted
