"""The plain words of an item: whether they ask for nothing but that what its code names is made, run or removed.

The words are read once, token by token; only those of ``plain_words.toml`` and the project's own count as plain.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from safemig.base.words import TOKEN

if TYPE_CHECKING:
    from safemig.checklist.references import Named

# The item's own number and marks: "2. Create …", "2.1 Create …", "T006 [P] [US1] Create …" (spec-kit).
_LABEL = re.compile(r"\s*(?:\d+(?:\.\d+)*[.)]|\d+(?:\.\d+)+|T\d{3}(?: \[(?:P|US\d+)\])*)\s")
_SIGNS = frozenset(".,:;()*–—-")
_MARKS = frozenset("✅✔☑🚧📋📝#*_\ufe0f")  # over a list they say nothing
_TABLE_OF = re.compile(r"\btables?:?\s+`", re.I)  # said of the table that it names, not of the items
_ENDS = frozenset(".;:")  # behind them a kind is no longer said of the next span: "Models: `Course.ratings`"


@dataclass(frozen=True)
class PlainWords:
    """The words by what they ask for; ``kinds`` has, for a word that says of what kind a thing is, those kinds."""

    any: frozenset[str]
    making: frozenset[str]
    running: frozenset[str]
    showing: frozenset[str]
    removing: frozenset[str]
    beside_removing: frozenset[str]
    before_type: frozenset[str]
    also_work: frozenset[str]
    leading: frozenset[str]
    leading_sentences: frozenset[str]
    kinds: Mapping[str, frozenset[str]]

    def with_own(self, words: Iterable[str]) -> PlainWords:
        """With a project's own words, which ask for nothing by themselves."""
        return replace(self, any=self.any | {word.lower() for word in words})


@dataclass(frozen=True)
class Said:
    """What an item's words say. ``strange`` is the first of them that is not plain, "" when all are. ``kinds`` has one
    entry for each word that says a kind, ``of_spans`` those that stand directly before each code span, ``led`` one for
    each line over the list or around the item."""

    strange: str
    asks: frozenset[str]
    kinds: tuple[tuple[str, frozenset[str]], ...]
    of_spans: tuple[tuple[tuple[str, frozenset[str]], ...], ...]
    led: tuple[tuple[str, frozenset[str]], ...] = ()

    @property
    def plain(self) -> bool:
        return not self.strange

    def asks_for(self, what: str) -> bool:
        """Whether a word asks for that: making, running, showing or removing."""
        return what in self.asks


@lru_cache(maxsize=1)
def plain_words() -> PlainWords:
    """The words that come with safemig."""
    from importlib.resources import files

    read = tomllib.loads(files("safemig.checklist").joinpath("plain_words.toml").read_text(encoding="utf-8"))
    kinds: dict[str, frozenset[str]] = {}
    for kind, words in read["kinds"].items():
        for word in words:
            kinds[word] = kinds.get(word, frozenset()) | {kind}
    names = ("any", *ASKING, "beside_removing", "before_type", "also_work", "leading", "leading_sentences")
    any_, making, running, showing, removing, beside, before, work, leading, sentences = (
        frozenset(read[name]) for name in names
    )
    return PlainWords(any_, making, running, showing, removing, beside, before, work, leading, sentences, kinds)


ASKING = ("making", "running", "showing", "removing")


def said(read: Named, known: PlainWords, made: Collection[str] = ()) -> Said:
    """What the words around the item's code spans say. ``made`` are names that the run made: they may be named beside
    the item, too."""
    text = read.item.text
    label = _LABEL.match(text)
    reader = _Reader(read, known)
    for token in TOKEN.finditer(text, label.end() if label else 0):
        getattr(reader, f"take_{token.lastgroup}")(token[0])
    whole = len(reader.of_spans) == len(read.spans)  # code spans that are not one token each cannot be followed
    alone = "" if "removing" in reader.asks else reader.beside
    around = _strange_around(read, known, made) or _strange_over(read, known, made)
    return Said(
        reader.strange or reader.waiting or alone or around or ("" if whole else "`"),
        frozenset(reader.asks),
        tuple(reader.kinds),
        tuple(reader.of_spans),
        tuple(_kinds_of(line, known) for text in (*read.item.leads, read.item.around) for line in text.split("\n")),
    )


