"""Markdown tables and bullets that describe the columns of a table. Other tables and lists are no source."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache

from safemig.migrations.fragments import Piece
from safemig.migrations.table_draft import piece_of
from safemig.plan_document.document import BULLETS, TABLE, Block
from safemig.plan_document.vocabulary import Vocabulary
from safemig.requirements import table_footnotes
from safemig.requirements.column_text import ColumnDescription, described, first_type, is_interface_type, sql_type
from safemig.requirements.table_draft import add_remarks, of_words
from safemig.requirements.table_footnotes import TableRemark
from safemig.requirements.table_rows import IDENTIFIER, Grid, columns, grid

_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?"


class _Lead:
    """What the words above a table or list say, in one vocabulary."""

    def __init__(self, words: Vocabulary) -> None:
        table, removed = words.source("table.table"), words.words("table.removed")
        thing, existing = words.source("table.table", "table.thing"), words.source("table.existing")
        code = rf"(?:`({_NAME})`|\*\*({_NAME})\*\*)"
        self.makes = re.compile(rf"(?<!\w){words.source('table.new')}\s+{table}", re.I)
        self.removes = re.compile(rf"\W*{removed}|.*{words.words('table.columns_removed')}", re.I)
        # Said of the table itself: "refers to the existing course" in the same paragraph says nothing about it.
        self.exists = re.compile(
            rf"\b{existing}\W+(?:data ?base )?(?:`\w+`\W+)?{thing}|{thing}\W+(?:`\w+`\W+)?{existing}\b|"
            rf"{words.words('table.exists')}|^#*\W*{words.source('table.exists_alone')}\W*$",
            re.I | re.M,
        )
        self.names = tuple(
            re.compile(pattern, re.I)
            for pattern in (
                rf"{table}\W{{0,3}}(?:{words.source('table.called')}\s+)?{code}",
                rf"{code}\W{{0,3}}{table}",
                rf"(?:^|\W){table}\s*:?\s*()()({_NAME})\W*$",
                rf"^\W*()()([a-z]\w*_\w+)\s+{table}\b",
            )
        )


_lead = lru_cache(maxsize=8)(_Lead)


@dataclass(frozen=True)
class _Described:
    """What a block says of a table: its columns, and what is said of it beside them."""

    table: str
    columns: tuple[ColumnDescription, ...] = ()
    remarks: tuple[TableRemark, ...] = ()
    adds: bool = False

    @property
    def keyless(self) -> bool:
        return not any(column.primary for column in self.columns)


@dataclass(frozen=True)
class Unread:
    """A table or list that looks like the columns of a table and that is not read: its 1-based line, why, and the
    names in the words above it, of which one may be the table's."""

    line: int
    why: str
    names: frozenset[str]


def concerns(block: Block) -> bool:
    """Whether it is a Markdown table or a list of the document."""
    return block.language in (TABLE, BULLETS)


def pieces(block: Block) -> tuple[Piece, ...]:
    """The table that it describes; nothing when it describes none, or one that is there already."""
    read = _describe(block)
    if not read.table or len(read.columns) < (1 if read.adds else 2):
        return ()
    draft = of_words(read.table, read.columns[0].line, read.columns, adds=read.adds)
    add_remarks(draft, read.remarks, apart=read.adds)
    problem = _problem(block, read)
    draft.problems += [(block.line, problem)] if problem else []
    piece = piece_of(draft, block.line, _SOURCES[block.language])
    return (piece,) if piece else ()


def unread(block: Block) -> Unread | None:
    """Why a block that looks like the columns of a table is not read as them; None where it is read, or is none."""
    if not concerns(block) or pieces(block) or _lead(block.vocabulary).exists.search(block.lead):
        return None
    if not _may_describe(block):
        return None
    why = _why(block)
    names = frozenset(name.removeprefix("public.") for name in re.findall(rf"`({_NAME})`", block.lead))
    return Unread(block.line, why, names) if why else None


# SQL's own words, and its types as only SQL writes them: "integer" and "text" stand in tables of other things, too.
_DATABASE = re.compile(
    r"\b(?i:primary key|not null|foreign key|references|[pf]k|unique|on delete|\w*serial|varchar|timestamptz|bigint|"
    r"smallint|numeric|jsonb|bytea)\b|\b(?:INTEGER|INT|TEXT|BOOLEAN|DATE|TIMESTAMP|UUID)\b"
)


