"""What docker and docker compose do, from their arguments: one table of commands and options for both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from safemig.shell.environment import harmless
from safemig.shell.options import Known, Parsed
from safemig.shell.outcome import Effects, Words, destroys, reads, unknown
from safemig.shell.paths import inside, visible
from safemig.shell.quoting import HOLE
from safemig.shell.tables import Command, at_most, changes, known, looks, none

COMPOSE_GLOBAL = Known(
    "-f= --file= -p= --project-name= --profile= --env-file= --project-directory= --progress= --ansi= --parallel="
    " --compatibility --verbose --no-ansi --dry-run --all-resources",
    first_operand_ends=True,
)
INNER_OPTIONS = Known(
    "-T -d -i -t --detach --interactive --tty --no-TTY --no-tty --rm --no-deps --service-ports --use-aliases --build -q"
    " --quiet-pull --remove-orphans --name= -u= --user= -e= --env= -w= --workdir= --index=",
    first_operand_ends=True,
)
_BUILD = (
    "-t= --tag= -f= --file= --no-cache --pull --target= --build-arg= --progress= --platform= -q --quiet --label= --load"
    " --rm --force-rm"
)
_UP = (
    "-d --detach --build --no-build --force-recreate --no-deps --remove-orphans --wait --wait-timeout= --pull= -t="
    " --quiet-pull --timeout= --scale= --no-start --abort-on-container-exit --no-recreate --always-recreate-deps"
    " --attach= --no-attach= --no-log-prefix --timestamps --no-color --exit-code-from= --attach-dependencies"
)
_TIME = "-t= --timeout= --time="


def _build_context(operands: Words) -> bool:
    return len(operands) <= 1 and all(inside(path) for path in operands)


def _dockerfile(found: Parsed) -> bool:
    return all(inside(path) for path in found.values("-f", "--file"))


COMPOSE: Mapping[str, Command] = {
    # No option of these does more than look, so that a word that nobody knows may be one.
    "ps": looks(
        "-a --all -q --quiet --format= --services --filter= --status= --no-trunc --orphans --orphans=", holes=True
    ),
    "logs": looks(
        "-f --follow -t --timestamps --tail= -n= --since= --until= --no-color --no-log-prefix --index=", holes=True
    ),
    "images": looks("-q --quiet --format=", holes=True),
    "top": looks(holes=True),
    "port": looks("--protocol= --index=", holes=True),
    "version": looks("--short -f= --format="),
    "ls": looks("-a --all -q --quiet --format= --filter="),
    "config": looks("-q --quiet --services --volumes --images --profiles --format= --hash= --no-interpolate"),
    "events": looks("--json"),
    "stats": looks("-a --all --no-stream --format= --no-trunc"),
    "build": changes(
        "images",
        "changes images",
        "--no-cache --pull -q --quiet --progress= --build-arg= --parallel -m= --memory= --force-rm --no-rm",
        operands=known,
    ),
    "pull": changes(
        "images",
        "changes images",
        "-q --quiet --ignore-pull-failures --include-deps --ignore-buildable --policy= --dry-run",
    ),
    "up": changes("containers", "makes and starts containers", _UP, operands=known),
    "create": changes("containers", "makes containers", _UP, operands=known),
    "start": changes("containers", "changes containers", "--wait --wait-timeout="),
    "stop": changes("containers", "changes containers", _TIME),
    "restart": changes("containers", "changes containers", f"{_TIME} --no-deps"),
    "pause": changes("containers", "changes containers"),
    "unpause": changes("containers", "changes containers"),
    "kill": changes("containers", "changes containers", "-s= --signal="),
    "down": changes("containers", "removes containers", f"--remove-orphans {_TIME}", operands=known),
    # Into a container; out of one it may overwrite a file.
    "cp": changes(
        "containers",
        "copies a file into a container",
        "-a --archive -L --follow-link --index=",
        operands=lambda each: len(each) == 2 and visible(each[0]) and re.match(r"[\w.-]+:", each[1]) is not None,
    ),
}
DOCKER: Mapping[str, Command] = {
    "ps": looks("-a --all -q --quiet --format= --filter= -f= -n= -l --latest --no-trunc -s --size"),
    "logs": looks("-f --follow -t --timestamps --tail= -n= --since= --until= --details", holes=True),
    "images": looks("-a --all -q --quiet --format= --filter= -f= --digests --no-trunc"),
    "inspect": looks("-f= --format= -s --size --type=", holes=True),
    "version": looks("-f= --format="),
    "info": looks("-f= --format="),
    "top": looks(),
    "port": looks(),
    "stats": looks("-a --all --no-stream --format= --no-trunc"),
    "events": looks("--filter= -f= --format= --since= --until="),
    "history": looks("-q --quiet --no-trunc --format= -H"),
    "context ls": looks("-q --format="),
    "context show": looks(),
    **{
        f"{kind} ls": looks("-q --quiet --format= --filter= -f= -a --all --no-trunc")
        for kind in ("volume", "network", "image", "container")
    },
    **{f"{kind} inspect": looks("-f= --format=") for kind in ("volume", "network", "image", "container")},
    "container logs": looks("-f --follow --tail= -n= --since= -t"),
    "system df": looks("-v --verbose --format="),
    "system info": looks("-f= --format="),
    "build": changes("images", "changes images", _BUILD, operands=_build_context, values=_dockerfile),
    "buildx build": changes("images", "changes images", _BUILD, operands=_build_context, values=_dockerfile),
    "pull": changes("images", "changes images", "-q --quiet --platform="),
    "tag": changes("images", "names an image", operands=known),
    **{
        name: changes("containers", "changes containers", f"{_TIME} -s= --signal=")
        for name in ("stop", "restart", "kill", "start", "pause", "unpause")
    },
    **{
        f"container {name}": changes("containers", "changes containers", f"{_TIME} -s= --signal=")
        for name in ("stop", "restart", "start")
    },
    "network create": changes(
        "networks", "makes a network", "-d= --driver= --label= --subnet= --attachable --internal", operands=at_most(1)
    ),
    "volume create": changes("volumes", "makes a volume", "--label= --name=", operands=at_most(1)),
    "compose version": looks("--short", operands=none),
}
_REMOVES = {"rmi": "images", "image": "images", "volume": "volumes"} | dict.fromkeys(
    ("rm", "container", "network", "system", "builder"), "containers"
)


@dataclass(frozen=True)
class Inner:
    """The command that ``exec`` or ``run`` starts in a container, and what starting it comes to."""

    words: Words
    before: Effects | None


def docker(name: str, args: Words) -> Effects | Inner:
    """The effect of the command line, or the command that it runs in a container."""
    if name not in ("docker", "docker-compose"):
        return unknown((name, *args))
    if name == "docker-compose":
        return _compose(name, args)
    if args[:1] == ("compose",):
        return _compose("docker compose", args[1:])
    command, tail = (args[0] if args else ""), args[1:]
    if command == "container" and tail[:1] == ("exec",):
        command, tail = "exec", tail[1:]
    if command == "exec":
        return _inner("docker exec", tail, makes=False)
    for count in (2, 1):
        known = DOCKER.get(" ".join(args[:count])) if len(args) >= count else None
        if known is not None:
            return known.judge(f"docker {' '.join(args[:count])}", args[count:])
    if command in _REMOVES:
        shown = " ".join(args[:2]).replace(HOLE, "…")
        return destroys(_REMOVES[command], f"docker {shown} removes things for good")
    return unknown((name, *args))


def _compose(shown: str, args: Words) -> Effects | Inner:
    found = COMPOSE_GLOBAL.parse(args)
    if found is None or not found.operands:
        version = args in (("--version",), ("-v",))
        return reads() if version else unknown((shown, *args))
    command, tail = found.operands[0], found.operands[1:]
    effects: Effects | Inner
    if command in ("exec", "run"):
        effects = _inner(f"{shown} {command}", tail, makes=command == "run")
    elif command == "down" and any(HOLE in word or re.match(r"-\w*v|--v|--rmi", word) for word in tail):
        return destroys("volumes", "docker compose down here removes volumes or images")
    elif command == "up" and any(HOLE in word or re.match(r"-\w*V|--renew", word) for word in tail):
        return destroys("volumes", "docker compose up may throw volumes away")
    elif command == "rm":
        return destroys("containers", "docker compose rm removes things for good")
    elif command in COMPOSE:
        effects = COMPOSE[command].judge(f"{shown} {command}", tail)
    else:
        return unknown((shown, *args))
    looks_only = isinstance(effects, Effects) and effects.effect == "read"
    return effects if looks_only or _is_of_this_project(found) else unknown((shown, *args))


def _is_of_this_project(found: Parsed) -> bool:
    """Whether no option leads to another project: its name, files or folder outside this one."""
    named = found.values("-p", "--project-name")
    files = found.values("-f", "--file", "--env-file", "--project-directory")
    return not named and all(inside(path) for path in files)


def _inner(shown: str, args: Words, *, makes: bool) -> Effects | Inner:
    found = INNER_OPTIONS.parse(args)
    if found is None or len(found.operands) < 2 or HOLE in found.operands[0]:
        return unknown((shown, *args))
    for setting in found.values("-e", "--env"):
        name, _, value = setting.partition("=")
        if not harmless(name, value):
            return destroys("anything", f"sets {name.replace(HOLE, '…')}, which may decide what runs")
    before = Effects("write", ("containers",), f"{shown} makes a container") if makes else None
    return Inner(found.operands[1:], before)
