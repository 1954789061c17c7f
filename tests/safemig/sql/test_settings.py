"""What SET, RESET, BEGIN, COMMIT and their kin mean inside of a revision."""

from __future__ import annotations

import pytest

from safemig.sql.hazards import hazards
from safemig.sql.parser import parse


def kinds(sql: str) -> set[str]:
    return {hazard.kind for statement in parse(sql).statements for hazard in hazards(statement)}


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("RESET ROLE", "weakens access"),
        ("SET ROLE NONE", "weakens access"),
        ("SET LOCAL role TO DEFAULT", "weakens access"),
        ("RESET SESSION AUTHORIZATION", "weakens access"),
        ("SET SESSION AUTHORIZATION DEFAULT", "weakens access"),
        ("SET session_replication_role TO DEFAULT", "weakens access"),
        ("RESET row_security", "weakens access"),
        ("RESET ALL", "weakens access"),
        ("SET app.tenant = '7'", "weakens access"),
        ("SELECT set_config('Role', 'owner', true)", "weakens access"),
        ("SELECT set_config(name, 'x', true) FROM wanted", "weakens access"),
        ("CREATE POLICY everybody ON book USING (true)", "weakens access"),
        ("BEGIN", "transaction"),
        ("START TRANSACTION READ WRITE", "transaction"),
        ("COMMIT AND CHAIN", "transaction"),
        ("END", "transaction"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "transaction"),
        ("SET default_transaction_isolation = 'serializable'", "transaction"),
        ("ROLLBACK", "unknown"),
        ("ABORT", "unknown"),
        ("ROLLBACK TO SAVEPOINT before", "unknown"),
        ("PREPARE TRANSACTION 'x'", "unknown"),
        ("COMMIT PREPARED 'x'", "unknown"),
        ("DISCARD ALL", "unknown"),
        ("DISCARD TEMP", "unknown"),
        ("DO $$ BEGIN COMMIT; END $$", "unknown"),
        # What stands in a string for this reader may stand outside of it for a server that was told so.
        ("SET standard_conforming_strings = off", "unknown"),
        ("SELECT set_config('standard_conforming_strings', 'off', false)", "unknown"),
        ("SET NAMES 'SJIS'", "unknown"),
        ("SET transform_null_equals = on", "unknown"),
        ("SET zero_damaged_pages = on", "unknown"),
        ("SET allow_system_table_mods TO on", "unknown"),
    ],
)
def test_what_moves_rights_or_transactions_is_told(sql: str, kind: str) -> None:
    assert kinds(sql) == {kind}


@pytest.mark.parametrize(
    "sql",
    [
        "SET lock_timeout = '2s'",
        "SET LOCAL statement_timeout TO 0",
        "RESET lock_timeout",
        "SET search_path TO public, archive",
        "SET TIME ZONE 'UTC'",
        "SET enable_seqscan = off",
        "SET standard_conforming_strings = on",
        "SET client_encoding = 'UTF8'",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SELECT set_config('search_path', '', false)",
        "SAVEPOINT before",
        "RELEASE SAVEPOINT before",
        "CREATE POLICY fewer ON book AS RESTRICTIVE USING (false)",
    ],
)
def test_time_limits_savepoints_and_spelling_change_no_outcome(sql: str) -> None:
    assert kinds(sql) == set()


def test_a_policy_of_a_new_table_is_nobodys_loss() -> None:
    (policy,) = parse("CREATE POLICY own ON note USING (true)").statements
    assert hazards(policy, {"note"}) == ()
