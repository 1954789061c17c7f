"""What is said of a command that failed."""

from __future__ import annotations

import pytest

from safemig.engine.command import cause

DUPLICATE = """Traceback (most recent call last):
  File "env.py", line 3, in run
psycopg.errors.UniqueViolation: could not create unique index "ux"
DETAIL:  Key (title)=(Same) is duplicated.

The above exception was the direct cause of the following exception:

sqlalchemy.exc.IntegrityError: (psycopg.errors.UniqueViolation) could not create unique index "ux"
DETAIL:  Key (title)=(Same) is duplicated.
[SQL: CREATE UNIQUE INDEX CONCURRENTLY ux ON course (title)]
(Background on this error at: https://sqlalche.me/e/21/gkpj)
make: *** [Makefile:29: migrate] Error 1
"""


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            DUPLICATE,
            'sqlalchemy.exc.IntegrityError: (psycopg.errors.UniqueViolation) could not create unique index "ux" / '
            "DETAIL:  Key (title)=(Same) is duplicated. / [SQL: CREATE UNIQUE INDEX CONCURRENTLY ux ON course (title)]",
        ),
        ("ERROR:  no such table\nmake[1]: *** [x] Error 1\n", "ERROR:  no such table"),
        ("one\ntwo\nthree\nfour\nmake: *** [Makefile:1: x] Error 1\n", "two / three / four"),
        ("make: *** No rule to make target 'x'.  Stop.\n", "make: *** No rule to make target 'x'.  Stop."),
        ("", ""),
    ],
)
def test_the_cause_is_said(output: str, said: str) -> None:
    assert cause(output) == said
