"""Markdown tables and bullets that describe the columns of a table. Other tables and lists are no source."""

from __future__ import annotations

import re
from dataclasses import replace

from safemig.migrations.fragments import Piece
from safemig.migrations.table_draft import piece_of
from safemig.plan_document.document import BULLETS, TABLE, Block
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
)
from safemig.requirements.table_draft import add_told, of_words
from safemig.requirements.table_footnotes import Told
from safemig.sql.type_names import foreign_type, type_code

_HEADERS = {
    "name": "column|column name|field|field name|name|attribute|columna|campo|nombre|nombre de columna|"
    "nombre de la columna|nombre del campo|spalte|spaltenname|feld|feldname|colonne|champ|nom|nom de colonne|"
    "nom de la colonne|nom du champ|coluna|nome|nome da coluna|colonna|nome colonna|kolom|veld|kolumna|pole|nazwa|"
    "nazwa kolumny|столбец|колонка|поле|имя|имя столбца|sütun|sütun adı|kolon|alan|列|列名|字段|字段名|欄位|カラム|"
    "カラム名|列名|컬럼|컬럼명|العمود|اسم العمود|الحقل|عمود",
    "type": "type|data type|datatype|sql type|column type|postgres type|postgresql type|db type|tipo|tipo de dato|"
    "tipo de datos|tipo de dado|tipo sql|typ|typ danych|datentyp|type de données|type sql|tipo di dato|tipo dati|"
    "gegevenstype|тип|тип данных|tip|tür|veri tipi|veri türü|类型|数据类型|字段类型|型|データ型|"
    "타입|النوع|نوع البيانات|definition|definición|définition|definição|definizione|definicja|"
    "определение|tanım|定义|定義|type / constraints",
    "words": "constraint|constraints|key|keys|attributes|modifiers|rules|restricción|restricciones|clave|"
    "einschränkung|einschränkungen|bedingungen|schlüssel|contrainte|contraintes|clé|restrição|restrições|chave|"
    "vincolo|vincoli|beperkingen|ograniczenia|klucz|ограничение|ограничения|ключ|kısıt|kısıtlar|kısıtlamalar|anahtar|"
    "约束|約束|制約|キー|제약|القيود|constraints / default|constraints/default",
    "default": "default|default value|server default|valor por defecto|por defecto|predeterminado|"
    "valor predeterminado|standard|standardwert|vorgabe|défaut|par défaut|valeur par défaut|padrão|valor padrão|"
    "predefinito|valore predefinito|standaard|domyślnie|wartość domyślna|по умолчанию|значение по умолчанию|"
    "varsayılan|varsayılan değer|默认|默认值|既定値|デフォルト|デフォルト値|初期値|기본값|الافتراضي|القيمة الافتراضية",
    "null": "null|nullable|nulo|nulable|admite nulos|admite nulo|acepta nulos|nullbar|nul|nulls|allow null|"
    "allows null|optional|opcional|accetta null|permite nulo|aceita nulo|null erlaubt|может быть null|"
    "null olabilir|null olabilir mi|可空|允许空|允许为空|是否为空|是否可空|是否可为空|允许null|null許可|null可",
    "required": "required|mandatory|not null|nn|obligatorio|requerido|no nulo|pflicht|pflichtfeld|obligatoire|"
    "obrigatório|obbligatorio|verplicht|wymagane|wymagany|обязательно|обязательное|обязательный|обязательность|"
    "zorunlu|zorunlu mu|必填|是否必填|非空|必須|필수|مطلوب|إلزامي",
    "primary": "pk|primary|primary key|clave primaria|primärschlüssel|clé primaire|chave primária|chiave primaria|"
    "klucz główny|первичный ключ|birincil anahtar|主键|主キー",
    "references": "references|reference|ref|foreign key|fk|referencia|referencias|clave foránea|verweis|referenz|"
    "fremdschlüssel|référence|clé étrangère|referência|chave estrangeira|riferimento|chiave esterna|klucz obcy|"
    "внешний ключ|yabancı anahtar|外键|外部キー",
    "unique": "unique|uq|único|única|eindeutig|unicité|univoco|unikalny|уникальный|уникально|benzersiz|benzersiz mi|"
    "唯一|是否唯一|一意",
    "index": "index|indexed|índice|indiziert|indexé|indice|indeks|индекс|索引|インデックス",
    "remark": "description|descriptions|notes|note|remarks|remark|comment|comments|purpose|meaning|example|"
    "descripción|notas|comentario|comentarios|beschreibung|bemerkung|anmerkung|anmerkungen|kommentar|descrição|"
    "descrizione|beschrijving|commentaire|remarques|opis|uwagi|описание|комментарий|примечание|açıklama|描述|说明|备注|"
    "説明|備考|설명|الوصف|ملاحظات",
}  # fmt: skip
_KIND = {word: kind for kind, words in _HEADERS.items() for word in words.split("|")}
_YES = re.compile(
    r"y|yes|true|sí|si|ja|j|oui|sim|sì|tak|t|evet|e|да|是|有|はい|可|예|نعم|✓|✔|✅|☑|☑️|✔️|○|◯|●|x|\*|pk|uq", re.I
)
_NO = re.compile(
    r"n|no|false|nein|non|não|nee|nie|hayır|нет|否|无|不|いいえ|不可|아니오|لا|✗|✘|❌|✖|✖️|×|☐|-|–|—|", re.I
)
# A header that only a table of columns has; "Field" and "Name" have others too.
_COLUMN = re.compile(r"(?:col|kol|spalte|sütun|столб|列|字段|欄位|カラム|컬럼|العمود|اسم العمود)", re.I)
_ADDS = re.compile(
    r"\b(?:add(?:s|ed|ing)?|new (?:columns?|fields?)|additional|extra (?:columns?|fields?)|añad\w*|agreg\w*|"
    r"nuev[ao]s? (?:columnas?|campos?)|neue (?:spalten?|felder)|hinzu\w*|ergänz\w*|ajout\w*|"
    r"nouve\w+ (?:colonnes?|champs?)|adicion\w*|nov[ao]s? (?:colunas?|campos?)|aggiung\w*|"
    r"nuov[aei] (?:colonn[ae]|campi)|doda\w*|now[ey] (?:kolumn[ay]|pol[ae])|добав\w*|"
    r"новые (?:столбцы|поля|колонки)|ekle\w*|yeni (?:sütun|alan)\w*)\b|"
    r"追加|添加|新增(?:字段|列)|إضافة",
    re.I,
)
_CHANGES = re.compile(
    r"\b(?:chang|alter|modif|updat|exten|expan|änder|geänder|erweiter|cambi|amplia|étend|estend|rozszerz|zmian|zmien|"
    r"измен|расшир|değiş|genişlet)\w*|変更|修改|扩展|تعديل|after|target|nachher|después|après|depois|dopo|"
    r"\b(?:structure|schema|estructura)\b",
    re.I,
)
_TAKES_AWAY = re.compile(
    r"\W*(?:drop|remove|delete|elimina\w*|quitar|entfern\w+|lösch\w*|supprim\w+|remover|rimuov\w+|usuń|usun\w+|"
    r"удал\w+|删除|削除|حذف)|.*\b(?:columns?|columnas?|spalten|colonnes|colunas|столбцы)\W+(?:to (?:be )?|a |zu )?"
    r"(?:drop|remov|delet|elimin|entfern|supprim|удал)\w*",
    re.I,
)
_TABLE_WORD = (
    r"tables?|tablas?|tabellen?|tabelas?|tabell[ae]|tabel|tabela|tabel[iię]|tablo\w*|"
    r"таблиц\w+|表|テーブル|테이블|جدول|relation"
)
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
    columns, told = (_rows(block), ()) if block.language == TABLE else _bullets(block)
    told = (*told, *(table_footnotes.told(block, table, [column.name for column in columns]) if columns else ()))
    keys = {name for one in told if one.kind == "primary" for name in one.columns}
    columns = [replace(one, primary=True, null=False) if one.name in keys else one for one in columns]
    said = block.lead.rpartition("\n")[2] or block.heading
    keyless = not any(column.primary for column in columns)
    adds = keyless and bool(_ADDS.search(said)) and not _MAKES.search(said)
    if not table or len(columns) < (1 if adds else 2):
        return ()
    shape = of_words(table, columns[0].line, columns, adds=adds)
    add_told(shape, told, apart=adds)
    if _TAKES_AWAY.match(said):
        shape.problems.append((block.line, f"takes columns away from {table}: write that as ALTER TABLE … DROP COLUMN"))
    elif keyless and not adds and not _CHANGES.search(block.lead):
        shape.problems.append((block.line, _KEYLESS.format(table=table)))
    piece = piece_of(shape, block.line, _SOURCES[block.language])
    return (piece,) if piece else ()


