"""`safemig init`: the commented safemig.yaml, filled with what discovery found."""

from __future__ import annotations

import argparse

from safemig.base.atomic import replace_file
from safemig.cli.errors import UsageError
from safemig.cli.opening import open_project
from safemig.cli.printing import out
from safemig.cli.trusting import trust_folder


def main(options: argparse.Namespace) -> int:
    """0 once the file is written."""
    from safemig.project.config import template
    from safemig.requirements.spec_documents import with_specs

    opened = open_project(options)
    # In a folder whose configuration works on a copy or on a folder below, its own file is the one that holds.
    path = opened.config.file or opened.project.root / "safemig.yaml"
    if path.exists() and not options.force:
        raise UsageError(f"{path} exists already; edit it, or replace it with --force")
    replace_file(path, template(with_specs(opened.project)).encode())
    if opened.standing.trusted and path.parent == opened.standing.root:
        trust_folder(path.parent)  # what safemig has written down is what it would have done without it
    out(f"wrote {path}\n")
    return 0
