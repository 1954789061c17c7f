"""`safemig permissions`: what “don't ask again” has granted in this project, and taking it back."""

from __future__ import annotations

import argparse

import msgspec

from safemig.base.redaction import redact
from safemig.cli.opening import open_project
from safemig.cli.printing import err, json_out, out
from safemig.consent.person_folder import project_folder
from safemig.policy import permissions


def main(options: argparse.Namespace) -> int:
    """0; revoking a number that is not there is a usage error."""
    if options.why is not None or options.why_lines:
        from safemig.cli import why

        return why.main(options)
    opened = open_project(options)
    state = project_folder(opened.project.root)
    if (opened.state / permissions.NAME).exists():
        err(
            f"safemig: {opened.state / permissions.NAME} is not read any more: what a project's folder holds grants "
            f"nothing; grants are kept in {state}. Delete it\n"
        )
    kept = permissions.load(state) if options.revoke != "all" else ()
    if options.revoke:
        kept = permissions.revoke(state, None if options.revoke == "all" else frozenset({options.revoke}))
    if options.json:
        rows = [{"id": one.id, **msgspec.to_builtins(one)} for one in kept]
        json_out(rows)
        return 0
    for one in kept:
        where = "" if one.grant.cwd in {"", "."} else f" in {one.grant.cwd}"
        out(f"{one.id}   {one.grant.kind} {redact(one.grant.what)}{where}   by {one.by}, {one.at}\n")
    if not kept:
        out("nothing is granted\n")
    return 0
