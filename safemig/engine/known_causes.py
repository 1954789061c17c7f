"""Causes that no waiting mends, told from the words of a log or a command, with what to do next. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """``words`` is the line that shows it; ``next`` says why that is and what to do."""

    words: str
    next: str

    @property
    def text(self) -> str:
        """Both, as one sentence."""
        return f"{self.words}; {self.next}"


_PASSWORD = (
    "the password is another one than the database has: its image takes POSTGRES_USER and POSTGRES_PASSWORD only when "
    "{volume} is made, so that one made with other values keeps them; set the old ones back, or change the role's "
    "password in the database (safemig removes no volume)"
)
_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"password authentication failed for user|FATAL:\s+role \S+ does not exist"), _PASSWORD),
    (
        re.compile(r"port is already allocated|address already in use|[Bb]ind for \S+ failed|ports are not available"),
        "something else holds that port: stop it (`docker ps`, `ss -ltnp` name it), or publish another port",
    ),
    (
        re.compile(r"env file \S+ not found|couldn't find env file|env_file \S+ (?:does not exist|not found)"),
        "write that file first, from its example where the project has one",
    ),
    (
        re.compile(r"\bvariable \S+ is missing a value"),
        "set it in the .env file beside the compose file, from its example where the project has one",
    ),
)


def known_cause(text: str, volume: str = "") -> Cause | None:
    """The last line that names such a cause; ``volume`` is that of the database's data, where it has a name."""
    for line in reversed(text.splitlines()):
        for pattern, following in _KNOWN:
            if pattern.search(line):
                named = f"the volume {volume}" if volume else "its data folder or volume"
                return Cause(line.strip()[-400:], following.format(volume=named))
    return None


def refused(text: str, volume: str = "") -> Cause | None:
    """The cause, where a server that answers lets nobody in: it will not tomorrow either."""
    found = known_cause(text, volume)
    return found if found and _KNOWN[0][0].search(found.words) else None
