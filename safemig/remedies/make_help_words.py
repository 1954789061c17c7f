"""The human language of a Makefile's help texts, and how that language says "run the tests"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that tell these languages apart in help texts; words that two of them share stand with neither.
_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "en": _words(
            "the run runs start starts stop stops build builds show shows apply applies create creates restart all new"
            " follow with and remove database containers services migration help this open"
        ),
        "es": _words(
            "el los las ejecutar ejecuta iniciar inicia levantar levanta detener detiene construir construye mostrar"
            " muestra ver aplicar aplica crear crea reiniciar reinicia nueva nuevo base datos contenedores servicios"
            " migraciones migración ayuda esta limpiar limpia con y del"
        ),
        "fr": _words(
            "le les lancer lance démarrer démarre arrêter arrête construire construit afficher affiche appliquer"
            " applique créer crée redémarrer redémarre nouvelle nouveau base données conteneurs suivre avec et aide"
            " cette du une nettoyer"
        ),
        "de": _words(
            "der die das den ausführen führt starten startet stoppen stoppt bauen baut anzeigen zeigt anwenden wendet"
            " erstellen erstellt neustarten neu neue datenbank container dienste migrationen mit und hilfe diese alle"
            " löschen an aus"
        ),
        "pt": _words(
            "o os executar executa iniciar parar construir mostrar aplicar criar cria reiniciar nova novo banco dados"
            " contêineres serviços migrações migração ajuda esta com e do da subir sobe rodar"
        ),
        "it": _words(
            "il lo gli eseguire esegue avviare avvia fermare ferma costruire mostra applicare applica creare crea"
            " riavviare riavvia nuova nuovo database contenitori servizi migrazioni aiuto questa con e della"
        ),
    }
)
_TESTS: Mapping[str, str] = MappingProxyType(
    {
        "en": "Run the tests",
        "es": "Ejecutar tests",
        "fr": "Lancer les tests",
        "de": "Tests ausführen",
        "pt": "Executar os testes",
        "it": "Eseguire i test",
    }
)
_RUNNING: Mapping[str, str] = MappingProxyType(
    {
        "en": "Running the tests",
        "es": "Ejecutando tests",
        "fr": "Lancement des tests",
        "de": "Tests werden ausgeführt",
        "pt": "Executando os testes",
        "it": "Esecuzione dei test",
    }
)


def language(texts: Iterable[str]) -> str:
    """The two-letter code of the language that most words of the texts speak for; English where none does."""
    words = re.findall(r"[^\W\d_]+", " ".join(texts).lower())
    scores = {code: sum(word in known for word in words) for code, known in _WORDS.items()}
    best = max(scores, key=lambda code: (scores[code], code == "en"))
    return best if scores[best] else "en"


def help_text(texts: Iterable[str]) -> str:
    """What the help of a test target says, in the language, case and punctuation of the others' help texts."""
    known = [text.strip() for text in texts if re.search(r"[^\W\d_]", text)]
    said = _TESTS[language(known)]
    first = [text[0] for text in known if text[0].isalpha()]
    if first and sum(char.islower() for char in first) * 2 > len(first):
        said = said[0].lower() + said[1:]
    if known and sum(text.endswith(".") for text in known) * 2 > len(known):
        said += "."
    return said


def running_text(texts: Iterable[str]) -> str:
    """What an echo says while the tests run, in the language of the texts."""
    return _RUNNING[language(texts)]
