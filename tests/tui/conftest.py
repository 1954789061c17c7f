"""Textual's wait for an idle process, in finer steps: a key press waits twice, a test presses up to a hundred keys."""

from __future__ import annotations

from textual import _wait

# 0.02 s otherwise, at least twice a key. That all messages were handled, Textual waits for beside it, by event.
_wait.SLEEP_GRANULARITY = 0.004
_wait.SLEEP_IDLE = _wait.SLEEP_GRANULARITY / 20
