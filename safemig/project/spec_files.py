"""Which Markdown files may be specs: those that configuration or a person names, else those that lie where plans do.

Whether a file holds anything that asks for work, only its reader can tell (``safemig.requirements.spec_documents``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from safemig.project.files import SKIPPED, folders, markdown_name

_NO_SPEC = re.compile(
    r"^(?:readme|changelog|changes|history|license|licence|contributing|code_of_conduct|security|authors|news|"
    r"pull_request_template|issue_template|agents|claude)\b", re.I
)  # fmt: skip
# Folders of spec tools in which nothing is still to be done: patterns of plans, and plans that are done.
_NOT_TO_DO = frozenset(("templates", "archive"))


@dataclass(frozen=True)
class NamedSpec:
    """An entry of ``specs:`` in safemig.yaml and the files that it leads to; none where nothing is called so."""

    name: str
    files: tuple[Path, ...]


def likely(markdown: Sequence[Path], root: Path) -> tuple[Path, ...]:
    """The files that may be specs without being named."""
    return tuple(path for path in markdown if _is_likely(path.relative_to(root)))


def _is_likely(path: Path) -> bool:
    return not (_NO_SPEC.match(path.stem) or _NOT_TO_DO & {part.lower() for part in path.parts[:-1]})


def named(root: Path, name: str) -> NamedSpec:
    """The files that a path or a name means: a file of any name, all Markdown of a folder, hidden ones too. Templates
    and archives below a folder are left out; a path may lead into one.

    What is no path below ``root`` is the name of a file or folder, or its beginning; case, ``-``, ``_`` and the
    extension do not matter. A path beside ``root`` leads to nothing.
    """
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        return NamedSpec(name, ())
    if path.is_file():
        return NamedSpec(name, (path,))
    if path.is_dir():
        return NamedSpec(name, tuple(_below(path)))
    found = list(dict.fromkeys(_called(root, name)))
    return NamedSpec(name, tuple(sorted(found, key=lambda each: (len(each.parts), str(each)))))


def _below(folder: Path) -> Iterator[Path]:
    for place, names, _ in folders(folder, _may_be_hidden):
        yield from (place / name for name in sorted(names) if markdown_name(name))


def _may_be_hidden(name: str) -> bool:
    return name != ".git" and name not in SKIPPED and name.lower() not in _NOT_TO_DO


def _called(root: Path, name: str) -> Iterator[Path]:
    """The Markdown files that are called so, or that lie in a folder that is; whole names before beginnings."""
    above, _, last = name.replace("\\", "/").strip("/").rpartition("/")
    wanted = key(last)
    everything = list(_below(root))
    tests: tuple[Callable[[str], bool], ...] = (wanted.__eq__, lambda text: text.startswith(wanted))
    for fits in tests if wanted else ():
        found = [path for path in everything if _fits(path.relative_to(root), above, fits)]
        if found:
            yield from found
            return


def _fits(path: Path, above: str, fits: Callable[[str], bool]) -> bool:
    parts = path.parts
    return any(
        fits(key(part)) and f"/{'/'.join(parts[:at])}".endswith(f"/{above}" if above else "")
        for at, part in enumerate(parts)
    )


def key(name: str) -> str:
    """A name as names are compared."""
    stem = re.sub(r"\.(md|markdown|mdx|txt)$", "", name.casefold())
    return re.sub(r"[-_\s]", "", stem)
