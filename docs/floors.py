"""The picture of the floors in docs/architecture.md, from the imports of the code: ``python docs/floors.py``.

Each box is a package; a line leads from a package to one below it whose code it imports. A line that follows from two
others is left out (transitive reduction), as is the one named way up, from the command line to the screen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.imports import PACKAGES, graph

PICTURE = Path(__file__).parent / "images" / "floors.svg"
FLOORS = (("checks",), *PACKAGES, ("tui",))
WIDTH, ROW, BOX, HIGH = 860, 62, 132, 30  # pixels
STYLE = "text{font:13px monospace;fill:#1f2328}rect{fill:#eef3fa;stroke:#57606a}path{stroke:#8c959f;fill:none}"


def package(module: str) -> str:
    """The package that a module is drawn in; "" for the modules at the root of safemig."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "safemig" else top


def edges() -> dict[str, set[str]]:
    """Package -> the packages that its code imports, also inside functions."""
    known = {name for floor in FLOORS for name in floor}
    found: dict[str, set[str]] = {name: set() for name in known}
    for module, imported in graph(late=True).items():
        above = package(module)
        if above in known:
            found[above] |= {package(name) for name in imported} & known - {above}
    return found


def reduced(found: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The edges that do not follow from others."""
    return {
        above: {below for below in direct if not any(below in _reach(found, other) for other in direct - {below})}
        for above, direct in found.items()
    }


def _reach(found: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = found[waiting.pop()] - seen
        seen |= fresh
        waiting += fresh
    return seen


def places() -> dict[str, tuple[float, float]]:
    """Package -> the middle of its box: the lowest floor at the bottom, a floor's boxes spread over the width."""
    result: dict[str, tuple[float, float]] = {}
    for number, floor in enumerate(reversed(FLOORS)):
        for place, name in enumerate(floor):
            shift = 70 * (number % 3 - 1) if len(floor) == 1 else 0  # so that lines pass beside single boxes
            result[name] = (WIDTH * (place + 1) / (len(floor) + 1) + shift, 30 + ROW * number)
    return result


def drawn() -> Iterator[str]:
    """The lines of the SVG."""
    at = places()
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{ROW * len(FLOORS)}"><style>{STYLE}</style>'
    yield '<rect width="100%" height="100%" style="fill:#ffffff;stroke:none"/>'
    for above, below in sorted((one, two) for one, others in reduced(edges()).items() for two in others):
        (x1, y1), (x2, y2) = at[above], at[below]
        start, bend, end = y1 + HIGH / 2, (y1 + y2) / 2, y2 - HIGH / 2
        yield f'<path d="M{x1:.0f} {start:.0f} C{x1:.0f} {bend:.0f} {x2:.0f} {bend:.0f} {x2:.0f} {end:.0f}"/>'
    for name, (x, y) in at.items():
        yield f'<rect x="{x - BOX / 2:.0f}" y="{y - HIGH / 2:.0f}" width="{BOX}" height="{HIGH}" rx="5"/>'
        yield f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle">{name}</text>'
    yield "</svg>"


def picture() -> str:
    """The whole picture."""
    return "\n".join(drawn()) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
