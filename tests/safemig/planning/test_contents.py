"""What a migration comes to: its files, their SQL, and what happens when they change while a run is on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from checks.revisions.graph import read_graph
from safemig.base.action import Action, FileDigest
from safemig.engine.approval import _reworded
from safemig.planning.collect.revision_contents import changed, read, read_again, read_revisions, reread
from safemig.planning.facts import Finding, MigrationFact, RevisionFact, RiskFact, ScriptFact
from safemig.planning.planner import draft, revisions
from safemig.policy.decision import Context, Grant, Rules, grant_for, judge
from safemig.project.alembic_config import AlembicTree
from safemig.project.layout import Project
from safemig.shell.effects import effect_of_line
from tests.safemig.bad_projects import safemig
from tests.safemig.plans import FACTS, MIGRATION, PENDING
from tests.spine.project import MAKEFILE, Spine, make_project, remove_project

REVISION = """\
from alembic import op
import sqlalchemy as sa

revision = "{name}"
down_revision = {down}


def upgrade():
{body}


def downgrade():
    op.execute("DROP VIEW shelf_view")
"""


def _tree(root: Path, **bodies: str) -> Path:
    before = "None"
    for name, body in bodies.items():
        (root / f"{name}_x.py").write_text(REVISION.format(name=name, down=before, body=f"    {body}"))
        before = repr(name)
    return root


def test_the_sql_of_a_revision_is_told_and_what_cannot_be_told_is_named_with_its_line(tmp_path: Path) -> None:
    _tree(
        tmp_path,
        a1='op.add_column("shelf", sa.Column("code", sa.Text(), server_default="10%"))',
        b2='[op.drop_column("shelf", name) for name in ("a", "b")]',
        c3="pass",
        d4='sa.Enum("x", "y", name="kind").create(op.get_bind())',
    )
    reading = read_revisions(tmp_path, read_graph([tmp_path]), ("a1", "b2", "c3", "d4"), {})
    told = {fact.revision: fact for fact in reading.files}
    assert told["a1"].sql == "ALTER TABLE shelf ADD COLUMN code TEXT DEFAULT '10%';"
    assert (told["b2"].sql, told["b2"].unread[:11]) == ("", "b2_x.py:9: ")
    assert (told["c3"].sql, told["c3"].unread) == ("", "")
    assert told["d4"].sql == "CREATE TYPE kind AS ENUM ('x', 'y');"
    assert {one.revision for one in reading.risks} == {"b2"}, reading.risks
    digests = tuple(FileDigest(fact.path, fact.sha256) for fact in reading.files)
    assert changed(tmp_path, digests) == ()
    (tmp_path / "c3_x.py").write_text("")
    (tmp_path / "a1_x.py").unlink()
    assert changed(tmp_path, digests) == ("a1_x.py", "c3_x.py")


FILE = RevisionFact("a1", "v/a1.py", "11", "text", "CREATE TABLE t ();")
SCRIPT = ScriptFact("env.py", "22", "code")


def test_a_step_that_applies_revisions_holds_their_files_as_the_plan_leaves_them() -> None:
    facts = replace(PENDING, files=(FILE, replace(FILE, revision="b2", path=MIGRATION.path)), scripts=(SCRIPT,))
    plan = draft(facts)
    step = plan.step("pending")
    assert step.action.contents == (FileDigest("v/a1.py", "11"), FileDigest("env.py", "22"))
    assert "  CREATE TABLE t ();" in step.detail
    assert "contents" in step.assumes
    written = {one.path: one.sha256 for one in plan.step("migrate").action.contents}
    assert written[MIGRATION.path] == "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"  # of "text"
    assert not plan.step("test").action.contents


@pytest.mark.parametrize(
    "finding",
    [
        Finding("contents", "a1 changed", files=(replace(FILE, sha256="33", diff="+more"),)),
        Finding("contents", "env changed", scripts=(replace(SCRIPT, sha256="33", diff="+more"),)),
    ],
)
def test_files_that_changed_are_asked_anew_in_every_mode_with_what_is_new(finding: Finding) -> None:
    facts = replace(PENDING, files=(FILE,), scripts=(SCRIPT,))
    before, after = (plan.step("pending") for plan in revisions(facts, [finding]))
    assert judge(before.action, Context("auto")).answer == "allow"
    context = Context("auto", Rules(allow=("make migrate",)), approved=frozenset({before.action.digest}))
    found = judge(after.action, context)
    assert (found.answer, found.always, found.tool) == ("ask", "", "")
    assert "changed after the plan was made" in found.rule
    assert "  +more" in after.detail


def test_a_change_that_loses_data_is_told_with_its_risk() -> None:
    lost = RiskFact("a1", "v/a1.py:9 DELETE takes rows away")
    finding = Finding("contents", "a1 changed", files=(replace(FILE, sha256="33", diff="+more"),), risks=(lost,))
    step = draft(replace(PENDING, files=(FILE,)), [finding]).step("pending")
    assert step.action.effect == "destructive"
    assert lost.text in step.changes


def test_a_change_that_others_rely_on_is_asked_in_auto_though_nothing_is_lost() -> None:
    renames = RiskFact("a1", "v/a1.py:9 renames the table t to u", loses=False)
    facts = replace(PENDING, files=(FILE,))
    plain, step = (draft(one).step("pending") for one in (facts, replace(facts, risks=(renames,))))
    assert judge(plain.action, Context("auto")).answer == "allow"
    assert step.action.effect == plain.action.effect == "write"
    found = judge(step.action, Context("auto", Rules(allow=("make migrate",))))
    assert (found.answer, found.rule) == ("ask", renames.text)
    assert renames.text in step.changes
    assert step.undo == plain.undo


@pytest.mark.parametrize(
    "action",
    [
        Action("command", line="make migrate", effect="write", contents=(FileDigest("v/a1.py", "11"),)),
        Action("command", line="make start", effect="write", touches=("containers", "database schema")),
        Action("command", line="make go", effect="write", asks="its files changed"),
    ],
)
@pytest.mark.parametrize("kind", ["line", "tool"])
def test_no_grant_covers_a_step_that_applies_revisions(action: Action, kind: str) -> None:
    earlier = Grant("tool", "make", ".") if kind == "tool" else Grant("line", action.line, ".")
    context = Context("default", granted=(earlier,))
    assert grant_for(action, context, "tool" if kind == "tool" else "line") is None
    found = judge(action, context)
    assert (found.answer, found.always, found.tool) == ("ask", "", "")
    plain = replace(action, contents=(), touches=(), asks="")
    assert judge(plain, context).answer == "allow"


@pytest.mark.parametrize(
    ("action", "effect"),
    [
        (Action("command", line="rm -r x", effect="destructive"), "read"),
        (
            Action("command", line="make up", effect="destructive", contents=(FileDigest("v/a1.py", "11"),)),
            "destructive",
        ),
        (Action("command", line="make up", effect="write", touches=("database schema",)), "write"),
    ],
)
def test_another_line_takes_no_risk_from_the_files_that_it_applies(action: Action, effect: str) -> None:
    assert effect_of_line("ls").effect == "read"
    fresh = _reworded(action, "ls")
    assert (fresh.line, fresh.effect, fresh.contents) == ("ls", effect, action.contents)
    assert set(action.touches) <= set(fresh.touches)


def test_the_edited_text_of_the_new_revision_is_the_one_that_is_migrated() -> None:
    made = replace(MIGRATION, text="other")
    edited = Finding("edited", "edited", actions=(Action("edit", path=made.path, text="other"),), step="create")
    facts = replace(FACTS, files=(RevisionFact("b2", made.path, "11"),))
    assert draft(facts, [edited]).step("migrate").action.contents != draft(facts).step("migrate").action.contents
    assert isinstance(made, MigrationFact)


@pytest.mark.parametrize("word", ["password", "token"])
def test_what_looks_like_a_secret_in_the_code_hides_no_import(word: str, tmp_path: Path) -> None:
    """Redacted code may be no code any more: what it imports is read before."""
    versions = tmp_path / "versions"
    versions.mkdir()
    _tree(versions, a1=f"from helpers import made; print('API {word}: it is kept', {word}=made(\"x\"))")
    (tmp_path / "helpers.py").write_text("def made(text): ...\n")
    project = cast(Project, SimpleNamespace(root=tmp_path, folder=tmp_path))
    tree = AlembicTree(tmp_path / "alembic.ini", "alembic", versions, (versions,))
    reading = read(project, tree, read_graph([versions]), ("a1",))
    assert "***" in reading.files[0].text
    assert [fact.path for fact in reading.scripts] == ["helpers.py"]


def test_a_module_that_only_another_revision_imports_is_not_gone(tmp_path: Path) -> None:
    """Seen: a changed helper of a pending revision was taken for gone, again and again, and ended the run."""
    versions = tmp_path / "versions"
    versions.mkdir()
    _tree(versions, a1="pass", b2="from helpers import name; name()")
    helpers = tmp_path / "helpers.py"
    helpers.write_text("def name(): ...\n")
    project = cast(Project, SimpleNamespace(root=tmp_path, folder=tmp_path))
    tree = AlembicTree(tmp_path / "alembic.ini", "alembic", versions, (versions,))
    graph = read_graph([versions])
    known = read(project, tree, graph, ("a1", "b2"))
    facts = replace(FACTS, files=known.files, scripts=known.scripts)
    assert [fact.path for fact in known.scripts] == ["helpers.py"]
    # Less is pending than was thought: the module is as it was.
    [same] = read_again(project, tree, graph, facts, ("a1",)).scripts
    assert (same.sha256, same.diff) == (known.scripts[0].sha256, "")
    helpers.write_text("def name(): drop_everything()\n")
    finding = reread(project, tree, graph, facts, ("helpers.py",))
    [fresh] = finding.scripts
    assert "+def name(): drop_everything()" in fresh.diff
    assert changed(tmp_path, [FileDigest(fresh.path, fresh.sha256)]) == ()
    helpers.unlink()
    [gone] = reread(project, tree, graph, facts, ("helpers.py",)).scripts
    assert (gone.sha256, gone.diff) == ("", "helpers.py is gone\n")


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    made = make_project(tmp_path / "shop")
    service = made.root / "service.py"
    service.write_text(f"import subprocess\n\nsubprocess.run(['sh', 'meanwhile.sh'])\n\n{service.read_text()}")
    yield made
    remove_project(made)


FIRST = "alembic/versions/1a2b3c4d5e6f_first.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "file", "said"),
    [
        (f"sed -i 's/^def downgrade/    op.execute(\"DELETE FROM course\")\\n\\n&/' {FIRST}", FIRST, "DELETE"),
        ("echo '# a comment' >> alembic/env.py", "alembic/env.py", "+# a comment"),
        ("echo 'SELECT 1' > alembic/more.sql", "alembic/more.sql", "+SELECT 1"),
    ],
)
def test_a_file_that_changes_while_the_service_starts_is_asked_anew(
    spine: Spine, line: str, file: str, said: str
) -> None:
    (spine.root / "alembic" / "more.sql").write_text("SELECT 0\n")
    (spine.root / "meanwhile.sh").write_text(f"{line}\n")
    ended = safemig(spine.root, "run", "--mode", "auto")
    assert ended.code == 4, ended.shown
    assert "migrate" not in spine.calls()
    events = [json.loads(row) for row in (spine.runs()[-1] / "events.jsonl").read_text().splitlines()]
    asked = next(event["data"] for event in events if event["kind"] == "approval.asked")
    assert f"new in {file} since the plan was made" in asked["detail"]
    assert said in asked["detail"]
    assert file in asked["contents"]


@pytest.mark.slow
def test_a_recipe_that_changes_the_revision_before_it_applies_it_is_no_success(tmp_path: Path) -> None:
    recipe = f"migrate:\n\techo '# more' >> {FIRST}\n"
    spine = make_project(tmp_path / "shop", makefile=MAKEFILE.replace("migrate:\n", recipe))
    try:
        ended = safemig(spine.root, "run", "--mode", "auto")
        assert ended.code == 1, ended.shown
        assert f"{FIRST} changed while `make migrate` ran" in ended.shown
    finally:
        remove_project(spine)


@pytest.mark.parametrize(
    ("text", "said", "there"),
    [
        (None, "", False),
        ("def upgrade(:\n", "versions/a1_x.py:1 ", True),
        (b"\xff\xfe", "is not in UTF-8", True),
        ("x = 1\n", "what it does is not known", True),
    ],
)
def test_a_revision_file_that_is_none_any_more_is_called_what_it_is(
    text: str | bytes | None, said: str, there: bool, tmp_path: Path
) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    _tree(versions, a1="pass")
    project = cast(Project, SimpleNamespace(root=tmp_path, folder=tmp_path))
    tree = AlembicTree(tmp_path / "alembic.ini", "alembic", versions, (versions,))
    facts = replace(FACTS, files=read(project, tree, read_graph([versions]), ("a1",)).files)
    path = versions / "a1_x.py"
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    finding = reread(project, tree, read_graph([versions]), facts, ("versions/a1_x.py",))
    [file] = finding.files
    assert (bool(file.sha256), "is gone" in file.diff, "gone" in finding.cause) == (there, not there, not there)
    assert said in file.unread
    assert [risk.text for risk in finding.risks] == ([file.unread] if there else [])
