"""What well-known tools do to the world, from their arguments; what is not known here is destructive."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safemig.base.action import Effect
from safemig.effects_lex import HOLE, SINKS, names

Words = tuple[str, ...]


@dataclass(frozen=True)
class Effects:
    """What an action does at worst, what it touches (words for people), and which part of it says so."""

    effect: Effect
    touches: tuple[str, ...] = ()
    why: str = ""


RANK: dict[Effect, int] = {"read": 0, "write": 1, "destructive": 2}
NOTHING = Effects("read")


def reads(why: str = "") -> Effects:
    return Effects("read", (), why)


def writes(touches: str, why: str) -> Effects:
    return Effects("write", (touches,), why)


def destroys(touches: str, why: str) -> Effects:
    return Effects("destructive", (touches,), why)


def unknown(words: Words) -> Effects:
    """The answer to everything that is not known."""
    shown = " ".join(words[:4]).replace(HOLE, "…")
    return destroys("anything", f"safemig does not know what `{shown}` does")


def worst(found: Sequence[Effects]) -> Effects:
    """The worst effect with its reason, and everything that is touched by any of them."""
    if not found:
        return NOTHING
    top = max(found, key=lambda one: RANK[one.effect])
    touched = sorted({word for one in found for word in one.touches})
    return Effects(top.effect, tuple(touched), top.why)


# Whatever their arguments, these only print, look, wait or set something inside their own shell.
PRINTERS = names(
    "echo printf cat ls grep egrep fgrep test [ [[ true false : sleep head tail wc cut tr column pwd whoami id uname"
    " which type basename dirname seq stat du df ps pgrep lsof printenv tput tty exit return wait set shift break"
    " continue cd pushd popd pg_isready realpath readlink nproc cmp md5sum sha256sum jq"
)
SERVERS = names("uvicorn gunicorn hypercorn daphne granian")
DESTROYERS = {
    "rm": ("files", "rm deletes files"),
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
WRITERS = {
    "mkdir": ("files", "mkdir makes folders"),
    "touch": ("files", "touch makes files"),
    "chmod": ("files", "chmod changes file modes"),
    "chown": ("files", "chown changes file owners"),
    "pytest": ("database rows", "a test run may leave rows in the database"),
    "py.test": ("database rows", "a test run may leave rows in the database"),
    "mypy": ("files", "mypy writes its cache"),
    "initdb": ("files", "initdb makes a database cluster"),
    **{name: ("service", f"{name} starts a server") for name in sorted(SERVERS)},
}


def tee(args: Words) -> Effects:
    if any(word.startswith("/dev/") and word not in SINKS for word in args):
        return destroys("devices", "tee writes to a device")
    return writes("files", "tee writes files")


def find(args: Words) -> Effects:
    if any(HOLE in word and word.startswith(("-", HOLE)) for word in args):
        return unknown(("find", *args))
    if any(word.startswith(("-delete", "-exec", "-ok", "-fprint", "-fls")) for word in args):
        return destroys("files", "find deletes or runs a command on what it finds")
    return reads()


def sort(args: Words) -> Effects:
    risky = any(HOLE in word or re.match(r"-\w*[oT]|--(out|comp|temp)", word) for word in args)
    return unknown(("sort", *args)) if risky else reads()


def date(args: Words) -> Effects:
    return (
        reads()
        if all(word.startswith("+") or word in ("-u", "-I", "-Iseconds") for word in args)
        else unknown(("date", *args))
    )


def awk(args: Words) -> Effects:
    """Only a program that can neither run, write nor read anything else: no option but -F and -v."""
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-F", "-v") and rest:
            rest.pop(0)
        elif not option.startswith("-F"):
            return unknown(("awk", *args))
    if not rest or HOLE in rest[0] or re.search(r"system|getline|close|@|>|\|(?!\|)", rest[0].replace("||", "")):
        return unknown(("awk", *args))
    return reads()


_SED_SAFE = re.compile(r"s([/|#,:@])(?:(?!\1)[^\n])*\1(?:(?!\1)[^\n])*\1[gIip0-9]*|[0-9$]*(,[0-9$]+)?[pqd]")


def sed(args: Words) -> Effects:
    """Substitutions and line ranges; a sed program can also run commands and write files."""
    in_place = False
    programs: list[str] = []
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-e" and rest:
            programs.append(rest.pop(0))
        elif re.fullmatch(r"-i(\.\w+)?|--in-place", option):
            in_place = True
        elif option not in ("-n", "-E", "-r", "-u", "-nE", "-nr"):
            return unknown(("sed", *args))
    if not programs and rest:
        programs.append(rest.pop(0))
    if any(word.startswith(("-", HOLE)) for word in rest):
        return unknown(("sed", *args))
    if not programs or not all(HOLE not in one and _SED_SAFE.fullmatch(one) for one in programs):
        return unknown(("sed", *args))
    return writes("files", "sed -i edits files") if in_place else reads()


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


_CURL_ALONE = re.compile(
    r"-[sSfLiIvkg46]+|--(silent|show-error|fail|location|include|head|verbose|insecure|fail-with-body)"
)
_CURL_VALUE = names("-H --header -m --max-time --connect-timeout --retry --retry-delay -A --user-agent -w -u --user")


def curl(args: Words) -> Effects:
    rest, method, sends = list(args), "GET", False
    saves = False
    while rest:
        word = rest.pop(0)
        value = rest[0] if rest else ""
        if word in ("-X", "--request"):
            method = rest.pop(0).upper() if rest else HOLE
        elif word.startswith("-X"):
            method = word[2:].upper()
        elif word in ("-d", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--json", "-F", "--form"):
            sends = True
            rest = rest[1:]
        elif word in ("-o", "--output"):
            saves = saves or value != "/dev/null"
            rest = rest[1:]
        elif word in _CURL_VALUE:
            if value.startswith("@") or (word == "-w" and "%output{" in value):
                return unknown(("curl", *args))
            rest = rest[1:]
        elif word.startswith(("-", HOLE)) and not _CURL_ALONE.fullmatch(word):
            return unknown(("curl", *args))
    if method not in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"):
        return destroys("service data", f"curl sends {method.replace(HOLE, 'an unknown method')}")
    if sends or method in ("POST", "PUT", "PATCH"):
        return writes("service data", "curl sends data to a service")
    return writes("files", "curl saves a file") if saves else reads()


_ALEMBIC_VALUE = names("-c --config -n --name -x")
_ALEMBIC_READS = names("current heads history show branches check list_templates")


def alembic(args: Words) -> Effects:
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in _ALEMBIC_VALUE:
            rest = rest[1:]
        elif option not in ("--raiseerr", "-q", "--quiet") and not re.match(r"--(config|name)=|-[cnx].", option):
            return unknown(("alembic", *args))
    return migration_command("alembic", tuple(rest), args)


def migration_command(tool: str, rest: Words, args: Words) -> Effects:
    """alembic's sub-commands, and those of ``flask db``, which names them alike (its ``migrate`` writes a revision)."""
    command = rest[0] if rest else ""
    if command == "downgrade":
        return destroys("database schema", f"{tool} downgrade undoes migrations, with the data in what they made")
    if command == "stamp":
        if any(word.startswith("--p") for word in rest):
            return destroys("database schema", "stamp --purge empties the version table")
        return writes("database schema", f"{tool} stamp sets the revision in the database")
    if command == "upgrade":
        return writes("database schema", f"{tool} upgrade applies migrations")
    if command in ("revision", "merge", "init") or (tool == "flask db" and command == "migrate"):
        return writes("files", f"{tool} {command} writes files")
    if command in _ALEMBIC_READS:
        return reads()
    return unknown((tool, *args))


