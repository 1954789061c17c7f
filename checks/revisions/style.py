"""How a project names and writes its migrations, learnt from the newest ones it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from checks.revisions import style_header, style_naming
from checks.revisions.graph import Graph, Revision

DEFAULT_TEMPLATE = "%(rev)s_%(slug)s"
# A chain may hold two styles (people change tools); what counts is how the last ones were written.
RECENT = 10


@dataclass(frozen=True)
class Pattern:
    """What a new migration has to look like to be taken for one of the project's own.

    ``id_template`` and ``file_template`` are Python ``%`` templates without the suffix ``.py``. Keys: ``rev``,
    ``slug``, ``epoch``, ``year``, ``month``, ``day``, ``hour``, ``minute``, ``second`` as Alembic has them (numbers),
    and ours: ``hash`` (``id_length`` hexadecimal digits) and ``counter`` (``next_counter`` is the next one).
    ``truncate`` is the longest slug in characters.

    ``preamble`` are the comment lines above everything; ``docstring`` the lines of the module's docstring, where
    ``${message}``, ``${up_revision}``, ``${down_revision}`` and ``${create_date}`` stand for what changes (empty: the
    project writes none), ``docstring_quotes`` its quotes. ``imports`` are the lines of Alembic, SQLAlchemy and typing
    as the newest file has them, ``""`` for an empty line, ``gaps`` the empty lines above and below them. ``marker`` is
    the comment above the ids, ``identifiers`` the assignments in their order as (name, annotation or ""). ``upgrade``
    and ``downgrade`` are the ``def`` lines (empty: there is no such function), the docstrings theirs with quotes.
    ``quote`` is the quote the project prefers. ``downgrade_style`` says what the last downgrades do. ``names`` maps
    pk, fk, uq, ck, ix to the naming template seen (keys as in SQLAlchemy's naming_convention); ``newest`` is the file
    that all this was read from, ``recent`` are the files of the last ones, newest first.
    """

    id_style: style_naming.IdStyle = "hash"
    id_template: str = "%(hash)s"
    id_length: int = 12
    next_counter: int = 1
    file_template: str = DEFAULT_TEMPLATE
    timezone: str | None = None
    truncate: int = 40
    preamble: tuple[str, ...] = ()
    docstring: tuple[str, ...] = style_header.DOCSTRING
    docstring_quotes: str = '"""'
    imports: tuple[str, ...] = style_header.IMPORTS
    gaps: tuple[int, int] = style_header.GAPS
    marker: str = style_header.MARKER
    identifiers: tuple[tuple[str, str], ...] = style_header.IDENTIFIERS_OF_ALEMBIC
    quote: str = "'"
    upgrade: str = "def upgrade() -> None:"
    upgrade_docstring: str = ""
    downgrade: str = "def downgrade() -> None:"
    downgrade_docstring: str = ""
    downgrade_style: Literal["written", "pass", "raises", "absent"] = "written"
    names: Mapping[str, str] = field(default_factory=dict)
    newest: str = ""
    recent: tuple[str, ...] = ()


def read_pattern(
    graph: Graph,
    versions: Path,
    *,
    file_template: str | None,
    timezone: str | None = None,
    truncate: int = 40,
) -> Pattern:
    """The pattern of the revisions that lie in ``versions`` (all of the graph when none does).

    ``file_template`` is the one of the configuration, with ``%%`` or ``%``; None infers it from the file names.
    Without any revision it is what Alembic's own generic template writes.
    """
    recent = _recent(graph, versions)
    template = file_template.replace("%%", "%") if file_template else ""
    if not recent:
        return Pattern(file_template=template or DEFAULT_TEMPLATE, timezone=timezone, truncate=truncate)
    ids = style_naming.id_template([revision.id for revision in recent])
    files = [(Path(revision.file).stem, revision.id) for revision in recent]
    sources = style_header.read_sources([revision.file for revision in recent])
    newest = recent[0].file
    counters = [style_naming.counter_of(revision.id, Path(revision.file).stem) for revision in graph.revisions.values()]
    facts = style_header.facts(sources.get(newest, ""))
    return Pattern(
        id_style=ids.style,
        id_template=ids.template,
        id_length=ids.length,
        next_counter=max((number for number in counters if number is not None), default=0) + 1,
        file_template=template or style_naming.file_template(files) or DEFAULT_TEMPLATE,
        timezone=timezone,
        truncate=truncate,
        preamble=facts.preamble,
        docstring=facts.docstring,
        docstring_quotes=facts.docstring_quotes,
        imports=facts.imports,
        gaps=facts.gaps,
        marker=facts.marker,
        identifiers=facts.identifiers,
        quote=facts.quote,
        upgrade=facts.upgrade,
        upgrade_docstring=facts.upgrade_docstring,
        downgrade=facts.downgrade,
        downgrade_docstring=facts.downgrade_docstring,
        downgrade_style=style_header.downgrade_style(list(sources.values())),
        names=style_naming.conventions(list(sources.values())),
        newest=newest,
        recent=tuple(revision.file for revision in recent),
    )


def _recent(graph: Graph, versions: Path) -> list[Revision]:
    """The last revisions that lie in ``versions``, newest first: down from the newest head, merges left out.

    The newest head is the one that comes last in the order of creation dates of the files' docstrings; where these are
    missing, last in the order of the files.
    """
    inside = {id: r for id, r in graph.revisions.items() if Path(r.file).is_relative_to(versions)} or graph.revisions
    followed = {parent for revision in inside.values() for parent in revision.down}
    heads = [id for id in inside if id not in followed] or list(inside)
    dates = {id: style_header.created(inside[id].file) for id in heads} if len(heads) > 1 else {}
    start = max(heads, key=lambda id: dates.get(id, "")) if heads else ""
    chosen: list[Revision] = []
    seen: set[str] = set()
    todo = [start]
    while todo and len(chosen) < RECENT:
        id = todo.pop(0)
        if id in inside and id not in seen:
            seen.add(id)
            if len(inside[id].down) < 2:
                chosen.append(inside[id])
            todo += inside[id].down
    return chosen or list(inside.values())[-1:]
