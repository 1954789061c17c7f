"""What works on the scratch database in a process of its own says the same as it would here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from safemig import apart, desired
from safemig.apart import Scratch
from safemig.desired import RevisionFails, ScratchFails, SpecFails, of_revision
from safemig.spec.document import parse
from safemig.spec.sources import Wanted, wanted

DUMP = "CREATE TABLE public.course (id integer PRIMARY KEY, slug text);"
UP = 'op.create_table("rating", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("note", sa.Text()))'
FILE = f"""
def upgrade():
    {UP}


def downgrade():
    {{down}}
"""


def _spec(code: str) -> Wanted:
    document = parse(f"# P\n```python\n{code}\n```\n".encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    return found


@pytest.fixture
def scratch(dsn: str) -> Scratch:
    @contextmanager
    def only_one() -> Iterator[str]:
        yield dsn

    return only_one


def test_the_answer_is_the_same_in_both_processes(postgres_server: str) -> None:
    from tests.conftest import fresh_database

    spec, file = _spec(UP), of_revision(FILE.format(down='op.drop_table("rating")'), "m.py")

    def fresh() -> Scratch:
        return lambda: fresh_database(postgres_server)

    here, there = (place.desire(DUMP, spec, fresh(), revision=file) for place in (desired, apart))
    assert here == there
    assert apart.desire_applied(DUMP, spec, fresh()) == here
    assert apart.restated(DUMP, spec, fresh()) == desired.restated(DUMP, spec, fresh())


def test_an_error_arrives_with_its_place(scratch: Scratch) -> None:
    with pytest.raises(SpecFails) as refused:
        apart.desire(DUMP, _spec('op.add_column("nothing", sa.Column("a", sa.Text()))'), scratch)
    assert (refused.value.file, refused.value.line) == ("plan.md", 3)
    assert '"nothing" does not exist' in refused.value.message


def test_a_wrong_downgrade_is_the_revisions_failure(scratch: Scratch) -> None:
    with pytest.raises(RevisionFails, match="downgrade does not lead to the schema before"):
        apart.desire(DUMP, _spec(UP), scratch, revision=of_revision(FILE.format(down='op.execute("SELECT 1")'), "m.py"))


def test_a_dump_that_cannot_be_loaded(scratch: Scratch) -> None:
    with pytest.raises(ScratchFails, match="missing"):
        apart.desire("ALTER TABLE missing ADD COLUMN a int;", _spec(UP), scratch)


def test_a_child_that_dies_is_no_answer(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_START", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ScratchFails, match=r"without an answer \(-9\)"):
        apart.desire(DUMP, _spec(UP), scratch)


def test_a_child_that_takes_too_long_is_ended(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_START", "import time; time.sleep(60)")
    monkeypatch.setattr(apart, "LIMIT_SECONDS", 0.2)
    with pytest.raises(ScratchFails, match=r"without an answer \(-9\)"):
        apart.desire(DUMP, _spec(UP), scratch)


def test_the_child_imports_nothing_from_the_folder_or_pythonpath(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hostile = tmp_path_factory.mktemp("hostile")
    for name in ("alembic", "sqlalchemy", "checks"):
        (hostile / f"{name}.py").write_text(f"open({str(hostile / 'seen')!r}, 'w')\nraise SystemExit(9)\n")
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("PYTHONPATH", str(hostile))
    assert apart.desire(DUMP, _spec(UP), scratch).wanted.objects
    assert not (hostile / "seen").exists()
