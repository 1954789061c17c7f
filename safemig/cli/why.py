"""`safemig permissions --why LINE`: what a line comes to, and by which rule each mode does it, asks or refuses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checks.evidence import Json
from safemig.base.files import HUGE, content
from safemig.cli.errors import UsageError
from safemig.cli.printing import json_out, out
from safemig.journal.events import MODES

if TYPE_CHECKING:
    from safemig.policy.decision import Judgement
    from safemig.shell.outcome import Effects

LOOKS = "every part of it only looks"
_LONGEST = 1_000_000


def main(options: argparse.Namespace) -> int:
    """0, whatever the answer is: the line is judged and never run."""
    from safemig.cli.opening import hide_secrets_around
    from safemig.project.files import find_root

    folder = Path(options.project).resolve()
    if not folder.is_dir():
        raise UsageError(f"--project {options.project}: there is no such folder")
    root = find_root(folder)
    hide_secrets_around(folder)
    if options.why_lines:
        for line in _lines(options.why_lines):
            json_out(_short(line, _effects(line, folder, root)))
        return 0
    effects = _effects(options.why, folder, root)
    modes = _judged(options, effects, root)
    if options.json:
        answers: Json = {mode: {"answer": found.answer, "rule": found.rule} for mode, found in modes.items()}
        json_out({**_short(options.why, effects), "modes": answers})
    else:
        out("".join(f"{text}\n" for text in _text(options.why, effects, modes)))
    return 0


def _effects(line: str, folder: Path, root: Path) -> Effects:
    from safemig.shell.make_effects import effect_in_folder

    return effect_in_folder(line, folder, root)


def _short(line: str, effects: Effects) -> dict[str, Json]:
    """The line comes back as it was given, so that an answer is found by it."""
    from safemig.base.redaction import redact

    return {
        "line": line,
        "effect": effects.effect,
        "touches": list(effects.touches),
        "because": redact(effects.why or LOOKS),
    }


def _judged(options: argparse.Namespace, effects: Effects, root: Path) -> dict[str, Judgement]:
    """What each mode makes of the line by the rules of the configuration."""
    from safemig.base.action import Action
    from safemig.cli.opening import configuration
    from safemig.policy.decision import Context, Rules, judge

    config, *_ = configuration(root, options)
    rules = Rules(config.permissions.allow, config.permissions.ask, config.permissions.deny)
    action = Action("command", line=options.why, effect=effects.effect, touches=effects.touches)
    return {mode: judge(action, Context(mode, rules, project=str(root))) for mode in MODES}


def _text(line: str, effects: Effects, modes: dict[str, Judgement]) -> Iterator[str]:
    from safemig.base.redaction import redact

    yield f"line:     {_printable(redact(line))}"
    yield f"effect:   {effects.effect}"
    yield f"touches:  {', '.join(effects.touches) or 'nothing'}"
    yield f"because:  {_printable(redact(effects.why or LOOKS))}"
    for mode, found in modes.items():
        yield f"{mode + ':':9} {found.answer}, {_printable(found.rule)}"


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


def _lines(place: str) -> Iterator[str]:
    """The lines to judge: JSON strings, one a line, on standard input for ``-``."""
    if place == "-":
        # Bounded here already: what never ends a line would fill the memory before anybody could count it.
        yield from _decoded(iter(lambda: sys.stdin.buffer.readline(_LONGEST + 1), b""), "standard input")
        return
    try:
        raw = content(Path(place), HUGE)
    except OSError as error:
        raise UsageError(f"--why-lines {place}: {error.strerror}") from error
    yield from _decoded(raw.splitlines(), place)


def _decoded(rows: Iterable[bytes], place: str) -> Iterator[str]:
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            if len(row) > _LONGEST:
                raise UsageError(f"{place}, line {number}: longer than {_LONGEST:,} bytes")
            yield msgspec.json.decode(row, type=str)
        except msgspec.DecodeError as error:
            raise UsageError(f"{place}, line {number}: not a JSON string ({error})") from error
