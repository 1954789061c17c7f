"""Items are ticked only for what this run made or ran, and a tick changes one byte."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.checklist.ticks import Proofs, TickFails, judge, names_of, provable, tick, write_ticks
from safemig.plan_document.document import parse

PROOFS = Proofs(
    files_made=("backend/alembic/versions/3f2a91_add_course_rating.py",),
    tables_made=frozenset({"course_rating"}),
    names_made=frozenset({"course_rating.id", "course_rating.stars", "ck_stars", "ix_rating_course", "uq_once"}),
    folder="backend",
    commands_run=(
        "make migrate",
        "docker-compose exec api uv run alembic upgrade head",
        "make -f Makefile test",
        "uv run pytest tests -q",
        'echo "now run make seed"',
        "uv pip install httpx tox",
    ),
)

PROVED = [
    "Create `alembic/versions/xxxx_add_course_rating.py`",
    "Create `alembic/versions/…_add_course_rating.py`",
    "Create `backend/alembic/versions/<rev>_add_course_rating.py`",
    "Create `YYYY_MM_DD_add_course_rating.py`",
    "Create `alembic/versions/3f2a91_add_course_rating.py`",
    "Table `course_rating` exists",
    "The table `public.course_rating` exists",
    "Column `course_rating.stars`",
    "`ck_stars`, `ix_rating_course` and `uq_once`",
    "Apply with `make migrate`",
    "Apply with `cd backend && make migrate`",
    "Run `alembic upgrade head`",
    "`pytest` is green",
    "Run `uv run pytest`",
]
PROPOSED = [  # made by the run, but more is said than that
    "La tabla `public.course_rating` existe",
    "Constraint `ck_stars`, indexes `ix_rating_course` and `uq_once`",  # without a look its kind is not known
    "`course_rating` with `stars` as `SMALLINT NOT NULL`",  # nor a column's type
    "Write tests for `course_rating`",
    "Pruebas de `course_rating`",
    "Document `ck_stars`",
    "`rating >= 1` in `ck_stars`",
]
NOT_PROVED = [
    "No code at all",
    "Only `SMALLINT` and `NOT NULL`",
    "Change `app/models.py`",
    "Table `course_rating` and `app/models.py`",
    "Foreign key from `course_rating` to `course`",
    "Column `course.id`",
    "Column `stars`",
    "Create `alembic/versions/xxxx_add_course.py`",
    "Create `alembic/versions/xxxx_rating.sql`",
    "Create `other/versions/xxxx_add_course_rating.py`",
    "Create `alembic/versions/`",
    "Run `make seed`",
    "Run `make`",
    "Run `make migrate seed`",
    "Run `alembic downgrade -1`",
    "Run `alembic`",
    "Run `pytest tests/test_ratings.py`",
    "Run `cd web && make migrate`",  # that of another folder
    "Run `cd backend/x && make migrate`",
    "Run `tox`",
    "Run `make migrate && make seed`",
    "Drop `course_rating` again",
    "`CourseRating` in place",
]


STATES = [(PROVED, "proved"), (PROPOSED, "proposed"), (NOT_PROVED, "not provable")]


@pytest.mark.parametrize(("text", "state"), [(text, state) for texts, state in STATES for text in texts])
def test_an_item_is_proved_only_by_what_it_names(text: str, state: str) -> None:
    phase = parse(f"# P\n- [ ] {text}\n".encode(), "p.md").phases[0]
    (judged,) = judge(phase, PROOFS)
    assert judged.state == state, judged.reason
    assert judged.reason
    assert not any(one.proved for one in judge(phase, Proofs()))


def test_only_open_items_of_the_phase_are_offered() -> None:
    text = (
        "# P\n## Phase 1: A\n- [ ] `make migrate`\n- [x] `make migrate`\n- [~] `make migrate`\n"
        "```\n- [ ] `make migrate`\n```\n## Phase 2: B\n- [ ] `make migrate`\n"
    )
    document = parse(text.encode(), "p.md")
    assert [item.line for item in provable(document.phases[0], PROOFS)] == [3]


def test_names_of_a_snapshot_s_keys() -> None:
    keys = [
        "table public.course_rating", "table other.x", "column public.course_rating.stars", "index public.ix_a",
        "constraint public.course_rating.ck_stars", "constraint other.x.ck_x", "enum public.mood", "index other.ix_b",
    ]  # fmt: skip
    tables, names = names_of(keys)
    assert tables == {"course_rating", "other.x"}
    assert names == {"course_rating.stars", "ix_a", "ck_stars", "ck_x", "mood", "other.ix_b"}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["- [ ] é `a`", "  - [x] b", "text", "1. [ ] c", "```", "", "> - [ ] q"]), max_size=20),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.data(),
)
def test_a_tick_changes_exactly_the_bytes_asked_for(lines: list[str], end: str, data: st.DataObject) -> None:
    content = end.join(lines).encode()
    items = [item for item in parse(content, "p.md").phases[0].items if item.open]
    chosen = data.draw(st.lists(st.sampled_from(items), unique=True)) if items else []
    ticked = tick(content, chosen)
    assert len(ticked) == len(content)
    changed = {at for at, (one, other) in enumerate(zip(content, ticked, strict=True)) if one != other}
    assert changed == {item.offset for item in chosen}
    after = {item.line for item in parse(ticked, "p.md").phases[0].items if item.checked}
    assert {item.line for item in chosen} <= after


def test_a_box_that_is_not_there_is_refused() -> None:
    content = b"- [ ] a\n- [ ] b\n"
    items = parse(content, "p.md").phases[0].items
    with pytest.raises(TickFails, match="line 2"):
        tick(b"- [ ] a\n-  [ ] b\n", items)


def _file(tmp_path: Path) -> tuple[Path, str]:
    file = tmp_path / "plan.md"
    file.write_bytes(b"# P\r\n- [ ] a\r\n- [ ] b")
    file.chmod(0o640)
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def test_write_ticks_replaces_the_file_and_keeps_its_mode(tmp_path: Path) -> None:
    file, sha = _file(tmp_path)
    items = parse(file.read_bytes(), "plan.md").phases[0].items
    write_ticks(file, sha, items[1:])
    assert file.read_bytes() == b"# P\r\n- [ ] a\r\n- [x] b"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["plan.md"]
    with pytest.raises(TickFails, match="changed"):
        write_ticks(file, sha, items[:1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another owner")
def test_write_ticks_keeps_the_owner(tmp_path: Path) -> None:
    file, sha = _file(tmp_path)
    os.chown(file, 12345, 23456)
    write_ticks(file, sha, parse(file.read_bytes(), "plan.md").phases[0].items)
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 23456)


def test_links_are_followed_inside_the_project_only(tmp_path: Path) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    far, sha = _file(outside)
    near, _ = _file(project)
    items = parse(far.read_bytes(), "plan.md").phases[0].items
    bad, good = project / "bad.md", project / "good.md"
    bad.symlink_to(far)
    good.symlink_to(near)
    with pytest.raises(TickFails, match="outside"):
        write_ticks(bad, sha, items, root=project)
    assert b"[x]" not in far.read_bytes()
    write_ticks(good, sha, items, root=project)
    assert good.is_symlink()
    assert near.read_bytes().count(b"[x]") == 2


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TickFails, match=r"gone\.md cannot be ticked"):
        write_ticks(tmp_path / "gone.md", "", [])
