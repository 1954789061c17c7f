"""Text as words, code spans and signs."""

from __future__ import annotations

import re

_LETTERS = r"(?:[^\W_]|[\u0300-\u036f\u0900-\u109f])+"  # with the marks that stand on letters, as in Hindi


TOKEN = re.compile(rf"(?P<code>`+[^`]*`+)|(?P<word>{_LETTERS}(?:['’-]{_LETTERS})*)|(?P<sign>\S)")


def is_word(text: str) -> bool:
    """Whether the text is one word, as items' words are read."""
    match = TOKEN.fullmatch(text)
    return match is not None and match.lastgroup == "word"
