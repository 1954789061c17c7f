"""Words of a shell as their text: quotes and backslashes taken away; text that only the shell knows becomes HOLE."""

from __future__ import annotations

HOLE = "\ufffc"


class Doubt(ValueError):
    """The line cannot be read with certainty; the text says why."""


def unquoted(text: str) -> str:
    """A word without quotes: escapes taken away, globs and braces as text that nobody knows."""
    out: list[str] = []
    glob = False
    place = 0
    while place < len(text):
        here = text[place]
        if here == "\\":
            after = text[place + 1 : place + 2]
            if not after:
                raise Doubt("a backslash at the end")
            out.append("" if after == "\n" else after)
            place += 2
            continue
        if here in "`\"'$&|;<>()" or here.isspace():
            raise Doubt(f"cannot read the word at {text[place : place + 20]!r}")
        glob = glob or here in "*?[{"
        out.append(here)
        place += 1
    word = "".join(out)
    return word + HOLE if glob and text not in ("[", "{") else word


def between_quotes(text: str) -> str:
    out: list[str] = []
    place = 0
    while place < len(text):
        here, after = text[place], text[place + 1 : place + 2]
        if here in '`"' or (here == "$" and (after.isalnum() or (after in "({'_@*#?!$-" and after))):
            raise Doubt(f"cannot read the text at {text[place : place + 20]!r}")
        if here == "\\" and after:
            out.append("" if after == "\n" else after if after in '$`"\\' else here + after)
            place += 2
        else:
            out.append(here)
            place += 1
    return "".join(out)
