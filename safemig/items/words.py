"""Words around the code of an item, in some languages. They only hold a proof or a contradiction back, never give one,
except that a new make target may be asked for as such."""

from __future__ import annotations

import re

# Work that no migration proves, in some languages: an item that names a table only to say what else is to be done
# with it ("Write tests for `x`", "Seed `x`", "Drop `x`") is not proved by the table. Such words only take ticks away.
_OTHERS = (
    r"document\w*|docs?|readme|seed\w*|populat\w*|backfill\w*|frontend|ui|drop\w*|delete|remov\w*|renam\w*|rollback|"
    r"downgrade\w*|revert\w*|review\w*|monitor\w*|not|never|without|documenta\w*|elimina\w*|borra\w*|sembra\w*|poblar|"
    r"revertir|dokument\w*|lösch\w*|entfern\w*|nicht|kein\w*|sans|supprim\w*|remove\w*|não|excluir|"
    r"tests?|testing|prueba\w*|teste\w*|tested"
)
OTHER_WORK = re.compile(
    rf"\b({_OTHERS}|model\w*|schemas?|endpoint\w*|route\w*|api|modelo\w*|modell\w*|modèle\w*)\b", re.I
)
OTHER_CODE = re.compile(rf"\b({_OTHERS}|deploy\w*|call\w*|llam\w*|aufruf\w*)\b", re.I)
# Items about something that goes, or is only spoken of: that it is not there contradicts nothing.
GONE = re.compile(
    r"\b(drop\w*|delet\w*|remov\w*|renam\w*|mov(?:e|ed|ing)|replac\w*|deprecat\w*|clean\w*|no longer|revert\w*|"
    r"rollback|downgrade\w*|not|never|without|elimina\w*|borra\w*|quita\w*|renombra\w*|mover|reemplaza\w*|lösch\w*|entfern\w*|"
    r"umbenenn\w*|ersetz\w*|verschieb\w*|nicht|kein\w*|supprim\w*|renomm\w*|déplac\w*|remplac\w*|sans|remov\w*|"
    r"exclu\w*|renome\w*|substitu\w*|apaga\w*|não|sem|rimuov\w*|rinomin\w*|agree\w*|decid\w*|choos\w*|discuss\w*|propos\w*|"
    r"plan\w*|design\w*|consider\w*|acorda\w*|decidi\w*|elegi\w*|discuti\w*|entscheid\w*|absprech\w*|besprech\w*|"
    r"choisi\w*|décid\w*|удал\w*|переимен\w*|соглас\w*)\b|删除|移除|重命名|削除|リネーム",
    re.I,
)
# A name beside one of these is the name of something in the database.
DATABASE = re.compile(
    r"\b(tables?|columns?|constraints?|index(?:es)?|indices|foreign key|tablas?|columnas?|restricci[oó]n(?:es)?|"
    r"índices?|tabelle\w*|spalten?|einschränkung\w*|indizes|colonnes?|contraintes?|tabelas?|colunas?|restriç\w*|tabell[ae]|"
    r"colonn\w*|таблиц\w*|столб\w*)\b|表|テーブル|列",
    re.I,
)
COLUMN = re.compile(r"\b(columns?|columnas?|spalten?|colonn\w*|colunas?|столб\w*)\b|列|カラム", re.I)
# More than a column: an item about a key or an index is not proved by the column that it stands on.
DEEPER = re.compile(
    r"\b(foreign keys?|fk|index\w*|indices|unique|constraints?|(?-i:CHECK)|claves? (?:foránea|ajena|externa)s?|"
    r"índices?|únic[oa]s?|restricci[oó]n(?:es)?|fremdschlüssel|eindeutig\w*|indizes|clés? étrangères?|contraintes?|"
    r"chaves? estrangeiras?)\b",
    re.I,
)
# A make target that is new proves an item that asks for the target, not one that asks for its run.
ADDS = re.compile(
    r"\b(targets?|makefile|add\w*|creat\w*|new|añad\w*|agreg\w*|crea\w*|objetivo|nuev[oa]|neu\w*|ziel|hinzu\w*|"
    r"ajout\w*|cré\w*|cible|adicion\w*|cria\w*|alvo|aggiung\w*|nuov[oa]|добав\w*|цель)\b|ターゲット|目标",
    re.I,
)
