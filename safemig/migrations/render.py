"""Calls of Alembic's operations as Python text, laid out as black and ruff lay them out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from safemig.sql.text import Token

# As black and ruff break lines.
WIDTH = 88
INDENT = "    "


class Lossy(Exception):
    """The operations have no word for it, or none that is sure to be the same."""


@dataclass(frozen=True)
class Code:
    """A call: what is called, and its arguments in their order."""

    name: str
    parts: tuple[str | Code, ...]

    def flat(self) -> str:
        return f"{self.name}({', '.join(one if isinstance(one, str) else one.flat() for one in self.parts)})"

    def lines(self, margin: int = 0, *, broken: bool = False) -> list[str]:
        """The call as black writes it at that margin; ``broken``: its arguments below each other in any case."""
        if not broken and margin + len(self.flat()) + 1 <= WIDTH:
            return [self.flat()]
        found = [f"{self.name}("]
        for one in self.parts:
            inner = [one] if isinstance(one, str) else one.lines(margin + len(INDENT))
            found += [INDENT + line for line in inner[:-1]]
            found.append(f"{INDENT}{inner[-1]},")
        return [*found, ")"]


def string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def parted(name: str) -> tuple[str, tuple[str, ...]]:
    """A name without its schema, and the schema as an argument. Lossy where a dot may be a part of a name."""
    if not re.fullmatch(r"[^.]+(\.[^.]+)?", name):
        raise Lossy
    schema, _, last = name.rpartition(".")
    return last, ((f"schema={string(schema)}",) if schema else ())


def escaped(text: str) -> str:
    r"""The text for sqlalchemy.text, which takes ":name" for a parameter and "\:" for a colon, but neither where one
    more colon follows the name, as in "[[:alpha:]]"."""
    return re.sub(r"(?<![:\w\\]):(?=\w+(?![:\w])|[\w$]+(?![:\w$]))|\\(?=:\w*(?![:\w]))", r"\\\g<0>", text)


def closing(own: Sequence[Token], at: int) -> Token | None:
    """The bracket that closes the one at that place."""
    depth = 0
    for token in own[at:]:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not depth:
            return token
    return None


def names_in(own: Sequence[Token], at: int) -> tuple[str, int]:
    """The plain names between the brackets at that place as a list of Python, and the place behind them. Lossy where
    anything else stands there."""
    if at >= len(own) or own[at].text != "(":
        raise Lossy
    end = next((place for place in range(at, len(own)) if own[place].text == ")"), 0)
    inner = own[at + 1 : end]
    names = [token.name for token in inner[::2]]
    if not names or not all(names) or any(token.text != "," for token in inner[1::2]) or len(inner) % 2 == 0:
        raise Lossy
    return f"[{', '.join(string(name) for name in names)}]", end + 1
