"""What the words above a block say of it: that it is the way back, that it is not to be run, or one of several options.

Only the words right above a block and its headings count, and only where they are a label ("Rollback:", "Current
schema", "Alternatives considered"): prose that mentions such a word says something else.
"""

from __future__ import annotations

import re
from functools import lru_cache

from safemig.plan_document.document import Block
from safemig.plan_document.vocabulary import Vocabulary

# A label is short; "To roll back, the release before it is deployed and the column stays" is none.
_LABEL = 60
_MARKS = re.compile(r"[`*_#>\[\]]|^\W*\d+(?:\.\d+)*[.)]?\s+")


class _Labels:
    """What labels say in the words of one vocabulary, as far as it takes more than one list of words."""

    def __init__(self, words: Vocabulary) -> None:
        current, state, article = (words.source(f"label.{name}") for name in ("current", "state", "article"))
        self.beside_back = re.compile(rf"{words.words('label.beside_back')}|\b\d+\b|[^\w]", re.I)
        self.current = re.compile(
            rf"{words.source('label.before')}|(?:{article}\s*)?(?:{current}\s+(?:(?:data ?base|db|sql)\s+)?{state}|"
            rf"{state}\s+{current})",
            re.I,
        )
        self.of = re.compile(
            rf"\s*\([^)]*\)|\s+{words.source('label.of')}\s+\S+(?:\s+{words.source('label.model')})?$",
            re.I,
        )
        self.rejected = re.compile(rf"{words.words('label.rejected')}|{words.words('label.alternatives')}(?= *$)", re.I)
        forbidden = words.words("label.forbidden")
        self.forbidden = re.compile(rf"{forbidden}|{words.words('label.forbidden_alone')}(?= *$)", re.I)
        self.chosen = re.compile(rf"{words.words('label.chosen')}|✅", re.I)
        self.option = re.compile(rf"{words.source('label.option')}\s*#?(?P<which>[A-Z]|\d{{1,2}})(?!\w)", re.I)


_labels = lru_cache(maxsize=8)(_Labels)


def is_back(block: Block) -> bool:
    """Whether a label right above the block calls it the way back."""
    back, beside = block.vocabulary.pattern("label.back"), _labels(block.vocabulary).beside_back
    return any(
        len(label) <= _LABEL and bool(back.search(label)) and not beside.sub("", back.sub(" ", label))
        for label in (_plain(_last_heading(block)), _last_sentence(block))
    )


def mentions_back(text: str, words: Vocabulary) -> bool:
    """Whether the text has a word for the way back at all; enough where the block only takes away."""
    return bool(words.pattern("label.back").search(text))


def aside(block: Block) -> str:
    """The words that set the block aside (what is there now, what was rejected, what must not be done); "" for none."""
    patterns = _labels(block.vocabulary)
    headings = [_plain(heading) for heading in block.above]
    if not any(patterns.chosen.search(heading) for heading in block.above[-1:]):
        rejected = next((heading for heading in headings if patterns.rejected.search(heading)), "")
        if rejected:
            return rejected
    sentence = _last_sentence(block)
    if patterns.forbidden.search(sentence) and len(sentence) <= 2 * _LABEL:
        return sentence
    marked = block.lead.lstrip("*_ >").lstrip().startswith(("❌", "🚫", "⛔"))
    bad = block.vocabulary.pattern("label.bad").match(sentence)
    if sentence and len(sentence) <= _LABEL and (bad or marked):
        return sentence
    return next((label for label in (*headings[-1:], sentence) if label and _is_current(label, patterns)), "")


def _is_current(label: str, patterns: _Labels) -> bool:
    return bool(patterns.current.fullmatch(patterns.of.sub("", label).strip(" :.-–—")))


def option(block: Block) -> tuple[str, bool]:
    """The option whose heading the block stands under ("A"), and whether that is the chosen one; "" for none."""
    patterns = _labels(block.vocabulary)
    for heading in reversed(block.above):
        named = patterns.option.match(_plain(heading))
        if named:
            return named["which"].upper(), bool(patterns.chosen.search(heading))
    return "", False


def _last_heading(block: Block) -> str:
    return block.above[-1] if block.above else block.heading


def _last_sentence(block: Block) -> str:
    """The last sentence of the paragraph right above the block."""
    text = _plain(block.lead.rpartition("\n")[2] if block.outline else block.lead)
    return re.split(r"(?<=[.!?。！])\s+", text)[-1].strip(" :：")


def _plain(text: str) -> str:
    kept = "".join(
        char for char in text if char.isalnum() or char.isspace() or char in "`*_#>[]()'’.,:;!?/&+-–—\"。：！"
    )
    return " ".join(_MARKS.sub(" ", kept.strip()).split()).strip(" .:：-–—")
