"""One revision of an Alembic tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Revision:
    """One revision. ``down`` are the revisions it follows (two or more: a merge), ``depends_on`` ids or branch labels.

    ``file`` is the path as found below the given folder, ``line`` where the id stands (1-based), ``message`` the first
    paragraph of the docstring, ``creates`` the tables of literal ``op.create_table`` calls (``schema.table`` when a
    schema is given).
    """

    id: str
    down: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    file: str
    message: str
    creates: tuple[str, ...]
    line: int = 0
