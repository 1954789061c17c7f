"""Statements whose effect is another on a throwaway database than on the one that is meant."""

from __future__ import annotations

import re

from safemig.sql.text import Statement

# What code in SQL asks that a throwaway database answers otherwise, or that is another each time.
_ELSEWHERE = re.compile(
    r"(?i)\b(?:random|clock_timestamp|now|version|gen_random_uuid|inet_server_addr|current_setting)\s*\("
    r"|\b(?:current_database|current_catalog|current_user|session_user|current_role|current_timestamp|current_date)\b"
)


def elsewhere(statement: Statement) -> str:
    """Why what the statement does, or its answer, is not told by a throwaway database; "" where it is."""
    found = _ELSEWHERE.search(statement.text) if statement.head in ("DO", "CALL", "SELECT") else None
    return f"the statement's effect depends on {found[0]}, which is another on a throwaway database" if found else ""
