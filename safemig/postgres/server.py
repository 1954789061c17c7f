"""A PostgreSQL life cycle of our own, from a bin folder: lasting servers and throwaway ones."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.attempts import attempts
from safemig.postgres.binaries import (
    Binaries,
    Owner,
    PostgresError,
    cache_folder,
    find_binaries,
    owner,
    reachable,
    runnable,
)

__all__ = ["Binaries", "PostgresError", "Server", "data_folder", "find_binaries", "throwaway"]

# sun_path holds 108 bytes; "/.s.PGSQL.65535" and the final zero need 16 of them.
SOCKET_FOLDER_LIMIT = 90
MEMORY = Path("/dev/shm")  # a file system in memory, on Linux; in containers it is often too small to be used
MEMORY_ROOM = 2 << 30  # bytes; a throwaway server fills 40 MB, and about 100 MB more with 2,000 tables
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_wal_size": "256MB",
    "max_locks_per_transaction": "512",  # a dump is loaded in one transaction: 64 are too few for 5,000 tables
}


@dataclass(frozen=True)
class Server:
    """One lasting server: its data folder and where it listens (TCP on 127.0.0.1, the ``socket`` folder).

    It outlives us, like a container does; ``stop`` ends it. Every login needs a password (scram).
    """

    binaries: Binaries
    data: Path
    port: int
    socket: Path | None = None
    tcp: bool = True

    @property
    def log(self) -> Path:
        """The server's log file, beside its data."""
        return self.data.with_name(f"{self.data.name}.log")

    def exists(self) -> bool:
        """Whether the data folder has been initialised."""
        return (self.data / "PG_VERSION").is_file()

    def initialise(self, user: str, password: str, *, sync: bool = True) -> None:
        """initdb with ``user`` as superuser; whole or not at all. FileExistsError when there are data already."""
        who = owner()
        if self.data.exists():
            raise FileExistsError(str(self.data))
        self.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for unfinished in self.data.parent.glob(f"{self.data.name}.new-*"):  # of a run that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
        fresh = self.data.with_name(f"{self.data.name}.new-{secrets.token_hex(4)}")
        try:
            _own_folder(fresh, who)
            _initdb(runnable(self.binaries, who), fresh, user, password, who, sync=sync)
            fresh.rename(self.data)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def start(self, seconds: float = 30.0) -> None:
        """Start it and wait until it accepts connections; nothing happens when it runs already."""
        if self.pid() is not None:
            _until_ready(self.data, seconds)  # a killed run may have begun the start
            return
        who = owner()
        settings = {"port": str(self.port), "listen_addresses": "127.0.0.1" if self.tcp else ""}
        settings["unix_socket_directories"] = str(self.socket) if self.socket else ""
        _configure(self.data, settings)
        if self.socket is not None and not self.socket.exists():
            _own_folder(self.socket, who)
        if not self.log.exists():
            self.log.touch(mode=0o600)
            if who is not None:
                os.chown(self.log, who.uid, who.gid)
        pg_ctl = str(runnable(self.binaries, who).bin / "pg_ctl")
        done = _run([pg_ctl, "-D", str(self.data), "-l", str(self.log), "-w", "-t", str(int(seconds)), "start"], who)
        if done.returncode != 0 or self.pid() is None:
            raise PostgresError(
                f"PostgreSQL did not start: {_last_lines(self.log) or done.stdout.strip()}",
                str(self.data),
                f"Read {self.log}; another server may listen on port {self.port}.",
            )

    def stop(self, seconds: float = 20.0) -> None:
        """Stop it: fast, then immediately. Only a server that runs on this very data folder is touched."""
        who = owner()
        for mode in ("fast", "immediate"):
            if self.pid() is None:
                return
            pg_ctl = str(runnable(self.binaries, who).bin / "pg_ctl")
            _run([pg_ctl, "-D", str(self.data), "-m", mode, "-w", "-t", str(int(seconds)), "stop"], who)

    def pid(self) -> int | None:
        """The running postmaster of this data folder, proved by its command line; None when it does not run."""
        import psutil

        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            line = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if str(self.data) in line else None

    def conninfo(self, user: str, password: str, database: str) -> str:
        """A libpq connection string for this server."""
        from psycopg.conninfo import make_conninfo

        host = "127.0.0.1" if self.tcp or self.socket is None else str(self.socket)
        return make_conninfo("", host=host, port=str(self.port), user=user, password=password, dbname=database)

    def create_database(self, user: str, password: str, database: str) -> None:
        """CREATE DATABASE unless it is there; psycopg.Error when the login fails."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.conninfo(user, password, "postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def data_folder(state: Path) -> Path:
    """Where the data of a server kept under ``state`` lie: in it; as root, where the server's user reaches them."""
    who = owner()
    wanted = state.absolute() / "postgres"
    # .safemig is 0700: as root, the server's user cannot pass it, and no existing mode is ever changed.
    if who is None:
        return wanted
    import hashlib

    return cache_folder(who) / f"data-{hashlib.sha256(str(wanted).encode()).hexdigest()[:16]}"


