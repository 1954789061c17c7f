"""A corpus of shell lines with the least and the most that a fair judge accepts, and one of Makefiles.

``python -m tests.corpora.commands [JSON…]`` prints the figures of this project's own corpora and of further ones: JSON
lists of ``{"line", "least", "most"}``, or of ``{"name", "files", "runs_hidden_code"}`` with the target ``go``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safemig.base.action import EFFECTS, Effect
from safemig.shell.effects import effect_of_line
from safemig.shell.make_effects import effect_of_target
from safemig.shell.makefile import read_makefile

NOISE = 0.03


@dataclass(frozen=True)
class Line:
    """A line, and the effects between which a fair judge decides."""

    line: str
    least: Effect
    most: Effect


@dataclass(frozen=True)
class Project:
    """The files of a project; whether `make go` runs a command that nobody would expect of the target."""

    name: str
    files: tuple[tuple[str, str], ...]
    hidden: bool

    def write(self, folder: Path) -> Path:
        """Writes the files; the path of the Makefile."""
        for name, text in self.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)
        return folder / "Makefile"


@dataclass(frozen=True)
class Figures:
    """``lax``: judged below the least; ``noisy``: above the most, of those whose most is below destructive."""

    what: str
    cases: int
    mild: int
    lax: tuple[str, ...]
    noisy: tuple[str, ...]

    @property
    def red(self) -> bool:
        return bool(self.lax) or len(self.noisy) > NOISE * self.mild

    def __str__(self) -> str:
        share = 100 * len(self.noisy) / max(1, self.mild)
        return (
            f"{self.cases} {self.what}: {len(self.lax)} judged below the least, "
            f"{len(self.noisy)} of {self.mild} above the most ({share:.1f} %)"
        )


def own_lines() -> tuple[Line, ...]:
    found: list[Line] = []
    least: Effect = "read"
    most: Effect = "read"
    for row in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if row.startswith("# "):
            first, _, last = row[2:].partition("..")
            least, most = _effect(first), _effect(last or first)
        else:
            found.append(Line(row, least, most))
    return tuple(found)


def own_makefiles() -> tuple[Project, ...]:
    text = Path(__file__).with_name("makefiles.txt").read_text(encoding="utf-8")
    return tuple(_project(block) for block in text.split("=== ")[1:])


def _project(block: str) -> Project:
    title, _, body = block.partition("\n")
    name, _, kind = title.partition(" | ")
    first, *others = body.split("--- ")
    files = [("Makefile", first), *((file.partition("\n")[0], file.partition("\n")[2]) for file in others)]
    return Project(name, tuple(files), kind == "hidden")


def _effect(text: str) -> Effect:
    return next(effect for effect in EFFECTS if effect == text)


def judge_lines(lines: Sequence[Line]) -> Figures:
    judged = [(each, EFFECTS.index(effect_of_line(each.line).effect)) for each in lines]
    mild = [(each, found) for each, found in judged if each.most != "destructive"]
    return Figures(
        "lines",
        len(lines),
        len(mild),
        tuple(each.line for each, found in judged if found < EFFECTS.index(each.least)),
        tuple(each.line for each, found in mild if found > EFFECTS.index(each.most)),
    )


def judge_makefiles(projects: Sequence[Project]) -> Figures:
    """What runs hidden code is never less than destructive here; the open ones are not."""
    judged: list[tuple[Project, Effect]] = []
    for each in projects:
        with tempfile.TemporaryDirectory() as folder:
            makefile = read_makefile(each.write(Path(folder)))
            judged.append((each, effect_of_target(makefile, "go").effects.effect))
    mild = [(each, found) for each, found in judged if each.name.startswith("open-")]
    return Figures(
        "Makefiles",
        len(projects),
        len(mild),
        tuple(each.name for each, found in judged if each.hidden and found != "destructive"),
        tuple(each.name for each, found in mild if found == "destructive"),
    )


def _read(path: Path) -> Figures:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if rows and "files" in rows[0]:
        named = [(row["name"], tuple(row["files"].items()), row["runs_hidden_code"]) for row in rows]
        return judge_makefiles([Project(*row) for row in named])
    return judge_lines([Line(row["line"], _effect(row["least"]), _effect(row["most"])) for row in rows])


def main(paths: Sequence[str]) -> int:
    """Prints the figures of each corpus; 1 where one is red."""
    figures = [("own", judge_lines(own_lines())), ("own", judge_makefiles(own_makefiles()))]
    figures += [(path, _read(Path(path))) for path in paths]
    for name, each in figures:
        sys.stdout.write(f"{name}: {each}\n")
        for word, cases in (("below", each.lax), ("above", each.noisy)):
            sys.stdout.writelines(f"  judged {word}: {case!r}\n" for case in cases)
    return int(any(each.red for _, each in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