def _strange_around(read: Named, known: PlainWords, made: Collection[str]) -> str:
    """The first word of what is said around the item that is not plain: "Not yet:" above it, "once agreed" below."""
    plain = known.any | known.making | known.kinds.keys()
    return _first_strange(read.item.around.split("\n"), plain, _SIGNS, {*read.item.codes, *made})


def _strange_over(read: Named, known: PlainWords, made: Collection[str]) -> str:
    """The same of what stands over its list: "On staging" as a heading, "Do these on the replica, too:"."""
    plain = known.any | known.making | known.kinds.keys() | known.leading
    lines = [line for lead in read.item.leads for line in lead.split("\n")]
    lines = [line for line in lines if _bare(line) not in known.leading_sentences]
    return _first_strange(lines, plain, _SIGNS | _MARKS, {*read.item.codes, *made})


def _bare(line: str) -> str:
    return " ".join(re.sub(r"[*_⚠\ufe0f]", "", line).lower().split()).rstrip(".")


def _first_strange(lines: Iterable[str], plain: Collection[str], signs: Collection[str], codes: Collection[str]) -> str:
    """The first token that is not plain; of code only ``codes`` are: what else is named there nobody has looked up."""
    own = {code.strip() for code in codes}
    for line in lines:
        label = _LABEL.match(line)
        for token in TOKEN.finditer(line, label.end() if label else 0):
            word = token["word"] and not token["word"].isdecimal() and token["word"].lower() not in plain
            code = token["code"] and token["code"].strip("` ") not in own
            if word or code or (token["sign"] and token["sign"] not in signs):
                return token[0].strip("`")
    return ""


def _kinds_of(lead: str, known: PlainWords) -> tuple[str, frozenset[str]]:
    """The words of a line that say kinds, and all those kinds."""
    lead = _TABLE_OF.sub("`", lead)
    words = [token["word"] for token in TOKEN.finditer(lead) if token["word"] and token["word"].lower() in known.kinds]
    return ", ".join(words), frozenset().union(*(known.kinds[word.lower()] for word in words))


class _Reader:
    """Follows an item's tokens. Kinds hold for the span behind them, and on through "and" and commas."""

    def __init__(self, read: Named, known: PlainWords) -> None:
        self.spans, self.known = read.spans, known
        self.strange = self.beside = ""
        self.waiting = ""  # a word that is plain only if a type comes next
        self.asks: set[str] = set()
        self.kinds: list[tuple[str, frozenset[str]]] = []
        self.of_spans: list[tuple[tuple[str, frozenset[str]], ...]] = []
        self._current: list[tuple[str, frozenset[str]]] = []
        self._used = False  # a span has come since the kinds at hand

    def take_code(self, _: str) -> None:
        number = len(self.of_spans)
        neutral = number < len(self.spans) and self.spans[number].kind == "neutral"
        self._settle(plain=neutral)
        self.of_spans.append(() if neutral else tuple(self._current))
        self._used = self._used or not neutral

    def take_word(self, text: str) -> None:
        word, known = text.lower(), self.known
        self._settle(plain=False)
        self.waiting = text if word in known.before_type else ""
        asks = [name for name in ASKING if word in getattr(known, name)]
        self.asks.update(asks)
        kinds = known.kinds.get(word)
        if kinds:
            self._current = [] if self._used else self._current
            self._used = False
            self._current.append((text, kinds))
            self.kinds.append((text, kinds))
        elif not (word == "and" and self._used):
            self._current, self._used = [], False
        if word in known.beside_removing:
            self.beside = text
        elif not (asks or kinds or word in known.any):
            self.strange = self.strange or text

    def _settle(self, *, plain: bool) -> None:
        self.strange = self.strange or ("" if plain else self.waiting)
        self.waiting = ""

    def take_sign(self, sign: str) -> None:
        self._settle(plain=False)
        if sign in _ENDS:
            self._current, self._used = [], False
        if sign not in _SIGNS:
            self.strange = self.strange or sign
