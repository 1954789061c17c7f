"""What stands below a described table or in its list: keys, indexes and checks, or named as not understood."""

from __future__ import annotations

import pytest

from safemig.plan_document.document import TABLE, Block, parse
from safemig.requirements import table_footnotes
from safemig.requirements.table_footnotes import TableRemark

ROWS = "# P\n\n## Table `vote`\n\n| Column | Type |\n|---|---|\n| id | integer |\n| user_id | integer |\n\n"


def _told(below: str) -> tuple[TableRemark, ...]:
    document = parse((ROWS + below).encode(), "plan.md")
    block: Block = next(one for one in document.phases[0].blocks if one.language == TABLE)
    return table_footnotes.remarks(block, "vote", ("id", "user_id"))


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("Unique: (`id`, `user_id`)", TableRemark("unique", 10, ("id", "user_id"))),
        ("- UNIQUE (id, user_id)", TableRemark("unique", 10, ("id", "user_id"))),
        ("**Unique constraint** on `id`, `user_id`.", TableRemark("unique", 10, ("id", "user_id"))),
        ("Único: `id` + `user_id`", TableRemark("unique", 10, ("id", "user_id"))),
        ("Unique index `uq_vote` on (`user_id`)", TableRemark("unique index", 10, ("user_id",), "uq_vote")),
        ("Indexes:\n\n- `ix_vote` on `user_id`", TableRemark("index", 12, ("user_id",), "ix_vote")),
        ("### Índices\n\n- `vote(user_id)`", TableRemark("index", 12, ("user_id",))),
        ("Индексы:\n\n- user_id", TableRemark("index", 12, ("user_id",))),
        ("Primary key: (`id`, `user_id`)", TableRemark("primary", 10, ("id", "user_id"))),
        ("`id` is the primary key.", TableRemark("primary", 10, ("id",))),
        ("Constraints:\n\n- CHECK (id > (0))", TableRemark("check", 12, text="id > (0)")),
        ("Constraints:\n\n- ck_vote: CHECK (id > 0)", TableRemark("check", 12, text="id > 0")),
        ("Unique together with the tenant.", TableRemark("", 10, text="Unique together with the tenant.")),
        ("Index on `elsewhere`", TableRemark("", 10, text="Index on elsewhere")),
        ("Constraints:\n\n- one vote for each", TableRemark("", 12, text="one vote for each")),
        ("Foreign key: `user_id` to `user`", TableRemark("", 10, text="Foreign key: user_id to user")),
    ],
)
def test_what_is_said_of_the_table(below: str, expected: TableRemark) -> None:
    assert _told(below) == (expected,)


@pytest.mark.parametrize(
    "below",
    [
        "",
        "Indexes: none.",
        "Indexes:\n\n- none",
        "The rows are unique enough.\n\n- deploy\n- watch",
        "Files:\n\n- Index page\n- Unique visitors",
        "## Next\n\nUnique: (id)",
        "| Column | Type |\n|---|---|\n| id | integer |\n\nUnique: (id)",
        "```sql\nSELECT 1\n```\nUnique: (id)",
    ],
)
def test_what_says_nothing_of_it(below: str) -> None:
    assert _told(below) == ()
