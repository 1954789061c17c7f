"""Looks at the services of a project: containers by their compose labels, or a local process."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.evidence import Evidence, Json, now, unseen
from checks.service.startup_log import SentRequest, StartupError, read_startup, startup_errors
from checks.text import lines, plain

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

__all__ = ["SentRequest", "StartupError", "look", "look_process", "startup_errors"]

LOG_BYTES = 2 * 1024 * 1024  # of the log since the latest start that are searched for errors
TAIL = 20
_LABEL = "com.docker.compose."
# Docker stamps the first line of a fast program 0.6 to 3 ms before StartedAt (20.10, measured).
_EARLY = timedelta(seconds=0.1)
_LATE = timedelta(seconds=0.05)  # and the last lines of a crash shortly after FinishedAt
# As the logging of Python and most servers write the time; without a zone it is this machine's.
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:\d*)(?: ?(?:Z\b|[+-]\d\d:?\d\d\b))?")
_SAME_PROCESS = 2.0  # seconds between the recorded and the real start; a pid may have been given away since


def look(
    engine: docker.DockerClient,
    *,
    project: str,
    folder: str,
    agent: str = "safemig",
    requests: Sequence[SentRequest] = (),
) -> Evidence:
    """Evidence of kind "container" about the compose project of that name (any if "") in that working folder.

    Data: services {name: {container, id, image, state, health (null without a health check), restarts, exit_code
    (null while it runs), started (ISO), startup_errors [{line, text}], startup_by_time (the same), log_tail (20 lines),
    log_seen, log_cut}}; a second container of a service is "name#2". ``log_seen`` false: the log could not be read,
    which is no clean start; ``log_cut``: only its first 2 MiB were searched; ``startup_by_time``: errors of which
    only the time says that one of our ``requests`` caused them. One-off containers of ``compose run`` are left out.
    """
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    repeat = f"docker ps --all --filter {shlex.quote(f'label={_LABEL}project.working_dir={folder}')}"
    subject, began = plain(project or folder, 500), now()
    wanted = [f"{_LABEL}service"] + ([f"{_LABEL}project={project}"] if project else [])
    try:
        found = engine.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
        ours = sorted((each for each in found if _is_ours(each, folder)), key=_order)
        services: dict[str, Json] = {}
        for container in ours:
            services[_free_name(_label(container, "service"), services)] = _service(container, agent, requests)
    except (DockerException, RequestException, OSError) as wrong:
        return unseen("container", subject, repeat, f"the engine gave no answer: {plain(str(wrong), 300)}", began)
    return Evidence("container", subject, True, began, now(), repeat, {"services": services})


def _is_ours(container: Container, folder: str) -> bool:
    label = _label(container, "project.working_dir")
    same = label == folder or (label != "" and Path(label).resolve() == Path(folder).resolve())
    return same and _label(container, "oneoff").lower() != "true"


def _label(container: Container, name: str) -> str:
    value = (container.labels or {}).get(_LABEL + name, "")
    return value if isinstance(value, str) else ""


def _order(container: Container) -> tuple[str, int, int, str]:
    number = _label(container, "container-number")
    return (
        _label(container, "service"),
        int(number) if number.isdecimal() and len(number) < 9 else 0,
        0 if container.status == "running" else 1,
        container.name or "",
    )


def _free_name(service: str, taken: dict[str, Json]) -> str:
    name, number = plain(service, 200), 1
    while name in taken:
        number += 1
        name = f"{plain(service, 200)}#{number}"
    return name


def _service(container: Container, agent: str, requests: Sequence[SentRequest]) -> dict[str, Json]:
    state: dict[str, Any] = container.attrs.get("State") or {}
    status = str(state.get("Status", ""))
    data = _description(
        container=container.name or "",
        id=container.id or "",
        image=str(container.attrs.get("Image", "")),
        state=status,
        health=(state.get("Health") or {}).get("Status"),
        restarts=container.attrs.get("RestartCount", 0),
        exit_code=None if status in ("running", "paused", "created") else state.get("ExitCode"),
        started=str(state.get("StartedAt", "")),
    )
    return data | _container_log(container, state, agent, requests)


def _description(**values: Json) -> dict[str, Json]:
    return {name: plain(value, 500) if isinstance(value, str) else value for name, value in values.items()}


def _container_log(
    container: Container, state: dict[str, Any], agent: str, requests: Sequence[SentRequest]
) -> dict[str, Json]:
    from docker.errors import APIError

    since = _since(str(state.get("StartedAt", "")), str(state.get("FinishedAt", "")))
    if since is None:
        return _log([], [], agent, cut=False)  # created, never started
    try:
        text, cut = _head(container, since)
        head = [_stamped(line) for line in text.decode("utf-8", "replace").splitlines()]
        last = [line for _, line in head]
        # One that ends again and again has often said nothing yet since it was started last.
        again = bool(container.attrs.get("RestartCount")) and len(last) < TAIL
        if cut or again:
            text = container.logs(tail=TAIL, since=None if again else since)
            last = text.decode("utf-8", "replace").splitlines()
    except APIError as wrong:
        # The logging driver may not support reading.
        return _unread(plain(str(wrong), 300))
    return _log(head, last, agent, cut=cut, requests=requests)


def _stamped(line: str) -> tuple[float | None, str]:
    """A line with the engine's time before it, taken apart."""
    stamp, blank, rest = line.partition(" ")
    moment = _moment(stamp) if blank else None
    return (moment.timestamp(), rest) if moment is not None else (None, line)


