"""Markdown tables and bullets that describe the columns of a table. Other tables and lists are no source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from safemig.migrations.fragments import Piece
from safemig.migrations.table_draft import piece_of
from safemig.plan_document.document import BULLETS, TABLE, Block
from safemig.plan_document.vocabulary import Vocabulary
from safemig.requirements import table_footnotes
from safemig.requirements.column_text import (
    Said,
    cascades,
    constraints_of,
    described,
    first_type,
    is_constraints,
    is_interface_type,
    may_be_meant,
    names_foreign_key,
    nullability,
    sql_type,
)
from safemig.requirements.table_draft import add_told, of_words
from safemig.requirements.table_footnotes import Told
from safemig.sql.type_names import foreign_type, type_code

# What stands under a header, and the words that the header may have.
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "name": ("header.column", "header.name"),
    "type": ("header.type",),
    "words": ("header.constraints",),
    "default": ("header.default", "constraint.default"),
    "null": ("header.nullable", "constraint.nullable"),
    "required": ("header.required", "constraint.required"),
    "primary": ("header.primary_key", "constraint.primary_key"),
    "references": ("header.references", "constraint.foreign_key"),
    "unique": ("header.unique", "constraint.unique"),
    "index": ("header.index", "constraint.index"),
    "remark": ("header.remark",),
}
_YES = re.compile(r"✓|✔|✅|☑|☑️|✔️|○|◯|●|x|\*|pk|uq", re.I)
_NO = re.compile(r"✗|✘|❌|✖|✖️|×|☐|-|–|—|")
_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?"
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


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


def concerns(block: Block) -> bool:
    """Whether it is a Markdown table or a list of the document."""
    return block.language in (TABLE, BULLETS)


def pieces(block: Block) -> tuple[Piece, ...]:
    """The table that it describes; nothing when it describes none, or one that is there already."""
    lead = _lead(block.vocabulary)
    if lead.exists.search(block.lead):
        return ()
    table = table_name(block)
    columns, told = (_rows(block), ()) if block.language == TABLE else _bullets(block)
    told = (*told, *(table_footnotes.told(block, table, [column.name for column in columns]) if columns else ()))
    keys = {name for one in told if one.kind == "primary" for name in one.columns}
    columns = [replace(one, primary=True, null=False) if one.name in keys else one for one in columns]
    said = block.lead.rpartition("\n")[2] or block.heading
    keyless = not any(column.primary for column in columns)
    adds = keyless and bool(block.vocabulary.pattern("table.added").search(said)) and not lead.makes.search(said)
    if not table or len(columns) < (1 if adds else 2):
        return ()
    shape = of_words(table, columns[0].line, columns, adds=adds)
    add_told(shape, told, apart=adds)
    if lead.removes.match(said):
        shape.problems.append((block.line, f"takes columns away from {table}: write that as ALTER TABLE … DROP COLUMN"))
    elif keyless and not adds and not block.vocabulary.pattern("table.changed").search(block.lead):
        shape.problems.append((block.line, _KEYLESS.format(table=table)))
    piece = piece_of(shape, block.line, _SOURCES[block.language])
    return (piece,) if piece else ()


_KEYLESS = (
    "no column of {table} is said to be its primary key; say it in a row (a table without one: write it as SQL; "
    "columns for a table that is there: say above that they are added to it)"
)
_SOURCES = {TABLE: "table", BULLETS: "bullets"}


def table_name(block: Block) -> str:
    """The table that the words above it name: next to the word for a table, else the only code or long name."""
    for text in reversed([line for line in block.lead.split("\n") if line.strip()]):
        for pattern in _lead(block.vocabulary).names:
            found = pattern.search(text)
            name = str(next(filter(None, found.groups()), "")) if found else ""
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


def _rows(block: Block) -> list[Said]:
    rows = [_cells(line) for line in block.text.split("\n")]
    headers = [_plain(cell) for cell in rows[0]]
    words = block.vocabulary
    kinds = [_kind(header, words) for header in headers]
    if "name" not in kinds or "type" not in kinds or kinds.count("name") > 1:
        return []
    own = bool(words.pattern("header.column").fullmatch(_bare(headers[kinds.index("name")])))
    found = []
    for number, cells in enumerate(rows[2:], 2):
        row: dict[str, str] = {}
        for kind, cell in zip(kinds, cells, strict=False):
            if kind:
                row[kind] = f"{row[kind]}, {cell}" if row.get(kind) else cell
        name, type_text = _plain(row.get("name", "")), _plain(row.get("type", ""))
        if not name and not type_text:
            continue
        if is_interface_type(type_text) and not own:
            return []
        found.append(_row(name, type_text, row, block.line + number, words))
    known = sum(bool(column.type) for column in found)
    if known * 2 < len(found) and not own:
        return []
    unread = [header for header, kind, at in zip(headers, kinds, range(len(kinds)), strict=True)
              if not kind and _decides([cells[at] for cells in rows[2:] if at < len(cells)], words)]  # fmt: skip
    text = "the table's column {!r} is not understood; call it Constraints, Nullable, Required, Unique or Description"
    if unread and found:
        found[0] = replace(found[0], problems=(*found[0].problems, *(text.format(header) for header in unread)))
    return found


def _kind(header: str, words: Vocabulary) -> str:
    bare = _bare(header)
    return next((kind for kind, names in _HEADERS.items() if words.pattern(*names).fullmatch(bare)), "")


def _bare(header: str) -> str:
    return re.sub(r"\s*[(（][^)）]*[)）]", "", header).strip(" ?？¿:：*#")


def _is_yes(text: str, words: Vocabulary) -> bool:
    return bool(_YES.fullmatch(text) or words.pattern("cell.yes").fullmatch(text))


def _is_no(text: str, words: Vocabulary) -> bool:
    return bool(_NO.fullmatch(text) or words.pattern("cell.no").fullmatch(text))


def _decides(cells: list[str], words: Vocabulary) -> bool:
    """Whether cells below a header that is not known say something of the schema: yes and no, or constraints."""
    texts = [text for text in map(_plain, cells) if text and text not in ("-", "–", "—")]
    return bool(texts) and all(
        _is_yes(text, words) or _is_no(text, words) or is_constraints(text, words) for text in texts
    )


def _row(name: str, type_text: str, row: dict[str, str], line: int, words: Vocabulary) -> Said:
    problems: list[str] = []
    text, remark = row.get("words", ""), constraints_of(_plain(row.get("remark", "")), words)
    text += f", {remark[0]}" if remark[0] else ""
    if row.get("references", "").strip("`-–—❌✗✘ "):
        text += f", references {row['references']}"
    for kind, word in (("unique", "unique"), ("primary", "primary key"), ("index", "indexed")):
        yes = _answer(row.get(kind), problems, words)
        text += f", {word}" if yes else ""
    null, required = _answer(row.get("null"), problems, words), _answer(row.get("required"), problems, words)
    said = [nullability(_plain(row[kind]), words) for kind in ("null", "required") if _plain(row.get(kind, ""))]
    said = [one for one in said if one is not None]
    null = said[0] if said else (not required) if null is None and required is not None else null
    if null is True and re.search(r"not\s+null", text, re.I):
        null = False
    type_text = sql_type(type_text, words)
    own, extra = first_type(type_text) if not type_code(type_text) else (type_text, "")
    column = described(name, own, f"{text} {extra}", line, words, default=row.get("default", ""), null=null)
    problems += column.problems
    if column.left and column.type:
        problems.append(
            f"{column.left!r} is not understood; write constraints as SQL does, remarks into a column of their own"
        )
    if cascades(remark[1], words) and column.reference and not column.actions:
        problems.append(f"{remark[1]!r}: write ON DELETE CASCADE or ON UPDATE CASCADE beside what it refers to")
    if names_foreign_key(remark[1], words) and not column.reference:
        problems.append(f"{remark[1]!r}: write what the foreign key refers to as table.column")
    if not column.type:
        instead = foreign_type(type_text)
        problems.append(f"{type_text} is MySQL's; write {instead}" if instead else f"unknown type {type_text!r}")
    if not _IDENTIFIER.fullmatch(name):
        problems.append(f"{name!r} is no name of a column")
    # What is left of the constraints is a problem; limits in a remark may be meant as a CHECK, or for the reader.
    open_words = may_be_meant(remark[1], words) and not (column.reference and names_foreign_key(remark[1], words))
    return replace(column, problems=tuple(problems), left=remark[1] if open_words else "")


def _answer(cell: str | None, problems: list[str], words: Vocabulary) -> bool | None:
    """What a cell says of a question; what is no answer is a problem."""
    if cell is None:
        return None
    plain = _plain(cell)
    if _is_yes(plain, words):
        return True
    if not _is_no(plain, words) and nullability(plain, words) is None:
        problems.append(f"{plain!r} is neither yes nor no")
    return False


def _cells(line: str) -> list[str]:
    """The cells of a row; a bar behind a backslash or between backticks parts nothing."""
    text = line.strip()
    text = text.removeprefix("|")
    if text.endswith("|") and not text.endswith("\\|"):
        text = text[:-1]
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", text)]


def _plain(cell: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[`*]|<br ?/?>", " ", cell)).strip()


def _bullets(block: Block) -> tuple[list[Said], tuple[Told, ...]]:
    """The columns of a list, and what its items say beside them."""
    found: list[Said] = []
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
        if not _IDENTIFIER.fullmatch(inside[0]) or not type_text:
            return [], ()  # a list that says anything else is none of columns
        found.append(described(inside[0], type_text, _without_remark(rest), number, block.vocabulary))
    names = [column.name for column in found]
    told = (table_footnotes.listed(block, number, text, table_name(block), names) for number, text in others)
    return found, tuple(one for one in told if one)


# "`UNIQUE (a, b)`", "`CHECK (…)`" in a list of columns.
_STATES = re.compile(r"[`*]*(?:UNIQUE|PRIMARY KEY|CHECK|INDEX|FOREIGN KEY|EXCLUDE|CONSTRAINT)\b\s*[`*]*\s*[(:\w]")


def _without_remark(words: str) -> str:
    """A remark behind a dash is prose."""
    return re.split(r"\s[—–]\s|\s--?\s(?!>)", words, maxsplit=1)[0]
