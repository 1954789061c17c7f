"""safemig's own CPU time as a share of a run's wall time, outside commands and checks.

Usage: python bench/engine_cpu.py [demo|tiny]. Runs the whole main job in auto mode, with a terminal face and an engine
as `safemig run` has them: on a copy of the demo (as processes; the limit holds here), and on the tiny project of
tests/spine, whose commands do next to nothing: what every run costs once (starting Python, loading SQLAlchemy and
Alembic) is most of its share there, shown without a limit. Another load on the machine makes the wall time longer and
so the share smaller: run it on a quiet one.

What counts as its own: user and system time of the face and of the engine from exec to exit (interpreter start and
imports included), and the supervisors' (measured on empty commands, times the commands of the run). What does not: the
project's commands and what they start, PostgreSQL, and the checks, which are printed beside it: the time that the
engine's threads spend inside the public functions of `checks/`, in loading the clients they look through (psycopg,
httpx) and in opening their sessions on the database, and the process that proves the change on the scratch database
(up, down, up); the watchdog of the change, a process of its own, is printed beside it, too. Exits 1 when the share is
5 % or more.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LIMIT = 0.05
CLIENTS = ("psycopg", "httpx")
CO_GENERATOR = 0x20  # inspect's, which takes 10 ms to import


def used(who: int = resource.RUSAGE_SELF) -> float:
    """Seconds of CPU time so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


