"""`safemig resume`: the terminal form drives the engine across the same border as every other face."""

from __future__ import annotations

import argparse


def main(options: argparse.Namespace) -> int:
    """Returns the run's exit code. Raises NotTrusted."""
    if options.events:
        from safemig.cli.server import serve

        return serve(options)
    from safemig.cli.interactive import show
    from safemig.cli.trust import make_trusted

    make_trusted(options)
    return show(options)
