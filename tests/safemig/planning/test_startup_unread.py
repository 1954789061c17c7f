"""Start-up code that cannot be followed is named: it may apply revisions, whatever else of the start is understood."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.safemig.planning.test_startup import DOCKERFILE, LOCAL, PLAIN_APP, SERVE, composed, startup


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "the module shop.main could not be read: it is none of the project's files"),
        ({"shop/main.py": "app = FastAPI(\n"}, "shop/main.py could not be read: it cannot be parsed"),
        (
            {"shop/main.py": f"app = 1\n{'#' * 400_001}\n"},
            "shop/main.py could not be read: it is larger than 400,000 bytes",
        ),
        ({"shop/main.py": "import shop.wiring\n", "shop/wiring.py": "def (\n"}, "shop/wiring.py could not be read"),
        ({"shop/main.py": PLAIN_APP}, ""),
    ],
)
def test_code_that_cannot_be_followed_is_a_note(files: Mapping[str, str], said: str, tmp_path: Path) -> None:
    """On this machine and in a container; what is understood beside it does not make it known."""
    readings = [startup(tmp_path / "here", {"Makefile": LOCAL.format(flags=""), **files})]
    if files:  # else a container's project has its module
        readings.append(composed(tmp_path / "inside", {"Dockerfile": DOCKERFILE + SERVE, **files}))
    for found in readings:
        assert found.unread is bool(said)
        assert any(said in note for note in found.notes) if said else not found.notes


def test_a_script_that_goes_on_behind_the_end_of_the_reading_is_not_known(tmp_path: Path) -> None:
    makefile = "start:\n\t./start.sh\n\nmigrate:\n\talembic upgrade head\n"
    said = "start.sh could not be read: it is larger than 65,536 bytes"
    for lines, cut in ((7_000, True), (100, False)):
        script = "#!/bin/sh\n" + "# nothing\n" * lines + "nohup uvicorn shop.main:app &\n"
        found = startup(tmp_path / str(lines), {"Makefile": makefile, "start.sh": script, "shop/main.py": PLAIN_APP})
        assert any(said in note for note in found.notes) is cut
        assert found.unread is cut
