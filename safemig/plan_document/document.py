"""A Markdown spec as data: its phases, code blocks and checklist items, each with its place in the file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.base.files import content
from safemig.plan_document.vocabulary import Vocabulary, vocabulary

if TYPE_CHECKING:
    from markdown_it.token import Token

BOM = "\ufeff"
# The line ends that Markdown knows; str.splitlines would split at form feeds and U+2028 too.
_LINE_END = re.compile(r"\r\n?|\n")
# A star behind it is Kiro's mark of a task that may be left out.
_BOX = re.compile(r"\[([^\n])\]\*?(?=\s|$)")
# Languages that no fence can have: Markdown itself that may describe a table.
TABLE, BULLETS = "<table>", "<bullets>"
_NEAR = 24  # lines below a table that may still speak of it


@dataclass(frozen=True)
class Block:
    """A code block, or (language TABLE or BULLETS) a Markdown table or list as it stands in the file.

    ``line`` is the 1-based line of its first line, ``heading`` the heading above it, ``above`` the headings that it
    is under, outermost first; ``lead`` the Markdown of the paragraph right before it, for tables and lists below that
    of the heading, one a line. ``after`` is what follows a table or list up to the next one, or to code: (1-based line,
    "heading", "paragraph" or "item", Markdown). ``vocabulary`` has the words by which it is read. ``file`` is the path
    of the file that it stands in where that is another than the document's own.
    """

    language: str
    text: str
    line: int
    heading: str = ""
    lead: str = ""
    above: tuple[str, ...] = ()
    after: tuple[tuple[int, str, str], ...] = ()
    vocabulary: Vocabulary = field(default_factory=vocabulary, repr=False)
    file: str = ""

    @property
    def outline(self) -> bool:
        """Whether it is a Markdown table or list, not code."""
        return self.language in (TABLE, BULLETS)


@dataclass(frozen=True)
class Item:
    """A checklist item.

    ``line`` is 1-based; ``offset`` is the byte offset in the file of the character between the brackets, ``mark``
    that character (" " open, "x" or "X" checked, others such as "~" neither); ``codes`` are its code spans. ``around``
    is what else is said of it: the entries of the list that it stands in, its further paragraphs and plain entries.
    ``leads`` is what stands over its list: the headings below the phase's own, and the paragraph or HTML before it.
    """

    line: int
    offset: int
    checked: bool
    text: str
    codes: tuple[str, ...] = ()
    mark: str = " "
    around: str = ""
    leads: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Neither checked nor skipped."""
        return self.mark == " "


@dataclass(frozen=True)
class Heading:
    """A heading; ``line`` is 1-based, ``end`` the last line of its section, sub-sections included."""

    level: int
    text: str
    line: int
    end: int


