"""The revision graph: what is read of a file, what is wrong with a tree, and Alembic's own order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.revisions import graph as graphs
from checks.revisions.order import Parents, circles, upgrades
from checks.revisions.reader import LARGEST, Facts, read_source


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    # Two minutes old: what was modified just now is not kept in the cache.
    moment = path.stat().st_mtime - 120
    os.utime(path, (moment, moment))
    return path


def revision(id: str, down: object = None, **more: object) -> str:
    lines = [f"revision = {id!r}", f"down_revision = {down!r}"]
    return "\n".join([*lines, *(f"{key} = {value!r}" for key, value in more.items())])


@pytest.mark.parametrize(
    ("source", "id", "down"),
    [
        ("revision = 'b'\ndown_revision = 'a'", "b", ("a",)),
        ("from typing import Union\nrevision: str = 'b'\ndown_revision: Union[str, None] = 'a'", "b", ("a",)),
        ("revision = 'b'\ndown_revision = None", "b", ()),
        ("revision = 'm'\ndown_revision = ('a', 'b')", "m", ("a", "b")),
        ("revision = 'm'\ndown_revision = ['a', 'b']", "m", ("a", "b")),
        ("revision = 'b' 'c'\ndown_revision = 'a' + '1'", "bc", ("a1",)),
        ("PARENT = 'a'\nrevision = f'{PARENT}_2'\ndown_revision = PARENT", "a_2", ("a",)),
        ("revision, down_revision = 'b', 'a'", "b", ("a",)),
        ('"""x\n\nRevises: z\n"""\nrevision = "b"\ndown_revision = "a"', "b", ("a",)),
        ("revision = 'b'\ndown_revision = 'x'\ndown_revision = 'a'", "b", ("a",)),
        ("# -*- coding: latin-1 -*-\n# \xe9\nrevision = 'b'\ndown_revision = 'a'", "b", ("a",)),
    ],
)
def test_reads_the_assignments(source: str, id: str, down: tuple[str, ...]) -> None:
    facts = read_source(source.encode("latin-1"), "x.py")
    assert (facts.id, facts.down, facts.problems) == (id, down, ())


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        (b"revision = 'a'\ndown_revision = (", 2, "no valid Python"),
        (b"revision = 'a'\ndown_revision = parent()", 2, "down_revision is no literal"),
        (b"revision = 'a'\nif True:\n    down_revision = 'b'", 3, "inside a block"),
        (b"revision = 'a'", 1, "down_revision is not assigned"),
        (b"down_revision = 'a'", 1, "revision is not assigned"),
        (b"revision = None\ndown_revision = 'a'", 1, "one string"),
        (b"revision = A\nA = A\ndown_revision = None", 1, "revision is no literal"),
        (b"revision = 'a'\ndown_revision = None\n\x00", 1, ""),
        (b"x = " + b"(" * 500 + b")" * 500, 1, ""),
        (b"#" * (LARGEST + 1), 1, "larger than"),
    ],
)
def test_says_where_a_file_is_broken(source: bytes, line: int, text: str) -> None:
    facts = read_source(source, "x.py")
    assert facts.problems
    assert facts.problems[0][0] in {line, 1, 2, 3}
    assert text in facts.problems[0][1]


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_never_raises_whatever_a_file_holds(source: bytes) -> None:
    assert isinstance(read_source(source, "x.py"), Facts)


def test_a_label_that_is_no_literal_is_a_note() -> None:
    facts = read_source(b"revision = 'a'\ndown_revision = None\nbranch_labels = (cli.EXPAND,)", "a.py")
    assert facts.problems == ()
    assert [line for line, _ in facts.notes] == [3]


def test_a_file_from_before_alembic_had_ids_is_called_after_its_name() -> None:
    assert read_source(b"down_revision = None", "1a2b.py").id == "1a2b"


def test_tables_made_by_the_upgrade() -> None:
    source = b"""
from alembic import op as o
import alembic
NAME = "named"
revision, down_revision = "a", None
def upgrade():
    o.create_table("plain")
    alembic.op.create_table("there", schema="app")
    helper()
    op.create_table(computed())
    sa.create_table("other")
def helper():
    op.create_table(NAME, schema=None)
def downgrade():
    op.create_table("dropped")
