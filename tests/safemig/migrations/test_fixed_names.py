"""What a plan fixes of the migration file: used as it says, or said not to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.revisions.style import Pattern
from safemig.migrations.fixed_names import Fixed, fixed_names, message_of
from safemig.migrations.writer import author
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted

HASH, DATED = "%(rev)s_%(slug)s", "%(year)d_%(month).2d_%(day).2d_%(hour).2d%(minute).2d-%(rev)s_%(slug)s"
SQL = "# P\n```sql\nCREATE TABLE rating (id int);\n```\n"


def _fixed(text: str, template: str = HASH) -> Fixed:
    document = parse(f"{SQL}{text}".encode(), "p.md")
    taken = {"aaa111": "aaa111_first.py"}
    return fixed_names(
        document.phases[0], "p.md", template=template, taken=taken, files=list(taken.values()), down=("aaa111",)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('```python\n"""add stars\n\nRevision ID: <x>\n"""\nrevision = "<x>"\n```\n', "add stars"),
        ('```python\n"""<message>\n"""\nrevision = "<x>"\n```\n', "create rating"),
        ("- [ ] `alembic/versions/xxxx_add_the_rating.py`\n", "add the rating"),
        ("- [ ] `versions/…_add_rating.py`\n", "add rating"),
        ("- [ ] `versions/`\n", "create rating"),
        ('- [ ] `alembic revision -m "add the stars"`\n', "add the stars"),
        ('```bash\nmake migration MSG="add the stars"\n```\n', "add the stars"),
        ("```bash\nuv run alembic revision --autogenerate --message 'add stars'\n```\n", "add stars"),
        ('```bash\ngit commit -m "add stars"\n```\n', "create rating"),
        ('- [ ] `alembic revision -m "<message>"`\n', "create rating"),
        ("- [ ] `versions/bbb222_add_rating.py`\n", "add rating"),
        ("", "create rating"),
    ],
)
def test_the_message_is_the_spec_s_own_where_it_says_one(text: str, expected: str) -> None:
    document = parse(f"{SQL}{text}".encode(), "p.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    assert message_of(document.phases[0], found, _fixed(text).message) == expected


CODE = "```python\nrevision: str = {!r}\ndown_revision = {!r}\n\ndef upgrade():\n    op.drop_table('x')\n```\n"


@pytest.mark.parametrize(
    ("text", "template", "revision", "file"),
    [
        ("- [ ] `migrations/versions/bbb222_add_rating.py`\n", HASH, "bbb222", "bbb222_add_rating"),
        (
            "- [ ] `versions/2025_01_02_0304-bbb222_add_rating.py`\n",
            DATED,
            "bbb222",
            "2025_01_02_0304-bbb222_add_rating",
        ),
        ("- [ ] `versions/add-rating.py`\n", HASH, "", "add-rating"),
        ("- [ ] `versions/…_add_rating.py`\n", HASH, "", ""),
        ("- [ ] `versions/<hash>_add_rating.py`, `versions/rev_x.py`\n", HASH, "", ""),
        ("- [ ] `versions/aaa111_first.py` is there\n", HASH, "", ""),
        (CODE.format("bbb222", "aaa111"), HASH, "bbb222", ""),
        (CODE.format("<id>", "<down>"), HASH, "", ""),
        ("- [ ] `alembic revision --rev-id 0007 -m x`\n", HASH, "0007", ""),
        (CODE.format("0007", "aaa111") + "- [ ] `versions/bbb222_add.py`\n", HASH, "0007", "bbb222_add"),
    ],
)
def test_what_the_plan_fixes_is_used(text: str, template: str, revision: str, file: str) -> None:
    found = _fixed(text, template)
    assert (found.revision, found.file, found.notes) == (revision, file, ())


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (CODE.format("aaa111", "aaa111"), "p.md:6 gives the revision the id 'aaa111', which is not used: another"),
        (CODE.format("a" * 33, "aaa111"), f"p.md:6 gives the revision the id {'a' * 33!r}, which is not used"),
        (CODE.format("bbb222", "ccc333"), "p.md:7 follows 'ccc333', and the code's head is aaa111: that is followed"),
        ("- [ ] `versions/b_one.py` and `versions/c_two.py`\n",
         "the plan calls its file b_one (p.md:5), c_two (p.md:5): one revision is written, and none of these"),
        (CODE.format("b", "aaa111") + CODE.format("c", "aaa111"), "the plan gives the id b (p.md:6), c (p.md:13)"),
    ],
)  # fmt: skip
def test_what_is_not_used_is_said(text: str, note: str) -> None:
    found = _fixed(text)
    assert len(found.notes) == 1
    assert found.notes[0].startswith(note)


def test_the_file_has_the_name_and_the_id_that_are_fixed() -> None:
    document = parse(SQL.encode(), "p.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    moment = "2026-03-04T05:06:07+00:00"
    fixed = Fixed(revision="bbb222", file="bbb222_stars")
    made = author(
        Pattern(), versions=Path("v"), down=("aaa",), wanted=found, message="stars", moment=moment, fixed=fixed
    )
    assert (made.path, made.revision) == (Path("v/bbb222_stars.py"), "bbb222")
    assert "bbb222" in made.text
