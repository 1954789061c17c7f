"""What revisions name by constants of the project is known; what only running them would tell is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.revisions.graph import Graph, read_graph
from safemig.planning.collect.gaps import stops
from safemig.project.constants import of_revisions

FIRST = 'revision = "a1"\ndown_revision = None\n'


def _graph(root: Path, side: str, constants: str = 'EXPAND = "expand"\nNAMES = ("x",)\n') -> Graph:
    app, versions = root / "app", root / "alembic" / "versions"
    for folder in (app, versions):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
    (app / "branches.py").write_text(constants)
    (versions / "a1.py").write_text(FIRST)
    (versions / "b2.py").write_text(f'{side}\nrevision = "b2"\ndown_revision = "a1"\n')
    return read_graph([versions], known=of_revisions(root))


@pytest.mark.parametrize(
    ("side", "labels", "leans"),
    [
        ("from app.branches import EXPAND\nbranch_labels = (EXPAND,)", ("expand",), ()),
        ("from app.branches import EXPAND as E\nbranch_labels = [f'{E}_2']", ("expand_2",), ()),
        ("from app.branches import EXPAND\nMINE = EXPAND + '_x'\nbranch_labels = MINE", ("expand_x",), ()),
        ("from app.branches import BASE\ndepends_on = BASE", (), ("a1",)),
    ],
)
def test_constants_are_read(tmp_path: Path, side: str, labels: tuple[str, ...], leans: tuple[str, ...]) -> None:
    graph = _graph(tmp_path, side, 'EXPAND = "expand"\nBASE = "a1"\n')
    assert (graph.problems, graph.notes) == ((), ())
    assert graph.revisions["b2"].labels == labels
    assert graph.revisions["b2"].depends_on == leans
    assert dict(graph.labels) == dict.fromkeys(labels, "b2")


@pytest.mark.parametrize(
    "side",
    [
        "import os\nbranch_labels = (os.environ['B'],)",
        "from app.branches import MADE\nbranch_labels = (MADE,)",
        "from elsewhere import EXPAND\nbranch_labels = (EXPAND,)",
    ],
)
def test_the_rest_is_named_with_its_line(tmp_path: Path, side: str) -> None:
    graph = _graph(tmp_path, side, "MADE = make()\n")
    assert [(Path(note.file).name, note.line) for note in graph.notes] == [("b2.py", 2)]
    assert graph.revisions["b2"].labels == ()


def test_a_changed_constant_is_read_anew_although_the_revision_is_cached(tmp_path: Path) -> None:
    _graph(tmp_path, "from app.branches import EXPAND\nbranch_labels = (EXPAND,)")
    versions, cache = [tmp_path / "alembic" / "versions"], tmp_path / "cache"
    read_graph(versions, cache=cache, known=of_revisions(tmp_path))
    (tmp_path / "app" / "branches.py").write_text('EXPAND = "other"\n')
    assert dict(read_graph(versions, cache=cache, known=of_revisions(tmp_path)).labels) == {"other": "b2"}


def test_heads_of_labelled_branches_are_told_with_their_labels(tmp_path: Path) -> None:
    versions = tmp_path / "alembic" / "versions"
    _graph(tmp_path, "from app.branches import EXPAND\nbranch_labels = (EXPAND,)")
    (versions / "c3.py").write_text('revision = "c3"\ndown_revision = "a1"\nbranch_labels = ("contract",)\n')
    (versions / "c4.py").write_text('revision = "c4"\ndown_revision = "c3"\n')
    (said,) = stops(read_graph([versions], known=of_revisions(tmp_path)), tmp_path)
    assert "b2 of expand, c4 of contract" in said
    assert "alembic merge" not in said
