"""Text that is not trusted, as Markdown in which nothing of it is taken as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from safemig.base.redaction import redact

_MARKUP = re.compile(r"([\\`*_\[\]<>|#~!&])")
_LINE_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)
_LONGEST = 2_000


def plain(text: str, longest: int = _LONGEST) -> str:
    """Untrusted text as one line of Markdown text: redacted, without control characters, all markup escaped."""
    line = " ".join(_printable(redact(text)).split())
    line = line if len(line) <= longest else line[:longest] + " …"
    return _LINE_START.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", line))


def code(text: str) -> str:
    """Untrusted text as a code span; "" for none."""
    line = " ".join(_printable(redact(text)).split())
    if not line:
        return ""
    line = line if len(line) <= _LONGEST else line[:_LONGEST] + " …"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def block(text: str, language: str = "") -> list[str]:
    """Untrusted text as a fenced block that nothing inside can close."""
    clean = _printable(redact(text), keep="\n\t")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", clean)), default=0))
    return [f"{fence}{language}", *clean.rstrip("\n").split("\n"), fence]


def _printable(text: str, keep: str = "") -> str:
    # Bidirectional controls and the like are not printable either: they could show a command as another one.
    return "".join(c if c.isprintable() or c in keep else " " if c.isspace() else "\ufffd" for c in text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table, nothing without a row. The cells are Markdown already."""
    found = list(rows)
    if found:
        yield "| " + " | ".join(head) + " |"
        yield "|" + " --- |" * len(head)
        for row in found:
            # A pipe ends a cell even inside a code span.
            yield "| " + " | ".join(re.sub(r"(?<!\\)\|", r"\|", cell) or " " for cell in row) + " |"
