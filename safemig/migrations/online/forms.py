"""The same change in the form that holds locks least, for tables that are there already and in use."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from safemig.migrations.change import Wanted
from safemig.migrations.changes import changes
from safemig.migrations.online import python_forms, sql_forms
from safemig.migrations.online.choices import Choice
from safemig.migrations.online.decision import in_use

_DROPS = re.compile(r"(?i)drop[_\s]+index")


def gentle(
    wanted: Wanted, existing_tables: Collection[str], partitioned: Collection[str] = ()
) -> tuple[Wanted, tuple[Choice, ...]]:
    """``wanted`` in the form that holds locks least on ``existing_tables``, with what was chosen and why.
    ``partitioned`` are those tables, and indexes, that are partitioned.

    What cannot be read, or is in such a form already, stays as the spec writes it. The schema that results is the same.
    """
    if wanted.problems:
        return wanted, ()
    tables = {table.removeprefix("public.") for table in existing_tables} - set(wanted.tables)
    if not tables and not _DROPS.search(wanted.upgrade):
        return wanted, ()  # spares most plans the 0.3 s in which SQLAlchemy and Alembic are loaded
    use = in_use(tables, changes(wanted), changes(wanted, "down"), partitioned)
    change = sql_forms.change if wanted.kind == "sql" else python_forms.change
    up, up_lines, choices = change(wanted, use)
    if all(choice.kept for choice in choices):
        return wanted, choices
    down, down_lines = wanted.downgrade, wanted.downgrade_lines
    if down.strip():
        down, down_lines, _ = change(replace(wanted, upgrade=down, upgrade_lines=down_lines), use)
    return replace(wanted, upgrade=up, upgrade_lines=up_lines, downgrade=down, downgrade_lines=down_lines), choices
