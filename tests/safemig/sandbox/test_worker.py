"""What works on the scratch database in a process of its own says the same as it would here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from safemig.migrations.change import Wanted
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox import desired, worker
from safemig.sandbox.desired import RevisionFails, SpecFails, of_revision
from safemig.sandbox.restore import ScratchFails
from safemig.sandbox.worker import Scratch

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

    here, there = (place.desire(DUMP, spec, fresh(), revision=file) for place in (desired, worker))
    assert here == there
    assert worker.desire_applied(DUMP, spec, fresh()) == here
    assert worker.restated(DUMP, spec, fresh()) == desired.restated(DUMP, spec, fresh())


def test_an_error_arrives_with_its_place(scratch: Scratch) -> None:
    with pytest.raises(SpecFails) as refused:
        worker.desire(DUMP, _spec('op.add_column("nothing", sa.Column("a", sa.Text()))'), scratch)
    assert (refused.value.file, refused.value.line) == ("plan.md", 3)
    assert '"nothing" does not exist' in refused.value.message


def test_a_wrong_downgrade_is_the_revisions_failure(scratch: Scratch) -> None:
    with pytest.raises(RevisionFails, match="downgrade does not lead to the schema before"):
        worker.desire(
            DUMP, _spec(UP), scratch, revision=of_revision(FILE.format(down='op.execute("SELECT 1")'), "m.py")
        )


def test_a_dump_that_cannot_be_loaded(scratch: Scratch) -> None:
    with pytest.raises(ScratchFails, match="missing"):
        worker.desire("ALTER TABLE missing ADD COLUMN a int;", _spec(UP), scratch)


def test_a_child_that_dies_is_no_answer(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_START", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ScratchFails, match=r"without an answer \(-9\)"):
        worker.desire(DUMP, _spec(UP), scratch)


def test_a_child_that_takes_too_long_is_ended(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_START", "import time; time.sleep(60)")
    monkeypatch.setattr(worker, "LIMIT_SECONDS", 0.2)
    with pytest.raises(ScratchFails, match=r"was ended after 0 s without an answer"):
        worker.desire(DUMP, _spec(UP), scratch)


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ("raise ValueError('no such thing')", r"\(1\): ValueError: no such thing$"),
        ("import sys; sys.stderr.write('x' * 300_000 + '\\nthe last\\n\\n'); sys.exit(3)", r"\(3\): the last$"),
        ("raise OSError('postgresql://me:s3cret@db/x')", r"\(1\): OSError: postgresql://me:\*\*\*@db/x$"),
        ("import sys; sys.exit('\\x1b[2Jgone')", r"\(1\):  \[2Jgone$"),
        ("pass", r"without an answer \(0\)$"),
    ],
)
def test_the_last_words_of_a_child_without_an_answer(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch, child: str, said: str
) -> None:
    monkeypatch.setattr(worker, "_START", child)
    with pytest.raises(ScratchFails, match=said):
        worker.desire(DUMP, _spec(UP), scratch)


def test_a_child_that_does_not_read_its_order(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_START", "import os; os.close(0); raise SystemExit('tired')")
    with pytest.raises(ScratchFails, match="tired"):
        worker.desire(DUMP + "-- " + "x" * 1_000_000, _spec(UP), scratch)


class Interrupted(BaseException):
    """Stands for Ctrl+C between two lines of the child."""


def test_the_child_has_ended_before_its_databases_go(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    children: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            children.append(self)

    @contextmanager
    def watched() -> Iterator[str]:
        if order:
            raise Interrupted
        order.append("opened")
        try:
            yield dsn
        finally:
            order.append("still there" if children[0].poll() is None else "ended")

    line = '{"kind":"scratch"}'
    asks = f"import time; print({line!r}, {line!r}, sep=chr(10), flush=True); time.sleep(60)"
    monkeypatch.setattr(worker, "_START", asks)
    monkeypatch.setattr(subprocess, "Popen", Watched)
    with pytest.raises(Interrupted):
        worker.desire(DUMP, _spec(UP), watched)
    assert order == ["opened", "ended"]


def test_the_child_imports_nothing_from_the_folder_or_pythonpath(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hostile = tmp_path_factory.mktemp("hostile")
    for name in ("alembic", "sqlalchemy", "checks"):
        (hostile / f"{name}.py").write_text(f"open({str(hostile / 'seen')!r}, 'w')\nraise SystemExit(9)\n")
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("PYTHONPATH", str(hostile))
    assert worker.desire(DUMP, _spec(UP), scratch).wanted.objects
    assert not (hostile / "seen").exists()
