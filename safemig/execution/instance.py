"""A container or local process at one moment: told apart by its id and start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Instance:
    """One container or local process. ``image`` is the id that it was made from, ``named`` the id that this image's
    name stands for now ("" where that is not known), ``made`` when the image was; ``pid`` is that of a process of this
    machine, 0 in a container; ``reloads``: its command says that it reads changed code again.
    """

    id: str
    started: str
    state: str = "running"
    exit_code: int | None = None
    restarts: int = 0
    image: str = ""
    named: str = ""
    made: str = ""
    pid: int = 0
    reloads: bool = False

    @property
    def ended(self) -> bool:
        """Whether it has come to an end by itself."""
        return self.state in ("exited", "dead")

    def same(self, other: Instance | None) -> bool:
        """Whether nothing was started between the two looks."""
        return other is not None and (self.id, self.started) == (other.id, other.started)
