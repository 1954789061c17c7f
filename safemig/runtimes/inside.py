"""What a command left running inside containers: exec sessions and one-off containers. Ending the `docker compose
exec` here leaves the process there alive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.evidence import Json
from safemig.runtimes.engine import OURS, asking, containers, label, run_inside

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

# One line a process: the whole of /proc/PID/stat. Only shell built-ins: slim images have no ps.
LIST = 'echo $$; for p in /proc/[0-9]*; do read -r line 2>/dev/null < "$p/stat" && echo "$line"; done; true'
KILL = 'number=$1; shift; for pid in "$@"; do kill -s "$number" "$pid" 2>/dev/null; done; true'


@dataclass(frozen=True)
class Process:
    """One process as its container counts it; ``born`` in clock ticks since boot makes the pid unique."""

    pid: int
    parent: int
    session: int
    born: int
    name: str
    state: str

    @property
    def key(self) -> str:
        """pid:born."""
        return f"{self.pid}:{self.born}"


@dataclass(frozen=True)
class Leftover:
    """Something that a command left: an exec session (``processes``, of which ``leaves`` have no children), or a
    whole one-off container (neither)."""

    container: str
    name: str
    what: str
    processes: tuple[int, ...] = ()
    leaves: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """For the person."""
        return f"`{self.what}` in container {self.name}"


def mark(engine: docker.DockerClient, folder: Path) -> dict[str, Json]:
    """Execs, sessions and one-off containers that are there before a command."""
    execs: list[Json] = []
    sessions: dict[str, Json] = {}
    for container in _running(engine, folder):
        found = _execs(engine, container)
        execs += [each["ID"] for each in found]
        # Without any exec no session can be there: spare one look into each container.
        leaders: list[Json] = [each.key for each in _leaders(processes(container))] if found else []
        sessions[str(container.id)] = leaders
    oneoffs: list[Json] = [str(each.id) for each in containers(engine, folder, oneoff=True)]
    return {"execs": execs, "exec_sessions": sessions, "oneoffs": oneoffs}


def left(engine: docker.DockerClient, folder: Path, before: Mapping[str, Json]) -> tuple[Leftover, ...]:
    """What came after ``before`` and still runs. A person's interactive exec (with a terminal) is left alone."""
    if not before:
        return ()
    return (*_oneoffs(engine, folder, before), *_exec_sessions(engine, folder, before))


def end(engine: docker.DockerClient, leftover: Leftover, signal: str, *, whole: bool = False) -> None:
    """Send the signal: inside, as root, to the session's leaves; to a one-off container as such.

    Leaves first, so that each parent reaps its child: PostgreSQL as process 1 adopts orphans, and one that ends by a
    signal makes it restart all its sessions. ``whole`` is the last resort: all of the session at once.
    """
    from docker.errors import APIError, NotFound

    with asking(), contextlib.suppress(NotFound):
        container = engine.containers.get(leftover.container)
        if leftover.processes:
            pids = [str(pid) for pid in (leftover.processes if whole else leftover.leaves)]
            run_inside(container, ["sh", "-c", KILL, "sh", signal, *pids], user="0")
            return
        with contextlib.suppress(APIError):  # it may have ended by itself just now
            container.kill(signal=f"SIG{signal}")


def processes(container: Container) -> tuple[Process, ...]:
    """The container's processes without this look itself; () when it has no shell or no /proc."""
    code, out, _ = run_inside(container, ["sh", "-c", LIST], user="0")
    own, _, lines = out.partition("\n")
    return tuple(each for each in _parsed(lines) if str(each.pid) != own.strip()) if code == 0 else ()


def _parsed(text: str) -> Iterator[Process]:
    for line in text.splitlines():
        head, _, tail = line.rpartition(")")  # the name may hold blanks and brackets
        number, _, name = head.partition(" (")
        words = tail.split()
        with contextlib.suppress(ValueError, IndexError):
            yield Process(int(number), int(words[1]), int(words[3]), int(words[19]), name, words[0])


def _running(engine: docker.DockerClient, folder: Path) -> list[Container]:
    return [each for each in containers(engine, folder) if each.status == "running"]


def _execs(engine: docker.DockerClient, container: Container) -> list[dict[str, Any]]:
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


def _leaders(found: tuple[Process, ...]) -> list[Process]:
    """The first processes of exec sessions: inside, they have no parent, like the container's own first."""
    return [each for each in found if each.parent == 0 and each.pid != 1]


def _oneoffs(engine: docker.DockerClient, folder: Path, before: Mapping[str, Json]) -> Iterator[Leftover]:
    known = before.get("oneoffs")
    for container in containers(engine, folder, oneoff=True):
        fresh = isinstance(known, list) and container.id not in known
        if fresh and container.status in ("running", "paused", "restarting"):
            command = " ".join(str(word) for word in (container.attrs.get("Config") or {}).get("Cmd") or ())
            what = f"run {label(container, 'service')} {command}".strip()
            yield Leftover(str(container.id), str(container.name), what)


def _exec_sessions(engine: docker.DockerClient, folder: Path, before: Mapping[str, Json]) -> Iterator[Leftover]:
    known_execs, known_sessions = before.get("execs"), before.get("exec_sessions")
    for container in _running(engine, folder):
        execs = [each for each in _execs(engine, container) if each["ID"] not in (known_execs or ())]  # type: ignore[operator]
        mine = [each for each in execs if not (each.get("ProcessConfig") or {}).get("tty")]
        if not mine:
            continue
        found = processes(container)
        earlier = known_sessions.get(str(container.id)) if isinstance(known_sessions, dict) else None
        leaders = [each for each in _leaders(found) if each.key not in (earlier or ())]  # type: ignore[operator]
        for details in mine:
            leader = _leader(details, leaders)
            if leader is not None:
                tree = _tree(leader, found)
                parents = {each.parent for each in found if each.pid in tree}
                leaves = tuple(pid for pid in tree if pid not in parents)
                yield Leftover(str(container.id), str(container.name), " ".join(_words(details)), tree, leaves)


def _leader(details: Mapping[str, Any], leaders: list[Process]) -> Process | None:
    """The process of an exec. The engine tells its pid on the engine's own machine; where that is this machine, the
    kernel knows the number inside. Else (a virtual machine) the only candidate, by name where there are several."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{int(details.get('Pid') or 0)}/status").read_text()
        inside = int(next(line for line in text.splitlines() if line.startswith("NSpid:")).split()[-1])
        return next((each for each in leaders if each.pid == inside), None)
    program = Path(_words(details)[0]).name
    named = [each for each in leaders if each.name == program[:15]] or leaders
    return named[0] if len(named) == 1 else None


def _tree(leader: Process, found: tuple[Process, ...]) -> tuple[int, ...]:
    """The leader, its session, and all that descends from them."""
    found = tuple(each for each in found if each.state != "Z")
    pids = [each.pid for each in found if leader.pid in (each.pid, each.session)]
    for pid in pids:
        pids += [each.pid for each in found if each.parent == pid and each.pid not in pids]
    return tuple(pids)
