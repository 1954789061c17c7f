"""`safemig trust`: what would be run in this folder, and the person's word for it; listing and revoking that."""

from __future__ import annotations

import argparse
import os
import sys

from safemig.base.redaction import redact
from safemig.cli.interactive import LONGEST_LINE, can_ask, discard_typed
from safemig.cli.opening import open_project
from safemig.cli.printing import json_out, out
from safemig.cli.show import root_of
from safemig.cli.trusting import NotTrusted, document, go_on, project_of, question, standing_of
from safemig.consent import trust
from safemig.project.config import load


def main(options: argparse.Namespace) -> int:
    """0 where the folder is trusted (or was, with --revoke), 4 where it is not and nobody says so."""
    if options.list:
        return _list(options)
    if options.revoke:
        root = root_of(options)
        out(f"{root} is not trusted any more\n" if trust.revoke(root) else f"{root} was not trusted\n")
        return 0
    if not options.json:
        make_trusted(options)
    opened = open_project(options)
    if options.json:
        json_out(document(opened.standing) | {"question": [*question(opened.standing, opened.project)]}, indented=True)
        return 0 if opened.standing.trusted else 4
    out(f"{opened.standing.root} is trusted; `safemig trust --revoke` takes that back\n")
    out("".join(f"  {redact(line)}\n" for line in opened.standing.settings))
    return 0


def _list(options: argparse.Namespace) -> int:
    kept = [*trust.every()]
    if options.json:
        json_out([{"root": one.root, "digest": trust.digest_of(one.settings), "at": one.at} for one in kept])
        return 0
    for one in kept:
        out(f"{one.root}   digest {trust.digest_of(one.settings)}   {one.at}\n")
    if not kept:
        out("no folder is trusted\n")
    return 0


def make_trusted(options: argparse.Namespace) -> None:
    """Asks on the terminal where the folder is not trusted. Raises NotTrusted where nobody can answer or says no."""
    root = root_of(options)
    config = load(root)
    standing = standing_of(root, config, options)
    if standing.trusted:
        return
    asked = question(standing, project_of(root, config, options))
    if can_ask(options):
        out("".join(f"{line}\n" for line in asked))
        if _yes():
            trust.trust(standing)
            return
    raise NotTrusted(standing, asked, go_on(options, standing))


def _yes() -> bool:
    while True:
        discard_typed()  # what was typed before the question stood there is no answer to it
        out("[y] trust it   [n] no, run nothing > ")
        line = os.read(sys.stdin.fileno(), LONGEST_LINE).decode("utf-8", "replace")
        word = line.strip().lower() if line else "n"
        if word in ("y", "n"):
            return word == "y"
