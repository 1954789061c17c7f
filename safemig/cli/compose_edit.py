"""`safemig compose-edit`: the edit that makes a Makefile call `docker compose` itself, without safemig's bridge."""

from __future__ import annotations

import argparse

from safemig.base import file_edit
from safemig.cli.errors import UsageError
from safemig.cli.opening import open_project
from safemig.cli.printing import out
from safemig.shell.compose_v1 import edit_makefile


def main(options: argparse.Namespace) -> int:
    """0; shows the diff, and writes it with --write."""
    project = open_project(options).project
    if project.makefile is None:
        raise UsageError("no Makefile was found here")
    path = project.makefile.path.relative_to(project.root).as_posix()
    action = file_edit.propose(path, project.makefile.text, edit_makefile(project.makefile.text))
    out(action.diff or f"{path} does not call docker-compose\n")
    if options.write and action.diff:
        file_edit.apply(project.root, action)
        out(f"wrote {path}\n")
    return 0
