"""Renews uv.lock after pyproject.toml was edited: made in a temporary copy, nothing of the project is touched."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safemig.base.files import HUGE, content
from safemig.base.files import text as text_of
from safemig.remedies import uv_lock_merge

_SECONDS = 300.0
_ARGUMENTS = ("lock", "--no-progress", "--color", "never", "--no-python-downloads")
# Beside pyproject.toml and the lock, what uv itself reads of a project.
_READ_BY_UV = ("uv.toml", ".python-version", "requirements.txt")
_OTHERS = {
    "poetry.lock": "poetry lock",
    "pdm.lock": "pdm lock --update-reuse",
    "Pipfile.lock": "pipenv lock --keep-outdated",
}
# In the container: our files arrive as a tar on stdin, the lock leaves on stdout, and nothing stays behind.
_IN_CONTAINER = """
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
tar -xf -
"$@" >&2
cat uv.lock
"""


class NotRenewed(Exception):
    """The lock was not renewed: why, and the command with which a person does it."""


@dataclass(frozen=True)
class Uv:
    """A way to call uv: ``argv`` is the program with what leads to it; ``source`` is host, container or package."""

    argv: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Renewed:
    """The new lock's text, and the uv that made it (its source and version)."""

    text: str
    source: str
    version: str


def ways(container: Sequence[str] = (), which: Callable[[str], str | None] = shutil.which) -> tuple[Uv, ...]:
    """The uvs that answer, in the order to try them: the host's, the container's, the uv package's.

    ``container`` is the argv that runs a program in the service's container without a terminal, such as
    ("docker", "compose", "exec", "-T", "api"); empty when there is none.
    """
    found = []
    host = which("uv")
    if host:
        found.append(Uv((host,), "host"))
    if container:
        found.append(Uv((*container, "uv"), "container"))
    packaged = _packaged()
    if packaged:
        found.append(Uv((packaged,), "package"))
    return tuple(uv for uv in found if _version(uv.argv))


def kind(folder: Path) -> str:
    """The lock that the folder holds: its file name, "" when there is none."""
    return next((name for name in ("uv.lock", *_OTHERS) if (folder / name).is_file()), "")


def renew_any(folder: Path, pyproject: str, uvs: Sequence[Uv], *, seconds: float = _SECONDS) -> Renewed:
    """The lock as the first uv gives it that can. Raises NotRenewed with what each of them said."""
    said = []
    for uv in uvs:
        try:
            text = renew(folder, pyproject, uv=uv.argv, seconds=seconds)
        except NotRenewed as error:
            said.append(f"{uv.source}: {error}")
        else:
            return Renewed(text, uv.source, _version(uv.argv))
    raise NotRenewed("\n".join(said) or "no uv answers here; install uv, then run: uv lock")


def renew(folder: Path, pyproject: str, *, uv: Sequence[str], seconds: float = _SECONDS) -> str:
    """The uv.lock of ``folder`` for the given text of its pyproject.toml.

    Pins, registries and revision of the lock that is there stay. ``uv`` is the argv that calls uv; with more than
    one word, the words before the last lead into a container. No code of the project runs: a project whose
    dependencies only its build backend knows is refused. Raises NotRenewed.
    """
    present = kind(folder)
    if present and present != "uv.lock":
        raise NotRenewed(f"{present} is not renewed by safemig; run: {_OTHERS[present]}")
    path = folder / "uv.lock"
    before = content(path, HUGE).decode() if present else ""
    files = {"pyproject.toml": _buildless(pyproject)}
    if before:
        files["uv.lock"] = before
    for name in _READ_BY_UV:
        if (folder / name).is_file():
            files[name] = text_of(folder / name)
    files.update(_members(folder, pyproject))
    lead, program = tuple(uv[:-1]), uv[-1]
    run = _lock_inside if lead else _lock_here
    after = run(lead, program, files, seconds)
    try:
        text = uv_lock_merge.merge(before, after) if before else after
    except uv_lock_merge.Unmergeable as error:
        raise NotRenewed(f"{error}; run: uv lock") from error
    return text.replace("\n", "\r\n") if "\r\n" in before else text


