"""The file that a process writes to: its own, or the one in which a run keeps what its start command says."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.execution.command import MARK, Files
from safemig.execution.port_owner import log_of

if TYPE_CHECKING:
    import psutil

_MARKED = re.compile(r"([\w-]+)/(\d+)")


def output_of(process: psutil.Process, runs: Path) -> Path | None:
    """The regular file that its output goes to; for one that a start of a run keeps in its foreground, whose output is
    a pipe to the run's supervisor, the file in which that keeps it. None where no file is known."""
    return log_of(process) or _kept(process, runs)


def _kept(process: psutil.Process, runs: Path) -> Path | None:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        piped = any(str(Path(f"/proc/{process.pid}/fd/{number}").readlink()).startswith("pipe:") for number in (1, 2))
        marked = _MARKED.fullmatch(process.environ().get(MARK, ""))
        if piped and marked:
            kept = Files(runs / marked[1] / "commands", int(marked[2])).output
            return kept if kept.is_file() else None
    return None
