"""A `docker` in front of the real one on the PATH of our commands: it carries their mark into containers.

The environment mark of a command reaches the docker client, not what that starts in a container. With the mark in the
environment there, too, a process inside is told to be the command's by the kernel's own record, also after the client
was killed, another safemig has taken over, and through any engine. A recipe that gets around it (an absolute path,
sudo) runs as it always did; what it leaves in a container is then not proved to be the command's.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from safemig.base.atomic import keep_executable
from safemig.execution.command import LOOK, MARK

PROGRAMS = ("docker", "docker-compose")
SCRIPT = """#!/bin/sh
# Written by safemig for its own commands: runs {name}. What `exec` and `compose run` start gets the variable
# by which it is found again in its container. Options that are not known here: everything is passed on as it came.
real={real}
[ -n "${MARK}" ] || exec "$real" "$@"
at={at} place=0 number=0 value=
for word; do
  number=$((number + 1))
  if [ -n "$value" ]; then value=; continue; fi
  case $at:$word in
    docker:compose) at=compose ;;
    docker:container) at=container ;;
    docker:exec|container:exec|compose:exec|compose:run) place=$number; break ;;
    docker:--config|docker:-c|docker:--context|docker:-H|docker:--host|docker:-l|docker:--log-level) value=1 ;;
    docker:--tlscacert|docker:--tlscert|docker:--tlskey) value=1 ;;
    docker:-D|docker:--debug|docker:--tls|docker:--tlsverify) ;;
    compose:-f|compose:--file|compose:-p|compose:--project-name|compose:--profile|compose:--env-file) value=1 ;;
    compose:--project-directory|compose:--workdir|compose:--ansi|compose:--progress|compose:--parallel) value=1 ;;
    compose:--all-resources|compose:--compatibility|compose:--dry-run|compose:--verbose) ;;
    *:--*=*|docker:-[cHl]?*|compose:-[fp]?*) ;;
    *) break ;;
  esac
done
[ "$place" -gt 0 ] || exec "$real" "$@"
number=0
for word; do
  shift
  number=$((number + 1))
  set -- "$@" "$word"
  [ "$number" -ne "$place" ] || set -- "$@" -e "{MARK}=${MARK}{end}" ${{{LOOK}:+-e "PGAPPNAME=${LOOK}"}}
done
exec "$real" "$@"
"""
# The shells of slim images drop the bytes that end each variable of an environment: the mark brings an end of its own,
# so that number 1 is not found in number 12.
END = ";"


def variable(command: str) -> str:
    """The variable as it stands in the environment of what the command runs in a container."""
    return f"{MARK}={command}{END}"


def in_front(folder: Path, path: str) -> str:
    """``path`` with ``folder``, which gets the scripts, in front of it; raises OSError when they cannot be written."""
    path = os.pathsep.join(each for each in path.split(os.pathsep) if each != str(folder))  # never in front of itself
    found = {name: shutil.which(name, path=path) for name in PROGRAMS}
    real = {name: where for name, where in found.items() if where}
    if not real:
        return path
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in PROGRAMS:
        if name in real:
            keep_executable(folder / name, _script(name, real[name]))
        else:  # it was there in an earlier run
            (folder / name).unlink(missing_ok=True)
    return os.pathsep.join((str(folder), path))


def _script(name: str, real: str) -> str:
    at = "docker" if name == "docker" else "compose"
    return SCRIPT.format(name=name, real=shlex.quote(real), at=at, MARK=MARK, LOOK=LOOK, end=END)
