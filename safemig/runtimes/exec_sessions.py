"""What a command runs inside containers: exec sessions and one-off containers. Ending the `docker compose exec` here
leaves the process there alive.

A process inside is the command's where it carries the command's mark in its environment (``marking``), descends from
one that does, or lives in a one-off container that was made with it. The kernel shows environment and sockets of a
process to its own user alone (root in a container is no exception), so each user's are looked up as that user.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.evidence import Json
from safemig.execution.command import MARK
from safemig.runtimes.backends import COMMAND
from safemig.runtimes.docker_engine import OURS, asking, containers, environment, label, run_inside
from safemig.runtimes.marking import END, variable
from safemig.runtimes.sockets import Connection, parse_table

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

# One line a process: user, group, whether its environment could be read (-: no) and holds $1, and the whole of
# /proc/PID/stat. Only shell built-ins: slim images have no ps. A shell's `read` drops the zero bytes.
LIST = """
echo $$
for p in /proc/[0-9]*; do
  u= g= seen=-
  while read -r key id rest; do
    case $key in Uid:) u=$id ;; Gid:) g=$id; break ;; esac
  done 2>/dev/null < "$p/status"
  while read -r line || [ -n "$line" ]; do
    seen=no
    case $line in *"$1"*) seen=yes; break ;; esac
    line=
  done 2>/dev/null < "$p/environ"
  read -r line 2>/dev/null < "$p/stat" && echo "$u $g $seen $line"
done
true
"""
# The sockets of the processes $@ by their inodes, then the connections of this container.
SOCKETS = """
for pid in "$@"; do
  for link in $(ls -l "/proc/$pid/fd" 2>/dev/null); do
    case $link in socket:*) echo "$link" ;; esac
  done
done
for table in /proc/net/tcp /proc/net/tcp6; do
  while read -r line; do echo "$line"; done 2>/dev/null < "$table"
done
true
"""
KILL = 'number=$1; shift; for pid in "$@"; do kill -s "$number" "$pid" 2>/dev/null; done; true'


@dataclass(frozen=True)
class Process:
    """One process as its container counts it; ``born`` in clock ticks since boot makes the pid unique. ``user`` is
    uid:gid; ``marked`` whether its environment holds the mark, None where it could not be read."""

    pid: int
    parent: int
    session: int
    born: int
    name: str
    state: str
    user: str = "0:0"
    marked: bool | None = False


@dataclass(frozen=True)
class Tree:
    """What a command runs in one container: ``processes``, of which ``leaves`` have no children. ``whole``: the
    container was made for it."""

    container: str
    name: str
    what: str
    processes: tuple[Process, ...]
    whole: bool = False

    @property
    def key(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """What makes it another one when a process has come or gone."""
        return self.container, () if self.whole else tuple((each.pid, each.born) for each in self.processes)

    @property
    def leaves(self) -> tuple[Process, ...]:
        """Those that have no children."""
        parents = {each.parent for each in self.processes}
        return tuple(each for each in self.processes if each.pid not in parents)

    @property
    def words(self) -> str:
        """For the person."""
        return f"`{self.what}` in container {self.name}"


def mark(engine: docker.DockerClient, folder: Path) -> dict[str, Json]:
    """Execs and one-off containers that are there before a command."""
    execs: list[Json] = [each["ID"] for container in _running(engine, folder) for each in execs_of(engine, container)]
    oneoffs: list[Json] = [str(each.id) for each in containers(engine, folder, oneoff=True)]
    return {"execs": execs, "oneoffs": oneoffs}


def ours(engine: docker.DockerClient, folder: Path, before: Mapping[str, Json]) -> tuple[Tree, ...]:
    """What runs in the folder's containers and is proved to be the command's."""
    command = str(before.get(COMMAND) or "")
    if not command:
        return ()
    made = [each for each in _oneoffs(engine, folder) if environment(each).get(MARK) == command + END]
    # A job that has left its exec (setsid, nohup) runs on in a container that nobody is in any more.
    found = [_entered(each, execs_of(engine, each), command) for each in _running(engine, folder)]
    return (*map(_whole, made), *(tree for tree in found if tree is not None))


def others(engine: docker.DockerClient, folder: Path, before: Mapping[str, Json]) -> tuple[str, ...]:
    """The execs and one-off containers that came after ``before`` and still run, in words; interactive ones (with a
    terminal) are a person's. What of them is the command's, their number alone does not tell."""
    if not before:
        return ()
    known_execs, known_oneoffs = _list(before, "execs"), _list(before, "oneoffs")
    fresh = [each for each in _oneoffs(engine, folder) if each.id not in known_oneoffs]
    found = [f"`{_command_of(each)}` in container {each.name}" for each in fresh]
    for container in _running(engine, folder):
        for details in execs_of(engine, container):
            if details["ID"] not in known_execs and not (details.get("ProcessConfig") or {}).get("tty"):
                found.append(f"`{' '.join(_words(details))}` in container {container.name}")
    return tuple(found)


def _list(before: Mapping[str, Json], name: str) -> list[Json]:
    value = before.get(name)
    return value if isinstance(value, list) else []


def connections(engine: docker.DockerClient, tree: Tree) -> tuple[Connection, ...]:
    """The TCP connections of its processes; of a user whose processes cannot be looked at there are none."""
    from docker.errors import NotFound

    found: list[Connection] = []
    with asking(), contextlib.suppress(NotFound):
        container = engine.containers.get(tree.container)
        for user, members in _by_user(tree.processes).items():
            pids = [str(each.pid) for each in members]
            code, out, _ = run_inside(container, ["sh", "-c", SOCKETS, "sh", *pids], user=user)
            found += _held(out) if code == 0 else ()
    return tuple(found)


def _held(text: str) -> Iterator[Connection]:
    table = parse_table(text)
    for line in text.splitlines():
        if line.startswith("socket:["):
            with contextlib.suppress(ValueError, KeyError):
                yield table[int(line[8:].rstrip("]"))]


def end(engine: docker.DockerClient, tree: Tree, signal: str, *, whole: bool = False) -> None:
    """Send the signal: inside, to the leaves, as the user they run as; to a one-off container as such.

    Leaves first, so that each parent reaps its child: PostgreSQL as process 1 adopts orphans, and one that ends by a
    signal makes it restart all its sessions. ``whole`` is the last resort: all of them at once.
    """
    from docker.errors import APIError, NotFound

    with asking(), contextlib.suppress(NotFound):
        container = engine.containers.get(tree.container)
        if tree.whole:
            with contextlib.suppress(APIError):  # it may have ended by itself just now
                container.kill(signal=f"SIG{signal}")
            return
        for user, members in _by_user(tree.processes if whole else tree.leaves).items():
            pids = [str(each.pid) for each in members]
            run_inside(container, ["sh", "-c", KILL, "sh", signal, *pids], user=user)


def _by_user(members: Iterable[Process]) -> dict[str, list[Process]]:
    found: dict[str, list[Process]] = {}
    for each in members:
        found.setdefault(each.user, []).append(each)
    return found


def processes(container: Container, command: str = "") -> tuple[Process, ...]:
    """The container's processes without these looks; () when it has no shell or no /proc."""
    known = _listed(container, command, "0")
    hidden = {each.user for each in known.values() if each.marked is None}
    for user in sorted(hidden if command else ()):
        seen = _listed(container, command, user)
        known |= {pid: each for pid, each in seen.items() if pid in known and each.marked is not None}
    return tuple(known.values())


