"""Whether a phase that only shows tables is still to be done: there, otherwise, and so once but no longer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import pytest

from checks.revisions.graph import read_graph
from safemig.planning.collect.outdated_phases import NotLooked, differs
from safemig.planning.facts import Facts
from safemig.project.alembic_config import AlembicTree
from safemig.runtimes.base import Runtime, Unreachable
from safemig.sandbox.desired import restated
from tests.conftest import fresh_database
from tests.safemig.restating import spec

REVISION = """
from alembic import op
import sqlalchemy as sa
revision = "{id}"
down_revision = {down}


def upgrade():
    {code}
"""
CODES = (
    'op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True))',
    'op.add_column("t", sa.Column("price", sa.Integer()))',
    'op.alter_column("t", "price", server_default="3")',
)
CREATE = "CREATE TABLE t (id serial PRIMARY KEY"


@pytest.fixture
def differ(tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], bool]:
    """``differs`` for a block of a spec on those revisions, without a database of the project's."""
    for number, code in enumerate(CODES, 1):
        down = f'"r{number - 1}"' if number > 1 else None
        (tmp_path / f"r{number}.py").write_text(REVISION.format(id=f"r{number}", down=down, code=code))
    graph = read_graph([tmp_path])
    tree = cast(AlembicTree, type("Tree", (), {"versions": (tmp_path,)}))

    def on_scratch(_runtime: Runtime, work: Callable[..., Any], _say: object) -> object:
        def scratch() -> AbstractContextManager[str]:
            return fresh_database(postgres_server)

        return work(scratch)

    monkeypatch.setattr("safemig.sandbox.database.on_scratch", on_scratch)
    monkeypatch.setattr(
        "safemig.sandbox.worker.restated", restated
    )  # in this process: each child takes seconds to start
    facts = Facts("x", "process", ".", "", "")
    return lambda code, language: differs(facts, cast(Runtime, None), tree, graph, spec(code, language))


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        (f"{CREATE}, price integer DEFAULT 3);", "sql", False),
        (f"{CREATE}, price integer DEFAULT 4);", "sql", True),
        (f"{CREATE}, price integer DEFAULT 3, more text);", "sql", True),
        # So it was after the second revision, and the third has changed it.
        (f"{CREATE}, price integer);", "sql", False),
        (CODES[0], "python", False),
        # What cannot be made is no reason to take the phase by itself.
        (f"{CREATE}, price nothing);", "sql", False),
    ],
)
def test_a_state_is_to_be_reached_once(
    code: str, language: str, differ: Callable[[str, str], bool], *, expected: bool
) -> None:
    assert differ(code, language) is expected


def test_what_could_not_be_looked_at_is_said(
    differ: Callable[[str, str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_scratch(*_: object) -> object:
        raise Unreachable("no server", "here", "Start one.")

    monkeypatch.setattr("safemig.sandbox.database.on_scratch", on_scratch)
    with pytest.raises(NotLooked, match="no server"):
        differ(f"{CREATE}, price integer DEFAULT 4);", "sql")
