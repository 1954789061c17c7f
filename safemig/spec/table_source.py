"""Markdown tables and bullets that describe the columns of a table. Other tables and lists are no source."""

from __future__ import annotations

import re
from dataclasses import replace

from safemig.spec.column_words import (
    Said,
    described,
    first_type,
    foreign_type,
    is_constraints,
    is_interface_type,
    type_code,
)
from safemig.spec.document import BULLETS, TABLE, Block
from safemig.spec.pieces import Piece
from safemig.spec.shape import of_words, piece_of

_HEADERS = {
    "name": "column|column name|field|field name|name|attribute|columna|campo|nombre|nombre de columna|spalte|"
    "spaltenname|feld|colonne|champ|nom|coluna|nome|kolom|veld|kolumna|pole|nazwa|столбец|колонка|поле|имя|列|列名|"
    "字段|字段名|欄位|カラム|カラム名|컬럼",
    "type": "type|data type|datatype|sql type|column type|tipo|tipo de dato|tipo de datos|tipo de dado|tipo sql|typ|"
    "datentyp|type de données|tipo di dato|gegevenstype|тип|тип данных|类型|数据类型|型|データ型|타입",
    "words": "constraint|constraints|key|keys|attributes|modifiers|rules|restricción|restricciones|clave|"
    "einschränkung|einschränkungen|bedingungen|schlüssel|contrainte|contraintes|clé|restrição|restrições|chave|"
    "vincolo|vincoli|beperkingen|ограничение|ограничения|约束|約束|制約|제약|constraints / default",
    "default": "default|default value|server default|valor por defecto|por defecto|predeterminado|"
    "valor predeterminado|standard|standardwert|vorgabe|défaut|par défaut|valeur par défaut|padrão|valor padrão|"
    "predefinito|standaard|по умолчанию|默认|默认值|既定値|デフォルト",
    "null": "null|null?|nullable|nullable?|nulo|nulo?|nullbar|nul|nulls|allow null|可空|允许空",
    "required": "required|required?|not null|obligatorio|requerido|pflicht|pflichtfeld|obligatoire|obrigatório|"
    "obbligatorio|verplicht|обязательно|必填",
    "references": "references|foreign key|fk|referencia|referencias|verweis|référence|referência|riferimento|外键",
    "unique": "unique|unique?|único|eindeutig|уникальный|唯一",
    "remark": "description|descriptions|notes|note|remarks|comment|comments|descripción|notas|beschreibung|bemerkung|"
    "anmerkung|descrição|descrizione|beschrijving|opis|описание|描述|说明|説明|설명",
}  # fmt: skip
_KIND = {word: kind for kind, words in _HEADERS.items() for word in words.split("|")}
_YES = re.compile(r"y|yes|true|sí|si|ja|j|oui|sim|sì|да|是|はい|✓|✔|✅|☑|x|null", re.I)
_NO = re.compile(r"n|no|false|nein|non|não|nee|нет|否|いいえ|✗|✘|❌|-|–|—||not null", re.I)
_TABLE_WORD = r"tables?|tablas?|tabellen?|tabelas?|tabell[ae]|tabel|tabela|таблиц\w+|表|テーブル|테이블|relation"
_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?"
_OLD = (
    r"existing|current(?:ly)?|present|existentes?|actual(?:es)?|"
    r"bestehend\w*|vorhanden\w*|existante?s?|actuelle?s?|atuai?s?|esistent[ei]"
)
_THING = rf"(?:{_TABLE_WORD}|columns?|schema|structure|state|columnas|spalten|colonnes|colunas|estructura|esquema)"
# Said of the table itself: "refers to the existing course" in the same paragraph says nothing about it.
_EXISTING = re.compile(
    rf"\b(?:{_OLD})\W+(?:data ?base )?(?:`\w+`\W+)?{_THING}|{_THING}\W+(?:`\w+`\W+)?(?:{_OLD})\b|"
    r"already (?:exists?|there|in place|has)|as it is (?:today|now)|\bya existe|existe déjà|já existe|bereits|"
    r"существующ\w+|уже есть|现有|已有|既存|^#*\W*(?:current|today|as is|before)\W*$",
    re.I | re.M,
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def concerns(block: Block) -> bool:
    """Whether it is a Markdown table or a list of the document."""
    return block.language in (TABLE, BULLETS)


def pieces(block: Block) -> tuple[Piece, ...]:
    """The table that it describes; nothing when it describes none, or one that is there already."""
    if _EXISTING.search(block.lead):
        return ()
    table = table_name(block)
    columns = _rows(block) if block.language == TABLE else _bullets(block)
    if not table or len(columns) < 2:
        return ()
    piece = piece_of(of_words(table, columns[0].line, columns), block.line, _SOURCES[block.language])
    return (piece,) if piece else ()


_SOURCES = {TABLE: "table", BULLETS: "bullets"}


def table_name(block: Block) -> str:
    """The table that the words above it name: next to the word for a table, else the only code or long name."""
    for text in reversed([line for line in block.lead.split("\n") if line.strip()]):
        code = rf"(?:`({_NAME})`|\*\*({_NAME})\*\*)"
        patterns = [
            rf"(?:{_TABLE_WORD})\W{{0,3}}(?:(?:called|named|llamada|namens|appelée|chamada)\s+)?{code}",
            rf"{code}\W{{0,3}}(?:{_TABLE_WORD})",
            rf"(?:^|\W)(?:{_TABLE_WORD})\s*:?\s*()()({_NAME})\W*$",
            rf"^\W*()()([a-z]\w*_\w+)\s+(?:{_TABLE_WORD})\b",
        ]
        for pattern in patterns:
            found = re.search(pattern, text, re.I)
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
    kinds = [_KIND.get(_plain(cell).casefold(), "") for cell in rows[0]]
    if "name" not in kinds or "type" not in kinds or kinds.count("name") > 1:
        return []
    found = []
    for number, cells in enumerate(rows[2:], 2):
        row: dict[str, str] = {}
        for kind, cell in zip(kinds, cells, strict=False):
            if kind:
                row[kind] = f"{row[kind]}, {cell}" if row.get(kind) else cell
        name, type_text = _plain(row.get("name", "")), _plain(row.get("type", ""))
        if not name and not type_text:
            continue
        if is_interface_type(type_text):
            return []
        found.append(_row(name, type_text, row, block.line + number))
    known = sum(bool(column.type) for column in found)
    return found if known * 2 >= len(found) else []


def _row(name: str, type_text: str, row: dict[str, str], line: int) -> Said:
    words = row.get("words", "")
    if is_constraints(_plain(row.get("remark", ""))):
        words += f", {row['remark']}"
    if row.get("references", "").strip("`-–— "):
        words += f", references {row['references']}"
    if "unique" in row and _YES.fullmatch(_plain(row["unique"])):
        words += ", unique"
    null = _answer(row.get("null"))
    required = _answer(row.get("required"))
    null = (not required) if null is None and required is not None else null
    if null is True and re.search(r"not\s+null", words, re.I):
        null = False
    own, extra = first_type(type_text) if not type_code(type_text) else (type_text, "")
    column = described(name, own, f"{words} {extra}", line, default=row.get("default", ""), null=null)
    problems = column.problems
    if not column.type:
        instead = foreign_type(type_text)
        problems += (f"{type_text} is MySQL's; write {instead}",) if instead else (f"unknown type {type_text!r}",)
    if not _IDENTIFIER.fullmatch(name):
        problems += (f"{name!r} is no name of a column",)
    return replace(column, problems=problems)


def _answer(cell: str | None) -> bool | None:
    if cell is None:
        return None
    plain = _plain(cell)
    return True if _YES.fullmatch(plain) else False if _NO.fullmatch(plain) else None


def _cells(line: str) -> list[str]:
    """The cells of a row; a bar behind a backslash or between backticks parts nothing."""
    text = line.strip()
    text = text.removeprefix("|")
    if text.endswith("|") and not text.endswith("\\|"):
        text = text[:-1]
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", text)]


def _plain(cell: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[`*]|<br ?/?>", " ", cell)).strip()


def _bullets(block: Block) -> list[Said]:
    found: list[Said] = []
    for number, line in enumerate(block.text.split("\n")):
        item = re.match(r"\s*(?:[-*+]|\d+[.)])\s+(?:\*\*)?`([^`]+)`(?:\*\*)?(.*)", line)
        if not item:
            continue
        inside = item[1].split(None, 1)
        words = f"{inside[1] if len(inside) > 1 else ''} {item[2]}".replace("`", " ")
        type_text, rest = first_type(words)
        if not _IDENTIFIER.fullmatch(inside[0]) or not type_text:
            return []  # a list that says anything else is none of columns
        found.append(described(inside[0], type_text, _without_remark(rest), block.line + number))
    return found


def _without_remark(words: str) -> str:
    """A remark behind a dash is prose."""
    return re.split(r"\s[—–]\s|\s--?\s(?!>)", words, maxsplit=1)[0]
