"""Which headings of a document are phases, and what belongs to each.

A phase's text and its checklist may stand far apart: they are joined by number or by title. Ticks and emoji in a
heading mean nothing. Words are known for some languages; in any other, a word that repeats with other numbers
over sections that hold checklists is taken for one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from safemig.plan_document.document import Block, Heading, Item, Phase
from safemig.plan_document.vocabulary import Vocabulary

_OTHER = re.compile(r"^(?P<word>[^\W\d_]+)\s+[#№]?(?P<number>\d{1,3})(?![\w.]*\d|\w)")
_BARE = re.compile(r"^(?P<number>\d{1,3})(?:[.):]|\s*[-–—]|\s)(?!\d)\s*(?=\S)")
_NUMBERS = tuple(f"phase.{number}" for number in range(1, 11))
_DROPPED = re.compile(r"\[[ xX~]\]|:[a-z_]+:")


class _Numbering:
    """What headings say of phases in the words of one vocabulary."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        phase = words.source("phase.phase")
        number = rf"(?P<number>\d{{1,3}}|{words.source(*_NUMBERS)})(?![\w.]*\d|\w)"
        self.range = re.compile(rf"\s*(?:[-–—&,+]|{words.source('phase.through')})\s*\d", re.I)
        self.by_rank = (
            (
                re.compile(rf"(?<!\w)(?P<word>{phase})\s*[#:.№-]?\s*{number}", re.I),
                re.compile(rf"^(?P<number>\d{{1,3}})\W{{0,3}}(?P<word>{phase})(?!\w)", re.I),
                re.compile(rf"第\s*(?P<number>\d{{1,3}}|[一二三四五六七八九十])\s*(?P<word>{phase}|期)"),
            ),
            (re.compile(rf"^(?P<word>{words.source('phase.step')})\s*[#:.№-]?\s*{number}", re.I),),
            (_OTHER,),
            (_BARE,),
        )

    def value(self, number: str) -> int:
        """The number that digits or a word for it stand for."""
        if number.isdigit():
            return int(number)
        return next(at for at, name in enumerate(_NUMBERS, 1) if self._words.pattern(name).fullmatch(number))


_numbering = lru_cache(maxsize=8)(_Numbering)


@dataclass(frozen=True)
class _Mark:
    """What a heading says about a phase: rank 0 a word for phases, 1 for steps, 2 any word, 3 a bare number."""

    rank: int
    word: str
    number: int
    title: str
    heading: Heading
    anchored: bool


def clean(text: str) -> str:
    """A heading without ticks, emoji and boxes."""
    kept = (
        char
        for char in unicodedata.normalize("NFC", text)
        if unicodedata.category(char) not in ("So", "Sk", "Cf", "Me", "Cs") and char != "\ufe0f"
    )
    return " ".join(_DROPPED.sub(" ", "".join(kept)).split()).strip(" *_#")


def split(
    headings: Sequence[Heading], blocks: Sequence[Block], items: Sequence[Item], count: int, words: Vocabulary
) -> tuple[tuple[Phase, ...], tuple[Block, ...]]:
    """The phases, in the order of their numbers, and the blocks outside all of them."""
    numbering = _numbering(words)
    for rank in range(4):
        marks = [mark for heading in headings if (mark := _mark(heading, rank, numbering))]
        sections = _sections(marks, headings)
        phases = _fill(sections, headings, blocks, items) if sections else ()
        if phases and _is_plan(rank, phases):
            inside = {block.line for phase in phases for block in phase.blocks}
            return phases, tuple(block for block in blocks if block.line not in inside)
    title = clean(headings[0].text) if headings else ""
    whole = (1, count)
    led = tuple(_led(item, headings[1:], (whole,)) for item in items)
    return (Phase("", None, title, whole, tuple(blocks), led, (whole,)),), ()


def _is_plan(rank: int, phases: Sequence[Phase]) -> bool:
    """Words for a phase are one; others only where several sections hold work: "Option 1", "2. Background"."""
    if rank == 0:
        return True
    working = [
        phase for phase in phases if phase.items or (rank == 1 and any(not block.outline for block in phase.blocks))
    ]
    return len(working) >= 2


def _mark(heading: Heading, rank: int, numbering: _Numbering) -> _Mark | None:
    text = clean(heading.text)
    for pattern in numbering.by_rank[rank]:
        match = pattern.search(text)
        if not match or numbering.range.match(text, match.end()):
            continue
        word = (match.groupdict().get("word") or "").casefold() if rank == 2 else ""
        title = _title(text[match.end() :])
        anchored = not text[: match.start()].strip(" .:-–—()[]0123456789")
        return _Mark(rank, word, numbering.value(match["number"]), title, heading, anchored)
    return None


def _title(rest: str) -> str:
    """What a heading says behind the number, without the signs between; a bracket that it opens is its own."""
    title = rest.lstrip(" \t:.-–—|)(]").rstrip(" \t:-–—|")
    while title.endswith((")", "]")) and title.count(title[-1]) > title.count("(["[")]".index(title[-1])]):
        title = title[:-1].rstrip(" \t:-–—|")
    return title


