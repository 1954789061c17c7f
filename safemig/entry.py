"""The console script. Nothing but the standard library is imported before the import path is clean.

With ``PYTHONPATH=.`` (common in the projects safemig works on) a project's own ``checks/``, ``yaml/`` or
``alembic/`` would be imported into this process. The variable itself stays for the commands we start.
"""

from __future__ import annotations

import gc
import os
import sys


def clean_path(path: list[str], pythonpath: str, folder: str, home: str) -> list[str]:
    """``path`` without the entries of ``pythonpath`` and without ``folder``; ``home`` (where safemig lies) stays."""

    def real(entry: str) -> str:
        return os.path.realpath(
            os.path.join(folder, entry)
        )  # relative entries exist too, also where the folder is gone

    unwanted = {real(entry) for entry in pythonpath.split(os.pathsep) if pythonpath}
    unwanted.add(os.path.realpath(folder))
    unwanted.discard(os.path.realpath(home))
    return [entry for entry in path if real(entry) not in unwanted]


def prepare() -> None:
    """Cleans ``sys.path`` of this process, and lets the garbage collector rest: what a start imports stays, and looking
    through all of it again and again is a fifth of the start's CPU time."""
    gc.set_threshold(50_000, 20, 20)
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        folder = "/"
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = clean_path(sys.path, os.environ.get("PYTHONPATH", ""), folder, home)
    if os.path.realpath(home) not in {os.path.realpath(entry) for entry in sys.path if os.path.isabs(entry)}:
        sys.path.append(home)


def line() -> list[str]:
    """The argv that starts safemig anew. -E: a module that `PYTHONPATH` leads to could stand in for one that Python
    itself loads before `prepare` runs; -P: so could one beside this file."""
    return [sys.executable, "-E", "-P", os.path.abspath(__file__)]


def main() -> int:
    """Runs the command line and returns the exit code."""
    try:
        prepare()
        from safemig.cli.main import run_cli

        return run_cli(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are imported, before any other border stands
        return 130


if __name__ == "__main__":
    sys.exit(main())
