"""What revisions have made already of a change of tables that are there, and which of them did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from checks.revisions.graph import read_graph
from safemig.planning.collect import earlier_revisions
from safemig.planning.collect.outdated_phases import NotLooked
from safemig.planning.facts import Facts
from safemig.project.alembic_config import AlembicTree
from safemig.runtimes.base import Runtime, Unreachable
from safemig.sandbox.already_made import already_made
from tests.conftest import fresh_database
from tests.safemig.planning.test_outdated_phases import REVISION
from tests.safemig.restating import spec

CODES = (
    'op.create_table("crate", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("label", sa.String(20)))',
    'op.add_column("crate", sa.Column("stamp", sa.Text()))',
    'op.create_index("ix_stamp", "crate", ["stamp"])',
    'op.execute("ALTER TABLE crate ALTER COLUMN label SET NOT NULL")',
    'op.create_index("uq_label", "crate", ["label"], unique=True)\n'
    '    op.execute("ALTER TABLE crate ADD CONSTRAINT uq_label UNIQUE USING INDEX uq_label")',
    'op.execute("GRANT SELECT ON crate TO PUBLIC")',
    'op.create_table("bin", sa.Column("id", sa.Integer()))',
)


@pytest.fixture
def made_by(tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, ...]]:
    """``makers`` for a block of a spec on those revisions, without a database of the project's."""
    for number, code in enumerate(CODES, 1):
        down = f'"r{number - 1}"' if number > 1 else None
        (tmp_path / f"r{number}.py").write_text(REVISION.format(id=f"r{number}", down=down, code=code))
    graph = read_graph([tmp_path])
    tree = cast(AlembicTree, type("Tree", (), {"versions": (tmp_path,)}))

    def on_scratch(_runtime: Runtime, work: Callable[..., Any], _say: object) -> object:
        return work(lambda: fresh_database(postgres_server))

    monkeypatch.setattr("safemig.sandbox.database.on_scratch", on_scratch)
    monkeypatch.setattr("safemig.sandbox.worker.already_made", already_made)  # in this process: a child takes seconds
    facts = Facts("x", "process", ".", "", "")
    runtime = cast(Runtime, None)
    return lambda code, language="sql": earlier_revisions.makers(facts, runtime, tree, graph, spec(code, language))


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        ("ALTER TABLE crate ADD COLUMN stamp text;", "sql", ("r2",)),
        ('op.add_column("crate", sa.Column("stamp", sa.Text(), nullable=True))', "python", ("r2",)),
        ("ALTER TABLE crate ADD COLUMN stamp text;\nCREATE INDEX ix_stamp ON crate (stamp);", "sql", ("r2", "r3")),
        ("ALTER TABLE crate ADD COLUMN stamp text;\nCREATE INDEX ix_label ON crate (label);", "sql", ()),
        ("ALTER TABLE crate ADD COLUMN stamp integer;", "sql", ()),
        ("ALTER TABLE crate ALTER label SET NOT NULL;", "sql", ("r4",)),
        ("ALTER TABLE crate ADD CONSTRAINT uq_label UNIQUE (label);", "sql", ("r5",)),
        ("GRANT SELECT ON crate TO PUBLIC;", "sql", ("r6",)),
        ("GRANT INSERT ON crate TO PUBLIC;", "sql", ()),
        ("ALTER TABLE crate ADD COLUMN stamp text;\nGRANT SELECT ON crate TO PUBLIC;", "sql", ("r2",)),
        ("ALTER TABLE bin ADD COLUMN stamp text;", "sql", ()),
        ("CREATE TABLE crate (id int);", "sql", ()),
    ],
)
def test_the_revisions_that_have_made_it_are_named(
    code: str, language: str, expected: tuple[str, ...], made_by: Callable[..., tuple[str, ...]]
) -> None:
    assert made_by(code, language) == expected


def test_where_no_server_answers_it_is_not_known(
    made_by: Callable[..., tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_scratch(*_: object) -> object:
        raise Unreachable("no server", "here", "Start one.")

    monkeypatch.setattr("safemig.sandbox.database.on_scratch", on_scratch)
    with pytest.raises(NotLooked, match="no server"):
        made_by("ALTER TABLE crate ADD COLUMN stamp text;")
    assert made_by("ALTER TABLE bin ADD COLUMN stamp text;") == ()  # no revision speaks of it: nothing is looked at
