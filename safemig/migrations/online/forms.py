"""The same change in the form that holds locks least, for tables that are there already and in use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from safemig.migrations.change import Wanted
from safemig.migrations.online import python_forms, sql_forms
from safemig.migrations.online.choices import Choice


def gentle(wanted: Wanted, existing_tables: Collection[str]) -> tuple[Wanted, tuple[Choice, ...]]:
    """``wanted`` in the form that holds locks least on ``existing_tables``, with what was chosen and why.

    What cannot be read, or is in such a form already, stays as the spec writes it. The schema that results is the same.
    """
    existing = {table.removeprefix("public.") for table in existing_tables} - set(wanted.tables)
    if wanted.problems or not existing:
        return wanted, ()
    change = sql_forms.change if wanted.kind == "sql" else python_forms.change
    up, up_lines, choices = change(wanted.upgrade, wanted.upgrade_lines, existing, wanted.origin[1])
    if all(choice.kept for choice in choices):
        return wanted, choices
    down, down_lines = wanted.downgrade, wanted.downgrade_lines
    if down.strip():
        down, down_lines, _ = change(down, down_lines, existing, wanted.origin[1])
    return replace(wanted, upgrade=up, upgrade_lines=up_lines, downgrade=down, downgrade_lines=down_lines), choices
