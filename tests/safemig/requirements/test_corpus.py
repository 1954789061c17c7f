"""The corpus of specs: each gives the schema, or the refusal, that stands beside it.

Beside ``name.md`` stands ``name.yaml`` with any of: ``makes`` and ``changes`` (every object that is new or different,
in PostgreSQL's words), ``loses`` (every object that is gone), ``nothing`` (the spec asks for no change), ``problems``
(words of what makes the source unusable), ``fails`` (words of why it cannot be made), ``differences`` (words of what
the sources say otherwise), ``no_way_back`` (words of why there is no downgrade), ``kept`` (words on what the CREATE
of a table that is there leaves out), ``upgrade`` (lines of the file that is written), ``unchanged`` (it is there).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks.revisions.style import Pattern
from checks.schema.snapshot import Snapshot
from safemig.migrations.change import Wanted
from safemig.migrations.reconcile.tables import Restated
from safemig.migrations.writer import CannotAuthor, author
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import Desired, SpecFails, desire, of_revision, restated
from tests.conftest import fresh_database

CORPUS = Path(__file__).parents[2] / "corpus"
BASE = (CORPUS / "base.sql").read_text(encoding="utf-8")
SPECS = sorted(path.stem for path in CORPUS.glob("*.md"))
WORDS = (
    "nothing",
    "problems",
    "fails",
    "makes",
    "changes",
    "loses",
    "differences",
    "no_way_back",
    "kept",
    "upgrade",
    "unchanged",
)


def _read(name: str) -> Wanted | None:
    document = parse((CORPUS / f"{name}.md").read_bytes(), f"{name}.md")
    return wanted(document, document.phases[0], [])


def _expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CORPUS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert found, name
    assert set(found) <= set(WORDS), name
    return found


def said(value: Mapping[str, Any]) -> str:
    """An object in one line: what PostgreSQL prints of it, then the attributes that are not at their default."""
    words = [str(value[name]) for name in ("type", "definition") if name in value]
    words += [f"{name}={value[name]}" for name in sorted(value) if name not in ("type", "definition", "position")]
    return " ".join(" ".join(words).split())


def _compared(found: Desired) -> dict[str, dict[str, str] | list[str]]:
    before, after = found.base.objects, found.wanted.objects
    result: dict[str, dict[str, str] | list[str]] = {
        "makes": {key: said(after[key]) for key in sorted(after.keys() - before.keys())},
        "changes": {
            key: said(after[key])
            for key in sorted(after.keys() & before.keys())
            if said(after[key]) != said(before[key])
        },
        "loses": sorted(before.keys() - after.keys()),
    }
    return {name: value for name, value in result.items() if value}


@pytest.mark.parametrize("name", SPECS)
def test_the_spec_gives_what_stands_beside_it(name: str, dsn: str, postgres_server: str) -> None:
    @contextmanager
    def scratch() -> Iterator[str]:
        yield dsn

    expected, found = _expected(name), _read(name)
    if expected.get("nothing"):
        assert found is None
        return
    assert found is not None
    _check_words(found.problems, expected.get("problems", ()))
    _check_words(found.differences, expected.get("differences", ()))
    if found.problems:
        with pytest.raises(CannotAuthor):
            _author(found)
        return
    if "fails" in expected:
        with pytest.raises(SpecFails) as caught:
            desire(BASE, found, scratch)
        _check_words((str(caught.value),), expected["fails"])
        return
    revision = None
    stated = found
    if set(found.tables) & {"course", "lesson"}:
        result = _restated(found, postgres_server)
        _check_words(result.kept, expected.get("kept", ()))
        stated = result.wanted
        assert bool(expected.get("unchanged")) == (not stated.upgrade)
        if not stated.upgrade:
            return
    if "no_way_back" in expected:
        with pytest.raises(CannotAuthor) as refused:
            _author(stated)
        _check_words((str(refused.value),), expected["no_way_back"])
    else:
        text = _author(stated)
        for line in expected.get("upgrade", ()):
            assert line in text
        revision = of_revision(text, "revision.py")
    made = desire(BASE, found, scratch, revision=revision)
    assert _compared(made) == {name: expected[name] for name in ("makes", "changes", "loses") if name in expected}
    assert isinstance(made.wanted, Snapshot)


def _restated(found: Wanted, server: str) -> Restated:
    return restated(BASE, found, lambda: fresh_database(server))


def _author(found: Wanted) -> str:
    moment = "2026-03-04T05:06:07+00:00"
    return author(Pattern(), versions=Path("v"), down=("aaa",), wanted=found, message="change", moment=moment).text


def _check_words(texts: tuple[str, ...], words: list[str] | tuple[()]) -> None:
    """Each expected text is in one of the texts, and no text is unexpected."""
    assert bool(texts) == bool(words), texts
    for word in words:
        assert any(word in text for text in texts), texts


def test_the_corpus_is_complete() -> None:
    assert len(SPECS) >= 40
    assert sorted(path.stem for path in CORPUS.glob("*.yaml")) == SPECS
    kinds = [name for name in WORDS if any(name in _expected(spec) for spec in SPECS)]
    assert tuple(kinds) == WORDS
