"""The rows of a Markdown table as columns of a database table, by what its headers say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from safemig.plan_document.document import Block
from safemig.plan_document.vocabulary import Vocabulary
from safemig.requirements.column_text import (
    ColumnDescription,
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
from safemig.sql.type_names import foreign_type, type_code

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
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
_SHORT = re.compile(r"[^\W\d_]+")
_UNREAD_HEADER = (
    "the table's column {!r} is not understood; call it Constraints, Nullable, Required, Unique or Description, or "
    "name its word under vocabulary.header in safemig.yaml"
)


@dataclass(frozen=True)
class Grid:
    """A Markdown table: its headers, and its rows of cells below them, the first on line ``line`` of the document.

    ``kinds`` says for each header what stands below it, "" where its word is not known.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...]
    line: int
    words: Vocabulary

    @property
    def describes_columns(self) -> bool:
        """Whether its headers give the name and the type of columns."""
        return self.kinds.count("name") == 1 and "type" in self.kinds

    def below(self, at: int) -> list[str]:
        """What stands in the cells below a header, without those that are empty."""
        return [text for row in self.rows if at < len(row) and (text := plain(row[at]))]


@lru_cache(maxsize=64)
def grid(block: Block) -> Grid:
    """The block's headers and cells."""
    lines = [cells(line) for line in block.text.split("\n")]
    headers = tuple(map(plain, lines[0]))
    kinds = tuple(_kind(header, block.vocabulary) for header in headers)
    return Grid(headers, tuple(map(tuple, lines[2:])), kinds, block.line + 2, block.vocabulary)


def columns(table: Grid) -> list[ColumnDescription]:
    """The columns that its rows describe; none where it is a table of something else."""
    if not table.describes_columns:
        return []
    header = _bare(table.headers[table.kinds.index("name")])
    surely = bool(table.words.pattern("header.column").fullmatch(header))
    described_columns: list[ColumnDescription] = []
    for number, row in enumerate(table.rows):
        by_kind = _by_kind(table.kinds, row)
        name, type_text = plain(by_kind.get("name", "")), plain(by_kind.get("type", ""))
        if not name and not type_text:
            continue
        if is_interface_type(type_text) and not surely:
            return []
        described_columns.append(_column(name, type_text, by_kind, table.line + number, table.words))
    typed = sum(bool(column.type) for column in described_columns)
    if not described_columns or (typed * 2 < len(described_columns) and not surely):
        return []
    first = described_columns[0]
    problems = (*first.problems, *(_UNREAD_HEADER.format(header) for header in _unread_headers(table)))
    return [replace(first, problems=problems), *described_columns[1:]]


def cells(line: str) -> list[str]:
    """The cells of a row; a bar behind a backslash or between backticks parts nothing."""
    text = line.strip()
    text = text.removeprefix("|")
    if text.endswith("|") and not text.endswith("\\|"):
        text = text[:-1]
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", text)]


