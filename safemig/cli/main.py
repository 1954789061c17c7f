"""The parser and the border: every error becomes one line that says what, where and what next."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


PASSED, FAILED, USAGE, BUG, NEEDED, DRIFT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

COMMANDS = {
    "init": ("safemig.cli.init", "write a commented safemig.yaml for this project"),
    "status": ("safemig.cli.status", "what is running, which revision the database is at, unfinished runs"),
    "plan": ("safemig.cli.plan", "show every step with its exact command, edit or SQL; changes nothing"),
    "run": ("safemig.cli.run", "start, test, plan, approve, migrate, verify, report"),
    "resume": ("safemig.cli.resume", "take up a run that was killed, interrupted or is waiting"),
    "answer": ("safemig.cli.answer", "answer what a run asks, from another terminal"),
    "show": ("safemig.cli.show", "follow, or replay, a run in the full-screen app"),
    "runs": ("safemig.cli.runs", "list this project's runs"),
    "report": ("safemig.cli.report", "the report of a run, rebuilt from its journal"),
    "verify": ("safemig.cli.verify", "compare the schema in PostgreSQL with what the spec asks for"),
    "checklist": (
        "safemig.cli.checklist",
        "every item of a phase: proved, proposed, disproved or not provable, and why",
    ),
    "tick": ("safemig.cli.tick", "tick items of a checklist: FILE:LINES, or what is proved or proposed"),
    "lint": ("safemig.cli.lint", "say what revision files may lose or change for others; needs no database"),
    "trust": ("safemig.cli.trust", "say what would be run in this folder, and trust it; list and revoke trust"),
    "permissions": ("safemig.cli.permissions", "list, explain and revoke what may be done without a question"),
    "stop-database": ("safemig.cli.stop_database", "stop the PostgreSQL that safemig started for this project"),
    "compose-edit": ("safemig.cli.compose_edit", "make the Makefile call `docker compose` itself: shows the edit"),
    "completion": ("safemig.cli.completion", "print the script by which bash, zsh or fish completes safemig"),
    "demo": ("safemig.cli.demo", "run the main job on a fresh copy of the demo project"),
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with arguments, which a shell may have made of file names."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        from checks.text import harmless

        super()._print_message(harmless(message), file)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="safemig",
        description="Proves that a service works before a database migration, runs it, and proves that it still works.",
        epilog="exit codes: 0 passed or unchanged, 1 a check or the migration failed, 2 usage or configuration, "
        "3 a bug in safemig, 4 an answer, or trust in the folder, is needed and nobody can give it, "
        "5 (verify) drift or not known, 130 interrupted",
    )
    from safemig import __version__

    top.add_argument("--version", action="version", version=f"safemig {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for name, (_, help_text) in COMMANDS.items():
        _ARGUMENTS[name](commands.add_parser(name, help=help_text, description=help_text))
    return top


def _common(sub: argparse.ArgumentParser, *, opens: bool = True) -> None:
    """``opens``: whether the command looks at the project, for which trust counts."""
    sub.add_argument("--project", default=".", metavar="DIR", help="a folder in the project (default: this one)")
    if opens:
        sub.add_argument("--trust", default="", metavar="DIGEST", help="trust this folder if this is its digest")
    sub.add_argument("-v", "--verbose", action="store_true", help="show the output of commands as it comes")


def _chosen(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--spec", default="", metavar="NAME", help="the implementation plan, by name or its beginning")
    sub.add_argument("--phase", default="", metavar="N", help="its phase, by number or a part of the title")


def _driven(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--mode", choices=("default", "plan", "auto"), help="who is asked (default: ask before changes)")
    sub.add_argument("--json", action="store_true", help="print one JSON document at the end")
    sub.add_argument("--events", action="store_true", help="events as JSON lines on stdout, messages on stdin")
    sub.add_argument("--watch", action="append", type=int, default=[], help=argparse.SUPPRESS)  # by the terminal form


def _detached(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--detach", action="store_true", help="go on when this terminal or the parent process is gone")


def _init(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    sub.add_argument("--force", action="store_true", help="replace an existing safemig.yaml")


def _plan(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    _chosen(sub)
    sub.add_argument(
        "--message", default="", metavar="TEXT", help="let the project's create-migration write from models"
    )
    sub.add_argument("--json", action="store_true", help="print the document as JSON")
    sub.add_argument("--out", default="", metavar="FILE", help="write the document to a file")


def _run(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    _chosen(sub)
    sub.add_argument(
        "--message", default="", metavar="TEXT", help="let the project's create-migration write from models"
    )
    _driven(sub)
    _detached(sub)


def _resume(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    _driven(sub)
    _detached(sub)
    sub.add_argument("run", nargs="?", default="", metavar="RUN", help="the run (default: the newest unfinished one)")


def _answer(sub: argparse.ArgumentParser) -> None:
    _common(sub, opens=False)
    sub.add_argument("--follow", action="store_true", help="stay for what is asked later, until the run ends")
    sub.add_argument("run", nargs="?", default="", metavar="RUN", help="the run (default: the newest)")


def _json_only(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    sub.add_argument("--json", action="store_true", help="print one JSON document")


def _report(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    sub.add_argument("run", nargs="?", default="", metavar="RUN", help="the run (default: the newest)")
    sub.add_argument("--format", choices=("md", "json", "junit"), default="md")
    sub.add_argument("--out", default="", metavar="FILE", help="write to a file instead of stdout")


def _verify(sub: argparse.ArgumentParser) -> None:
    _json_only(sub)
    _chosen(sub)


def _tick(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    _chosen(sub)
    sub.add_argument("place", nargs="?", default="", metavar="FILE:LINES", help="for example docs/plan.md:12,14-16")
    sub.add_argument("--proved", action="store_true", help="tick every open item of the phase that is proved now")
    sub.add_argument("--proposed", action="store_true", help="tick every open item of the phase that is proposed now")
    sub.add_argument("--json", action="store_true", help="print the items that have evidence as one JSON document")


def _permissions(sub: argparse.ArgumentParser) -> None:
    _json_only(sub)
    only = sub.add_mutually_exclusive_group()
    only.add_argument("--revoke", default="", metavar="ID|all", help="take a grant back")
    only.add_argument("--why", metavar="LINE", help="what a line does at worst, and what each mode makes of it")
    only.add_argument(
        "--why-lines", default="", metavar="FILE|-", help="judge JSON strings, one a line; answers JSON objects"
    )


def _trust(sub: argparse.ArgumentParser) -> None:
    _json_only(sub)
    only = sub.add_mutually_exclusive_group()
    only.add_argument("--list", action="store_true", help="every folder that you trust")
    only.add_argument("--revoke", action="store_true", help="do not trust this folder any more")


def _lint(sub: argparse.ArgumentParser) -> None:
    _common(sub, opens=False)
    sub.add_argument("--json", action="store_true", help="print one JSON document")
    sub.add_argument("--risk", action="store_true", help="only what each file may lose, with line and kind")
    sub.add_argument("files", nargs="+", metavar="FILE", help="a revision file")


def _show(sub: argparse.ArgumentParser) -> None:
    from safemig.cli.show import add_arguments

    _common(sub, opens=False)
    add_arguments(sub)


def _compose_edit(sub: argparse.ArgumentParser) -> None:
    _common(sub)
    sub.add_argument("--write", action="store_true", help="write it")


def _completion(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that is to complete")


def _demo(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("-v", "--verbose", action="store_true", help="show the output of commands as it comes")
    sub.add_argument("--runtime", choices=("auto", "docker", "process"), default="auto")
    shapes = "how it applies revisions by itself: in its image's entry point, or under a reloader (containers only)"
    sub.add_argument("--shape", choices=("entrypoint", "reload"), default="", help=shapes)
    sub.add_argument("--keep", default="", metavar="DIR", help="copy to this folder and leave everything running there")
    _driven(sub)


_ARGUMENTS = {
    "init": _init,
    "status": _json_only,
    "plan": _plan,
    "run": _run,
    "resume": _resume,
    "answer": _answer,
    "show": _show,
    "runs": _json_only,
    "report": _report,
    "verify": _verify,
    "checklist": _verify,
    "tick": _tick,
    "lint": _lint,
    "trust": _trust,
    "permissions": _permissions,
    "stop-database": _common,
    "compose-edit": _compose_edit,
    "completion": _completion,
    "demo": _demo,
}


def run_cli(arguments: Sequence[str]) -> int:
    """Runs one command line; returns the exit code."""
    top = parser()
    try:
        options = top.parse_args(arguments)
    except SystemExit as end:
        return USAGE if end.code else PASSED
    if not options.command or (options.command == "show" and not (options.look or options.abandon)):
        return _screen(options)
    options.line = list(arguments)
    from safemig.cli.errors import at_border

    return at_border(lambda: _ended(options))


def _ended(options: argparse.Namespace) -> int:
    """The command's exit code. With `--json` a folder that is not trusted is a document, too."""
    from safemig.cli.printing import json_out
    from safemig.cli.trusting import NotTrusted

    try:
        return int(importlib.import_module(COMMANDS[options.command][0]).main(options))
    except NotTrusted as error:
        if vars(options).get("json"):
            json_out(error.document(), indented=True)
        raise


def _screen(options: argparse.Namespace) -> int:
    """The full-screen app: the start of it, or with ``show`` a run. A person without a terminal gets one line."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        say("safemig: no terminal here; use a command, for example `safemig run --mode auto --json`")
        return USAGE
    from safemig.cli.errors import UsageError
    from safemig.cli.show import root_of

    told = argparse.Namespace(**{"project": ".", "run": "", **vars(options)})
    run = None
    try:
        root = root_of(told)
        if options.command:
            from safemig.cli.opening import run_folder

            run = run_folder(root / ".safemig", told.run)
    except UsageError as error:
        say(f"safemig: {error}")
        return USAGE
    from tui.main import open_screen

    return open_screen(told, root, run)


def say(text: str) -> None:
    """One line on stderr."""
    from safemig.cli.printing import err

    err(text + "\n")
