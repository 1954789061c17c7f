"""What GRANT and REVOKE of a spec say, read from PostgreSQL's own parse tree."""

from __future__ import annotations

import pytest

from safemig.migrations.change import Wanted
from safemig.migrations.privileges import granted, roles, unread

ALL = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def _wanted(sql: str, kind: str) -> Wanted:
    if kind == "sql":
        return Wanted("sql", f"{sql};", "", (), frozenset(), ("plan.md", 1), upgrade_lines=(7,))
    return Wanted("op", f"op.execute({sql!r})", "", (), frozenset(), ("plan.md", 1), upgrade_lines=(7,))


@pytest.mark.parametrize("kind", ["sql", "op"])
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("GRANT SELECT ON loan TO clerk", (("SELECT",), "table", ("loan",), ("clerk",))),
        (
            'grant insert, update on table public.loan, lib."Shelf" to clerk, "Reader" with grant option',
            (("INSERT", "UPDATE"), "table", ("loan", "lib.Shelf"), ("clerk", "Reader")),
        ),
        ("GRANT ALL PRIVILEGES ON loan TO PUBLIC", (ALL, "table", ("loan",), ("public",))),
        ("GRANT USAGE ON SCHEMA lib TO GROUP clerk", (("USAGE",), "schema", ("lib",), ("clerk",))),
        ("GRANT USAGE ON SEQUENCE lib.n TO CURRENT_USER", (("USAGE",), "sequence", ("lib.n",), ("current_user",))),
        ("GRANT SELECT (due) ON loan TO clerk", None),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA lib TO clerk", None),
        ("GRANT EXECUTE ON FUNCTION f(int) TO clerk", None),
        ("GRANT keeper TO clerk", None),
        ("REVOKE SELECT ON loan FROM clerk", None),
    ],
)
def test_a_grant_on_whole_objects_is_looked_up_and_every_other_is_named(
    sql: str, found: tuple[object, ...] | None, kind: str
) -> None:
    wanted = _wanted(sql, kind)
    assert [(one.privileges, one.kind, one.objects, one.roles) for one in granted(wanted)] == ([found] if found else [])
    assert [text for text, _ in unread(wanted)] == ([] if found else [sql])


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ('GRANT SELECT ON loan TO clerk, "Reader", PUBLIC, CURRENT_USER', {"clerk", "Reader"}),
        ("REVOKE ALL ON loan FROM clerk CASCADE", {"clerk"}),
        ("GRANT keeper TO clerk", {"clerk"}),
        ("CREATE TABLE loan (id int)", set()),
    ],
)
def test_the_roles_that_have_to_exist(sql: str, named: set[str]) -> None:
    assert roles(_wanted(sql, "sql")) == named


def test_a_statement_that_cannot_be_read_hides_no_other_and_is_named() -> None:
    wanted = _wanted("GRANT SELECT ON loan TO clerk; GRANT nonsense; GRANT DELETE ON loan TO clerk", "sql")
    assert [one.privileges for one in granted(wanted)] == [("SELECT",), ("DELETE",)]
    assert [text for text, _ in unread(wanted)] == ["GRANT nonsense"]
