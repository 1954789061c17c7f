"""Failing tests before the change: the cause, and the edits that it calls for."""

from __future__ import annotations

from pathlib import Path

from checks.evidence import Evidence
from safemig.facts import Finding
from safemig.plan import Action, Step
from safemig.proposals import dependencies, edit, failures, lock
from safemig.run.execute import output_of, tail
from safemig.run.looks import relative
from safemig.run.session import Session

TEST_FILE_LIMIT = 400
TEST_FILE_BYTES = 400_000


async def find_remedy(s: Session, step: Step, evidence: Evidence) -> None:
    """Adds a finding with the edits of one remedy; says the cause and does nothing more when there is none."""
    found = await s.look(lambda: _remedy(s, step, evidence))
    if isinstance(found, Finding):
        s.find(found)
    else:
        s.note(f"the tests are red and safemig proposes nothing: {found}", step.id, "warning")


def _remedy(s: Session, step: Step, evidence: Evidence) -> Finding | str:
    folder = s.project.folder
    pyproject = folder / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8") if pyproject.is_file() else ""
    output = tail(output_of(s, step), 200_000)
    remedy = failures.remedy(evidence, output, _test_files(folder), dependencies.declared(text))
    if remedy is None or not remedy.packages or not text:
        return (remedy.cause if remedy else "") or "no cause that safemig knows"
    changed, group = dependencies.add(text, remedy.packages)
    actions: list[Action] = [edit.propose(relative(s, pyproject), text, changed)]
    old_lock = folder / "uv.lock"
    if old_lock.is_file():
        before = old_lock.read_text(encoding="utf-8")
        uv = lock.which_uv(())
        after = lock.renew(folder, changed, uv=uv.argv)
        actions.append(edit.propose(relative(s, old_lock), before, after))
    cause = f"{remedy.cause} (declared in {group})"
    return Finding("remedy", cause, actions=tuple(actions), packages=remedy.packages)


def _test_files(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for pattern in ("test_*.py", "*_test.py", "conftest.py"):
        for path in sorted(folder.rglob(pattern)):
            parts = path.relative_to(folder).parts
            if any(part.startswith(".") or part in {"node_modules", "site-packages"} for part in parts):
                continue
            if len(found) < TEST_FILE_LIMIT and path.stat().st_size <= TEST_FILE_BYTES:
                found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    return found