@dataclass(frozen=True)
class Phase:
    """One phase. ``lines`` is its main section (1-based, both ends included), ``parts`` all its sections."""

    key: str
    number: int | None
    title: str
    lines: tuple[int, int]
    blocks: tuple[Block, ...] = ()
    items: tuple[Item, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Document:
    """One spec file. ``general`` are the blocks that stand outside every phase; ``sha256`` is of the raw bytes.

    ``unchanged`` are the 1-based lines whose prose says that no change of the schema is needed. Where a change is
    written in several files, ``path`` is that of its checklist; ``beside`` are the others that are read with it, and
    ``denied`` the places in them that say that no change is needed.
    """

    path: str
    sha256: str
    title: str
    phases: tuple[Phase, ...]
    general: tuple[Block, ...] = ()
    unchanged: tuple[int, ...] = ()
    beside: tuple[Source, ...] = ()
    denied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A file as it was read: its path, and the sha256 of the raw bytes."""

    path: str
    sha256: str


def read(path: Path, root: Path, words: Vocabulary | None = None) -> Document:
    """The document in the file, its path relative to ``root``, read by those words or by those that come with safemig.

    OSError when it cannot be read.
    """
    raw = content(path)
    resolved, base = path.resolve(), root.resolve()
    name = resolved.relative_to(base) if resolved.is_relative_to(base) else path
    return parse(raw, name.as_posix(), words)


@lru_cache(maxsize=64)  # a run reads each spec three times
def parse(content: bytes, path: str, words: Vocabulary | None = None) -> Document:
    """The document in those bytes; any bytes give one."""
    from markdown_it import MarkdownIt

    from safemig.plan_document.phases import split

    words = words or vocabulary()
    # surrogateescape: bytes that are not UTF-8 keep their length, so that offsets stay true.
    text = content.decode("utf-8", "surrogateescape")
    skipped = len(BOM.encode()) if text.startswith(BOM) else 0
    text = text.removeprefix(BOM)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    lines = _Lines(text, skipped)
    headings = _headings(tokens, lines.count)
    found = (*_blocks(tokens, headings), *_outlines(tokens, lines, headings))
    blocks = sorted((replace(block, vocabulary=words) for block in found), key=lambda block: block.line)
    items = _items(tokens, lines)
    phases, general = split(headings, blocks, items, lines.count, words)
    title = headings[0].text if headings else Path(path).stem
    unchanged = words.pattern("unchanged.phrase")
    denials = tuple(
        token.map[0] + 1
        for token in tokens
        if token.type == "inline" and token.map and unchanged.search(" ".join(token.content.split()))
    )
    return Document(path, hashlib.sha256(content).hexdigest(), title, phases, general, denials)


class _Lines:
    """The source lines with their byte offsets."""

    def __init__(self, text: str, skipped: int) -> None:
        self.text: list[str] = []
        self.start: list[int] = []
        at, offset = 0, skipped
        for end in [*_LINE_END.finditer(text), None]:
            stop, after = (end.start(), end.end()) if end else (len(text), len(text))
            self.text.append(text[at:stop])
            self.start.append(offset)
            offset += len(text[at:after].encode("utf-8", "surrogateescape"))
            at = after

    @property
    def count(self) -> int:
        return len(self.text)


def _headings(tokens: Sequence[Token], count: int) -> tuple[Heading, ...]:
    found: list[tuple[int, str, int]] = []
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            found.append((int(token.tag[1:]), _plain(tokens[at + 1]), token.map[0] + 1))
    result = []
    for at, (level, text, line) in enumerate(found):
        end = next((other[2] - 1 for other in found[at + 1 :] if other[0] <= level), count)
        result.append(Heading(level, text, line, end))
    return tuple(result)


def _plain(inline: Token) -> str:
    """The text of an inline token without its marks."""
    parts = [child.content if child.content else " " for child in inline.children or ()]
    return " ".join("".join(parts).split())


def _blocks(tokens: Sequence[Token], headings: Sequence[Heading]) -> tuple[Block, ...]:
    result = []
    for at, token in enumerate(tokens):
        if token.type not in ("fence", "code_block") or not token.map:
            continue
        fenced = token.type == "fence"
        language = re.split(r"[\s{,:]", token.info.strip(), maxsplit=1)[0].lower() if fenced else ""
        line = token.map[0] + (2 if fenced else 1)
        above = [heading.text for heading in headings if heading.line < line]
        before = tokens[at - 2].content if at > 1 and tokens[at - 1].type == "paragraph_close" else ""
        heading = above[-1] if above else ""
        result.append(Block(language, token.content, line, heading, " ".join(before.split()), _above(headings, line)))
    return tuple(result)


def _above(headings: Sequence[Heading], line: int) -> tuple[str, ...]:
    return tuple(heading.text for heading in headings if heading.line < line <= heading.end)


def _outlines(tokens: Sequence[Token], lines: _Lines, headings: Sequence[Heading]) -> list[Block]:
    """Tables and lists of the document's own level that stand below a heading or a paragraph naming something."""
    result = []
    heading, paragraph = "", ""
    for at, token in enumerate(tokens):
        if token.level or not token.map:
            continue
        if token.type == "heading_open":
            heading, paragraph = tokens[at + 1].content, ""
        elif token.type == "paragraph_open":
            paragraph = " ".join(tokens[at + 1].content.split())
        elif token.type in ("table_open", "bullet_list_open", "ordered_list_open"):
            text = lines.text[token.map[0] : token.map[1]]
            # A list of boxes is a checklist.
            if token.type == "table_open" or not any(_BOX.search(line[:12]) for line in text):
                language = TABLE if token.type == "table_open" else BULLETS
                plain = " ".join(re.sub(r"[`*]", "", heading).split())
                line, lead = token.map[0] + 1, f"{heading}\n{paragraph}".strip()
                after = _after(
                    tokens,
                    next(
                        n
                        for n in range(at, len(tokens))
                        if tokens[n].type == _CLOSES[token.type] and not tokens[n].level
                    ),
                )
                result.append(Block(language, "\n".join(text), line, plain, lead, _above(headings, line), after))
            paragraph = ""
        else:
            paragraph = ""
    return result


_OPENS_LIST = ("bullet_list_open", "ordered_list_open")
_HTML = re.compile(r"<!--.*?-->|<[^>]*>", re.S)
_CLOSES = {
    "table_open": "table_close",
    "bullet_list_open": "bullet_list_close",
    "ordered_list_open": "ordered_list_close",
}


def _after(tokens: Sequence[Token], at: int) -> tuple[tuple[int, str, str], ...]:
    found: list[tuple[int, str, str]] = []
    for place, token in enumerate(tokens[at + 1 :], at + 1):
        if token.type in ("table_open", "fence", "code_block", "hr", "html_block") or len(found) >= _NEAR:
            break
        if token.type == "inline" and token.map:
            opened = tokens[place - 1].type
            kind = "heading" if opened == "heading_open" else "item" if token.level > 1 else "paragraph"
            found += [(token.map[0] + 1 + n, kind, text) for n, text in enumerate(token.content.split("\n"))]
    return tuple(found)


@dataclass
class _Entry:
    """One entry of a list: its first text, where it has one of its own, its further ones, and what it stands in."""

    above: tuple[_Entry, ...]
    lead: str = ""
    first: Token | None = None
    more: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        return [*([self.first.content] if self.first else []), *self.more]


def _entries(tokens: Sequence[Token]) -> list[_Entry]:
    """Every entry of every list, in their order."""
    found: list[_Entry] = []
    within: list[_Entry] = []
    lead = ""
    for at, token in enumerate(tokens):
        if token.type in _OPENS_LIST and not within:
            lead = _lead(tokens, at)
        if token.type == "list_item_open":
            within.append(_Entry(tuple(within), lead))
            found.append(within[-1])
        elif token.type == "list_item_close":
            within.pop()
        elif token.type == "inline" and within:
            first = tokens[at - 2].type == "list_item_open"
            within[-1].first = token if first else within[-1].first
            within[-1].more += [] if first else [token.content]
    for entry in found:
        if entry.first is None or not _BOX.match(entry.first.content):
            for above in entry.above:
                above.below += entry.words
    return found


def _lead(tokens: Sequence[Token], at: int) -> str:
    """The paragraph or HTML directly before what opens at that place; comments say nothing."""
    before = tokens[at - 1] if at else None
    if before and before.type == "html_block":
        return " ".join(_HTML.sub(" ", before.content).split())
    return tokens[at - 2].content if before and before.type == "paragraph_close" else ""


def _items(tokens: Sequence[Token], lines: _Lines) -> tuple[Item, ...]:
    result = []
    for entry in _entries(tokens):
        inline = entry.first
        box = _BOX.match(inline.content) if inline and inline.map else None
        item = _item(inline, box, lines) if inline and box else None
        if item:
            words = [_BOX.sub("", text, count=1) for above in entry.above for text in above.words]
            around = "\n".join([*words, *entry.more, *entry.below])
            result.append(replace(item, around=around, leads=(entry.lead,) if entry.lead else ()))
    return tuple(result)


def _item(inline: Token, box: re.Match[str], lines: _Lines) -> Item | None:
    """The item of that inline token; None when its box cannot be placed exactly in the source."""
    assert inline.map
    number = inline.map[0]
    if number >= lines.count:
        return None
    source = lines.text[number].rstrip()
    at = len(source) - len(inline.content.split("\n", 1)[0].rstrip())
    mark = box.group(1)
    if at < 0 or source[at : at + 3] != f"[{mark}]":
        return None
    offset = lines.start[number] + len(source[: at + 1].encode("utf-8", "surrogateescape"))
    codes = tuple(child.content for child in inline.children or () if child.type == "code_inline")
    text = " ".join(inline.content[box.end() :].split())
    return Item(number + 1, offset, mark in "xX", text, codes, mark)
