"""What discovery could not find or decide: open points of the plan, notes, and what keeps a run from beginning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.graph import is_one_history
from safemig.project.derived_commands import to_name

if TYPE_CHECKING:
    from checks.revisions.graph import Graph
    from safemig.project.alembic_config import AlembicTree
    from safemig.project.layout import Project
    from safemig.project.problem import Problem

ROLES = (("start", "starts the service"), ("migrate", "applies the migrations"))


class ChoiceNeeded(Exception):
    """Several candidates stand equal; a person must name one."""

    def __init__(self, what: str, candidates: Sequence[str], how: str) -> None:
        unsaid = [candidate for candidate in candidates if candidate not in what]
        super().__init__(what + (f": {', '.join(unsaid)}" if unsaid else "") + f"; {how}")
        self.candidates = tuple(candidates)


class NoSuchName(ChoiceNeeded):
    """Nothing is called as the spec or phase that the person named."""


class NotReady(Exception):
    """The project lacks something without which a run cannot begin."""


def words(problem: Problem, root: Path) -> str:
    """A problem as one line: what, where below ``root``, the candidates of a tie, what to do next."""
    where = Path(problem.where)
    shown = where.relative_to(root).as_posix() if where.is_relative_to(root) else problem.where
    place = f" ({shown})" if shown not in {"", "."} else ""
    candidates = f": {', '.join(problem.candidates)}" if problem.candidates else ""
    return f"{problem.what}{place}{candidates}; {problem.next}"


def refuse_ties(project: Project) -> None:
    """Raises ChoiceNeeded when discovery left a choice to a person: a run must not make it silently."""
    for problem in project.problems:
        if problem.candidates:
            shown = words(problem, project.root).partition(": ")[0]
            raise ChoiceNeeded(shown, problem.candidates, problem.next)


def refuse_gaps(project: Project) -> None:
    """Raises ChoiceNeeded for a tie, NotReady for what is missing: before the journal of a run is begun."""
    refuse_ties(project)
    found = [words(problem, project.root) for problem in project.problems if problem.blocking]
    if found:
        raise NotReady("a run cannot begin here: " + "; and ".join(found))


def broken(graph: Graph, root: Path) -> tuple[str, ...]:
    """The revision files that cannot be read as such, with file and line."""
    shown = ((Path(problem.file), problem) for problem in graph.problems)
    return tuple(
        f"{path.relative_to(root) if path.is_relative_to(root) else path}"
        + (
            f", line {problem.line}: {problem.text}; mend the revision file first"
            if problem.line
            else f": {problem.text}"
        )
        for path, problem in shown
    )


def stops(graph: Graph, root: Path, *, merged: bool = False) -> tuple[str, ...]:
    """What makes a run pointless before its first step: Alembic itself would refuse these files, or do half."""
    found = [*broken(graph, root)]
    labels = {head: _label(graph, head) for head in graph.heads} if len(graph.heads) > 1 and not merged else {}
    if labels and all(labels.values()):
        shown = ", ".join(f"{head} of {label}" for head, label in labels.items())
        found.append(
            f"the code has {len(labels)} heads of branches with labels of their own ({shown}), which are kept apart on "
            "purpose: none is merged and no new revision is planned; write it onto the branch that it belongs to "
            f"(`alembic revision --head {next(iter(labels.values()))}@head`)"
        )
    elif len(graph.heads) > 1 and not merged and not is_one_history(graph):
        found.append(
            f"the code has {len(graph.heads)} heads ({', '.join(graph.heads)}) that have no revision in common: these "
            f"are histories of their own (from {', '.join(graph.bases)}), which safemig does not merge, so no new "
            "revision is planned; take the files of one away, or write the revision by hand if they are branches kept "
            "on purpose"
        )
    elif len(graph.heads) > 1 and not merged:
        found.append(
            f"the code has {len(graph.heads)} heads ({', '.join(graph.heads)}), so no new revision is planned; "
            "merge them (`alembic merge heads`), or write the revision by hand if they are branches kept on purpose"
        )
    return tuple(found)


def _label(graph: Graph, head: str) -> str:
    """The label of the branch that the head ends: its own, or the nearest below it that no other head has below it."""
    others = {name for other in graph.heads if other != head for name in _below(graph, other)}
    mine = (graph.revisions[name] for name in _below(graph, head) if name not in others)
    return next((revision.labels[0] for revision in mine if revision.labels), "")


def _below(graph: Graph, head: str) -> list[str]:
    names = [head]
    for name in names:
        names += [down for down in graph.revisions[name].down if down in graph.revisions and down not in names]
    return names


def unread_labels(graph: Graph, root: Path) -> tuple[str, ...]:
    """Branch labels that only running a revision would tell: its branch is taken as kept apart on purpose."""
    shown = ((Path(note.file), note) for note in graph.notes)
    return tuple(
        f"{path.relative_to(root) if path.is_relative_to(root) else path}:{note.line}: {note.text}; its branch counts "
        "as one that is kept apart, and no heads are merged"
        for path, note in shown
    )


def unread_table(tree: AlembicTree) -> str:
    """What of Alembic's own table env.py names by expressions, and what settles it; "" for nothing."""
    if not tree.unread:
        return ""
    keys = " and ".join(f"database.{name}" for name, _ in tree.unread)
    places = " and ".join(dict.fromkeys(place for _, place in tree.unread))
    names = " and ".join(name for name, _ in tree.unread)
    return f"{places} gives {names} by what only running it would tell; name them: set {keys} in safemig.yaml"


def missing(project: Project, commands: Collection[str]) -> tuple[str, ...]:
    """What keeps the main job from its end, each thing said once."""
    found = [words(problem, project.root) for problem in project.problems if problem.blocking]
    if project.makefile or commands:
        found += [_unplayed(project, role, what) for role, what in ROLES if role not in commands]
    return tuple(dict.fromkeys(found))


def _unplayed(project: Project, role: str, what: str) -> str:
    """Why nothing plays the role, and what settles it."""
    known = next((problem for problem in project.problems if problem.next == to_name(role)), None)
    if known is not None:
        return words(known, project.root)
    lacking = f"no make target {what}; add one, or" if project.makefile else f"nothing {what};"
    return f"{lacking} name the command in safemig.yaml (commands: {role}: ...)"


def untested(project: Project, commands: Collection[str]) -> tuple[str, ...]:
    """That nothing runs tests, where no Makefile is there to take a target and no other open point says it."""
    known = any(problem.next == to_name("test") for problem in project.problems)
    if "test" in commands or project.makefile or known:
        return ()
    return (f"nothing runs tests here, and without them a run cannot end as passed; {to_name('test')}",)


def notes(project: Project) -> tuple[str, ...]:
    """What the main job can begin without, and a person should know."""
    unplayed = {f"no make target does {role!r}" for role, _ in ROLES}
    named = {to_name(role) for role, _ in ROLES}
    return tuple(
        words(problem, project.root)
        for problem in project.problems
        if not problem.blocking and problem.what not in unplayed and problem.next not in named
    )
