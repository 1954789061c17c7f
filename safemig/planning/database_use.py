"""Whether a command or the service uses the database that safemig looks at: judged from what was seen of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Proof = Literal["same", "different", "unknown", "none"]
# A command that looks whether its own database is there, or makes it, does so from one of these.
_OF_THE_SERVER = ("postgres", "template1")


@dataclass(frozen=True)
class DatabaseUse:
    """Which database ``subject`` uses. ``proof``: same and different are proved, none is a service of which nothing can
    be seen: before it is started (then every place that names a database names this one), or where it answers nothing,
    which the baseline asks about; ``how`` says what it was seen by, or why it could not be."""

    subject: str
    proof: Proof
    database: str = ""
    how: str = ""


@dataclass(frozen=True)
class CommandSeen:
    """What was seen of a command that reads Alembic's table, over all its tries.

    ``waited``: a session that is proved to be its own waited for the table while it was held. ``marked`` and ``fresh``
    are the databases of the sessions that carried its mark, and of those that came and went with it. ``held``: the
    table was held for as long as it ran. ``crowded``: a session waited that is not proved to be its own, so that
    nothing follows from its not waiting. ``printed`` is the database that its own output names, ``status`` its exit
    code, ``said`` the end of its output where that is not 0.
    """

    waited: bool = False
    marked: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    held: bool = False
    crowded: bool = False
    printed: str = ""
    status: int | None = None
    said: str = ""


def judge_command(subject: str, ours: str, seen: CommandSeen) -> DatabaseUse:
    """``ours`` is the name of the database that is looked at; what carries the command's mark counts first."""
    others = [name for name in seen.marked if name != ours and name not in _OF_THE_SERVER]
    if others and ours not in seen.marked:
        return DatabaseUse(subject, "different", others[0], "by its session on this server")
    if seen.waited or ours in seen.marked:
        waited = "its session waited for Alembic's version table while safemig held it"
        how = waited if seen.waited else "by its session on this server"
        if not others:
            return DatabaseUse(subject, "same", ours, how)
        why = f"{how}, and it reaches {', '.join(others)} too: what it does there is not looked at"
        return DatabaseUse(subject, "unknown", ours, why)
    if seen.status != 0:
        why = f"it returned {seen.status}: {seen.said}" if seen.status is not None else "it did not end by itself"
        return DatabaseUse(subject, "unknown", "", why)
    if ours in seen.fresh:
        if seen.held and not seen.crowded:
            why = "a session came and went with it, but none waited for the version table that safemig held meanwhile"
            return DatabaseUse(subject, "unknown", "", why)
        if seen.printed == ours:
            return DatabaseUse(subject, "same", ours, "its output names it, and a session came and went with it")
        return DatabaseUse(subject, "unknown", "", "a session came and went with it, which may be somebody else's")
    if seen.printed and seen.printed != ours:
        return DatabaseUse(subject, "different", seen.printed, "its output names it, and no session of it was here")
    if seen.held and not seen.crowded:
        how = "it read a version table while safemig held the one of this database"
        return DatabaseUse(subject, "different", seen.printed or "another one", how)
    return DatabaseUse(subject, "unknown", "", "no session of it was seen on this server")


def with_further(use: DatabaseUse, further: Sequence[str]) -> DatabaseUse:
    """The same of a command that upgrades more than once: where its other upgrades lead was not seen."""
    if use.proof != "same" or not further:
        return use
    shown = ", ".join(f"`{line}`" for line in further)
    why = f"its first upgrade reaches {use.database}; which database the others reach was not looked at: {shown}"
    return DatabaseUse(use.subject, "unknown", use.database, why)


@dataclass(frozen=True)
class VariableSeen:
    """A variable of the service that names a database: ``same`` None where no session could be had there."""

    name: str
    database: str
    same: bool | None


@dataclass(frozen=True)
class ServiceSeen:
    """What was seen of the running service while it was asked. ``sessions`` are the databases of its sessions on this
    server, ``fresh`` those of sessions that came and went meanwhile, whose ever they were, ``whole`` those of all
    sessions of the server. ``asked`` are those with which each of several rounds of requests brought new sessions,
    while the pauses between brought none with any. ``variables`` are those of its variables that name a database.
    ``reached``: it was connected to this server; ``elsewhere`` where else it was. ``agreed``: every place in the
    project that names a database names this one, ``answers``: at least one request had an answer."""

    sessions: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    reached: bool = False
    variables: tuple[VariableSeen, ...] = ()
    elsewhere: tuple[str, ...] = ()
    agreed: bool = False
    answers: bool = True


def judge_service(subject: str, ours: str, seen: ServiceSeen) -> DatabaseUse:
    """A session says more than a variable, which the service may not read; silence says nothing, whatever the project's
    settings agree on."""
    if ours in seen.sessions:
        return DatabaseUse(subject, "same", ours, "by its session on this server")
    if seen.sessions:
        return DatabaseUse(subject, "different", seen.sessions[0], "by its session on this server")
    by_variable = _by_variable(subject, ours, seen)
    if by_variable is not None:
        return by_variable
    if seen.reached and seen.whole == (ours,):
        how = "it was connected to this server, and every session of that was with this database"
        return DatabaseUse(subject, "same", ours, how)
    if seen.asked == (ours,) and (seen.reached or seen.agreed):
        why = "it was connected to this server" if seen.reached else "whatever names a database here names this one"
        how = f"each round of requests opened sessions with it alone, and the pauses between opened none; {why}"
        return DatabaseUse(subject, "same", ours, how)
    if seen.fresh and ours not in seen.fresh:
        why = f"sessions with {', '.join(seen.fresh)} came and went while it was asked, none with this database"
        return DatabaseUse(subject, "unknown", "", why)
    if seen.elsewhere or seen.reached:
        shown = ", ".join(sorted(seen.elsewhere)[:3]) or "this server"
        why = f"no session of it with this database was seen, and it is connected to {shown}"
        return DatabaseUse(subject, "unknown", "", why)
    if not seen.answers:
        return DatabaseUse(subject, "none", "", "it answers no request, so that nothing of it could be seen")
    why = "no session of it with any database was seen while it was asked, and no variable of it names one"
    return DatabaseUse(subject, "unknown", "", f"{why}; whatever names one here names this one" if seen.agreed else why)


def _by_variable(subject: str, ours: str, seen: ServiceSeen) -> DatabaseUse | None:
    """None where no variable names a database. One that is not known may be the one that counts, and a session with
    the database that is looked at may have been the service's: then nothing is proved."""
    variables = seen.variables
    if not variables:
        return None
    names = ", ".join(each.name for each in variables)
    leads = {each.same for each in variables}
    if leads >= {True, False}:
        why = f"its variables ({names}) name this database and another one, and no session of it was seen"
        return DatabaseUse(subject, "unknown", "", why)
    if None in leads:
        return DatabaseUse(subject, "unknown", "", f"where its variables lead could not be looked up: {names}")
    if True in leads:
        return DatabaseUse(subject, "same", ours, f"by its variables ({names}); no session of it was seen")
    if ours in seen.fresh:
        why = f"its variables ({names}) name another database, and sessions with this one came and went"
        return DatabaseUse(subject, "unknown", "", why)
    return DatabaseUse(subject, "different", variables[0].database, f"by its variables ({names})")
