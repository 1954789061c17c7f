"""The commands that items name and that the run has run itself, or whose effect shows that they were."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from safemig.checklist.references import ALONE

# What stands behind these is not run.
_SPEAKING = frozenset({"echo", "printf", "install", "add", "which", "grep"})
_DECLARES = re.compile(r"\b(?:uv\s+add|uv\s+pip\s+install|poetry\s+add|pip3?\s+install)\b")


def only_declares(line: str) -> bool:
    """Whether the effect of the command in the project's files proves that it was done: a package declared."""
    return bool(_DECLARES.search(line))


def is_folder(said: str, folder: str | None) -> bool:
    """Whether ``cd said``, in the project's root, leads into that folder below it ("" the root, None not known). By
    its spelling: a link is another folder until somebody has looked."""
    return folder is not None and not said.startswith(("/", "~", "-")) and posixpath.normpath(said) == (folder or ".")


def proof_of(code: str, run: Sequence[str], folder: str | None = None) -> str:
    """The lines that were run and hold this command, in words; "" when a part of it was not run, or not there: the
    lines were run in ``folder``, so ``cd web && make test`` is proved by none of another."""
    parts = [part.split() for part in re.split(r"&&|;", code)]
    if any(part[:1] == ["cd"] and not (len(part) == 2 and is_folder(part[1], folder)) for part in parts):
        return ""
    parts = [part for part in parts if part and part[0] != "cd"]
    if not parts:
        return ""
    proofs = []
    for part in parts:
        if len(part) == 1 and part[0] not in ALONE:
            return ""
        found = next((line for line in run if _contains(line, part)), "")
        if not found:
            return ""
        proofs.append(f"{found.strip()} ended well")
    return "; ".join(proofs)


def _contains(line: str, words: Sequence[str]) -> bool:
    """Whether a line that was run holds those words as one of its commands, not as the argument of another.

    The words may be followed by options, but ``make migrate`` is not in ``make migrate seed``.
    """
    own = re.sub(r"[\"'();]|&&", lambda found: " ; " if found[0] in (";", "&&") else " ", line).lstrip("@-+ ").split()
    for at in range(len(own) - len(words) + 1):
        if own[at : at + len(words)] != list(words) or (words[0] == "make" and at and own[at - 1] != ";"):
            continue
        rest = own[at + len(words) : at + len(words) + 1]
        whole = words[-1] in ALONE or all(word == ";" or word.startswith("-") for word in rest)
        if whole and not _SPEAKING & set(own[:at]):
            return True
    return False