def flask(args: Words) -> Effects:
    rest = list(args)
    while len(rest) > 1 and rest[0] in ("--app", "-A", "--env-file", "-e"):
        rest = rest[2:]
    if rest[:1] == ["run"]:
        return writes("service", "flask run starts a server")
    if rest[:1] == ["db"]:
        return migration_command("flask db", tuple(rest[1:]), args)
    return unknown(("flask", *args))


def fastapi(args: Words) -> Effects:
    if args and args[0] in ("run", "dev"):
        return writes("service", "fastapi starts a server")
    return unknown(("fastapi", *args))


def pip(args: Words) -> Effects:
    command = args[0] if args else ""
    if command in ("install", "sync", "wheel", "download"):
        return writes("packages", f"pip {command} installs or fetches packages")
    return reads() if command in ("list", "freeze", "show", "check", "--version") else unknown(("pip", *args))


def uv(args: Words) -> Effects:
    """uv without ``uv run``, which is a wrapper of another command."""
    command = args[0] if args else ""
    if command == "pip":
        return pip(args[1:])
    if command in ("sync", "lock", "add", "venv", "export", "build"):
        return writes("packages", f"uv {command} changes packages or the lock")
    return reads() if command in ("tree", "version", "--version", "-V") else unknown(("uv", *args))


def poetry(args: Words) -> Effects:
    command = args[0] if args else ""
    if command in ("install", "lock", "add", "update", "sync"):
        return writes("packages", f"poetry {command} changes packages or the lock")
    return reads() if command in ("show", "check", "--version") else unknown(("poetry", *args))


def ruff(args: Words) -> Effects:
    if args and args[0] in ("check", "format"):
        return writes("files", "ruff may rewrite source files")
    return unknown(("ruff", *args))


def pg_ctl(args: Words) -> Effects:
    if HOLE not in "".join(word for word in args if word.startswith("-")) and {"start", "stop", "restart"} & set(args):
        return writes("service", "pg_ctl starts or stops a database server")
    return reads() if "status" in args else unknown(("pg_ctl", *args))


def pg_dump(args: Words) -> Effects:
    saves = any(re.match(r"-\w*f|--f", word) or word.startswith(HOLE) for word in args)
    return writes("files", "pg_dump writes a file") if saves else reads()


def ln(args: Words) -> Effects:
    if any(re.match(r"-\w*f|--f", word) or word.startswith(HOLE) for word in args):
        return destroys("files", "ln -f can replace files")
    return writes("files", "ln makes links")


def git(args: Words) -> Effects:
    looks = ("status", "rev-parse", "describe", "ls-files")
    return reads() if args and args[0] in looks else unknown(("git", *args))


def rm(args: Words) -> Effects:
    """A pid file holds no data: its removal is a write; every other removal may lose something."""
    rest = [word for word in args if word != "-f"]
    if rest and all(re.fullmatch(r"[\w./-]+\.pid", word) and word[0] != "-" for word in rest):
        return writes("files", "rm deletes a pid file")
    return destroys("files", "rm deletes files")


TOOLS: dict[str, Callable[[Words], Effects]] = {
    "tee": tee,
    "find": find,
    "sort": sort,
    "date": date,
    "awk": awk,
    "sed": sed,
    "kill": kill,
    "curl": curl,
    "alembic": alembic,
    "flask": flask,
    "fastapi": fastapi,
    "pip": pip,
    "pip3": pip,
    "uv": uv,
    "poetry": poetry,
    "ruff": ruff,
    "pg_ctl": pg_ctl,
    "pg_dump": pg_dump,
    "ln": ln,
    "git": git,
    "rm": rm,
}