def _may_describe(block: Block) -> bool:
    """Whether the words in or above the block may be those of a database: SQL's own, or plain types below a table's
    name, of which one at least is no type of JSON."""
    if _DATABASE.search(block.text):
        return True
    if block.language != TABLE or not table_name(block):
        return False
    table = grid(block)
    types = [first_type(text)[0] for at in _typed(table) for text in table.below(at)]
    of_table = any(pattern.search(block.lead) for pattern in _lead(block.vocabulary).names)
    return bool(types) if of_table else any(type_ and type_.lower() not in _JSON for type_ in types)


_JSON = frozenset({"integer", "int", "float", "boolean", "bool", "string"})


def _why(block: Block) -> str:
    read = _describe(block)
    if len(read.columns) > 1 or (read.columns and not read.table):
        return (
            "it is not said of which table these are the columns; write its name as `code` in the line above, or name "
            "the word for a table under vocabulary.table.table in safemig.yaml"
        )
    if read.columns:
        return (
            f"one column makes no table; say in the line above that it is added to {read.table}, or name the word for "
            "that under vocabulary.table.added in safemig.yaml"
        )
    return _unknown_headers(grid(block)) if block.language == TABLE else ""


def _unknown_headers(table: Grid) -> str:
    """What to do about headers that are not known and stand over names, and types or SQL's own words; "" where there
    are none."""
    meant = _meant_headers(table)
    if not meant:
        return ""
    unknown = [(key, table.headers[at]) for key, (at, kind) in meant.items() if table.kinds[at] != kind]
    if not unknown:
        return "" if "type" in meant else _NO_TYPES
    headers = " and ".join(repr(header) for _, header in unknown)
    entries = ", ".join(f"{key}: [{json.dumps(header, ensure_ascii=False)}]" for key, header in unknown)
    known = " and ".join(key.capitalize() for key, _ in unknown)
    verb = "is" if len(unknown) == 1 else "are"
    return (
        f"this looks like the columns of a table, but {headers} {verb} not known; write "
        f"vocabulary: {{header: {{{entries}}}}} into safemig.yaml, or {known} into the table"
    )


def _meant_headers(table: Grid) -> dict[str, tuple[int, str]]:
    """By the header that each should have, the place and the kind of the columns that hold names, types and, where no
    column holds types, SQL's own words: beside types these are read below any header. Empty for any other table."""
    typed = _typed(table)
    ruled = [at for at in _places(table, "words") if at not in typed and _are_rules(table.below(at))]
    named = [at for at in _places(table, "name") if at not in (*typed, *ruled) and _are_names(table.below(at))]
    if not named or not (typed or ruled):
        return {}
    kinds = {"type": (typed[0], "type")} if typed else {"constraints": (ruled[0], "words")}
    return {"column": (named[0], "name"), **kinds}


def _places(table: Grid, kind: str) -> list[int]:
    """The columns of the Markdown table below a header of that kind, and below those that are not known."""
    return [at for at, known in enumerate(table.kinds) if known in ("", kind)]


_NO_TYPES = (
    "this looks like the columns of a table, but no column of it is known to hold their types; write these below the "
    "header Type, or name your word for that under vocabulary.header.type in safemig.yaml"
)


def _typed(table: Grid) -> list[int]:
    """The columns of the Markdown table that hold types of a database, by header or by what stands below it."""
    return [at for at in _places(table, "type") if _are_types(table.below(at))]


def _are_types(texts: list[str]) -> bool:
    typed = sum(bool(first_type(text)[0]) and (_is_sql(text) or not is_interface_type(text)) for text in texts)
    return typed * 2 > len(texts)


def _are_rules(texts: list[str]) -> bool:
    return sum(map(_is_sql, texts)) * 2 > len(texts)


def _is_sql(text: str) -> bool:
    return _DATABASE.search(text) is not None


def _are_names(texts: list[str]) -> bool:
    return len(set(texts)) == len(texts) > 0 and all(IDENTIFIER.fullmatch(text) for text in texts)


