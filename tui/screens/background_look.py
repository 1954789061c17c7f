"""Looks that the start screen waits for, each by a child: the screen itself imports and does nothing heavy."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Mapping

import msgspec

from checks.evidence import Json
from safemig import entry

LIMIT = 16 << 20
LINES = 8  # of a complaint: a safemig.yaml with many mistakes has one for each


def line_of(options: argparse.Namespace, words: list[str]) -> list[str]:
    """The argv of safemig itself with ``words``, on the project at hand."""
    return [*entry.line(), *words, "--project", str(vars(options).get("project", "."))]


async def look(options: argparse.Namespace, take: Callable[[Mapping[str, Json]], None]) -> str:
    """Passes on each part of the look as it comes; returns what the child complained of, "" when all was well."""
    words = ["show", "--look"]
    for name in ("spec", "phase"):
        value = vars(options).get(name)
        words += [f"--{name}", str(value)] if value else []
    child = await _spawn(line_of(options, words))
    try:
        assert child.stdout is not None
        async for raw in child.stdout:
            take(msgspec.json.decode(raw))
        return await _complaint(child)
    finally:
        _end(child)


async def ask(options: argparse.Namespace, words: list[str]) -> str:
    """Runs one short command; returns what it complained of, "" when all was well."""
    child = await _spawn(line_of(options, words))
    try:
        assert child.stdout is not None
        await child.stdout.read()
        return await _complaint(child)
    finally:
        _end(child)


async def _spawn(line: list[str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    null = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *line, stdin=null, stdout=pipe, stderr=pipe, start_new_session=True, limit=LIMIT
    )


async def _complaint(child: asyncio.subprocess.Process) -> str:
    assert child.stderr is not None
    said = (await child.stderr.read()).decode("utf-8", "replace").strip()
    code = await child.wait()
    return "" if code == 0 else " ".join(said.splitlines()[-LINES:]) or f"it ended with {code}"


def _end(child: asyncio.subprocess.Process) -> None:
    """A look changes nothing, so that it can be ended at any time."""
    if child.returncode is None:
        child.kill()
