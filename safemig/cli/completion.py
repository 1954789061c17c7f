"""`safemig completion SHELL`: the script by which a shell completes safemig's commands, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from safemig.cli.printing import out


def main(options: argparse.Namespace) -> int:
    """Always 0."""
    out(script(options.shell))
    return 0


def script(shell: str) -> str:
    """The script for bash, zsh or fish."""
    import shtab

    from safemig.cli.main import parser

    top = parser()
    kinds = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "FILE:LINES": shtab.FILE, "FILE|-": shtab.FILE}
    for action in _actions(top):
        if action.metavar in kinds:
            vars(action)["complete"] = kinds[str(action.metavar)]  # shtab's own way to say what is completed
    return shtab.complete(top, shell=shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from _actions(sub)