def free_port() -> int:
    """A port of this machine's loopback that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def throwaway(binaries: Binaries | None = None, *, database: str = "postgres", port: int = 0) -> Iterator[str]:
    """The conninfo of a fresh temporary server; it ends with the block, or with us (kill -9 included).

    It listens on a unix socket in a 0700 folder only, or, where a ``port`` is given, on that port of this machine's
    loopback too. PostgresError when it cannot start.
    """
    who = owner()
    use = runnable(binaries or find_binaries(), who)
    folder = _short_temporary(who)
    data = folder / "data"
    command = [str(use.bin / "postgres"), "-D", str(data)]
    watcher = _watch(folder, command, who)
    try:
        password = _copy_template(use, data, who)
        _configure(
            data,
            {
                **THROWAWAY_SETTINGS,
                "listen_addresses": "127.0.0.1" if port else "",
                "unix_socket_directories": str(folder),
                "port": str(port or 5432),
            },
        )
        assert watcher.stdin is not None
        watcher.stdin.write(b"s")
        watcher.stdin.flush()
        _wait_ready(folder, data, watcher)
        server = Server(use, data, port or 5432, folder, tcp=bool(port))
        if database != "postgres":
            server.create_database("postgres", password, database)
        yield server.conninfo("postgres", password, database)
    finally:
        assert watcher.stdin is not None
        watcher.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            watcher.wait(15)


def _watch(folder: Path, command: Sequence[str], who: Owner | None) -> subprocess.Popen[bytes]:
    """Start the parent-death watch; it owns the server process."""
    script = Path(__file__).with_name("guardian.py")
    ids = [str(who.uid), str(who.gid)] if who else ["-1", "-1"]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(script), str(folder), str(os.getpid()), *ids, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )


def _wait_ready(folder: Path, data: Path, watcher: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """Until the server accepts connections; PostgresError when it ended, or the time is over."""
    if _until_ready(data, seconds, lambda: watcher.poll() is not None or (folder / "ended").exists()):
        return
    raise PostgresError(
        f"a temporary PostgreSQL did not start: {_last_lines(folder / 'log')}",
        str(folder),
        "Check free disk space and shared memory, or name another bin folder.",
    )


def _until_ready(data: Path, seconds: float, ended: Callable[[], bool] = lambda: False) -> bool:
    """Whether postmaster.pid says ready in time (its 8th line, what pg_ctl -w reads too)."""
    for _ in attempts(seconds, 0.01):
        if ended():
            return False
        with contextlib.suppress(OSError):
            lines = (data / "postmaster.pid").read_text().split("\n")
            if len(lines) > 7 and lines[7].strip() == "ready":
                return True
    return False


def _copy_template(use: Binaries, data: Path, who: Owner | None) -> str:
    """A copy of the initialised template as ``data`` (0.34 s with the start, against 1.5 s); its superuser's password.

    Only throwaway servers are copies: copies share one system identifier, by which a lasting server is recognised.
    """
    template = cache_folder(who) / f"template-{use.source}-{use.version}-{who.name if who else 'self'}"
    if not (template / "password").is_file():
        _make_template(use, template, who)
    done = _run(["cp", "-R", "-p", str(template / "data"), str(data)], who)
    if done.returncode != 0:
        raise PostgresError(
            f"the template could not be copied: {done.stderr.strip()}", str(template), "Remove it, then try again."
        )
    return (template / "password").read_text()


def _make_template(use: Binaries, template: Path, who: Owner | None) -> None:
    fresh = Path(tempfile.mkdtemp(dir=template.parent, prefix=".new-"))
    fresh.chmod(0o755)
    password = secrets.token_urlsafe(18)
    _own_folder(fresh / "data", who)
    try:
        _initdb(use, fresh / "data", "postgres", password, who, sync=False)
        (fresh / "password").touch(mode=0o600)
        (fresh / "password").write_text(password)
        fresh.rename(template)
    except OSError:  # another process was faster: its template is as good
        if not (template / "password").is_file():
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _initdb(use: Binaries, data: Path, user: str, password: str, who: Owner | None, *, sync: bool) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="safemig-") as handed:
        handed.write(password)
        handed.flush()
        if who is not None:
            os.fchown(handed.fileno(), who.uid, who.gid)
        command = [str(use.bin / "initdb"), "-D", str(data), "-U", user, f"--pwfile={handed.name}"]
        command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]
        done = _run(command if sync else [*command, "--no-sync"], who)
    if done.returncode != 0:
        raise PostgresError(f"initdb failed: {done.stderr.strip()[-400:]}", str(data), "Check that the disk has room.")


def _configure(data: Path, settings: Mapping[str, str]) -> None:
    """Write our settings into a file of their own, included at the end of postgresql.conf."""
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
    (data / "safemig.conf").touch(mode=0o644)
    (data / "safemig.conf").write_text("\n".join(lines) + "\n")
    main = data / "postgresql.conf"
    if "include_if_exists = 'safemig.conf'" not in main.read_text():
        with main.open("a") as text:
            text.write("\ninclude_if_exists = 'safemig.conf'\n")


def _own_folder(folder: Path, who: Owner | None) -> None:
    """Make a new 0700 folder that the server's user owns; FileExistsError when there is one."""
    folder.mkdir(mode=0o700)
    if who is not None:
        os.chown(folder, who.uid, who.gid)


