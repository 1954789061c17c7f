"""What well-known tools do to the world: what the tables say, and what a table cannot say.

Docker's table is in safemig.shell.docker, psql's in safemig.shell.psql.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from safemig.base.action import SCHEMA
from safemig.shell.options import Known
from safemig.shell.outcome import Effects, Words, destroys, reads, unknown, writes
from safemig.shell.parser import names
from safemig.shell.paths import inside, is_virtualenv, visible
from safemig.shell.quoting import HOLE
from safemig.shell.tables import ALEMBIC, SERVERS, TABLES

# Whatever their arguments, these only print, look, wait or set something inside their own shell.
PRINTERS = names(
    "echo printf cat ls grep egrep fgrep test [ true false : sleep head tail wc cut tr column pwd whoami id uname"
    " which type basename dirname seq stat du df ps pgrep lsof printenv tput tty exit return wait set shift break"
    " continue cd pushd popd pg_isready realpath readlink nproc cmp md5sum sha256sum jq comm diff rev"
    " base64 cksum sha1sum nl tac fold paste od hexdump uptime free groups logname expr vmstat"
    " expand strings pidof locale cal"
)
DESTROYERS = {
    "rmdir": ("files", "rmdir deletes folders"),
    "shred": ("files", "shred overwrites files"),
    "truncate": ("files", "truncate cuts files"),
    "dd": ("files", "dd overwrites what it writes to"),
    "mv": ("files", "mv can overwrite files"),
    "cp": ("files", "cp can overwrite files"),
    "dropdb": ("database", "dropdb deletes a database"),
    "dropuser": ("database", "dropuser deletes a role"),
    "pg_restore": ("database", "pg_restore can replace what a database holds"),
    "pkill": ("processes", "pkill ends processes by name"),
    "killall": ("processes", "killall ends processes by name"),
}
WRITERS = names("mkdir touch chmod chown mypy initdb pytest py.test") | SERVERS


_ALIASES = {"py.test": "pytest", "pip3": "pip"}
_VERSION = names("--version -V --help")
_VERSION_ONLY = names(
    "alembic flask uv pip pip3 poetry pytest ruff mypy black git docker docker-compose psql make node npm"
)


def only_tells(name: str, args: Words) -> bool:
    """Whether the tool is asked for its version or its help alone."""
    return len(args) == 1 and args[0] in _VERSION and name in _VERSION_ONLY


def from_table(name: str, args: Words) -> Effects | None:
    """What the table of this tool says; None when the tool has none."""
    tool = _ALIASES.get(name, name)
    if tool == "tar" and args and re.fullmatch(r"[a-z]+f?", args[0]):
        args = (f"-{args[0]}", *args[1:])
    if tool == "git" and args[:1] == ("--no-pager",):
        args = args[1:]
    if tool == "pg_ctl":
        args = _command_first(args)
    table = TABLES.get(tool)
    if not table:
        return None
    if "" in table:
        return table[""].judge(name, args)
    for count in (2, 1):
        command = table.get(" ".join(args[:count])) if len(args) >= count else None
        if command is not None:
            return command.judge(f"{name} {' '.join(args[:count])}", args[count:])
    return unknown((name, *args))


def _command_first(args: Words) -> Words:
    """``pg_ctl -D data start`` as ``pg_ctl start -D data``: its command may stand anywhere among its options."""
    found = Known("-D= -l= -w -W -t= -s -m=").parse(args)
    if found is None or len(found.operands) != 1:
        return args
    return (*found.operands, *(word for option in found.options for word in option if word))


_UV = (
    "--frozen --locked --all-extras --all-groups --dev --no-dev --extra= --group= --no-group= -q --quiet --upgrade -U"
    " -P= --upgrade-package= --no-cache --offline --inexact --no-install-project --compile-bytecode --check"
    " --no-progress"
)
_ALEMBIC_GLOBAL = Known("-c= --config= -n= --name= -x= --raiseerr -q --quiet", first_operand_ends=True)


def alembic(args: Words) -> Effects:
    found = _ALEMBIC_GLOBAL.parse(args)
    if found is None or not all(inside(value) for value in found.values("-c", "--config")):
        return unknown(("alembic", *args))
    return migration_command("alembic", found.operands, args)


def migration_command(tool: str, rest: Words, args: Words) -> Effects:
    """alembic's sub-commands, and those of ``flask db``, which names them alike (its ``migrate`` writes a revision)."""
    name = rest[0] if rest else ""
    if name == "downgrade":
        return destroys(SCHEMA, f"{tool} downgrade undoes migrations, with the data in what they made")
    if name == "stamp" and any(word.startswith("--p") for word in rest):
        return destroys(SCHEMA, "stamp --purge empties the version table")
    if name == "stamp":
        return destroys(SCHEMA, f"{tool} stamp sets the recorded revision and runs no migration")
    if name == "init" and len(rest) == 2 and visible(rest[1]):
        return writes("files", f"{tool} init writes files")
    command = ALEMBIC.get("revision" if tool == "flask db" and name == "migrate" else name)
    return command.judge(f"{tool} {name}", rest[1:]) if command else unknown((tool, *args))