def _head(container: Container, since: float) -> tuple[bytes, bool]:
    """The log since that moment up to ``LOG_BYTES``, and whether there is more."""
    stream = container.logs(stream=True, follow=False, since=since, timestamps=True)
    pieces, size = [], 0
    try:
        for piece in stream:
            pieces.append(piece)
            size += len(piece)
            if size > LOG_BYTES:
                return b"".join(pieces)[:LOG_BYTES], True
    finally:
        stream.close()
    return b"".join(pieces), False


def _since(started: str, finished: str) -> float | None:
    """From when on the log is that of the latest start, in seconds of the epoch; None when there was no start."""
    begin, end = _moment(started), _moment(finished)
    if begin is None:
        return None
    if end is None or end > begin:  # the first start, or it has ended: the end of the run before is not known
        return (begin - _EARLY).timestamp()
    return (end + min(_LATE, (begin - end) / 2)).timestamp()


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.year > 1970 else None  # the engine writes year 1 for "never"


def _log(
    head: Iterable[tuple[float | None, str]],
    last: list[str],
    agent: str,
    *,
    cut: bool,
    requests: Sequence[SentRequest] = (),
) -> dict[str, Json]:
    startup = read_startup(head, agent, requests)
    errors, by_time = (_plain(found) for found in (startup.errors, startup.by_time))
    tail: list[Json] = [plain(line, 500) for line in last[-TAIL:]]
    seen: dict[str, Json] = {"log_tail": tail, "log_seen": True, "log_cut": cut, "log_reason": ""}
    return {"startup_errors": errors, "startup_by_time": by_time, **seen}


def _plain(found: Sequence[StartupError]) -> list[Json]:
    return [{"line": error.line, "text": error.text} for error in found]


def _unread(reason: str) -> dict[str, Json]:
    return _log([], [], "", cut=False) | {"log_seen": False, "log_reason": reason}


def look_process(
    service: str,
    pid: int | None,
    *,
    started: str,
    log: Path | None,
    agent: str = "safemig",
    log_start: int = 0,
    requests: Sequence[SentRequest] = (),
) -> Evidence:
    """The same evidence about one local process; ``log`` is read from byte ``log_start``, where its start began.

    ``started`` is the recorded start (ISO 8601): a process of that pid made more than 2 s away from it is another
    one, and then state is "absent"; "" skips that test. A zombie is "exited". The exit code is not known here.
    """
    import psutil

    repeat, began = f"ps -o pid,stat,lstart,args -p {pid or 0}", now()
    state = "absent"
    try:
        if pid is not None and pid > 0:
            process = psutil.Process(pid)
            if _is_same(process.create_time(), started):
                state = "exited" if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else "running"
                started = datetime.fromtimestamp(process.create_time()).astimezone().isoformat(timespec="milliseconds")
    except psutil.NoSuchProcess:
        state = "absent"
    except (psutil.Error, OSError) as wrong:
        return unseen("container", service, repeat, f"cannot look at process {pid}: {plain(str(wrong), 200)}", began)
    data = _description(
        container=service,
        id=str(pid or ""),
        image="",
        state=state,
        health=None,
        restarts=0,
        exit_code=None,
        started=started,
    )
    data |= _process_log(log, log_start, agent, requests)
    return Evidence("container", service, True, began, now(), repeat, {"services": {service: data}})


def _is_same(created: float, started: str) -> bool:
    moment = _moment(started)
    return moment is None or abs(created - moment.timestamp()) <= _SAME_PROCESS


def _process_log(log: Path | None, start: int, agent: str, requests: Sequence[SentRequest]) -> dict[str, Json]:
    if log is None:
        return _unread("its process writes to no file that is known")
    try:
        size = log.stat().st_size
        start = start if 0 <= start <= size else 0  # shorter than before: it was written anew
        head = _timed(_decoded(log, start, min(size, start + LOG_BYTES)))
        last = list(_decoded(log, max(start, size - 64 * 1024), size))
        return _log(list(head), last, agent, cut=size - start > LOG_BYTES, requests=requests)
    except OSError as wrong:
        return _unread(plain(str(wrong), 300))


def _timed(decoded: Iterable[str]) -> Iterator[tuple[float | None, str]]:
    """Each line with the time that stands in it, where one does: a traceback has that of the line above it."""
    moment: float | None = None
    for line in decoded:
        if stamp := _STAMP.search(line[:200]):
            found = _moment(stamp[0].replace(",", ".").replace(" +", "+").replace(" -", "-"))
            moment = found.timestamp() if found is not None else None
        elif not line.startswith((" ", "Traceback ")):
            moment = None
        yield moment, line


def _decoded(log: Path, start: int, end: int) -> Iterator[str]:
    return (line.decode("utf-8", "replace") for line in lines(log, start, end))
