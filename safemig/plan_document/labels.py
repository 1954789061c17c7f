"""What the words above a block say of it: that it is the way back, that it is not to be run, or one of several options.

Only the words right above a block and its headings count, and only where they are a label ("Rollback:", "Current
schema", "Alternatives considered"): prose that mentions such a word says something else.
"""

from __future__ import annotations

import re

from safemig.plan_document.document import Block

# A label is short; "To roll back, the release before it is deployed and the column stays" is none.
_LABEL = 60
_BACK = re.compile(
    r"\b(?:downgrade|roll(?:ing)?[ -]?backs?|revert\w*|undo\w*|down|zurück\w*|rückgängig\w*|rücknahme|rückbau|"
    r"deshacer|vuelta atrás|reversi[oó]n|reversão|reverter|annul\w+|retour (?:en )?arrière|desfazer|"
    r"ripristin\w+|terugdraaien|wycof\w+|cofn\w+|przywr\w+|откат\w*|отмен\w+|geri al\w*)\b|"
    r"回滚|回退|撤销|还原|戻す|戻し|ロールバック|取り消し|롤백|تراجع|استرجاع|"
    r"\bif (?:it|this|that|something|anything|things) (?:goes|go|went|fails?|breaks?)\b",
    re.I,
)
# What may stand beside such a word in a label. "Undo history" and "Annulations de commandes" are things to be made.
_BESIDE = re.compile(
    r"\b(?:migrations?|plan|scripts?|sql|ddl|steps?|strategy|procedure|statements?|commands?|queries|query|code|function|"
    r"block|part|path|only|optional|the|a|of|for|in|to|case|if|needed|necessary|required|emergency|manual|wrong|this|"
    r"change|phase|step|migración|de|la|el|en|caso|der|die|das|des|im|notfall|fall|falls|nötig|du|le|cas|besoin|"
    r"migração|migracji|migracja|миграции|миграция|схемы|\d+)\b|[^\w]|ال|の|手順|方法|脚本|步骤|方案|خطة",
    re.I,
)
_CURRENT = (
    r"current(?:ly)?|existing|old|present|previous|original|actual(?:es)?|existentes?|anterior|aktuell\w*|bestehend\w*|"
    r"bisherig\w*|derzeitig\w*|actuel\w*|existant\w*|atual|antig[oa]|attuale|esistente|precedente|obecn\w+|"
    r"istniejąc\w+|текущ\w+|существующ\w+|mevcut|şimdiki"
)
_STATE = (
    r"state|schema|table|model|models|structure|definition|ddl|code|version|situation|design|estado|esquema|tabla|"
    r"modelos?|estructura|definición|situación|versión|zustand|stand|tabelle|modell\w*|struktur|état|schéma|table|"
    r"modèles?|tabela|estrutura|situação|stato|tabella|modello|struttura|stan|schemat|состояние|схема|таблица|"
    r"модель|структура|durum|şema|tablo"
)
_IS_CURRENT = re.compile(
    rf"(?:before|as[- ]is|today|status quo|currently|now|old|current|existing|antes|vorher|bisher|"
    rf"ist[- ](?:zustand|stand)|avant|l['’]existant|prima|przed|до|было|сейчас|önce|mevcut)|"
    rf"(?:the )?(?:{_CURRENT})\s+(?:(?:data ?base|db|sql)\s+)?(?:{_STATE})|"
    rf"(?:el |la |l['’]|o |a |lo |il )?(?:{_STATE})\s+(?:{_CURRENT})|"
    r"変更前|現状|現在の\w{1,8}|既存の?\w{0,8}|之前|变更前|现状|"
    r"修改前|当前\w{0,6}|现有\w{0,6}|قبل|الوضع الحالي",
    re.I,
)
_ASIDE = re.compile(
    r"\b(?:rejected|discarded|ruled out|declined|not chosen|alternatives? considered|considered alternatives?|"
    r"alternatives?(?= *$)|out of scope|not in scope|non-?goals?|future (?:work|ideas?|improvements?|enhancements?|"
    r"considerations?)|anti-?patterns?|wrong way|bad example|verworfen\w*|abgelehnt\w*|nicht umgesetzt|"
    r"(?:geprüfte )?alternativen(?= *$)|außerhalb des umfangs|descartad[oa]s?|rechazad[oa]s?|"
    r"fuera de(?:l)? alcance|alternativas (?:consideradas|descartadas)|rejeté\w*|écarté\w*|hors périmètre|"
    r"alternatives (?:envisagées|étudiées)|rejeitad[oa]s?|fora de? escopo|scartat[aoie]|fuori ambito|"
    r"odrzucon\w+|poza zakresem|отклон[её]нн\w*|отвергнут\w*|вне рамок|reddedilen\w*|kapsam dışı)\b|"
    r"却下|不採用|対象外|スコープ外|被否决|不采用|已否决|超出范围|مرفوض|خارج النطاق",
    re.I,
)
_DONT = re.compile(
    r"\b(?:(?:do not|don['’]t|never) (?:do|run|use|write|apply|execute)|not like this|"
    r"(?:nicht so|so nicht)(?= *$)|no (?:hacer|usar|ejecutar)|ne pas (?:faire|exécuter|utiliser)|"
    r"não (?:fazer|usar|executar)|non (?:fare|usare|eseguire)|nie (?:rób|używaj)|не (?:делать|использовать|выполнять)|"
    r"не делайте)\b|不要(?:这样|使用|执行|这么)|しないで|してはいけ|لا تفعل",
    re.I,
)
_BAD = re.compile(
    r"(?:bad|wrong|incorrect|avoid|schlecht|falsch|mal|incorrecto|mauvais|errado|sbagliato|źle|плохо|неверно)\b", re.I
)
_CHOSEN = re.compile(
    r"\b(?:chosen|selected|accepted|recommended|preferred|decision|decided|gewählt|entscheidung|elegid[oa]|"
    r"recomendad[oa]|seleccionad[oa]|choisie?|retenue?|escolhid[oa]|scelt[oa]|wybran\w+|выбран\w*|seçilen)\b|"
    r"✅|採用|采用|推荐|推奨",
    re.I,
)
_OPTION = re.compile(
    r"(?:option|alternative|variante?|approach|opción|opcion|alternativa|enfoque|ansatz|opção|opzione|opcja|wariant|"
    r"вариант|seçenek|方案|案)\s*#?(?P<which>[A-Z]|\d{1,2})(?!\w)",
    re.I,
)
_MARKS = re.compile(r"[`*_#>\[\]]|^\W*\d+(?:\.\d+)*[.)]?\s+")


