"""Trust once: what safemig would run in a folder, the question about it, and the error where nobody answers it."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.base.redaction import redact
from safemig.consent import trust
from safemig.consent.trust import Standing

if TYPE_CHECKING:
    from checks.evidence import Json
    from safemig.project.config import Config
    from safemig.project.layout import Project
    from safemig.project.problem import Problem

MOST = 200  # settings that a question shows; more than that nobody reads


class NotTrusted(Exception):
    """Something of a folder would have to be run that this person does not trust."""

    def __init__(self, standing: Standing, question: tuple[str, ...], go_on: str, why: str = "") -> None:
        said = why or "this folder is not trusted, so nothing of it is run"
        super().__init__(f"{said} ({standing.root}). Its digest is {standing.digest}; go on with `{go_on}`")
        self.standing, self.question, self.go_on = standing, question, go_on

    def document(self) -> dict[str, Json]:
        """What `--json` prints in the place of a run's document."""
        return {
            "format": 1,
            "run": None,
            "verdict": "waiting",
            "reason": str(self),
            "digest": self.standing.digest,
            "trust": {**document(self.standing), "question": [*self.question], "go_on": self.go_on},
        }


def document(standing: Standing) -> dict[str, Json]:
    """How this person stands to the folder, for `--json`."""
    return {
        "root": str(standing.root),
        "trusted": standing.trusted,
        "digest": standing.digest,
        "settings": [redact(line) for line in standing.settings],
        "changes": [] if standing.before is None else [redact(line) for line in standing.changes],
    }


def standing_of(root: Path, config: Config, options: argparse.Namespace) -> Standing:
    """As it is kept; with `--trust DIGEST` as the person says on the command line, which is kept too.

    Raises NotTrusted for a digest that is not the folder's.
    """
    from safemig.project.config_trust import settings

    standing, given = trust.standing(root, settings(config)), vars(options).get("trust", "")
    if not given or standing.trusted:
        return standing
    if given != standing.digest:
        why = f"--trust {given} is not the digest of this folder, so nothing of it is run"
        raise NotTrusted(standing, question(standing, project_of(root, config, options)), go_on(options, standing), why)
    return trust.trust(standing)


def trust_folder(start: Path) -> Standing:
    """Trusts the project around ``start`` as it stands: one that safemig has made itself."""
    from safemig.project.config import load
    from safemig.project.config_trust import settings
    from safemig.project.files import find_root

    root = find_root(start.resolve())
    return trust.trust(trust.standing(root, settings(load(root))))


def go_on(options: argparse.Namespace, standing: Standing) -> str:
    """The command line that goes on."""
    line = vars(options).get("line")
    words = [*line] if line else ["trust", "--project", str(standing.root)]
    while "--trust" in words[:-1]:
        place = words.index("--trust")
        del words[place : place + 2]
    return shlex.join(["safemig", *words, "--trust", standing.digest])


def question(standing: Standing, project: Project) -> tuple[str, ...]:
    """What would be run, and what safemig.yaml allows beside that, as lines for a person."""
    return tuple(redact(line) for line in _question(standing, project))


def _question(standing: Standing, project: Project) -> Iterator[str]:
    if standing.before is None:
        yield "This folder is not trusted yet. Nothing of it is run, and nothing that it allows counts."
    else:
        yield "What safemig.yaml may have run, or loosens, is another since you trusted this folder:"
        yield from _bounded(standing.changes)
    yield f"folder: {standing.root}"
    yield "Trusted, safemig runs in it, each step as the mode says:"
    yield from (f"  {line}" for line in _programs(project))
    if standing.settings:
        yield "and of safemig.yaml holds:"
        yield from _bounded(standing.settings)
    yield f"digest: {standing.digest}"


def _bounded(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:MOST])
    if len(lines) > MOST:
        yield f"  and {len(lines) - MOST} more; `safemig trust --json` lists them"


def _programs(project: Project) -> Iterator[str]:
    """What runs by what was found, beside what safemig.yaml names."""

    def name(path: Path) -> str:
        return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path)

    if project.makefile is not None:
        yield f"make, with the recipes of {name(project.makefile.path)}"
    else:
        yield from project.lines.values()
    if project.compose is not None and project.runtime != "process":
        yield f"docker compose, with {', '.join(name(path) for path in project.compose.files)}, and what it builds"
    if project.tree is not None:
        yield f"alembic, with {name(project.tree.ini)}, its env.py and its revisions"
    yield "the programs, tests and packages that these call"


def project_of(root: Path, config: Config, options: argparse.Namespace) -> Project:
    """What was found there, by reading alone."""
    from safemig.project.config_trust import without_trust
    from safemig.project.layout import discover

    base = root / config.project.folder if config.file else root
    return discover(Path(options.project).resolve(), without_trust(config), root=base)


def not_looked(standing: Standing) -> Problem:
    """What a look says of a folder that is not trusted."""
    from safemig.project.problem import Problem

    what = "this folder is not trusted: no program of it is run, and what safemig.yaml allows or loosens does not count"
    return Problem(what, str(standing.root), "`safemig trust` says what would be run, and asks")


def own_programs_only(root: Path) -> None:
    """Takes out of this process's PATH what lies in the folder, or depends on where one stands: the programs that a
    look starts are those of this machine."""
    real = root.resolve()
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    kept = [each for each in folders if Path(each).is_absolute() and not Path(each).resolve().is_relative_to(real)]
    os.environ["PATH"] = os.pathsep.join(kept) or os.defpath
