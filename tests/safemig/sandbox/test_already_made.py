"""Whether a change is in the schema already, whole and as it is asked for."""

from __future__ import annotations

import pytest

from safemig.sandbox.already_made import already_made
from tests.conftest import fresh_database
from tests.safemig.restating import spec

BASE = "CREATE TABLE public.crate (id integer PRIMARY KEY, label varchar(20), weight integer, old text);"
ADD = "ALTER TABLE crate ADD COLUMN stamp text;"


@pytest.mark.parametrize(
    ("change", "present", "expected"),
    [
        (ADD, "", False),
        (ADD, ADD, True),
        (ADD, f"{ADD} CREATE INDEX ix_later ON crate (stamp); ALTER TABLE crate ADD COLUMN more text;", True),
        (ADD, "ALTER TABLE crate ADD COLUMN stamp varchar(9);", False),
        (f"{ADD} CREATE INDEX ix_stamp ON crate (stamp);", ADD, False),
        (f"{ADD} CREATE INDEX ix_stamp ON crate (stamp);", f"{ADD} CREATE INDEX ix_stamp ON crate (stamp);", True),
        ("CREATE INDEX ix_label ON crate (label);", "CREATE INDEX ix_label ON crate (weight);", False),
        ("ALTER TABLE crate ALTER COLUMN label TYPE text;", "", False),
        ("ALTER TABLE crate ALTER COLUMN label TYPE text;", "ALTER TABLE crate ALTER COLUMN label TYPE text;", True),
        ("ALTER TABLE crate ALTER weight SET NOT NULL;", "ALTER TABLE crate ALTER weight SET NOT NULL;", True),
        ("ALTER TABLE crate ADD UNIQUE (label);", "ALTER TABLE crate ADD CONSTRAINT own_name UNIQUE (label);", True),
        ("ALTER TABLE crate ADD CONSTRAINT a UNIQUE (label);", "ALTER TABLE crate ADD CONSTRAINT b UNIQUE (label);",
         False),
        ("ALTER TABLE crate DROP COLUMN old;", "", False),
        ("ALTER TABLE crate RENAME COLUMN old TO fresh;", "", False),
        ("ALTER TABLE crate RENAME COLUMN old TO fresh;", "ALTER TABLE crate RENAME COLUMN old TO fresh;", True),
        ("CREATE TYPE size AS ENUM ('s');", "CREATE TYPE size AS ENUM ('s');", True),
        ("CREATE TYPE size AS ENUM ('s');", "CREATE TYPE size AS ENUM ('s', 'm');", False),
        ("CREATE VIEW labels AS SELECT label FROM crate;", "CREATE VIEW labels AS SELECT label FROM crate;", True),
    ],
)  # fmt: skip
def test_a_change_is_there_only_whole_and_as_it_is_asked_for(
    change: str, present: str, expected: bool, postgres_server: str
) -> None:
    dump = f"{BASE}\n{present}\n"
    found = already_made(dump, spec(change), lambda: fresh_database(postgres_server))
    assert (found is not None) is expected, found
