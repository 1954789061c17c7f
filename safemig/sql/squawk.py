"""What squawk, a linter of PostgreSQL migrations, says of statements.

Its rules grow with each release: any name will do, and the weight of a finding is not squawk's to say.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

LIMIT_SECONDS = 20.0  # 7,000 statements take 140 ms
# safemig's watchdog bounds the waits, and its tracing knows how long a statement works.
_LEFT_OUT = "require-lock-timeout,require-statement-timeout"


class NoSquawk(Exception):
    """The program is not there, or gave no answer that can be read."""


@dataclass(frozen=True)
class Remark:
    """What a rule says of the statement of that number (from 0), and what to do instead."""

    statement: int
    rule: str
    text: str
    help: str = ""


class _Row(msgspec.Struct):
    line: int
    message: str
    rule_name: str
    help: str | None = None


def remarks(statements: Sequence[str], *, transaction: bool = True) -> tuple[Remark, ...]:
    """What it says of those statements, in order; ``transaction``: they run inside one. Raises NoSquawk."""
    if not statements:
        return ()
    starts, lines = [], 0
    for statement in statements:
        starts.append(lines)
        lines += statement.count("\n") + 1
    text = "".join(f"{statement.rstrip().rstrip(';')};\n" for statement in statements)
    command = [_program(), "--reporter", "json", "--stdin-filepath", "revision.sql"]
    command += [f"--exclude={_LEFT_OUT}", *(["--assume-in-transaction"] if transaction else [])]
    try:
        # In a folder without a .squawk.toml: no file of the project changes what is said.
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, cwd="/", timeout=LIMIT_SECONDS, check=False,
            env={"PATH": os.environ.get("PATH", "")},
        )  # fmt: skip
        rows = msgspec.json.decode(done.stdout, type=list[_Row])
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise NoSquawk(f"squawk gave no answer: {error}") from error
    return tuple(
        Remark(max(number for number, start in enumerate(starts) if start <= row.line), row.rule_name, row.message,
               row.help or "")
        for row in rows
    )  # fmt: skip


def _program() -> str:
    """The program of the environment that safemig itself runs in."""
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        if (Path(folder) / "squawk").is_file():
            return str(Path(folder) / "squawk")
    raise NoSquawk("squawk is not installed beside safemig")
