"""In which order an upgrade runs revisions: Alembic's order, on plain ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple


class Parents(NamedTuple):
    """What has to be there before a revision: what it follows, and what else it depends on."""

    down: tuple[str, ...]
    depends_on: tuple[str, ...]


Tree = Mapping[str, Parents]


def upgrades(tree: Tree, current: Collection[str]) -> tuple[str, ...]:
    """All ids that are not at or below ``current``, parents first. What can never run is left out.

    Where several orders are right it is the one Alembic takes (it walks down from the heads, a branch as far as it
    can, in the order of the files); a test compares the two on random graphs.
    """

    def every(id: str) -> tuple[str, ...]:
        return (*tree[id].down, *tree[id].depends_on)

    done = _reach(tree, current, every)
    todo = _runnable({id: every(id) for id in tree if id not in done}, done)
    immediate = {id: _immediate(tree, id) for id in todo}

    def ancestors(id: str) -> set[str]:
        return _reach(tree, (id,), lambda name: immediate[name] if name in immediate else every(name))

    followed = {parent for id in todo for parent in every(id)}
    last = todo - followed
    tips = [id for id in tree if id in last]
    return _walk(tree, todo, tips, immediate, ancestors)


def _walk(
    tree: Tree,
    todo: set[str],
    tips: list[str],
    immediate: Mapping[str, tuple[str, ...]],
    ancestors: Callable[[str], set[str]],
) -> tuple[str, ...]:
    """The revisions of ``todo`` from the tips downwards, parents first in the result."""
    below = [ancestors(id) for id in tips]
    walked: list[str] = []
    at = 0
    while tips:
        tip = tips[at]
        blocker = next((n for n, under in enumerate(below) if n != at and tip in under), None)
        if blocker is not None:
            at = blocker
            continue
        if tip in todo:
            walked.append(tip)
            todo.remove(tip)
        onward = [id for id in immediate[tip] if id in todo and id not in tips]
        if not onward:
            del tips[at], below[at]
            at = max(at - 1, 0)
        elif len(tree[tip].down) == 1 and len(immediate[tip]) == 1:
            # Straight down a line: what lies below changes by the tip alone. Keeps a long chain linear.
            tips[at] = onward[0]
            below[at].discard(tip)
        else:
            tips[at] = onward[0]
            below[at] = ancestors(onward[0])
            tips += onward[1:]
            below += [ancestors(id) for id in onward[1:]]
    return tuple(reversed(walked))


def circles(tree: Tree) -> tuple[tuple[str, ...], ...]:
    """Groups of revisions that (also) follow themselves, each in the order of the tree."""
    edges = {
        id: {parent for parent in (*down, *depends_on) if parent in tree} for id, (down, depends_on) in tree.items()
    }
    # Each circle is among what can never run; in a sound graph that is nothing, found in linear time.
    runnable = _runnable(edges, set())
    rest = [id for id in tree if id not in runnable]
    found: list[tuple[str, ...]] = []
    above = {name: _reach(tree, edges[name], edges.__getitem__) for name in rest}
    for id in rest:
        if not any(id in circle for circle in found):
            circle = tuple(name for name in rest if name in above[id] and id in above[name])
            if circle:
                found.append(circle)
    return tuple(found)


def hangs_together(tree: Tree) -> bool:
    """Whether one can get from any revision to any other along what they follow, up and down."""
    beside: dict[str, list[str]] = {id: [] for id in tree}
    for id, (down, _) in tree.items():
        for parent in down:
            if parent in tree:
                beside[id].append(parent)
                beside[parent].append(id)
    return len(_reach(tree, [*tree][:1], beside.__getitem__)) == len(tree)


def _reach(tree: Tree, starts: Iterable[str], onward: Callable[[str], Iterable[str]]) -> set[str]:
    """``starts`` and all that ``onward`` leads to, as far as it is in the tree."""
    seen: set[str] = set()
    todo = list(starts)
    while todo:
        id = todo.pop()
        if id not in seen and id in tree:
            seen.add(id)
            todo.extend(onward(id))
    return seen


def _runnable(edges: Mapping[str, Iterable[str]], done: set[str]) -> set[str]:
    """The keys of ``edges`` (id to parents) all of whose ancestors are in ``done`` or runnable themselves."""
    waiting = {id: set(parents) - done for id, parents in edges.items()}
    children: dict[str, list[str]] = {}
    for id, parents in waiting.items():
        for parent in parents:
            children.setdefault(parent, []).append(id)
    ready = [id for id, parents in waiting.items() if not parents]
    runnable: set[str] = set()
    while ready:
        id = ready.pop()
        runnable.add(id)
        for child in children.get(id, ()):
            waiting[child].discard(id)
            if not waiting[child]:
                ready.append(child)
    return runnable


def _immediate(tree: Tree, id: str) -> tuple[str, ...]:
    """What a revision follows, and of its dependencies those that no revision below it has already."""
    down, depends_on = tree[id]
    if not depends_on:
        return tuple(dict.fromkeys(down))
    below = _reach(tree, down, lambda name: tree[name].down)
    covered = {dependency for name in below for dependency in tree[name].depends_on}
    return tuple(dict.fromkeys((*down, *(name for name in depends_on if name not in covered))))
