"""What a document says of a described table below its rows: "Unique: (`a`, `b`)", "Indexes:" with a list, CHECK (…).

Such a line is read or it is a problem: a key or an index that is passed over would be missing unsaid.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from safemig.plan_document.document import Block

_UNIQUE = r"unique|únic[oa]s?|eindeutig\w*|unicité|univoc[oaie]|unikaln\w*|уникальн\w*|benzersiz|唯一|一意"
_INDEX = r"index(?:e[sd]?|ing)?|indices|índices?|indi[zc]es|indic[ei]|indeks\w*|индекс\w*|索引|インデックス"
_PRIMARY = (
    r"primary key|clave primaria|primärschlüssel|clé primaire|chave primária|chiave primaria|klucz główny|"
    r"первичный ключ|birincil anahtar|主键|主キー"
)
_MORE = (
    r"constraints?|checks?|foreign keys?|exclusion|triggers?|restricciones|einschränkungen|fremdschlüssel|contraintes|"
    r"clés? étrangères?|claves? foráneas?|restrições|vincoli|ograniczenia|ограничения|внешни\w+ ключ\w*|kısıt\w*|约束|"
    r"外键|制約|外部キー"
)
_STARTS = re.compile(
    rf"(?:(?:table|composite|compound|additional|other|the|a|and|required)\s+)*(?:{_UNIQUE}|{_INDEX}|{_PRIMARY}|{_MORE})(?!\w)|"
    rf"\w+ (?:is|as) the (?:{_PRIMARY})",
    re.I,
)
_LABEL = re.compile(rf"(?!.* (?:is|as) the )[^:(]*(?:{_UNIQUE}|{_INDEX}|{_PRIMARY}|{_MORE})[^:(]*[:：]?\s*", re.I)
_NONE = re.compile(r"(?:none|no\w*|keine?|ningun[oa]|aucune?|nenhum\w*|nessun\w*|brak|нет|yok|无|なし|-|–|—)\.?", re.I)
_COLUMNS = r"\(?\s*(?P<columns>\w+(?:\s*(?:,|\+|and|y|und|et|e|и)\s*\w+)*)\s*\)?"
_ON = r"(?:\s*(?:on|over|across|for|of|sobre|en|auf|über|sur|em|su|na|по|на)(?!\w))?"
_CHECK = re.compile(r"(?:\w*\s*[:：]\s*)?check(?: constraint)?\s*:?\s*\((?P<text>.*)\)", re.I)
_KEY = re.compile(
    rf"(?:composite )?(?:{_PRIMARY})\s*[:：]?{_ON}\s*{_COLUMNS}|"
    rf"{_COLUMNS.replace('columns', 'first')} (?:is|as) the (?:{_PRIMARY})",
    re.I,
)
_NAMED = re.compile(
    rf"(?:composite |compound |additional )?(?P<unique>{_UNIQUE})?\s*(?P<index>(?:{_INDEX})(?!\w))?"
    rf"(?:\s*(?:constraint|key))?\s*[:：]?\s*(?:(?P<name>\w+)(?=\s*(?:\(|on\b|:)))?\s*:?{_ON}\s*(?:\w+\s*(?=\())?{_COLUMNS}",
    re.I,
)


@dataclass(frozen=True)
class Told:
    """One statement on the table. ``kind`` is unique, index, unique index, primary, check or "" for what is not
    understood; ``text`` is the condition of a check, or the words as they stand."""

    kind: str
    line: int
    columns: tuple[str, ...] = ()
    name: str = ""
    text: str = ""


def told(block: Block, table: str, columns: Collection[str]) -> tuple[Told, ...]:
    """What the lines below the table or list say of it."""
    found = []
    for line, label, text in _lines(block):
        one = _read(line, label, text, table, columns)
        if one is not None:
            found.append(one)
    return tuple(found)


def listed(line: int, text: str, table: str, columns: Collection[str]) -> Told | None:
    """What an item says that describes no column; None where it says nothing of keys, indexes and checks."""
    plain = _bare(text)
    return _read(line, "", plain, table, columns) if _STARTS.match(plain) else None


def _lines(block: Block) -> Iterator[tuple[int, str, str]]:
    """Lines that speak of keys, indexes and checks: (line, the label that they stand under, text)."""
    label = ""
    for line, kind, text in block.after:
        plain = _bare(text)
        begins = bool(_STARTS.match(plain))
        if (
            begins
            and _LABEL.fullmatch(plain)
            and (kind == "heading" or plain.endswith((":", "：")) or len(plain.split()) < 3)
        ):
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
        elif plain.endswith((":", "：")):
            return


def _read(line: int, label: str, text: str, table: str, columns: Collection[str]) -> Told | None:
    plain = re.split(r"\s[—–]\s|\s--?\s(?!>)", text, maxsplit=1)[0].strip(" .;")
    said = re.sub(rf"^(?:{_MORE})\s*[:：]\s*", "", plain, flags=re.I)
    if not said or _NONE.fullmatch(re.sub(r"^[^:：]*[:：]\s*", "", said)):
        return None
    check = _CHECK.fullmatch(said)
    if check and check["text"].count("(") == check["text"].count(")"):
        return Told("check", line, text=check["text"])
    key = _KEY.fullmatch(said)
    names = _names((key["columns"] or key["first"]) if key else "", columns)
    if names:
        return Told("primary", line, names)
    found = _NAMED.fullmatch(said)
    names = _names(found["columns"] if found else "", columns)
    if found and names:
        of_label = re.search(_INDEX, label, re.I)
        unique = bool(found["unique"] or re.search(_UNIQUE, label, re.I))
        if found["index"] or of_label or unique:
            kind = "index" if found["index"] or (of_label and not found["unique"]) else ""
            name = (found["name"] or "") if (found["name"] or "") not in (*columns, table) else ""
            return Told(" ".join(filter(None, ("unique" if unique else "", kind))), line, names, name)
    return Told("", line, text=text)


def _names(text: str, columns: Collection[str]) -> tuple[str, ...]:
    found = tuple(
        one for one in re.findall(r"\w+", text) if one in columns or one not in ("and", "y", "und", "et", "e", "и")
    )
    return found if all(one in columns for one in found) else ()


def _bare(text: str) -> str:
    return " ".join(re.sub(r"[`*\"]", "", text).split())