def plain(cell: str) -> str:
    """A cell without its marks, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"[`*]|<br ?/?>", " ", cell)).strip()


def _kind(header: str, words: Vocabulary) -> str:
    bare = _bare(header)
    return next((kind for kind, names in _HEADERS.items() if words.pattern(*names).fullmatch(bare)), "")


def _bare(header: str) -> str:
    return re.sub(r"\s*[(（][^)）]*[)）]", "", header).strip(" ?？¿:：*#")


def _by_kind(kinds: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, cell in zip(kinds, row, strict=False):
        if kind:
            found[kind] = f"{found[kind]}, {cell}" if found.get(kind) else cell
    return found


def _unread_headers(table: Grid) -> Iterator[str]:
    for at, kind in enumerate(table.kinds):
        if not kind and table.headers[at] and _decides(table.below(at), table.words):
            yield table.headers[at]


def _decides(texts: Sequence[str], words: Vocabulary) -> bool:
    """Whether cells below a header that is not known say something of the schema: constraints, or yes and no. One or
    two short words in turn may be a yes and a no in another language."""
    said = [text for text in texts if text not in ("-", "–", "—")]
    if not said:
        return False
    answers = len(said) > 1 and len(set(said)) < 3 and all(_SHORT.fullmatch(text) for text in said)
    return answers or all(_is_yes(text, words) or _is_no(text, words) or is_constraints(text, words) for text in said)


def _is_yes(text: str, words: Vocabulary) -> bool:
    return bool(_YES.fullmatch(text) or words.pattern("cell.yes").fullmatch(text))


def _is_no(text: str, words: Vocabulary) -> bool:
    return bool(_NO.fullmatch(text) or words.pattern("cell.no").fullmatch(text))


def _column(name: str, type_text: str, row: Mapping[str, str], line: int, words: Vocabulary) -> ColumnDescription:
    problems: list[str] = []
    constraints, remark = constraints_of(plain(row.get("remark", "")), words)
    text = _constraint_text(row, constraints, words, problems)
    type_text = sql_type(type_text, words)
    own_type, rest = (type_text, "") if type_code(type_text) else first_type(type_text)
    null = _may_be_null(row, text, words, problems)
    column = described(name, own_type, f"{text} {rest}", line, words, default=row.get("default", ""), null=null)
    problems += column.problems
    if column.left and column.type:
        problems.append(
            f"{column.left!r} is not understood; write constraints as SQL does, remarks into a column of their own, or "
            "name the word under vocabulary.constraint in safemig.yaml"
        )
    if cascades(remark, words) and column.reference and not column.actions:
        problems.append(f"{remark!r}: write ON DELETE CASCADE or ON UPDATE CASCADE beside what it refers to")
    refers = names_foreign_key(remark, words)
    if refers and not column.reference:
        problems.append(f"{remark!r}: write what the foreign key refers to as table.column")
    if not column.type:
        instead = foreign_type(type_text)
        problems.append(f"{type_text} is MySQL's; write {instead}" if instead else f"unknown type {type_text!r}")
    if not IDENTIFIER.fullmatch(name):
        problems.append(f"{name!r} is no name of a column")
    # What is left of the constraints is a problem; limits in a remark may be meant as a CHECK, or for the reader.
    open_words = may_be_meant(remark, words) and not (column.reference and refers)
    return replace(column, problems=tuple(problems), left=remark if open_words else "")


def _constraint_text(row: Mapping[str, str], remark: str, words: Vocabulary, problems: list[str]) -> str:
    """All that the row says of constraints, in one text: its own cell, the remark's part, and the other cells."""
    texts = [row.get("words", ""), remark]
    if row.get("references", "").strip("`-–—❌✗✘ "):
        texts.append(f"references {row['references']}")
    asked = (("unique", "unique"), ("primary", "primary key"), ("index", "indexed"))
    texts += [word for kind, word in asked if _answer(row.get(kind), problems, words)]
    return ", ".join(filter(None, texts))


def _may_be_null(row: Mapping[str, str], text: str, words: Vocabulary, problems: list[str]) -> bool | None:
    """What the cells of their own say: whether NULL is allowed, or whether a value is required; None for nothing."""
    null, required = _answer(row.get("null"), problems, words), _answer(row.get("required"), problems, words)
    given = [nullability(plain(row[kind]), words) for kind in ("null", "required") if plain(row.get(kind, ""))]
    answers = [answer for answer in given if answer is not None]
    if answers:
        null = answers[0]
    elif null is None and required is not None:
        null = not required
    return False if null is True and re.search(r"not\s+null", text, re.I) else null


def _answer(cell: str | None, problems: list[str], words: Vocabulary) -> bool | None:
    """What a cell says of a question; what is no answer is a problem."""
    if cell is None:
        return None
    text = plain(cell)
    if _is_yes(text, words):
        return True
    if not _is_no(text, words) and nullability(text, words) is None:
        problems.append(
            f"{text!r} is neither yes nor no; name the word under vocabulary.cell.yes or vocabulary.cell.no in "
            "safemig.yaml"
        )
    return False
