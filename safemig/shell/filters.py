"""Programs inside a command line: what awk, sed and tee do with what they are given."""

from __future__ import annotations

import re

from safemig.shell.outcome import NOTHING, Effects, Words, destroys, reads, unknown, worst, writes
from safemig.shell.paths import append, overwrite, visible
from safemig.shell.quoting import HOLE

# A comparison is no redirection: awk writes only behind print and printf. Where a text or an expression stands behind
# them, a semicolon or a brace may be a part of it, and ends nothing.
_AWK_ACTS = re.compile(
    r"system|getline|close|fflush|@|print[^;}]*[>|]|print[^\"/]*[\"/](?s:.*)[>|]|\|\s*\"|\"\s*\|(?!\|)"
)
_LINES = r"/(?:[^/\\\n]|\\[^\n])+/"  # those that an expression names
_SED_SAFE = re.compile(
    rf"s([/|#,:@])(?:(?!\1)[^\n])*\1(?:(?!\1)[^\n])*\1[gIip0-9]*|(?:[0-9$]*|{_LINES})(?:,(?:[0-9$]+|{_LINES}))?[pqd]"
)


def tee(args: Words) -> Effects:
    appends = False
    files: list[str] = []
    for word in args:
        if word in ("-a", "--append"):
            appends = True
        elif word.startswith("-"):
            return unknown(("tee", *args))
        else:
            files.append(word)
    return worst([append(path, "tee") if appends else overwrite(path, "tee") for path in files]) if files else NOTHING


def awk(args: Words) -> Effects:
    """Only a program that can neither run, write nor read anything else: no option but -F and -v."""
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-F", "-v") and rest:
            rest.pop(0)
        elif not option.startswith("-F"):
            return unknown(("awk", *args))
    program = rest[0] if rest else ""
    # Behind a comment or a line break it cannot be told where a print ends.
    spread = "print" in program and re.search(r"[#\n]", program) and re.search(r"[>|]", program)
    if not program or HOLE in program or spread or _AWK_ACTS.search(program):
        return unknown(("awk", *args))
    return reads()


def _sed_programs(args: Words) -> tuple[bool, list[str], list[str]] | None:
    """Whether files are edited in place, the programs, and the files; None behind an option that is not known."""
    in_place = False
    programs: list[str] = []
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-e" and rest:
            programs.append(rest.pop(0))
        elif re.fullmatch(r"-i(\.\w+)?|--in-place", option):
            in_place = True
        elif option not in ("-n", "-E", "-r", "-u", "-nE", "-nr"):
            return None
    if not programs and rest:
        programs.append(rest.pop(0))
    return in_place, programs, rest


def sed(args: Words) -> Effects:
    """Substitutions and line ranges; a sed program can also run commands and write files."""
    read = _sed_programs(args)
    if read is None:
        return unknown(("sed", *args))
    in_place, programs, rest = read
    if any(word.startswith(("-", HOLE)) for word in rest):
        return unknown(("sed", *args))
    if not programs or not all(HOLE not in each and _SED_SAFE.fullmatch(each) for each in programs):
        return unknown(("sed", *args))
    if not in_place:
        return reads()
    if "-n" in args or "-nE" in args or "-nr" in args or not all(each.startswith("s") for each in programs):
        return destroys("files", "sed -i takes lines out of files")
    return (
        writes("files", "sed -i edits files")
        if all(map(visible, rest))
        else overwrite(rest[-1] if rest else "", "sed -i")
    )
