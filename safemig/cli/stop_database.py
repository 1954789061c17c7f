"""`safemig stop-database`: the PostgreSQL that safemig started for this project goes down; its data stays."""

from __future__ import annotations

import argparse
import sys

from safemig.cli.opening import open_project


def main(options: argparse.Namespace) -> int:
    """0, whether it ran or not."""
    open_project(options).runtime.stop_database()
    sys.stdout.write("no PostgreSQL of safemig's own runs for this project now; its data stays\n")
    return 0
