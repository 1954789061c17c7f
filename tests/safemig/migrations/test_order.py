"""What is made CONCURRENTLY stands first, so that a failure leaves nothing half done."""

from __future__ import annotations

import ast

import pytest

from safemig.migrations.change import Wanted
from safemig.migrations.online.order import apart_first

BLOCK = "with op.get_context().autocommit_block():\n    {}"
INDEX = BLOCK.format('op.create_index("ix_name", "parcel", ["name"], postgresql_concurrently=True)')
SQL_INDEX = BLOCK.format('op.execute("CREATE INDEX CONCURRENTLY ix_lower ON parcel (lower(name))")')
DROP = BLOCK.format('op.drop_index("ix_old", table_name="parcel", postgresql_concurrently=True)')
COLUMN = '# note\nop.add_column("parcel", sa.Column("{}", sa.Text()))'


def _wanted(*parts: str, down: str = "") -> Wanted:
    code = "\n".join(parts)
    numbers = tuple(range(10, 11 + code.count("\n")))
    return Wanted("op", code, down, (), frozenset(), ("docs/plan.md", 9), upgrade_lines=numbers)


@pytest.mark.parametrize(
    ("parts", "order", "held"),
    [
        ((COLUMN.format("size"), INDEX), (INDEX, COLUMN.format("size")), ()),
        ((COLUMN.format("size"), SQL_INDEX, DROP), (SQL_INDEX, DROP, COLUMN.format("size")), ()),
        (('op.create_table("other", sa.Column("id", sa.Integer()))', INDEX),
         (INDEX, 'op.create_table("other", sa.Column("id", sa.Integer()))'), ()),
        ((INDEX, COLUMN.format("name")), (INDEX, COLUMN.format("name")), ()),
        ((COLUMN.format("name"), INDEX),
         (COLUMN.format("name"), 'op.create_index("ix_name", "parcel", ["name"])'), ("ix_name",)),
        (('op.rename_table("old", "parcel")', INDEX),
         ('op.rename_table("old", "parcel")', 'op.create_index("ix_name", "parcel", ["name"])'), ("ix_name",)),
        (('op.execute("UPDATE parcel SET name = id")', SQL_INDEX),
         ('op.execute("UPDATE parcel SET name = id")', 'op.execute("CREATE INDEX ix_lower ON parcel (lower(name))")'),
         ("ix_lower",)),
    ],
)  # fmt: skip
def test_first_or_within_the_transaction(parts: tuple[str, ...], order: tuple[str, ...], held: tuple[str, ...]) -> None:
    wanted = _wanted(*parts)
    made, names = apart_first(wanted)
    assert made.upgrade == "\n".join(order)
    assert names == held
    assert len(made.upgrade_lines) == made.upgrade.count("\n") + 1
    # Each statement keeps its line in the spec.
    before = {line: wanted.place(at)[1] for at, line in enumerate(wanted.upgrade.split("\n"), 1)}
    for at, line in enumerate(made.upgrade.split("\n"), 1):
        assert line not in before or line.startswith("with") or made.place(at)[1] == before[line]
    assert ast.parse(made.upgrade)


def test_the_way_back_too() -> None:
    column = 'op.drop_column("parcel", "size")'
    made, _ = apart_first(_wanted(INDEX, down=f"{column}\n{DROP}"))
    assert made.downgrade == f"{DROP}\n{column}"
