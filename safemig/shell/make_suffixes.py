"""The suffixes for which make has rules of its own, and targets that are rules for suffixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from safemig.shell.parser import names

# GNU make's own list, with the sources of its two rules for archives and versions.
BUILT_IN = names(
    ".c .cc .cpp .C .p .f .F .m .r .s .S .mod .sym .def .h .info .dvi .tex .texinfo .texi .txinfo .w .ch .web .sh .elc"
    " .el .o .out .a .ln .y .l .ym .yl"
)
_DOTTED = re.compile(r"\.[\w-]+(\.[\w-]+)?")


def is_suffix_rule(name: str, own: bool) -> bool:
    """Whether a target such as `.c.o` is a rule for every file with that suffix, or one of make's special targets that
    is not known; ``own``: the file names suffixes of its own. Else `.venv` is a file like any other."""
    parts = name[1:].split(".")
    suffixes = own or all(f".{part}" in BUILT_IN for part in parts)
    return _DOTTED.fullmatch(name) is not None and (suffixes or name.isupper())


def sources(place: Path) -> Iterator[Path]:
    """The files from which rules of make itself may make this one, in one step or in several."""
    stems = {place.name, place.stem} if place.suffix in BUILT_IN else {place.name}
    files = [stem + end for stem in sorted(stems) for end in sorted(BUILT_IN) if stem + end != place.name]
    for name in (place.name, *files):
        versions = (f"{name},v", f"RCS/{name},v", f"RCS/{name}", f"s.{name}", f"SCCS/s.{name}")
        yield from (place.parent / each for each in (*versions, *([name] if name != place.name else [])))
