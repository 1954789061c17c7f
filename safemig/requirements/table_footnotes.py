"""What a document says of a described table below its rows: "Unique: (`a`, `b`)", "Indexes:" with a list, CHECK (…).

Such a line is read or it is a problem: a key or an index that is passed over would be missing unsaid.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from safemig.plan_document.document import Block
from safemig.plan_document.vocabulary import Vocabulary

_CHECK = re.compile(r"(?:\w*\s*[:：]\s*)?check(?: constraint)?\s*:?\s*\((?P<text>.*)\)", re.I)


class _Lines:
    """What lines say of keys, indexes and checks, in one vocabulary."""

    def __init__(self, words: Vocabulary) -> None:
        unique, index, primary = (words.source(f"constraint.{name}") for name in ("unique", "index", "primary_key"))
        more, joined, on = words.source("footnote.more"), words.source("footnote.and"), words.source("footnote.on")
        what = f"(?:{unique}|{index}|{primary}|{more})"
        columns = rf"\(?\s*(?P<columns>\w+(?:\s*(?:,|\+|{joined})\s*\w+)*)\s*\)?"
        about = rf"(?:\s*{on}(?!\w))?"
        self.starts = re.compile(
            rf"(?:(?:table|composite|compound|additional|other|the|a|and|required)\s+)*{what}(?!\w)|"
            rf"\w+ (?:is|as) the {primary}",
            re.I,
        )
        self.label = re.compile(rf"(?!.* (?:is|as) the )[^:(]*{what}[^:(]*[:：]?\s*", re.I)
        self.more = re.compile(rf"^{more}\s*[:：]\s*", re.I)
        self.none = re.compile(rf"(?:{words.source('footnote.none')}|-|–|—)\.?", re.I)
        self.key = re.compile(
            rf"(?:composite )?{primary}\s*[:：]?{about}\s*{columns}|"
            rf"{columns.replace('columns', 'first')} (?:is|as) the {primary}",
            re.I,
        )
        self.named = re.compile(
            rf"(?:composite |compound |additional )?(?P<unique>{unique})?\s*(?P<index>{index}(?!\w))?"
            rf"(?:\s*(?:constraint|key))?\s*[:：]?\s*(?:(?P<name>\w+)(?=\s*(?:\(|on\b|:)))?\s*:?{about}"
            rf"\s*(?:\w+\s*(?=\())?{columns}",
            re.I,
        )


_lines_of = lru_cache(maxsize=8)(_Lines)


@dataclass(frozen=True)
class TableRemark:
    """One statement on the table. ``kind`` is unique, index, unique index, primary, check or "" for what is not
    understood; ``text`` is the condition of a check, or the words as they stand."""

    kind: str
    line: int
    columns: tuple[str, ...] = ()
    name: str = ""
    text: str = ""


def remarks(block: Block, table: str, columns: Collection[str]) -> tuple[TableRemark, ...]:
    """What the lines below the table or list say of it."""
    read = (_read(block.vocabulary, line, label, text, table, columns) for line, label, text in _lines(block))
    return tuple(statement for statement in read if statement is not None)


def listed(block: Block, line: int, text: str, table: str, columns: Collection[str]) -> TableRemark | None:
    """What an item says that describes no column; None where it says nothing of keys, indexes and checks."""
    plain = _bare(text)
    starts = _lines_of(block.vocabulary).starts.match(plain)
    return _read(block.vocabulary, line, "", plain, table, columns) if starts else None


def _lines(block: Block) -> Iterator[tuple[int, str, str]]:
    """Lines that speak of keys, indexes and checks: (line, the label that they stand under, text)."""
    patterns = _lines_of(block.vocabulary)
    label = ""
    for line, kind, text in block.after:
        plain = _bare(text)
        begins = bool(patterns.starts.match(plain))
        ends = plain.endswith((":", "："))
        if begins and patterns.label.fullmatch(plain) and (kind == "heading" or ends or len(plain.split()) < 3):
            label = plain
        elif kind == "heading":
            return
        elif begins:
            yield line, "", plain
            label = label if kind == "item" else ""
        elif kind == "item":
            if not label:
                return
            yield line, label, plain
        elif ends:
            return


def _read(
    words: Vocabulary, line: int, label: str, text: str, table: str, columns: Collection[str]
) -> TableRemark | None:
    patterns = _lines_of(words)
    plain = re.split(r"\s[—–]\s|\s--?\s(?!>)", text, maxsplit=1)[0].strip(" .;")
    said = patterns.more.sub("", plain)
    if not said or patterns.none.fullmatch(re.sub(r"^[^:：]*[:：]\s*", "", said)):
        return None
    check = _CHECK.fullmatch(said)
    if check and check["text"].count("(") == check["text"].count(")"):
        return TableRemark("check", line, text=check["text"])
    key = patterns.key.fullmatch(said)
    names = _names((key["columns"] or key["first"]) if key else "", columns, words)
    if names:
        return TableRemark("primary", line, names)
    named = patterns.named.fullmatch(said)
    names = _names(named["columns"] if named else "", columns, words)
    kind = _kind(words, named, label) if named and names else ""
    if not named or not kind:
        return TableRemark("", line, text=text)
    name = named["name"] or ""
    return TableRemark(kind, line, names, "" if name in (*columns, table) else name)


def _kind(words: Vocabulary, named: re.Match[str], label: str) -> str:
    """unique, index or unique index, as the line or the label above it says; "" where neither says either."""
    of_label = re.search(words.source("constraint.index"), label, re.I)
    unique = named["unique"] or re.search(words.source("constraint.unique"), label, re.I)
    index = named["index"] or (of_label and not named["unique"])
    return " ".join(kind for kind, is_said in (("unique", unique), ("index", index)) if is_said)


def _names(text: str, columns: Collection[str], words: Vocabulary) -> tuple[str, ...]:
    joined = words.pattern("footnote.and")
    names = tuple(name for name in re.findall(r"\w+", text) if name in columns or not joined.fullmatch(name))
    return names if all(name in columns for name in names) else ()


def _bare(text: str) -> str:
    return " ".join(re.sub(r"[`*\"]", "", text).split())