@lru_cache(maxsize=256)
def _describe(block: Block) -> _Described:
    lead = _lead(block.vocabulary)
    if lead.exists.search(block.lead):
        return _Described("")
    table = table_name(block)
    found, remarks = (columns(grid(block)), ()) if block.language == TABLE else _bullets(block)
    if not found:
        return _Described(table)
    remarks = (*remarks, *table_footnotes.remarks(block, table, [column.name for column in found]))
    keys = {name for remark in remarks if remark.kind == "primary" for name in remark.columns}
    keyed = tuple(replace(column, primary=True, null=False) if column.name in keys else column for column in found)
    label = _label(block)
    adds = bool(block.vocabulary.pattern("table.added").search(label)) and not lead.makes.search(label)
    read = _Described(table, keyed, remarks)
    return replace(read, adds=adds and read.keyless)


def _label(block: Block) -> str:
    """The last line of the words right above the block."""
    return block.lead.rpartition("\n")[2] or block.heading


def _problem(block: Block, read: _Described) -> str:
    """What keeps the columns from being written as they stand; "" for nothing."""
    if _lead(block.vocabulary).removes.match(_label(block)):
        return f"takes columns away from {read.table}: write that as ALTER TABLE … DROP COLUMN"
    if read.keyless and not read.adds and not block.vocabulary.pattern("table.changed").search(block.lead):
        return (
            f"no column of {read.table} is said to be its primary key; say it in a row (a table without one: write it "
            "as SQL; columns for a table that is there: say above that they are added to it), or name your word for "
            "that under vocabulary.table.added in safemig.yaml"
        )
    return ""


_SOURCES = {TABLE: "table", BULLETS: "bullets"}


def table_name(block: Block) -> str:
    """The table that the words above it name: next to the word for a table, else the only code or long name."""
    for text in reversed([line for line in block.lead.split("\n") if line.strip()]):
        for pattern in _lead(block.vocabulary).names:
            match = pattern.search(text)
            name = str(next(filter(None, match.groups()), "")) if match else ""
            if name and name.lower() not in ("the", "a", "of", "for", "de", "structure", "schema", "definition"):
                return name.removeprefix("public.")
        codes = set(re.findall(rf"`({_NAME})`", text))
        if len(codes) == 1:
            return str(codes.pop()).removeprefix("public.")
        if len(codes) > 1:
            return ""
        long = re.fullmatch(r"\W*(?:[\d.]+\W*)?([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\W*", text)
        if long:
            return str(long[1])
    return ""


def _bullets(block: Block) -> tuple[list[ColumnDescription], tuple[TableRemark, ...]]:
    """The columns of a list, and what its items say beside them."""
    described_columns: list[ColumnDescription] = []
    others: list[tuple[int, str]] = []
    for number, line in enumerate(block.text.split("\n"), block.line):
        item = re.match(r"\s*(?:[-*+]|\d+[.)])\s+(?:\*\*)?`([^`]+)`(?:\*\*)?(.*)", line)
        text = re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line)
        if not item or _STATES.match(text):
            others.append((number, text))
            continue
        inside = item[1].split(None, 1)
        said = f"{inside[1] if len(inside) > 1 else ''} {item[2]}".replace("`", " ")
        type_text, rest = first_type(sql_type(said.lstrip(" :：–—-"), block.vocabulary))
        if not IDENTIFIER.fullmatch(inside[0]) or not type_text:
            return [], ()  # a list that says anything else is none of columns
        described_columns.append(described(inside[0], type_text, _without_remark(rest), number, block.vocabulary))
    names = [column.name for column in described_columns]
    remarks = (table_footnotes.listed(block, number, text, table_name(block), names) for number, text in others)
    return described_columns, tuple(remark for remark in remarks if remark)


# "`UNIQUE (a, b)`", "`CHECK (…)`" in a list of columns.
_STATES = re.compile(r"[`*]*(?:UNIQUE|PRIMARY KEY|CHECK|INDEX|FOREIGN KEY|EXCLUDE|CONSTRAINT)\b\s*[`*]*\s*[(:\w]")


def _without_remark(words: str) -> str:
    """A remark behind a dash is prose."""
    return re.split(r"\s[—–]\s|\s--?\s(?!>)", words, maxsplit=1)[0]
