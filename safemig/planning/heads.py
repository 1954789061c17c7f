"""Several heads, and commands that play two roles: when a merge is the change itself."""

from __future__ import annotations

from collections.abc import Sequence

from safemig.planning.facts import Facts, Finding
from safemig.planning.steps import also_plays

NOTHING_TO_DO = "the database has already everything that the spec asks for; nothing is to be done"
SEEN_THERE = "the database has already everything of the spec that a look shows; nothing is to be done"
THERE = "there"  # the finding that everything the phase asks for is there


def found_there(findings: Sequence[Finding]) -> bool:
    """Whether nothing of the change is left to be done."""
    return any(finding.name == THERE for finding in findings)


def shares_migration(facts: Facts) -> bool:
    """Whether building or starting the service applies the migrations too."""
    named = any(place.role in ("build", "start") and place.kind == "revisions" for place in facts.applies)
    return named or also_plays(facts, "build", "migrate") or also_plays(facts, "start", "migrate")


def merges_only(facts: Facts) -> bool:
    """Whether a merge of the heads is the plan's whole change of the revisions: then it is proved like one."""
    generates = bool(facts.message) and "create" in facts.commands
    other = facts.migration or facts.used or generates
    return facts.merge is not None and not other and not shares_migration(facts) and "migrate" in facts.commands
