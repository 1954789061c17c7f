"""The floors of the house: no import climbs, no modules import one another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from tests.imports import FLOORS, MAY_LOAD_THE_SCREEN, PACKAGES, ROOT, graph, imports_of, sources

LATE_CIRCLES = {
    frozenset({"safemig.plan_document.document", "safemig.plan_document.phases"}),  # the reader beside its data types
    frozenset({"tui.app", "tui.key_table"}),  # the app checks the person's keys against all bindings, its own too
}


def cycles(edges: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """The groups of modules that reach one another."""
    reach = {module: _reached(edges, module) for module in edges}
    groups = {frozenset({module, *(m for m in reach[module] if module in reach[m])}) for module in edges}
    return {group for group in groups if len(group) > 1}


def _reached(edges: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in edges[waiting.pop()]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def test_no_import_climbs_a_floor() -> None:
    climbing = [
        f"{path.relative_to(ROOT)}:{found.line} imports {found.module}"
        for module, path in sources(*FLOORS).items()
        for found in imports_of(path, module)
        if (top := found.module.partition(".")[0]) in FLOORS
        and FLOORS.index(top) > FLOORS.index(module.partition(".")[0])
        and not (top == "tui" and found.late and module in MAY_LOAD_THE_SCREEN)
    ]
    assert climbing == []


def test_no_package_of_the_engine_imports_its_own_floor_or_a_higher_one() -> None:
    floor_of = {package: number for number, floor in enumerate(PACKAGES) for package in floor}
    modules = sources("safemig")
    packages = {path.parent.name for path in (ROOT / "safemig").glob("*/__init__.py")}
    climbing = []
    for module, path in modules.items():
        for name in {found.module for found in imports_of(path, module)}:
            above, below = (one.split(".")[1] if one.count(".") else "" for one in (module, name))
            if name.startswith("safemig.") and above != below and {above, below} <= floor_of.keys():
                climbing += [f"{module} imports {name}"] if floor_of[below] >= floor_of[above] else []
    assert climbing == []
    assert packages <= floor_of.keys()


def test_only_the_tests_import_tests_bench_or_demo() -> None:
    found = [
        f"{module} imports {one.module}"
        for module, path in sources(*FLOORS).items()
        for one in imports_of(path, module)
        if one.module.partition(".")[0] in {"tests", "bench", "demo"}
    ]
    assert found == []


def test_the_finder_of_cycles_finds_one() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {frozenset({"b", "c"})}


def test_no_modules_import_one_another_when_they_are_loaded() -> None:
    assert cycles(graph(late=False)) == set()


def test_circles_through_imports_inside_functions_are_known_by_name() -> None:
    assert cycles(graph(late=True)) <= LATE_CIRCLES


def test_the_picture_of_the_floors_is_that_of_the_imports() -> None:
    code = "import sys; sys.path.insert(0, 'docs'); import floors; sys.stdout.write(floors.picture())"
    drawn = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert drawn == (ROOT / "docs/images/floors.svg").read_text(encoding="utf-8"), "run python docs/floors.py"