"""
    assert read_source(source, "a.py").creates == ("plain", "app.there", "named")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('"""Add a course\n\nRevision ID: a\n"""', "Add a course"),
        ('"""\nCreate Date: 2024\n"""', ""),
        ('import x\n"""late"""', "late"),
        ("", ""),
    ],
)
def test_the_message_is_the_first_paragraph(source: str, message: str) -> None:
    assert read_source(f"{source}\nrevision = 'a'\ndown_revision = None".encode(), "a.py").message == message


def test_branches_merges_and_several_trees(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, "a.py", revision("a"))
    write(one, "b.py", revision("b", "a"))
    write(one, "c.py", revision("c", "a", branch_labels="side"))
    write(two, "m.py", revision("m", ("b", "c")))
    write(two, "x.py", revision("x", depends_on="side"))
    write(two, "README.md", "no revision")
    write(two, "__init__.py", "")
    write(two, "deeper/y.py", revision("y", "x"))
    flat = graphs.read_graph([one, two])
    deep = graphs.read_graph([one, two], recursive=True)
    assert flat.heads == ("m", "x")
    assert deep.heads == ("m", "y")
    assert deep.bases == ("a", "x")
    assert deep.problems == ()
    assert deep.labels == {"side": "c"}
    assert set(graphs.pending(deep, ["b"])) == {"c", "m", "x", "y"}
    assert graphs.pending(deep, ["m", "y"]) == ()
    with pytest.raises(graphs.UnknownRevision, match="zzz"):
        graphs.pending(deep, ["zzz"])


def test_problems_of_a_tree_name_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "a.py", revision("a"))
    write(tmp_path, "b.py", "\n" + revision("a"))
    write(tmp_path, "c.py", revision("c", "gone"))
    write(tmp_path, "d.py", revision("d", "e"))
    write(tmp_path, "e.py", revision("e", "d"))
    write(tmp_path, "f.py", "def (")
    write(tmp_path, "g.py", revision("g", "c"))
    (tmp_path / "h.py").symlink_to(tmp_path / "nowhere.py")
    graph = graphs.read_graph([tmp_path, tmp_path / "absent"])
    found = {(Path(problem.file).name, problem.line): problem.text for problem in graph.problems}
    assert set(found) == {("b.py", 2), ("c.py", 2), ("d.py", 1), ("f.py", 1), ("h.py", 0), ("absent", 0)}
    assert "also in" in found["b.py", 2]
    assert "'gone'" in found["c.py", 2]
    assert "d, e" in found["d.py", 1]
    assert graphs.pending(graph, []) == ("a",)
    assert set(graphs.pending(graph, ["c"])) == {"a", "g"}


def test_the_cache_spares_parsing_and_sees_every_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = tmp_path / "versions", tmp_path / "cache"
    for number in range(5):
        write(folder, f"{number}.py", revision(str(number), str(number - 1) if number else None))
    parsed: list[str] = []

    def counting(source: bytes, name: str) -> Facts:
        parsed.append(name)
        return read_source(source, name)

    monkeypatch.setattr(graphs, "read_source", counting)
    cold = graphs.read_graph([folder], cache=cache)
    assert len(parsed) == 5
    assert graphs.read_graph([folder], cache=cache) == cold == graphs.read_graph([folder])
    assert len(parsed) == 10
    parsed.clear()
    before = (folder / "4.py").stat()
    write(folder, "4.py", revision("9", "3"))
    os.utime(folder / "4.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder / "0.py").unlink()
    changed = graphs.read_graph([folder], cache=cache)
    assert parsed == ["4.py"]
    assert changed.heads == ("9",)
    assert changed == graphs.read_graph([folder])
    fresh = folder / "5.py"
    fresh.write_text(revision("5", "9"))
    graphs.read_graph([folder], cache=cache)
    parsed.clear()
    graphs.read_graph([folder], cache=cache)
    assert parsed == ["5.py"], "a file modified a moment ago may change again within its time stamp"


@pytest.mark.parametrize("content", [b"", b"\xff\x00garbage", b"\x82\xa6format\x00\xa5files\x80", b"\x81\xa5files\x01"])
def test_a_corrupt_cache_is_ignored(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "versions", "a.py", revision("a"))
    cache = tmp_path / "cache"
    cache.write_bytes(content)
    assert graphs.read_graph([tmp_path / "versions"], cache=cache).heads == ("a",)
    assert graphs.read_graph([tmp_path / "versions"], cache=tmp_path / "no" / "such" / "folder").heads == ("a",)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Parents]:
    """Random graphs without circles; at most one dependency each, since Alembic keeps several in a set's order."""
    count = draw(st.integers(1, 9))
    tree: dict[str, Parents] = {}
    for number in range(count):
        older = [f"r{other}" for other in range(number)]
        some: st.SearchStrategy[list[str]] = (
            st.lists(st.sampled_from(older), max_size=2, unique=True) if older else st.just([])
        )
        down = draw(some)
        rest = [id for id in older if id not in down]
        depends = draw(st.lists(st.sampled_from(rest), max_size=1)) if rest else []
        tree[f"r{number}"] = Parents(tuple(down), tuple(depends))
    order = draw(st.permutations(list(tree)))
    return {id: tree[id] for id in order}


def alembic_order(tree: dict[str, Parents], current: Sequence[str]) -> tuple[str, ...]:
    from alembic.script.revision import Revision, RevisionMap

    table = RevisionMap(
        lambda: [Revision(id, p.down or None, dependencies=p.depends_on or None) for id, p in tree.items()]
    )
    walked = table.iterate_revisions("heads", tuple(current) or "base", implicit_base=True)
    return tuple(found.revision for found in walked)[::-1]


@settings(max_examples=300, deadline=None)
@given(trees(), st.data())
def test_pending_has_alembics_order(tree: dict[str, Parents], data: st.DataObject) -> None:
    current = data.draw(st.lists(st.sampled_from(sorted(tree)), max_size=1))
    assert upgrades(tree, current) == alembic_order(tree, current)
    assert circles(tree) == ()


def test_a_long_chain_is_ordered_at_once() -> None:
    tree = {str(n): Parents((str(n - 1),) if n else (), ()) for n in range(20_000)}
    assert upgrades(tree, ["9999"]) == tuple(map(str, range(10_000, 20_000)))


def test_circles_are_found_each_once() -> None:
    tree = {
        "a": Parents((), ()),
        "b": Parents(("c",), ()),
        "c": Parents(("b",), ()),
        "d": Parents(("a",), ("d",)),
        "e": Parents(("c",), ()),
    }
    assert circles(tree) == (("b", "c"), ("d",))
    assert upgrades(tree, []) == ("a",)
