"""The report of a run, finished or not: Markdown for people, JSON for programs, JUnit XML for CI."""

from __future__ import annotations

import json
from typing import Literal

from checks.evidence import Json
from safemig.base.redaction import redact
from safemig.journal.state import RunState
from safemig.planning.plan import Plan
from safemig.reports.json_document import document

Format = Literal["md", "json", "junit"]


def render(summary: RunState, format: Format = "md", *, plan: Plan | None = None, unsealed: str = "") -> str:
    """The report as text, ending with a newline and without any secret that its position gives away.

    ``plan`` (the document in force, from the run's folder) adds edits, undo and what each step changes to the Markdown
    form. ``unsealed`` says why the rest of the journal is left out. ValueError for another format.
    """
    if format == "json":
        told = {**document(summary), "unsealed": unsealed} if unsealed else document(summary)
        return json.dumps(_clean(told), ensure_ascii=False, indent=2) + "\n"
    if format == "junit":
        from safemig.reports.junit import junit

        return junit(summary, unsealed)
    if format == "md":
        from safemig.reports.markdown import markdown

        return markdown(summary, plan, unsealed)
    raise ValueError(f"no report format {format!r}: md, json or junit")


def _clean(value: Json) -> Json:
    """Every text of a JSON value redacted; keys are ours and stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return value
