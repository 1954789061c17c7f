"""`safemig stop-database`: the PostgreSQL that safemig started for this project goes down; its data stays."""

from __future__ import annotations

import argparse

from safemig.cli.opening import open_project
from safemig.cli.printing import out
from safemig.cli.trust import make_trusted


def main(options: argparse.Namespace) -> int:
    """0, whether it ran or not."""
    make_trusted(options)
    ran = open_project(options).runtime.stop_database()
    said = "stopped the PostgreSQL that safemig started for this project; its data stays"
    out((said if ran else "no PostgreSQL of safemig's own runs for this project") + "\n")
    return 0
