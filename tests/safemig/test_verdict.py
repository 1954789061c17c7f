"""Why a run has not passed: a signal that is not good or was not seen, a schema that is not as asked for."""

from __future__ import annotations

import pytest

from safemig.run.verdict import Judged
from safemig.signals import Signal

GOOD = Signal(True, "3 passed", "3 passed")


def judged(ok: bool | None = True, matches: bool | None = True, asked: bool = True, *reasons: str) -> Judged:
    return Judged({"tests": GOOD, "container": Signal(ok, "", "", reasons)}, matches, asked, ())


@pytest.mark.parametrize(
    ("result", "reasons"),
    [
        (judged(), ()),
        (judged(matches=None, asked=False), ()),
        (judged(None), ("container: could not look",)),
        (judged(False), ("container: not good",)),
        (judged(False, True, True, "app is absent", "db is gone"), ("container: app is absent; db is gone",)),
        (judged(matches=None), ("schema: not compared with the spec",)),
        (judged(matches=False), ("schema: not as asked for",)),
        (judged(None, None), ("container: could not look", "schema: not compared with the spec")),
    ],
)
def test_every_reason_is_named(result: Judged, reasons: tuple[str, ...]) -> None:
    assert result.reasons() == reasons
