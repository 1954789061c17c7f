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
    r"test\w*|prueba\w*|проверк\w*|тест\w*|документ\w*|не|нет|без|non|senza|nie|bez|niet|geen|zonder|usun\w*|usuń|"
    r"verwijder\w*|"
    r"удал\w*|silme\w*|kaldır\w*|empty|owned|owner|consistent|measur\w*|performance|benchmark\w*|quer(?:y|ies)|latency|"
    r"encrypt\w*|expos\w*|partition\w*|grant\w*|vac[ií]\w*|leer|rendimiento|leistung|data|datos|daten|données|dados|"
    r"dati|"
    r"данн\w*|cop(?:y|i)\w*|kopi\w*|копир\w*|users? can|roles?|permission\w*|privileg\w*|chiffr\w*|verschlüssel\w*|"
    r"cifrad\w*|"
    r"speed\w*|screenshots?|dürfen|pueden|podem|peuvent|possono|могут|benutzer|usuarios|utilisateurs|inte"
)
# Scripts that put no blanks between words: tests, documents, deletion, negation.
_OTHERS_UNSPACED = (
    r"测试|文档|删除|移除|不|没有|テスト|ドキュメント|削除|ない|테스트|문서|삭제|않|数据|复制|データ|コピー|데이터"
)
OTHER_WORK = re.compile(
    rf"\b({_OTHERS}|model\w*|schemas?|endpoint\w*|route\w*|api|modelo\w*|modell\w*|modèle\w*)\b|{_OTHERS_UNSPACED}",
    re.I,
)
OTHER_CODE = re.compile(
    rf"\b({_OTHERS}|deploy\w*|call\w*|llam\w*|aufruf\w*|typed|docstrings?|style\w*|handl\w*|uses?|lint\w*|"
    rf"formatt\w*|cach\w*|rais\w*|log(?:s|ging)|refactor\w*|cover\w*|complete\w*|tipad\w*|maneja|usa|lanza|wirft|"
    rf"nutzt)\b|"
    rf"{_OTHERS_UNSPACED}",
    re.I,
)
# What an endpoint does is not seen by its being there.
BEHAVES = re.compile(
    r"\b(persist\w*|sends?|stor(?:es|ed)|sav(?:es|ed)|handl\w*|works?|emits?|rate.limit\w*|guarda|envía|speichert|"
    r"sendet|"
    r"enregistre|envoie|salva|envia|сохраня\w*|отправля\w*|requir\w*|return\w*|respon[ds]\w*|answers?|reject\w*|"
    r"valid\w*|auth\w*|only|forbid\w*|limit\w*|pagina\w*|sort\w*|"
    r"filter\w*|cach\w*|logs?|rais\w*|fails?|requier\w*|devuelv\w*|rechaz\w*|autentic\w*|sol[oa]|sólo|verlang\w*|"
    r"liefert|"
    r"antwortet|prüft|nur|exige|renvoie|rejette|authentif\w*|seulement|retorna|responde|rejeita|apenas|richiede|"
    r"restituisce|"
    r"rifiuta|autenticaz\w*|требует|возвращает|отклоняет|только|wymaga|zwraca|vereist|geeft|fonctionne|funciona|"
    r"funktioniert|работает)\b|保存|发送|送信|返回|需要|验证|返す|必要|認証|반환|인증",
    re.I,
)
# A command that was run here proves nothing of another place, another time, a condition, or a figure that it prints.
NOT_ITS_RUN = re.compile(
    r"\b(not|never|without|don'?t|avoid|if|unless|in case|optional\w*|document\w*|docs?|readme|explain\w*|describ\w*|"
    r"mention\w*|fresh|empty|merg(?:e|ed|ing)|PR|pull request|github|gitlab|notif\w*|schedul\w*|alert\w*|"
    r"customer\w*|machine|"
    r"repeat\w*|repetir|répéter|wiederhol\w*|QA|DBA|approv\w*|sign.?off|releas\w*|inte|recette|vacía|leer\w*|vide|"
    r"vazia|"
    r"staging|prod|production|deploy\w*|CI|pipeline|cron|remote|ask|tell|remind|review\w*|rename|remove\w*|delete|"
    r"replac\w*|"
    r"downgrade\w*|rollback|revers\w*|revert\w*|idempot\w*|twice|again|faster|slow\w*|coverage|covers?|seconds?|"
    r"minutes?|"
    r"no|nunca|sin|evitar|si|salvo|opcional|cobertura|segundos|producci[oó]n|desplegar|despliegue|pedir|dos veces|"
    r"nicht|nie|niemals|ohne|kein\w*|falls|wenn|sofern|dokument\w*|\w*abdeckung|sekunden|produktion\w*|bitten|"
    r"zweimal|erneut|"
    r"ne|pas|jamais|sans|éviter|sauf|couverture|secondes|préprod\w*|demander|deux fois|"
    r"não|sem|caso|se (?:necess|falh|fall|o|a|il|la)\w*|exceto|produção|produzione|non|mai|senza|copertura|chiedere|"
    r"documentare|"
    r"не|нет|без|если|никогда|документ\w*|покрыти\w*|секунд\w*|продакшн\w*|прод\w*|"
    r"bez|jeśli|dokumentow\w*|pokryci\w*|niet|geen|zonder|als|indien|dekking|productie|üretim\w*|değil|eğer)\b"
    r"|%|لا|नहीं|मत|不|别|勿|如果|文档|覆盖率|生产|ない|しない|なら|場合|本番|カバレッジ|ドキュメント|않|마세요|경우|문서|운영",
    re.I,
)
# Tests that are there and that must also be good.
PASSES = re.compile(
    r"\b(pass(?:es|ed|ing)?|green|succeed\w*|ok|pasan?|verdes?|éxito|grün\w*|bestehen|bestanden|laufen|passent|"
    r"vertes?|réussi\w*|"
    r"passam|verdi|passano|проход\w*|зел[её]н\w*|przechodz\w*|zielon\w*|slagen|groen\w*|geç\w*)\b|通过|通る|パス|통과",
    re.I,
)
_REMOVES = (
    r"get rid of|stop using|uninstall\w*|ta bort|drop(?:s|ped)?|deleted?|removed?|removes|elimin\w*|borra\w*|"
    r"quita\w*|entfern\w*|lösch\w*|supprim\w*|remov\w*|exclu[ií]\w*|"
    r"rimuov\w*|удал\w*|usuń|usun\w*|verwijder\w*|kaldır\w*"
)
_NO_MORE = (
    r"(?:must|should|does|do|is|are)? ?(?:not|no longer) exist\w*|no longer there|ya no existe|no debe existir|"
    r"existiert nicht(?: mehr)?|n'existe plus|não existe(?: mais)?|non esiste(?: più)?|не (?:должн\w* )?существ\w*|"
    r"nie istnieje|bestaat niet(?: meer)?"
)
_KINDS = (
    r"tables?|columns?|files?|class(?:es)?|functions?|methods?|endpoints?|targets?|index|constraint|make|dependency|"
    r"package|"
    r"tablas?|columnas?|archivo|clase|tabellen?|spalten?|datei|klasse|colonnes?|fichier|classe|tabelas?|coluna|"
    r"arquivo|tabell[ae]|"
    r"colonn[ae]|таблиц\w*|столб\w*|файл\w*|класс\w*|tabel[aęi]?|kolumn\w*|plik|kolom|bestand"
)
_SMALL = (
    r"the|is|was|are|from|of|in|old|on|la|el|los|las|de|del|wird|die|der|das|den|aus|von|le|les|du|dans|o|a|os|as|"
    r"da|do|il|lo|gli|"
    r"dal|dalla|из|z|het|uit|van"
)
# Items that ask for no more than that something goes.
REMOVED = re.compile(rf"\b(?:{_REMOVES}|{_NO_MORE})\b|删除|移除|不存在|削除|存在しない|삭제", re.I)
ONLY_REMOVED = re.compile(
    rf"(?:\W|\b(?:{_NO_MORE}|{_REMOVES}|{_KINDS}|{_SMALL})\b|删除|移除|不存在|削除|存在しない|삭제|表|列|テーブル|を|테이블)+",
    re.I,
)
_STAYS = (
    r"not|never|don'?t|keep\w*|downgrade\w*|rollback|nicht|nie|ne|pas|não|non|не|niet|nunca|tests?|docs?|document\w*|"
    r"readme|if"
)
STAYS = re.compile(rf"\b(?:{_STAYS}|no|si|se|wenn|falls)\b|不|ない", re.I)
NO_MORE = re.compile(rf"\b(?:{_NO_MORE})\b|不存在|存在しない", re.I)
# Items about something that goes, or is only spoken of: that it is not there contradicts nothing.
GONE = re.compile(
    r"\b(get rid|rid of|stop\w*|uninstall\w*|ta bort|inte|drop\w*|delet\w*|remov\w*|renam\w*|mov(?:e|ed|ing)|"
    r"replac\w*|deprecat\w*|clean\w*|no longer|revert\w*|"
    r"rollback|downgrade\w*|not|never|without|elimina\w*|borra\w*|quita\w*|renombra\w*|mover|reemplaza\w*|lösch\w*|"
    r"entfern\w*|"
    r"umbenenn\w*|ersetz\w*|verschieb\w*|nicht|kein\w*|supprim\w*|renomm\w*|déplac\w*|remplac\w*|sans|remov\w*|"
    r"exclu\w*|renome\w*|substitu\w*|apaga\w*|não|sem|rimuov\w*|rinomin\w*|agree\w*|decid\w*|choos\w*|discuss\w*|"
    r"propos\w*|"
    r"plan\w*|design\w*|consider\w*|acorda\w*|decidi\w*|elegi\w*|discuti\w*|entscheid\w*|absprech\w*|besprech\w*|"
    r"choisi\w*|décid\w*|удал\w*|переимен\w*|соглас\w*|не|нет|без|usun\w*|usuń|nie|bez|verwijder\w*|"
    r"niet|geen|zonder|non|senza|no|optional\w*|if (?:needed|necessary|required)|falls|bei Bedarf|si (?:es )?nec\w*|"
    r"si besoin|se necess\w*|opcional\w*|если нужно)\b|删除|移除|重命名|不|没有|削除|リネーム|ない|삭제|않",
    re.I,
)
# A name beside one of these is the name of something in the database.
DATABASE = re.compile(
    r"\b(tables?|columns?|constraints?|index(?:es)?|indices|foreign key|tablas?|columnas?|restricci[oó]n(?:es)?|"
    r"índices?|tabelle\w*|spalten?|einschränkung\w*|indizes|colonnes?|contraintes?|tabelas?|colunas?|restriç\w*|"
    r"tabell[ae]|"
    r"colonn\w*|таблиц\w*|столб\w*|tabel\w*|kolumn\w*|kolom\w*|indeks\w*|tablo\w*|sütun\w*)\b|表|テーブル|列|테이블|컬럼",
    re.I,
)
COLUMN = re.compile(r"\b(columns?|columnas?|spalten?|colonn\w*|colunas?|столб\w*)\b|列|カラム", re.I)
# More than a column: an item about a key or an index is not proved by the column that it stands on.
DEEPER = re.compile(
    r"\b(foreign keys?|fk|index\w*|indices|unique|constraints?|(?-i:CHECK)|claves? (?:foránea|ajena|externa)s?|"
    r"triggers?|comments?|polic(?:y|ies)|RLS|row.level|comentario|kommentar|commentaire|disparador|índices?|"
    r"únic[oa]s?|restricci[oó]n(?:es)?|fremdschlüssel|eindeutig\w*|indizes|clés? étrangères?|contraintes?|"
    r"chaves? estrangeiras?)\b",
    re.I,
)
# A make target that is new proves an item that asks for the target, not one that asks for its run.
ADDS = re.compile(
    r"\b(targets?|makefile|add\w*|creat\w*|new|añad\w*|agreg\w*|crea\w*|objetivo|nuev[oa]|neu\w*|ziel|hinzu\w*|"
    r"ajout\w*|cré\w*|cible|adicion\w*|cria\w*|alvo|aggiung\w*|nuov[oa]|добав\w*|цель)\b|ターゲット|目标",
    re.I,
)
# "Without errors" takes nothing back.
NO_ERRORS = re.compile(
    r"\b(?:without|with no|no|sin|ohne|keine|sans|sem|senza|без|bez|zonder)\s+(?:any\s+)?"
    r"(?:errors?|failures?|problems?|errores|fallos|fehler|erreurs?|erros?|errori|ошиб\w*|błęd\w*|fouten)\b",
    re.I,
)
NEGATES = re.compile(
    r"\b(?:not|never|don'?t|nicht|nie|niemals|kein\w*|nunca|jamais|pas|não|nunca|non|mai|не|никогда|niet|geen)\b|不|"
    r"别|勿|ない|않",
    re.I,
)
