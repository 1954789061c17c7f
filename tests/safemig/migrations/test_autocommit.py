"""Statements outside of the transaction: in a block, in the team's own way, or within the transaction."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from safemig.migrations.change import Wanted
from safemig.migrations.hazards import risks_of
from safemig.migrations.online.autocommit import Way, team_way, uses_blocks, written
from safemig.migrations.online.forms import gentle
from safemig.sandbox.drift import upgrade_in
from safemig.sandbox.worker import rendered

CODE = """\
# sought by name
with op.get_context().autocommit_block():
    # not in the transaction
    op.create_index("ix_a", "parcel", ["name"], postgresql_concurrently=True)
    op.create_index(
        "ix_b",
        "parcel",
        ["concurrently"],
        postgresql_concurrently=True,
    )
    op.execute("CREATE INDEX CONCURRENTLY ix_c ON parcel (lower(name))")
op.execute("COMMENT ON TABLE parcel IS 'concurrently read'")"""
WANTED = Wanted(
    "op", CODE, 'with op.get_context().autocommit_block():\n    op.drop_index("ix_a", postgresql_concurrently=True)',
    (), frozenset(), ("docs/plan.md", 7), touched=("parcel",), upgrade_lines=tuple(range(10, 22)),
    downgrade_lines=(30, 31),
)  # fmt: skip
IMPORT = "from depot.migrations import outside, helpers"
REVISION = """
from alembic import op
from depot.migrations import outside, helpers

def upgrade():
    {before}
    with {words}:
        op.execute("CREATE INDEX CONCURRENTLY ix ON parcel (name)")
"""


def test_within_the_transaction_nothing_is_concurrent() -> None:
    plain = written(WANTED, Way("plain"))
    assert not uses_blocks(plain)
    calls = [ast.unparse(node) for node in ast.parse(plain.upgrade).body]
    assert calls == [
        "op.create_index('ix_a', 'parcel', ['name'])", "op.create_index('ix_b', 'parcel', ['concurrently'])",
        "op.execute('CREATE INDEX ix_c ON parcel (lower(name))')",
        """op.execute("COMMENT ON TABLE parcel IS 'concurrently read'")""",
    ]  # fmt: skip
    assert plain.downgrade == 'op.drop_index("ix_a")'
    lines = plain.upgrade.split("\n")
    assert len(lines) == len(plain.upgrade_lines)
    assert plain.place(1 + lines.index('op.create_index("ix_a", "parcel", ["name"])')) == ("docs/plan.md", 13)


def test_sql_loses_its_blocks_too() -> None:
    sql = "CREATE INDEX CONCURRENTLY ix ON parcel (name);\nALTER TYPE mood ADD VALUE 'new';"
    wanted = replace(WANTED, kind="sql", upgrade=sql, downgrade="DROP INDEX CONCURRENTLY ix;", upgrade_lines=(4, 5))
    plain = written(wanted, Way("plain"))
    assert (
        plain.upgrade
        == 'op.execute("CREATE INDEX ix ON parcel (name)")\nop.execute("ALTER TYPE mood ADD VALUE \'new\'")'
    )
    assert plain.downgrade == 'op.execute("DROP INDEX ix")'
    assert plain.upgrade_lines == (4, 5)


def test_the_teams_own_way() -> None:
    commits = written(WANTED, Way("commit"))
    assert commits.upgrade.split("\n")[1:3] == ["op.get_bind().commit()", "with op.get_context().autocommit_block():"]
    assert len(commits.upgrade.split("\n")) == len(commits.upgrade_lines)
    helped = written(WANTED, Way("helper", "outside(op)", "from depot.migrations import outside"))
    assert "with outside(op):\n    # not in the transaction" in helped.upgrade
    assert helped.imports == ("from depot.migrations import outside",)
    assert written(WANTED, Way()) == WANTED


def test_a_commit_of_the_connection_is_read_and_is_no_risk() -> None:
    body = "\n".join(f"    {line}" for line in written(WANTED, Way("commit")).upgrade.split("\n"))
    head = "from alembic import op\nrevision = 'a'\ndown_revision = None"
    text = f"{head}\ndef upgrade():\n{body}\ndef downgrade():\n    op.drop_index('ix_a')\n"
    step = upgrade_in(text, "a.py")
    assert step is not None
    (told,) = rendered([step])
    assert not told.unread
    assert "CREATE INDEX CONCURRENTLY ix_a ON parcel (name)" in told.sql
    (found,) = risks_of([text])
    assert not found


@pytest.mark.parametrize(
    ("before", "words", "way"),
    [
        ("op.get_bind().commit()", "op.get_context().autocommit_block()", Way("commit", place="v/b.py:7")),
        ("pass", "op.get_context().autocommit_block()", Way("block", place="v/b.py:7")),
        ("pass", "helpers.alone(op)", Way("helper", "helpers.alone(op)", IMPORT, "v/b.py:7")),
        ("pass", "unknown()", None),
    ],
)  # fmt: skip
def test_the_newest_revision_that_does_it_shows_the_way(before: str, words: str, way: Way | None) -> None:
    older = REVISION.format(before="pass", words="op.get_context().autocommit_block()")
    sources = {"v/c.py": "def upgrade():\n    pass\n", "v/b.py": REVISION.format(before=before, words=words)}
    assert team_way(sources) == way
    assert team_way({**sources, "v/a.py": older}) == (way or Way(place="v/a.py:7"))


def test_of_a_gentle_form_nothing_is_left_within_the_transaction() -> None:
    plain = replace(WANTED, upgrade='op.create_index("ix_a", "parcel", ["name"])', downgrade='op.drop_index("ix_a")')
    better, _ = gentle(plain, ["parcel"])
    assert uses_blocks(better)
    assert not uses_blocks(written(better, Way("plain")))
