"""Reading a revision tree against ast.parse of the same files, cold and with a warm cache.

Usage: python bench/planning.py [VERSIONS_FOLDER...]; without a folder on a generated tree of 500 revisions. Folders are
read with their sub-folders. Prints "name ratio limit ok|over" and exits 1 when a limit is passed.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"cold": 1.5, "warm": 0.2}
ROUNDS = 7
BODY = '''"""Add table {number}

Revision ID: {id}
Revises: {down}
Create Date: 2024-01-01 00:00:00.000000

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = "{id}"
down_revision: Union[str, Sequence[str], None] = {parent}
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.create_table(
        "table_{number}",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_table_{number}")),
        sa.UniqueConstraint("name", name=op.f("uq_table_{number}_name")),
    )
    op.create_index(op.f("ix_table_{number}_made"), "table_{number}", ["made"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_table_{number}_made"), table_name="table_{number}")
    op.drop_table("table_{number}")
'''


def generate(folder: Path, count: int = 500) -> None:
    """A chain of ``count`` revisions, modified an hour ago (what is newer than 2 s is not cached)."""
    moment = time.time() - 3600
    for number in range(count):
        down = f"{number - 1:012x}" if number else ""
        text = BODY.format(number=number, id=f"{number:012x}", down=down, parent=repr(down) if down else None)
        path = folder / f"{number:012x}_add_table_{number}.py"
        path.write_text(text)
        os.utime(path, (moment, moment))


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(folder: Path) -> dict[str, float]:
    """Ratios to ast.parse, of the fastest of some rounds each: whatever else the machine does only makes one slower."""
    from checks.revisions.graph import pending, read_graph

    files = [path for path in sorted(folder.rglob("*.py")) if path.name != "__init__.py"]

    def parse() -> None:
        for path in files:
            ast.parse(path.read_bytes())

    def plan(cache: Path | None) -> None:
        pending(read_graph([folder], recursive=True, cache=cache), ())

    taken: dict[str, list[float]] = {"parse": [], "cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as scratch:
        warm = Path(scratch) / "warm"
        plan(warm)
        for number in range(ROUNDS):
            taken["parse"].append(seconds(parse))
            # Cold pays for writing the cache as well.
            cold = Path(scratch) / str(number)
            taken["cold"].append(seconds(lambda path=cold: plan(path)))  # type: ignore[misc]
            taken["warm"].append(seconds(lambda: plan(warm)))
    return {name: min(taken[name]) / min(taken["parse"]) for name in LIMITS}


def main(arguments: list[str]) -> int:
    """Prints a line for each folder and kind; 1 when any ratio is over its limit."""
    # Revision files of others hold invalid escapes; ast.parse warns about each of them.
    warnings.simplefilter("ignore", SyntaxWarning)
    folders = [Path(argument) for argument in arguments]
    made = None if folders else Path(tempfile.mkdtemp(prefix="safemig-bench-"))
    if made:
        generate(made)
        folders = [made]
    over = False
    try:
        for folder in folders:
            for name, ratio in measure(folder).items():
                over = over or ratio > LIMITS[name]
                label = "generated" if made else str(folder)
                state = "over" if ratio > LIMITS[name] else "ok"
                print(f"planning-{name}:{label} {ratio:.2f} {LIMITS[name]} {state}")
    finally:
        if made:
            shutil.rmtree(made)
    return 1 if over else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
