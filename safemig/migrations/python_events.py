"""What reading a revision's code comes upon, in the order of the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from safemig.sql.hazards import Hazard


@dataclass(frozen=True)
class Noted:
    """What may be lost, or what a person is to be asked about, at a 1-based line. ``about`` names it as ``Acts.makes``
    does."""

    line: int
    hazard: Hazard
    about: str = ""


@dataclass(frozen=True)
class RunsSql:
    """SQL that is written out: a ``statement`` that is run, a ``fragment`` inside of one that SQLAlchemy builds, or
    ``either`` where it was not seen what becomes of it;
    ``certain``: nothing can keep it from being run."""

    line: int
    text: str
    form: Literal["statement", "fragment", "either"]
    certain: bool = False


@dataclass(frozen=True)
class Acts:
    """Something that changes the database, or may. ``makes`` is the table, ``constraint TABLE.NAME`` or
    ``column TABLE.NAME`` that stands there afterwards for certain; not ``known``: it is
    not read whether it changes anything at all; ``rows``: it changes rows and no definition."""

    line: int
    makes: str = ""
    known: bool = True
    rows: bool = False


@dataclass(frozen=True)
class Raises:
    """An error that ends the function."""

    line: int
    error: str


Event = Noted | RunsSql | Acts | Raises