def flask(args: Words) -> Effects:
    rest = list(args)
    while len(rest) > 1 and rest[0] in ("--app", "-A"):
        rest = rest[2:]
    if rest[:1] == ["db"]:
        return migration_command("flask db", tuple(rest[1:]), args)
    return from_table("flask", tuple(rest)) or unknown(("flask", *args))


def uv(args: Words) -> Effects:
    """uv without ``uv run``, which is a wrapper of another command."""
    command, rest = (args[0] if args else ""), args[1:]
    if command == "pip":
        return from_table("pip", _without_python(rest)) or unknown(("uv", *args))
    if command == "venv":
        parsed = Known("-q --quiet --python= -p= --seed").parse(rest)
        versions = parsed.values("--python", "-p") if parsed else ()
        plain = all(re.fullmatch(r"[\w.,<>=]+", version) for version in versions)
        if parsed and plain and all(map(is_virtualenv, parsed.operands)):
            return writes("packages", "uv venv makes a virtual environment")
    elif command in ("sync", "lock", "add"):
        if Known(_UV).parse(rest) is not None:
            return writes("packages", f"uv {command} changes packages or the lock")
    elif command == "build" and not rest:
        return writes("packages", "uv build makes packages")
    elif (
        command in ("tree", "version", "--version", "-V")
        and Known("--depth= --frozen --locked").parse(rest) is not None
    ):
        return reads()
    return unknown(("uv", *args))


def _without_python(rest: Words) -> Words:
    """The words of ``uv pip install`` without ``--python`` and the version or virtual environment that it names."""
    at = rest.index("--python") if rest[:1] == ("install",) and "--python" in rest else len(rest)
    named = rest[at + 1 : at + 2]
    known = bool(named) and (re.fullmatch(r"[\d.]+", named[0]) or is_virtualenv(named[0]))
    return (*rest[:at], *rest[at + 2 :]) if known else rest


_FIND = names(
    "-name -iname -path -ipath -regex -iregex -type -maxdepth -mindepth -newer -mtime -mmin -size -perm -user"
    " -newermt -printf"
)
_FIND_ALONE = names(
    "-daystart -mount -xdev -executable -readable -print -print0 -empty -prune -not -o -a -or -and ! ( ) -ls -L -H -P"
)


def run_by_find(args: Words) -> tuple[Words, list[Words]]:
    """What find is given without its -exec, and the commands of these, each with a name as find writes it."""
    rest, commands = list(args), []
    kept: list[str] = []
    while rest:
        word = rest.pop(0)
        end = next((at for at, each in enumerate(rest) if each in (";", "+")), None)
        if word != "-exec" or end is None:
            kept.append(word)
            continue
        commands.append(tuple("./found" if each == "{}" else each for each in rest[:end]))
        rest = rest[end + 1 :]
    return tuple(kept), commands


def find(args: Words) -> Effects:
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word in _FIND:
            rest = rest[1:]
        elif word.startswith(("-", HOLE)) and word not in _FIND_ALONE:
            deletes = word.startswith(("-delete", "-exec", "-ok", "-fprint", "-fls"))
            why = "find deletes or runs a command on what it finds"
            return destroys("files", why) if deletes else unknown(("find", *args))
    return reads()


def date(args: Words) -> Effects:
    found = Known("-u -I -d= --date= --iso-8601").parse(tuple(word for word in args if word != "-Iseconds"))
    plain = found is not None and all(word.startswith("+") for word in found.operands)
    return reads() if plain else unknown(("date", *args))


def rm(args: Words) -> Effects:
    """A pid file holds no data: its removal is a write; every other removal may lose something."""
    rest = [word for word in args if word != "-f"]
    if rest and all(re.fullmatch(r"[\w./-]+\.pid", word) and inside(word) for word in rest):
        return writes("files", "rm deletes a pid file")
    return destroys("files", "rm deletes files")


def kill(args: Words) -> Effects:
    """kill of a process number, of a job, or of what a pid file holds."""
    rest = list(args)
    if rest and rest[0] in ("-s", "-n"):
        rest = rest[2:]
    elif rest[:1] == ["-0"]:
        return reads()
    elif rest and re.fullmatch(r"-[A-Z0-9]+", rest[0]):
        rest.pop(0)
    if rest and rest[0] == "--":
        rest.pop(0)
    if rest and all(re.fullmatch(rf"[1-9]\d+|%\d+|{HOLE}", word) for word in rest):
        return writes("service", "kill ends a process")
    return unknown(("kill", *args))


TOOLS: Mapping[str, Callable[[Words], Effects]] = {
    "alembic": alembic,
    "flask": flask,
    "uv": uv,
    "find": find,
    "date": date,
    "rm": rm,
    "kill": kill,
}
