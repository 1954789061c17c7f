"""What squawk says, told of the statement that it is about."""

from __future__ import annotations

import pytest

from safemig.sql import squawk
from safemig.sql.squawk import NoSquawk, remarks


def test_each_remark_names_its_statement_also_where_one_has_several_lines() -> None:
    found = remarks(
        [
            "CREATE TABLE shelf (\n  id bigint\n)",
            "CREATE INDEX ix ON book (n);",
            "ALTER TABLE book\n  ADD x bigint NOT NULL",
        ]
    )
    told = {(one.statement, one.rule) for one in found}
    assert (1, "require-concurrent-index-creation") in told
    assert (2, "adding-required-field") in told
    assert not [rule for _, rule in told if rule.endswith("-timeout")], "the watchdog bounds the waits"


def test_of_nothing_nothing_is_said_and_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert remarks([]) == ()
    monkeypatch.setattr(squawk, "_program", lambda: "/nowhere/squawk")
    with pytest.raises(NoSquawk, match="gave no answer"):
        remarks(["SELECT 1"])
