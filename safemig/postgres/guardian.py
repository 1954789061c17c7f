"""Stand-alone: runs one throwaway PostgreSQL server and ends it, with its folder, when its parent is gone.

Started as `python -I -S guardian.py FOLDER PARENT UID GID COMMAND...` with a pipe as stdin that only the parent
holds: a byte starts the command, the end of the pipe (the parent's kill -9 included) ends everything. UID and GID are
-1 for "as we are".
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Wait for the start byte, run the server, clean up at the end of the pipe."""
    folder, parent, uid, gid, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server: subprocess.Popen[bytes] | None = None
    try:
        # The parent's pid is looked at too: a child that it forked without exec may still hold the pipe.
        while os.getppid() == int(parent):
            readable, _, _ = select.select([0], [], [], 0.5)
            if readable and not os.read(0, 1):
                break
            if readable and server is None:
                server = _start(Path(folder), int(uid), int(gid), command)
            if server is not None and server.poll() is not None:
                (Path(folder) / "ended").touch()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, uid: int, gid: int, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            user=uid if uid >= 0 else None,
            group=gid if uid >= 0 else None,
            extra_groups=[] if uid >= 0 else None,
        )


def _stop(server: subprocess.Popen[bytes]) -> None:
    """SIGQUIT is PostgreSQL's immediate shutdown: the data are thrown away anyway."""
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