_MAKES = re.compile(
    rf"\b(?:new|nuev[ao]|neue|nouvelle|nova|nuova|nowa|новая|yeni|a|an|una|uma|eine|une)\s+(?:{_TABLE_WORD})", re.I
)
_KEYLESS = (
    "no column of {table} is said to be its primary key; say it in a row (a table without one: write it as SQL; "
    "columns for a table that is there: say above that they are added to it)"
)
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
    headers = [_plain(cell) for cell in rows[0]]
    kinds = [_kind(header) for header in headers]
    if "name" not in kinds or "type" not in kinds or kinds.count("name") > 1:
        return []
    own = bool(_COLUMN.search(headers[kinds.index("name")]))
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
        found.append(_row(name, type_text, row, block.line + number))
    known = sum(bool(column.type) for column in found)
    if known * 2 < len(found) and not own:
        return []
    unread = [header for header, kind, at in zip(headers, kinds, range(len(kinds)), strict=True)
              if not kind and _decides([cells[at] for cells in rows[2:] if at < len(cells)])]  # fmt: skip
    text = "the table's column {!r} is not understood; call it Constraints, Nullable, Required, Unique or Description"
    if unread and found:
        found[0] = replace(found[0], problems=(*found[0].problems, *(text.format(header) for header in unread)))
    return found


