"""Where a Makefile lists its targets: .PHONY and the help that it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from safemig.shell.makefile import Makefile, Target

NAME = "test"
_PRINTED = re.compile(r"^\s+@?-?\s*(?:echo|printf)\b")
# Between a target's name and its text in a help line: blanks, dashes, arrows, quotes, colour codes and variables.
_GAP = r"""(?:\\(?:033|e|x1[bB])\[[\d;]*m|\$[({]\w+[)}]|\\t|[^\w"'\\$]|["']\s+["'])+"""


def list_phony(lines: list[str], after: str, *, forced: bool, block: Sequence[str]) -> None:
    """Name the target in the .PHONY list that names the example; ``forced``: in one of its own if need be."""
    if any(line.startswith(".PHONY") for line in block):
        return
    lists = list(_phony_lists(lines))
    if any(NAME in words for _, _, words in lists):
        return
    chosen = next((found for found in lists if after in found[2]), lists[-1] if lists else None)
    if chosen is None:
        if forced:
            at = next(number for number, line in enumerate(lines) if re.match(rf"{NAME}\s*:", line))
            lines.insert(at, f".PHONY: {NAME}")
        return
    first, last, words = chosen
    for number in range(first, last + 1):
        body, hash_, comment = lines[number].partition("#")
        found = re.search(rf"(?<![\w.-]){re.escape(after)}(?![\w.-])", body)
        if found and after in words:
            lines[number] = f"{body[: found.end()]} {NAME}{body[found.end() :]}{hash_}{comment}"
            return
    body, hash_, comment = lines[last].partition("#")
    lines[last] = f"{body.rstrip()} {NAME}{'  ' if hash_ else ''}{hash_}{comment}"


def _phony_lists(lines: Sequence[str]) -> Iterator[tuple[int, int, list[str]]]:
    """First and last 0-based line of each .PHONY list, and its words."""
    index = 0
    while index < len(lines):
        end = index
        if re.match(r"\.PHONY\s*:", lines[index]):
            while lines[end].endswith("\\") and end + 1 < len(lines):
                end += 1
            words = [word for line in lines[index : end + 1] for word in line.rstrip("\\").split("#")[0].split()]
            yield index, end, words
        index = end + 1


def list_help(lines: list[str], makefile: Makefile, target: Target, said: str) -> None:
    """Add a line to the echoed help, cloned from the example's or the last one that names a target."""
    names = sorted({other.name for other in own_targets(makefile)}, key=len, reverse=True)
    shown = [name for name in [target.name, *names] if name != "help"]
    best: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        if not _PRINTED.match(line):
            continue
        for name in shown:
            if _help_line(name).match(line):
                if best is None or name == target.name or best[1] != target.name:
                    best = (number, name)
                break
    if best is None or not re.search(r"\bhelp\b", makefile.text):
        return
    number, name = best
    match = _help_line(name).match(lines[number])
    if match is None:
        return
    gap = match["gap"]
    blanks = re.search(r" {2,}", gap)
    if blanks:
        width = max(1, len(blanks.group()) + len(name) - len(NAME))
        gap = gap[: blanks.start()] + " " * width + gap[blanks.end() :]
    lines.insert(number + 1, match["head"] + NAME + gap + said + match["tail"])


def _help_line(name: str) -> re.Pattern[str]:
    """A printed line that shows the target's name and then its text."""
    return re.compile(
        rf"""^(?P<head>\s+@?-?\s*(?:echo|printf)\b.*?(?<![\w./-])){re.escape(name)}(?P<gap>{_GAP})(?P<text>[^\W\d_][^"']*)"""
        r"""(?P<tail>["'].*)?$"""
        if name
        else r"(?!)",
    )


def help_texts(makefile: Makefile) -> list[str]:
    """Every text that explains a target: help comments and printed help lines."""
    own = own_targets(makefile)
    texts = [target.help for target in own if target.help]
    names = [target.name for target in own]
    printed = (line for line in makefile.text.replace("\r\n", "\n").split("\n") if _PRINTED.match(line))
    for line in printed:
        texts += [match["text"] for name in names if (match := _help_line(name).match(line))]
    return texts


def own_targets(makefile: Makefile) -> list[Target]:
    """The targets of the file itself that do something."""
    return [target for target in makefile.targets if target.file is None and target.recipe]
