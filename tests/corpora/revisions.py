"""A corpus of revisions with the right judgement of each; ``python -m tests.corpora.revisions [JSON…]`` prints figures.

Further corpora are JSON lists of ``{"name", "right", "text"}``.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safemig.migrations.hazards import risks_of

_HEAD = (
    "from alembic import op\nimport sqlalchemy as sa\nfrom sqlalchemy.dialects import postgresql\n\nrevision = 'a1'\n"
)
_BACK = "def downgrade():\n    op.execute('DROP VIEW v_made')\n"


@dataclass(frozen=True)
class Case:
    """``right`` is LOSES, KEEPS or EITHER; ``text`` the whole revision file."""

    name: str
    right: str
    text: str


@dataclass(frozen=True)
class Figures:
    """The names of revisions that lose and were judged lossless (``missed``), and of the others way round."""

    cases: int
    losing: int
    keeping: int
    missed: tuple[str, ...]
    noisy: tuple[str, ...]

    def __str__(self) -> str:
        share = 100 * len(self.noisy) / max(1, self.keeping)
        return (
            f"{self.cases} revisions: {len(self.missed)} of {self.losing} that lose judged lossless, "
            f"{len(self.noisy)} of {self.keeping} that keep judged destructive ({share:.1f} %)"
        )


def own() -> tuple[Case, ...]:
    """The corpus beside this file."""
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    return tuple(_case(block) for block in text.split("\n=== ")[1:])


def _case(block: str) -> Case:
    title, _, body = block.partition("\n")
    right, _, name = title.partition(" | ")
    has_back = not body.startswith("no downgrade\n")
    body = body.removeprefix("no downgrade\n").strip("\n")
    if body.startswith("sql: "):
        body = f"op.execute({body.removeprefix('sql: ')!r})"
    if "def upgrade" not in body and "def downgrade" not in body:
        body = f"def upgrade():\n{textwrap.indent(body, '    ')}\n"
    back = f"\n\n{_BACK}" if has_back and "def downgrade" not in body else ""
    return Case(name, right, f"{_HEAD}\n\n{body}\n{back}")


def read(path: Path) -> tuple[Case, ...]:
    """A corpus of others."""
    return tuple(Case(row["name"], row["right"], row["text"]) for row in json.loads(path.read_text(encoding="utf-8")))


def judge(cases: Sequence[Case]) -> Figures:
    """How the cases are judged; one child process parses the SQL of all."""
    loses = [any(risk.loses for risk in found) for found in risks_of([case.text for case in cases])]
    judged = list(zip(cases, loses, strict=True))
    return Figures(
        len(cases),
        sum(case.right == "LOSES" for case in cases),
        sum(case.right == "KEEPS" for case in cases),
        tuple(case.name for case, lost in judged if case.right == "LOSES" and not lost),
        tuple(case.name for case, lost in judged if case.right == "KEEPS" and lost),
    )


def main(paths: Sequence[str]) -> int:
    """Prints the figures of each corpus; 1 where one is missed or more than 3 % are noisy."""
    red = False
    for name, cases in (("own", own()), *((path, read(Path(path))) for path in paths)):
        figures = judge(cases)
        sys.stdout.write(f"{name}: {figures}\n")
        for word, names in (("lossless", figures.missed), ("destructive", figures.noisy)):
            sys.stdout.writelines(f"  judged {word}: {one}\n" for one in names)
        red = red or bool(figures.missed) or len(figures.noisy) > 0.03 * figures.keeping
    return int(red)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
