"""DDL in SQL blocks: what it is about, and which blocks are no source at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from safemig.migrations.fragments import Piece
from safemig.plan_document import labels
from safemig.plan_document.document import Block
from safemig.sql.objects import DDL, PRIVILEGES, RELATIONS, is_transaction, objects_of, own_statements
from safemig.sql.text import Statement, Token, foreign, statements

LARGEST = 100_000  # characters of a block, some seconds; the largest of the corpora has 6,000
LANGUAGES = ("sql", "postgresql", "postgres", "psql", "pgsql", "plpgsql", "ddl", "mysql", "")
# What may stand beside them; PostgreSQL judges it on the scratch server, COPY from a file among it.
_WITH_DDL = (
    *DDL, *PRIVILEGES, "DO", "INSERT", "UPDATE", "DELETE", "SELECT", "WITH", "COPY", "CALL", "SET", "LOCK",
    "ANALYZE", "TRUNCATE", "REFRESH", "MERGE",
)  # fmt: skip
_BEGINS = re.compile(r"\s*(?:--[^\n]*\n\s*)*(CREATE|ALTER|DROP|COMMENT\s+ON|BEGIN)\b", re.I)
_DOWN_LINE = re.compile(
    r"^[ \t]*--[ \t]*(?:\+goose |migrate:)?[ \t]*\W*(?:down|downgrade|rollback|undo)\b[^\n]*$", re.I | re.M
)


def concerns(block: Block) -> bool:
    """Whether the block is SQL that changes a schema; one that is not called SQL holds nothing but such statements. One
    that is too large is not read."""
    if len(block.text) > LARGEST:
        return False
    if block.language not in LANGUAGES or (not block.language and not _BEGINS.match(block.text)):
        return False
    own = own_statements(_without_meta(block.text))
    heads = [statement.head for statement in own]
    if all(head in _WITH_DDL for head in heads):
        return any(head in (*DDL, *PRIVILEGES) for head in heads)
    made = (token.upper for one in own if one.head in DDL for token in one.tokens[:8])
    return bool(block.language) and any(word in RELATIONS for word in made)


def pieces(block: Block) -> tuple[Piece, ...]:
    """What the block says for upgrade and downgrade; nothing for a skeleton."""
    text = _blanked(_without_meta(block.text))
    if any(token.text in ("...", "…") for token in _all(text)) or re.search(r"\.\.\.|…", _bare(text)):
        return ()
    unknown = [statement for statement in own_statements(text) if statement.head not in _WITH_DDL]
    if unknown:
        found = _piece(block, text, 0, "up")
        return tuple(replace(one, problems=tuple(_unknown(block, two) for two in unknown)) for one in found)
    marker = _DOWN_LINE.search(text)
    if marker and own_statements(text[: marker.start()]):
        first = text[: marker.start()].rstrip()
        skipped = text.count("\n", 0, marker.end()) + 1
        second = text[marker.end() :].removeprefix("\n")
        return (*_piece(block, first, 0, "up"), *_piece(block, second, skipped, "down"))
    found = _piece(block, text, 0, "up")
    said = f"{text[: text.find(';')]}\n{block.heading}\n{block.lead.strip().rpartition(chr(10))[2]}"
    if found and (labels.is_back(block) or (found[0].drops_only and labels.mentions_back(said, block.vocabulary))):
        return _piece(block, text, 0, "down")
    return found


def _unknown(block: Block, statement: Statement) -> tuple[int, str]:
    begins = statement.tokens[0].text
    return block.line + statement.line - 1, f"{begins!r} begins no statement for a migration; take it out of the block"


def problems(block: Block) -> tuple[tuple[int, str, str], ...]:
    """Forms of other databases in it: (line in the document, form, what to write in PostgreSQL)."""
    return tuple((block.line + line - 1, form, instead) for line, form, instead in foreign(_without_meta(block.text)))


def _all(text: str) -> Iterable[Token]:
    return (token for statement in statements(text) for token in statement.tokens)


def _bare(text: str) -> str:
    """The text outside strings and comments."""
    return (
        " ".join(token.text if token.kind in ("word", "mark", "number") else "''" for token in _all(text))
        .replace(" . ", ".")
        .replace(". .", "..")
    )


def _without_meta(text: str) -> str:
    """psql's own commands (\\d, \\c) blanked; the lines keep their numbers."""
    return "\n".join("" if line.lstrip().startswith("\\") else line for line in text.split("\n"))


def _blanked(text: str) -> str:
    """BEGIN and COMMIT blanked: the transaction is the runner's."""
    result = text
    for statement in statements(text):
        if is_transaction(statement):
            begin, end = statement.tokens[0].start, statement.tokens[-1].end
            stop = re.compile(r"\s*;?").match(result, end)
            end = stop.end() if stop else end
            result = result[:begin] + re.sub(r"[^\n]", " ", result[begin:end]) + result[end:]
    return result


def _piece(block: Block, text: str, skipped: int, side: str) -> tuple[Piece, ...]:
    what = objects_of(text)
    if not what.keys:
        return ()
    lines = text.split("\n")
    begin = next(number for number, line in enumerate(lines) if line.strip())
    end = max(number for number, line in enumerate(lines) if line.strip()) + 1
    kept = [line.rstrip() for line in lines[begin:end]]
    numbers = tuple(block.line + skipped + number for number in range(begin, end))
    return (
        Piece(
            "sql", "up" if side == "up" else "down", "\n".join(kept), numbers, block.line, what.keys, what.created,
            what.tables, what.names, drops_only=what.drops_only,
        ),
    )  # fmt: skip