def is_back(block: Block) -> bool:
    """Whether a label right above the block calls it the way back."""
    return any(
        len(label) <= _LABEL and bool(_BACK.search(label)) and not _BESIDE.sub("", _BACK.sub(" ", label))
        for label in (_plain(_last_heading(block)), _said(block))
    )


def mentions_back(text: str) -> bool:
    """Whether the text has a word for the way back at all; enough where the block only takes away."""
    return bool(_BACK.search(text))


def aside(block: Block) -> str:
    """The words that set the block aside (what is there now, what was rejected, what must not be done); "" for none."""
    labels = [_plain(heading) for heading in block.above]
    if not any(_CHOSEN.search(heading) for heading in block.above[-1:]):
        found = next((label for label in labels if _ASIDE.search(label)), "")
        if found:
            return found
    said = _said(block)
    if _DONT.search(said) and len(said) <= 2 * _LABEL:
        return said
    first = block.lead.lstrip("*_ >").lstrip()
    if said and len(said) <= _LABEL and (_BAD.match(said) or first.startswith(("❌", "🚫", "⛔"))):
        return said
    return next((one for one in (*labels[-1:], said) if one and _is_current(one)), "")


def _is_current(label: str) -> bool:
    without = re.sub(r"\s*\([^)]*\)|\s+(?:of|in|for|de|du|der|von|di|del)\s+\S+(?:\s+(?:table|model))?$", "", label)
    return bool(_IS_CURRENT.fullmatch(without.strip(" :.-–—")))


def option(block: Block) -> tuple[str, bool]:
    """The option whose heading the block stands under ("A"), and whether that is the chosen one; "" for none."""
    for heading in reversed(block.above):
        found = _OPTION.match(_plain(heading))
        if found:
            return found["which"].upper(), bool(_CHOSEN.search(heading))
    return "", False


def _last_heading(block: Block) -> str:
    return block.above[-1] if block.above else block.heading


def _said(block: Block) -> str:
    """The last sentence of the paragraph right above the block."""
    text = _plain(block.lead.rpartition("\n")[2] if block.outline else block.lead)
    return re.split(r"(?<=[.!?。！])\s+", text)[-1].strip(" :：")


def _plain(text: str) -> str:
    kept = "".join(
        char for char in text if char.isalnum() or char.isspace() or char in "`*_#>[]()'’.,:;!?/&+-–—\"。：！"
    )
    return " ".join(_MARKS.sub(" ", kept.strip()).split()).strip(" .:：-–—")