def _sections(marks: list[_Mark], headings: Sequence[Heading]) -> dict[int, list[tuple[Heading, str]]]:
    """Per phase number its headings, each with the title it gives; the main section first."""
    if not marks:
        return {}
    marks = _one_word(marks)
    level = _level(marks)
    main: dict[int, list[tuple[Heading, str]]] = {}
    taken: list[Heading] = []
    for mark in marks:
        inner = {other.number for other in marks if _inside(other.heading, mark.heading)} - {mark.number}
        if mark.heading.level < level and inner:
            continue
        if any(_inside(mark.heading, other) for other in taken):
            continue
        if not mark.anchored and mark.heading.level <= level and mark.number not in _anchored(marks):
            continue
        main.setdefault(mark.number, []).append((mark.heading, mark.title))
        taken.append(mark.heading)
    for number, heading in _joined(main, taken, headings):
        main[number].append((heading, ""))
    return main


def _one_word(marks: list[_Mark]) -> list[_Mark]:
    """Only the marks of the word that counts highest: "Option 1, Option 2" and "Wave 1..3" are not one series."""
    numbers: dict[str, set[int]] = {}
    for mark in marks:
        numbers.setdefault(mark.word, set()).add(mark.number)
    best = max(numbers, key=lambda word: len(numbers[word]))
    return [mark for mark in marks if mark.word == best]


def _anchored(marks: Iterable[_Mark]) -> set[int]:
    return {mark.number for mark in marks if mark.anchored}


def _level(marks: Iterable[_Mark]) -> int:
    """The heading level on which most of the phases stand, the shallowest of equals."""
    numbers: dict[int, set[int]] = {}
    for mark in marks:
        numbers.setdefault(mark.heading.level, set()).add(mark.number)
    return max(numbers, key=lambda level: (len(numbers[level]), -level))


def _inside(inner: Heading, outer: Heading) -> bool:
    return outer.line < inner.line <= outer.end


def _joined(
    main: dict[int, list[tuple[Heading, str]]], taken: Sequence[Heading], headings: Sequence[Heading]
) -> list[tuple[int, Heading]]:
    """Headings elsewhere that belong to a phase by its title or by its bare number."""
    free = [
        heading
        for heading in headings
        if heading not in taken and not any(_inside(heading, other) or _inside(other, heading) for other in taken)
    ]
    titles = {number: [_key(title) for _, title in parts if title] for number, parts in main.items()}
    result = []
    for heading in free:
        bare = _BARE.match(clean(heading.text))
        key = _key(clean(heading.text)[bare.end() :] if bare else clean(heading.text))
        by_title = [number for number, known in titles.items() if any(_same(key, title) for title in known)]
        if len(by_title) == 1:
            result.append((by_title[0], heading))
        elif bare and not by_title and int(bare["number"]) in main and _numbered_alike(heading, free, main):
            result.append((int(bare["number"]), heading))
    return result


def _same(key: str, title: str) -> bool:
    """The same title, or a heading that says a word or two more than a title of some length ("… checklist")."""
    more = len(key.split()) - len(title.split())
    return bool(key) and (key == title or (len(title) >= 5 and more <= 2 and f" {title} " in f" {key} "))


def _key(title: str) -> str:
    return " ".join(re.findall(r"\w+", title.casefold()))


def _numbered_alike(heading: Heading, free: Sequence[Heading], main: dict[int, list[tuple[Heading, str]]]) -> bool:
    """Whether its siblings under one shallower heading carry the numbers of the phases, and nothing else."""
    parents = [other for other in free if other.level < heading.level and _inside(heading, other)]
    if not parents:
        return False
    siblings = [other for other in free if other.level == heading.level and _inside(other, parents[-1])]
    found = [_BARE.match(clean(other.text)) for other in siblings]
    numbers = {int(one["number"]) for one in found if one}
    return all(found) and len(numbers) == len(siblings) and numbers == set(main)


def _fill(
    sections: dict[int, list[tuple[Heading, str]]],
    headings: Sequence[Heading],
    blocks: Sequence[Block],
    items: Sequence[Item],
) -> tuple[Phase, ...]:
    phases = []
    for number in sorted(sections):
        parts = sections[number]
        spans = tuple((heading.line, heading.end) for heading, _ in parts)
        title = next((title for _, title in parts if title), "")
        phase = Phase(f"{number}", number, title, spans[0], parts=spans)
        phases.append(
            replace(
                phase,
                blocks=tuple(block for block in blocks if _within(block.line, spans)),
                items=tuple(_led(item, headings, spans) for item in items if _within(item.line, spans)),
            )
        )
    return tuple(phases)


def _led(item: Item, headings: Sequence[Heading], spans: Iterable[tuple[int, int]]) -> Item:
    """The item with the headings that it stands under within its phase; the phase's own are not among them."""
    start = max(first for first, last in spans if first <= item.line <= last)
    above = tuple(each.text for each in headings if start < each.line < item.line <= each.end)
    return replace(item, leads=(*above, *item.leads))


def _within(line: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= line <= end for start, end in spans)