def memory() -> Path | None:
    """The folder for data that nobody misses: the thousand files of a server are made there in a tenth of the time.

    None where it has too little room, or where the person has named a folder for what is temporary (``TMPDIR``).
    """
    if os.environ.get("TMPDIR") or not os.access(MEMORY, os.W_OK):
        return None
    import psutil

    room = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    return MEMORY if room >= MEMORY_ROOM else None


def _short_temporary(who: Owner | None) -> Path:
    """A fresh 0700 folder whose name leaves room for a socket; in memory where there is room."""
    base = memory() or Path(tempfile.gettempdir())
    if len(str(base)) + 24 > SOCKET_FOLDER_LIMIT or not reachable(base / "x", who):
        base = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="safemig-pg-", dir=base))
    if who is not None:
        os.chown(folder, who.uid, who.gid)
    return folder


def _environment() -> dict[str, str]:
    """No PG* variable of the person reaches a server of ours; messages in English."""
    kept = {name: os.environ[name] for name in ("PATH", "TZ", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _run(command: Sequence[str], who: Owner | None) -> subprocess.CompletedProcess[str]:
    """Run a tool as the server's user. Files, not pipes: a postmaster that pg_ctl leaves would hold a pipe open."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd="/",  # the server's user may not read ours
            env=_environment(),
            start_new_session=True,
            check=False,
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=[] if who else None,
        ).returncode
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(command), code, out.read(), err.read())


def _last_lines(log: Path) -> str:
    try:
        return " | ".join(log.read_text(errors="replace").strip().split("\n")[-3:])
    except OSError:
        return ""