def _lock_here(lead: Sequence[str], program: str, files: Mapping[str, str], seconds: float) -> str:
    with tempfile.TemporaryDirectory(prefix="safemig-lock-") as name:
        copy = Path(name)
        for path, text in files.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(text.encode())
        # The variable names another project's environment, about which uv would only warn.
        clean = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
        _call([*lead, program, *_ARGUMENTS], b"", seconds, cwd=copy, env=clean)
        return (copy / "uv.lock").read_bytes().decode()


def _lock_inside(lead: Sequence[str], program: str, files: Mapping[str, str], seconds: float) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in files.items():
            raw = text.encode()
            member = tarfile.TarInfo(path)
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    line = [*lead, "sh", "-c", _IN_CONTAINER, "safemig-lock", program, *_ARGUMENTS]
    return _call(line, packed.getvalue(), seconds).decode()


def _call(
    line: Sequence[str],
    given: bytes,
    seconds: float,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> bytes:
    try:
        done = subprocess.run(line, input=given, capture_output=True, timeout=seconds, cwd=cwd, env=env, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotRenewed(f"uv lock took longer than {seconds:g} s; run: uv lock") from error
    except OSError as error:
        raise NotRenewed(f"uv cannot be run ({error.strerror}); run: uv lock") from error
    if done.returncode != 0:
        said = [part.strip() for part in done.stderr.decode(errors="replace").splitlines() if part.strip()]
        raise NotRenewed(f"uv lock ended with {done.returncode}: {' / '.join(said[-6:])}")
    return done.stdout


def _buildless(pyproject: str) -> str:
    """The text with a fixed version where the version is dynamic: uv then asks no build backend.

    The merge takes it out again, since the lock of such a project holds no version. Raises NotRenewed where the
    dependencies themselves are dynamic, and where the text is no TOML.
    """
    try:
        project = tomllib.loads(pyproject).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise NotRenewed(f"pyproject.toml is no TOML: {error}") from error
    dynamic = project.get("dynamic", [])
    if {"dependencies", "optional-dependencies"} & set(dynamic):
        raise NotRenewed("only the build backend knows this project's dependencies; run: uv lock")
    if "version" not in dynamic:
        return pyproject
    import tomlkit

    document = tomlkit.parse(pyproject)
    table = document["project"]
    assert isinstance(table, dict)
    table["dynamic"] = [name for name in dynamic if name != "version"]
    table["version"] = "0"
    return tomlkit.dumps(document)


def _members(folder: Path, pyproject: str) -> dict[str, str]:
    """The pyproject.toml files of workspace members and of path dependencies below the folder."""
    uv = tomllib.loads(pyproject).get("tool", {}).get("uv", {})
    patterns = list(uv.get("workspace", {}).get("members", []))
    for name, source in uv.get("sources", {}).items():
        for one in source if isinstance(source, list) else [source]:
            if isinstance(one, dict) and "path" in one:
                if not (folder / one["path"]).resolve().is_relative_to(folder.resolve()):
                    raise NotRenewed(f"{name} lies outside {folder.name} ({one['path']}); run: uv lock")
                patterns.append(one["path"])
    found = {}
    for pattern in patterns:
        for member in folder.glob(pattern):
            file = member / "pyproject.toml"
            if file.is_file():
                found[file.relative_to(folder).as_posix()] = _buildless(text_of(file))
    return found


def _packaged() -> str:
    """The binary of the uv package in our own environment, "" where it is not installed."""
    try:
        import uv
    except ImportError:
        return ""
    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError:
        return ""


def _version(argv: Sequence[str]) -> str:
    """The version that this uv says, "" when it does not answer within 20 s."""
    try:
        done = subprocess.run([*argv, "--version"], capture_output=True, timeout=20, check=False, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"uv (\S+)", done.stdout)
    return match[1] if done.returncode == 0 and match else ""