class Inside:
    """CPU time of the calling threads inside wrapped functions; a nested call counts once."""

    def __init__(self) -> None:
        self.seconds, self.lock, self.depth = 0.0, threading.Lock(), threading.local()

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured."""

        @functools.wraps(function)
        def measured(*args: Any, **more: Any) -> Any:
            if getattr(self.depth, "inside", False):
                return function(*args, **more)
            self.depth.inside, began = True, time.thread_time()
            try:
                return function(*args, **more)
            finally:
                self.depth.inside = False
                with self.lock:
                    self.seconds += time.thread_time() - began

        return measured


class Watching(MetaPathFinder):
    """Wraps what a module of `checks/` offers as soon as it is imported: before anybody has taken a name from it, and
    without importing a module that the run does not need."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The usual spec, with a loader that wraps."""
        ours = fullname.startswith("checks.") and fullname != "checks.evidence"
        spec = PathFinder.find_spec(fullname, path, target) if ours or fullname in CLIENTS else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module if ours else self.inside.wrap(spec.loader.exec_module)

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if ours:
                self.wrap(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def wrap(self, module: ModuleType) -> None:
        """Its own public functions."""
        if module.__name__.rpartition(".")[2].startswith("_"):
            return
        for name, value in list(vars(module).items()):
            own = isinstance(value, FunctionType) and value.__module__ == module.__name__
            if own and not name.startswith("_") and not value.__code__.co_flags & CO_GENERATOR:
                setattr(module, name, self.inside.wrap(value))


def watch_checks() -> Inside:
    """Measures what `checks/` does, and the opening of the sessions that it is given to look through."""
    inside = Inside()
    sys.meta_path.insert(0, Watching(inside))
    from safemig.runtimes.process import ProcessRuntime

    ProcessRuntime._open = inside.wrap(ProcessRuntime._open)  # type: ignore[method-assign]
    return inside


def options(project: str) -> argparse.Namespace:
    """As `safemig run --mode auto --json` has them."""
    from safemig.cli.main import parser

    return parser().parse_args(["run", "--mode", "auto", "--json", "--project", project])


def as_engine(project: str, notes: Path) -> int:
    """The engine's process."""
    inside = watch_checks()
    from safemig.cli.server import serve
    from safemig.cli.trusting import trust_folder
    from safemig.sandbox import worker

    scratch = notes.with_name("scratch")
    worker._START += f"; import time; open({str(scratch)!r}, 'a').write(f'{{time.process_time()}} ')"
    trust_folder(Path(project))
    code = serve(options(project))
    proofs = sum(map(float, scratch.read_text().split()))
    notes.write_text(json.dumps({"own": used() - inside.seconds, "checks": inside.seconds, "scratch": proofs}))
    return code


def as_face(project: str, notes: Path) -> int:
    """The face's process."""
    from safemig.cli import interactive

    name = str(notes.with_name("engine.json"))
    interactive.engine_line = lambda _: [sys.executable, "-P", __file__, "engine", project, name]  # type: ignore[assignment]
    code = interactive.show(options(project))
    notes.write_text(json.dumps({"own": used()}))
    return code


def supervisor() -> float:
    """CPU seconds of one supervisor (with an empty shell line): the median of nine."""
    import statistics
    import tempfile

    from safemig.execution import command as commands

    found = []
    for _ in range(9):
        with tempfile.TemporaryDirectory() as name:
            before = used(resource.RUSAGE_CHILDREN)
            command = commands.Command(":", Path(name), dict(os.environ))
            files = commands.Files(Path(name), 1)
            asyncio.run(commands.run(command, files, stop=asyncio.Event(), on_output=lambda *_: None))
            found.append(used(resource.RUSAGE_CHILDREN) - before)
    return statistics.median(found)


def measure(name: str, project: Path, folder: Path, limit: float | None) -> int:
    """One run; prints its figures; 1 when it passes the limit."""
    from safemig.engine.service_log import LOGS
    from safemig.journal.journal import read_events
    from safemig.protection.record import Ready, Stall, read

    began = time.monotonic()
    line = [sys.executable, "-P", __file__, "face", str(project), str(folder / "face.json")]
    with (folder / "document.json").open("w") as out:
        subprocess.run(line, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, check=True)
    wall = time.monotonic() - began
    assert json.loads((folder / "document.json").read_text())["verdict"] == "passed"
    root = project if (project / ".safemig").is_dir() else project.parent
    [run] = (root / ".safemig" / "runs").iterdir()
    commands = sum(event.kind == "command.started" and event.step != LOGS for event in read_events(run))
    engine = json.loads((folder / "engine.json").read_text())
    parts = {
        "face": json.loads((folder / "face.json").read_text())["own"],
        "engine": engine["own"],
        f"supervisors of {commands} commands": commands * supervisor(),
    }
    own = sum(parts.values())
    dogs = [record for path in (run / "commands").glob("*.watchdog") for record in read(path)]
    watching = sum(each.cpu for each in dogs if isinstance(each, (Ready, Stall)))
    over = limit is not None and own / wall >= limit
    verdict = "no limit" if limit is None else f"limit {limit:.0%} {'over' if over else 'ok'}"
    spent = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in parts.items())
    print(
        f"{name}: {wall:.1f} s, of which {spent} ({engine['checks']:.2f} s inside checks "
        f"and {engine['scratch']:.2f} s in the scratch proof not counted, nor {watching:.2f} s of the watchdog)"
    )
    print(f"{name}: own share of the run {own / wall:.1%}, {verdict}")
    return int(over)


def on_tiny(folder: Path) -> int:
    """On the project of tests/spine."""
    from tests.spine.project import make_project, remove_project

    spine = make_project(folder / "project")
    try:
        return measure("tiny", spine.root, folder, None)
    finally:
        with suppress(OSError):
            remove_project(spine)


def on_demo(folder: Path) -> int:
    """On a copy of the demo."""
    from tests.e2e.world import demo

    with demo(folder / "demo", "process") as world:
        return measure("demo", world.folder, folder, LIMIT)


def main() -> int:
    """One of the three processes."""
    if sys.argv[1:2] in (["face"], ["engine"]):
        from safemig import entry

        entry.prepare()
        part = as_face if sys.argv[1] == "face" else as_engine
        return part(sys.argv[2], Path(sys.argv[3]))
    import tempfile

    over = 0
    for name, run in (("tiny", on_tiny), ("demo", on_demo)):
        if sys.argv[1:] in ([], [name]):
            with tempfile.TemporaryDirectory(prefix="safemig-bench-") as folder:
                over |= run(Path(folder))
    return over


if __name__ == "__main__":
    sys.exit(main())