def _kind(header: str) -> str:
    bare = re.sub(r"\s*[(（][^)）]*[)）]", "", header).strip(" ?？¿:：*#")
    return _KIND.get(bare.casefold(), "")


def _decides(cells: list[str]) -> bool:
    """Whether cells below a header that is not known say something of the schema: yes and no, or constraints."""
    said = [_plain(cell) for cell in cells if _plain(cell) and not re.fullmatch(r"[-–—]", _plain(cell))]
    return bool(said) and all(_YES.fullmatch(one) or _NO.fullmatch(one) or is_constraints(one) for one in said)


def _row(name: str, type_text: str, row: dict[str, str], line: int) -> Said:
    problems: list[str] = []
    words, remark = row.get("words", ""), constraints_of(_plain(row.get("remark", "")))
    words += f", {remark[0]}" if remark[0] else ""
    if row.get("references", "").strip("`-–—❌✗✘ "):
        words += f", references {row['references']}"
    for kind, word in (("unique", "unique"), ("primary", "primary key"), ("index", "indexed")):
        yes = _answer(row.get(kind), problems)
        words += f", {word}" if yes else ""
    null, required = _answer(row.get("null"), problems), _answer(row.get("required"), problems)
    said = [nullability(_plain(row[kind])) for kind in ("null", "required") if _plain(row.get(kind, ""))]
    said = [one for one in said if one is not None]
    null = said[0] if said else (not required) if null is None and required is not None else null
    if null is True and re.search(r"not\s+null", words, re.I):
        null = False
    own, extra = first_type(type_text) if not type_code(type_text) else (type_text, "")
    column = described(name, own, f"{words} {extra}", line, default=row.get("default", ""), null=null)
    problems += column.problems
    if column.left and column.type:
        problems.append(
            f"{column.left!r} is not understood; write constraints as SQL does, remarks into a column of their own"
        )
    if cascades(remark[1]) and column.reference and not column.actions:
        problems.append(f"{remark[1]!r}: write ON DELETE CASCADE or ON UPDATE CASCADE beside what it refers to")
    if names_foreign_key(remark[1]) and not column.reference:
        problems.append(f"{remark[1]!r}: write what the foreign key refers to as table.column")
    if not column.type:
        instead = foreign_type(type_text)
        problems.append(f"{type_text} is MySQL's; write {instead}" if instead else f"unknown type {type_text!r}")
    if not _IDENTIFIER.fullmatch(name):
        problems.append(f"{name!r} is no name of a column")
    # What is left of the constraints is a problem; limits in a remark may be meant as a CHECK, or for the reader.
    open_words = may_be_meant(remark[1]) and not (column.reference and names_foreign_key(remark[1]))
    return replace(column, problems=tuple(problems), left=remark[1] if open_words else "")


def _answer(cell: str | None, problems: list[str]) -> bool | None:
    """What a cell says of a question; what is no answer is a problem."""
    if cell is None:
        return None
    plain = _plain(cell)
    if _YES.fullmatch(plain):
        return True
    if not _NO.fullmatch(plain) and nullability(plain) is None:
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
        words = f"{inside[1] if len(inside) > 1 else ''} {item[2]}".replace("`", " ")
        type_text, rest = first_type(words.lstrip(" :：–—-"))
        if not _IDENTIFIER.fullmatch(inside[0]) or not type_text:
            return [], ()  # a list that says anything else is none of columns
        found.append(described(inside[0], type_text, _without_remark(rest), number))
    names = [column.name for column in found]
    told = (table_footnotes.listed(number, text, table_name(block), names) for number, text in others)
    return found, tuple(one for one in told if one)


# "`UNIQUE (a, b)`", "`CHECK (…)`" in a list of columns.
_STATES = re.compile(r"[`*]*(?:UNIQUE|PRIMARY KEY|CHECK|INDEX|FOREIGN KEY|EXCLUDE|CONSTRAINT)\b\s*[`*]*\s*[(:\w]")


def _without_remark(words: str) -> str:
    """A remark behind a dash is prose."""
    return re.split(r"\s[—–]\s|\s--?\s(?!>)", words, maxsplit=1)[0]