def _listed(container: Container, command: str, user: str) -> dict[int, Process]:
    code, out, _ = run_inside(container, ["sh", "-c", LIST, "sh", variable(command)], user=user)
    own, _, lines = out.partition("\n")
    return {each.pid: each for each in _parsed(lines) if str(each.pid) != own.strip()} if code == 0 else {}


def _parsed(text: str) -> Iterator[Process]:
    marked = {"yes": True, "no": False}
    for line in text.splitlines():
        head, _, tail = line.rpartition(")")  # the name may hold blanks and brackets
        front, _, name = head.partition(" (")
        words = tail.split()
        with contextlib.suppress(ValueError, IndexError):
            uid, gid, seen, number = front.split()
            ids = f"{int(uid)}:{int(gid)}"
            yield Process(
                int(number), int(words[1]), int(words[3]), int(words[19]), name, words[0], ids, marked.get(seen)
            )


def _running(engine: docker.DockerClient, folder: Path) -> list[Container]:
    return [each for each in containers(engine, folder) if each.status == "running"]


def execs_of(engine: docker.DockerClient, container: Container) -> list[dict[str, Any]]:
    """Running execs of the container that are neither ours nor its health check."""
    from docker.errors import NotFound

    found = []
    with asking():
        with contextlib.suppress(NotFound):
            container.reload()
        for number in container.attrs.get("ExecIDs") or ():
            with contextlib.suppress(NotFound):
                details = engine.api.exec_inspect(number)
                words = _words(details)
                if details.get("Running") and not any(OURS in word for word in words) and words != _check(container):
                    found.append(details)
    return found


def _words(details: Mapping[str, Any]) -> list[str]:
    config = details.get("ProcessConfig") or {}
    return [str(config.get("entrypoint", "")), *(str(word) for word in config.get("arguments") or ())]


def _check(container: Container) -> list[str]:
    test = ((container.attrs.get("Config") or {}).get("Healthcheck") or {}).get("Test") or [""]
    return ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else [str(word) for word in test[1:]]


def _oneoffs(engine: docker.DockerClient, folder: Path) -> list[Container]:
    found = containers(engine, folder, oneoff=True)
    return [each for each in found if each.status in ("running", "paused", "restarting")]


def _command_of(container: Container) -> str:
    command = " ".join(str(word) for word in (container.attrs.get("Config") or {}).get("Cmd") or ())
    return f"run {label(container, 'service')} {command}".strip()


def _whole(container: Container) -> Tree:
    alive = processes(container) if container.status == "running" else ()
    return Tree(str(container.id), str(container.name), _command_of(container), alive, whole=True)


def _entered(container: Container, entries: Collection[Mapping[str, Any]], command: str) -> Tree | None:
    """The command's processes in a container that others may work in, too; ``entries`` are the execs into it."""
    found = processes(container, command)
    tree = descending([each.pid for each in found if each.marked], found)
    if not tree:
        return None
    pids = {each.pid for each in tree}
    leader = next((each for each in tree if each.parent not in pids), tree[0])
    lines = [words for words in map(_words, entries) if Path(words[0]).name[:15] == leader.name]
    what = " ".join(lines[0]) if len(lines) == 1 else ", ".join(dict.fromkeys(each.name for each in tree))
    return Tree(str(container.id), str(container.name), what, tree)


def descending(roots: Collection[int], found: Iterable[Process]) -> tuple[Process, ...]:
    """The roots, what descends from them and what is in their sessions. Dead ones that nobody reaped are left out."""
    alive = {each.pid: each for each in found if each.state != "Z"}
    pids = [pid for pid in roots if pid in alive]
    pids += [pid for pid, each in alive.items() if each.session in pids and pid not in pids]
    for pid in pids:
        pids += [each.pid for each in alive.values() if each.parent == pid and each.pid not in pids]
    return tuple(alive[pid] for pid in pids)
