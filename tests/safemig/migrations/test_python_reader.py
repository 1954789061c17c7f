"""Which kinds of statements and expressions of Python are read, and that every other one is unknown."""

from __future__ import annotations

import ast
import sys

import pytest

from safemig.migrations.hazards import risks
from safemig.migrations.python_events import Noted
from safemig.migrations.python_reader import Reader

FILE = """from alembic import op


def upgrade():
    {body}


def downgrade():
    op.execute("DROP VIEW v")
"""


class Later(ast.stmt):
    """A statement of a Python that does not exist yet."""


class Further(ast.expr):
    """An expression of such a one."""


def noted(reader: Reader) -> list[str]:
    return [event.hazard.kind for event in reader.events if isinstance(event, Noted)]


def test_a_statement_of_a_kind_that_nobody_knows_is_unknown() -> None:
    reader = Reader()
    reader.module(ast.Module([Later()], []))
    assert noted(reader) == ["unknown"]


def test_an_expression_of_a_kind_that_nobody_knows_is_unknown() -> None:
    reader = Reader()
    reader.module(ast.Module([ast.Assign([ast.Name("x", ast.Store())], Further())], []))
    assert noted(reader) == ["unknown"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python has type aliases from 3.12 on")
def test_a_type_alias_is_not_read() -> None:
    assert any(risk.loses for risk in risks(FILE.format(body="type X = op.drop_table('book')")))


@pytest.mark.parametrize(
    "body",
    [
        "match op.get_bind():\n        case _:\n            op.drop_table('book')",
        "match 'book':\n        case str() if op.drop_table('book'):\n            pass",
        "match {'a': 1}:\n        case {'a': 2, **op}:\n            op.add_column('book', 1)\n    op.drop_column()",
        "match 1:\n        case rows.dropped:\n            pass\n    rows.drop()",
        "try:\n        pass\n    except* ValueError:\n        op.drop_table('book')",
        "try:\n        pass\n    except* wipe():\n        pass",
        "with op.batch_alter_table('book') as batch:\n        batch.drop_column('price')",
        "async def inner():\n        async with op.get_context():\n            op.drop_table('book')\n    go(inner())",
        "lambda: 0\n    x = {**wipe()}",
        "x = a[wipe():]",
    ],
)
def test_what_compound_statements_hold_is_read(body: str) -> None:
    assert any(risk.loses for risk in risks(FILE.format(body=body)))


@pytest.mark.parametrize(
    "body",
    [
        "match 'a':\n        case 'a' | 'b' as letter:\n            print(letter)\n        case {'x': 1, **rest}:\n"
        "            print(rest)\n        case [first, *others]:\n            print(first, others)\n"
        "    op.execute('SELECT 1')",
        "try:\n        op.execute('SELECT 1')\n    except* ValueError as errors:\n        print(errors)",
        "x = {'a': [1, 2][0:1], **{}}\n    print(f'{x!r:>10}', not x, 1 < 2 < 3, x and 1)",
        "for x in [1]:\n        if x:\n            continue\n        break",
    ],
)
def test_plain_statements_are_known_to_do_nothing(body: str) -> None:
    assert risks(FILE.format(body=body)) == ()
