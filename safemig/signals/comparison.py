"""The three signals: judged from evidence before and after, never from one look alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from checks.evidence import Evidence, Json
from safemig.base.counting import counted
from safemig.signals.row_changes import doubts as doubts_about
from safemig.signals.row_changes import losses
from safemig.signals.words import NOT_REACHED

SHOWN = 10  # failed tests that are named


@dataclass(frozen=True)
class Signal:
    """``ok`` None means that it was not checked; it never counts as good."""

    ok: bool | None
    before: str
    after: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moment:
    """What was observed at one moment."""

    tests: Evidence | None
    container: Evidence | None
    endpoints: tuple[Evidence, ...] = ()
    rows: tuple[Evidence, ...] = ()


def judge(before: Moment, after: Moment) -> dict[str, Signal]:
    """The signals ``tests``, ``container`` and ``endpoints``."""
    return {
        "tests": _with_rows(_tests(before.tests, after.tests), (*before.rows, *after.rows)),
        "container": _container(before.container, after.container),
        "endpoints": _endpoints(before.endpoints, after.endpoints),
    }


def tests_words(evidence: Evidence | None) -> str:
    """One line about a test run."""
    if evidence is None or not evidence.seen:
        return f"not checked: {evidence.reason}" if evidence else NOT_REACHED
    data = evidence.data
    words = [f"{data[name]} {name}" for name in ("passed", "failed", "errors", "skipped") if data.get(name)]
    status = "" if data.get("exit_code") == 0 else f" (exit {data.get('exit_code')})"
    problems = _texts(data, "problems")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    why = f"; {problems[0]}{more}" if problems else ""
    return (", ".join(words) or "nothing collected") + status + why


def status_words(evidence: Evidence) -> str:
    """That the exit code of the test command proves nothing, and why; "" where it does."""
    lost = _texts(evidence.data, "status_lost")
    return f"the exit code of `{evidence.repeat}` is no proof, the text is: {'; '.join(lost[:3])}" if lost else ""


def tests_good(evidence: Evidence | None) -> bool | None:
    """A run that collected nothing, did not end, returned other than 0, or in which a session died has not passed."""
    if evidence is None or not evidence.seen:
        return None
    data = evidence.data
    return (
        data.get("exit_code") == 0
        and bool(data.get("complete"))
        and _count(data, "passed") > 0
        and _count(data, "failed") == 0
        and _count(data, "errors") == 0
        and not _texts(data, "problems")
    )


def _tests(before: Evidence | None, after: Evidence | None) -> Signal:
    ok = tests_good(after)
    reasons: list[str] = []
    if ok is False and after is not None:
        reasons += [*_texts(after.data, "problems"), *_failures(before, after)]
        reasons = reasons or [f"the test run is not good: {tests_words(after)}"]
    if ok and before is not None and before.seen and after is not None:
        # Also of a run that was red: what passed in it has to pass again, and what failed in it must not just be gone.
        fewer = _count(before.data, "passed") + _count(before.data, "failed") - _count(after.data, "passed")
        if fewer > 0:
            ok = False
            ran = "passed or failed" if _count(before.data, "failed") else "passed"
            reasons.append(f"{counted(fewer, 'test')} that {ran} before did not run or pass after")
    return Signal(ok, tests_words(before), tests_words(after), tuple(reasons))


def _with_rows(tests: Signal, looked: Sequence[Evidence]) -> Signal:
    """Tests that take rows of the application's database are bad whenever they ran and however they ended."""
    lost, doubts = losses(looked), doubts_about(looked)
    if lost:
        after = f"{tests.after}; {lost[0]}"
        return Signal(False, tests.before, after, (*lost, *doubts, *tests.reasons))
    if doubts:
        return Signal(None if tests.ok else tests.ok, tests.before, tests.after, (*tests.reasons, *doubts))
    return tests


def _failures(before: Evidence | None, after: Evidence) -> list[str]:
    """The failed tests and errors by name, those that did not fail before first: an equal count hides nothing."""
    failed = failed_tests(after)
    if before is None or not before.seen:
        return [f"failed: {name}" for name in failed[:SHOWN]]
    known = set(failed_tests(before))
    new = [f"failed, and did not before: {name}" for name in failed if name not in known]
    old = [f"failed, as before: {name}" for name in failed if name in known]
    return [*new, *old][: max(SHOWN, len(new))]


def failed_tests(evidence: Evidence) -> list[str]:
    """The names of the tests that failed or had an error, and of the files that could not be collected."""
    places = evidence.data.get("error_places")
    errors = (
        [str(place.get("where")) for place in places if isinstance(place, dict)] if isinstance(places, list) else []
    )
    return list(
        dict.fromkeys([*_texts(evidence.data, "failed_tests"), *(name for name in errors if name != "command")])
    )


def _texts(data: Mapping[str, Json], name: str) -> list[str]:
    value = data.get(name)
    return [str(each) for each in value] if isinstance(value, list) else []


def _count(data: Mapping[str, Json], name: str) -> int:
    value = data.get(name)
    return value if isinstance(value, int) else 0


def _services(evidence: Evidence) -> dict[str, Mapping[str, Json]]:
    services = evidence.data.get("services")
    if not isinstance(services, dict):
        return {}
    return {name: value for name, value in services.items() if isinstance(value, dict)}


def container_words(evidence: Evidence | None) -> str:
    """One line about the containers."""
    if evidence is None or not evidence.seen:
        return f"not checked: {evidence.reason}" if evidence else NOT_REACHED
    words = []
    for name, service in sorted(_services(evidence).items()):
        health = f" ({service['health']})" if service.get("health") else ""
        words.append(f"{name} {service.get('state')}{health}")
    return ", ".join(words) or "no container of this project"


def container_problems(evidence: Evidence) -> tuple[str, ...]:
    """Why the containers are not active and serving; empty when they are. A job that ended with 0 is no problem."""
    problems: list[str] = []
    services = _services(evidence)
    if not services:
        problems.append("no container or process of this project is there")
    elif all(service.get("state") == "exited" for service in services.values()):
        problems.append("no container or process of this project runs")
    for name, service in sorted(services.items()):
        if service.get("state") == "exited" and service.get("exit_code") == 0:
            continue
        if service.get("state") != "running":
            code = service.get("exit_code")
            problems.append(f"{name} is {service.get('state')}" + (f" (exit code {code})" if code is not None else ""))
        if service.get("health") == "unhealthy":
            problems.append(f"{name} is unhealthy")
        errors = service.get("startup_errors")
        if isinstance(errors, list) and errors:
            first = errors[0]
            text = first.get("text") if isinstance(first, dict) else first
            problems.append(f"{name} started with errors: {text}")
    return tuple(problems)


def _changed_for_worse(name: str, earlier: Mapping[str, Json], service: Mapping[str, Json]) -> Iterator[str]:
    """What has become of a service since then, beside what is wrong with it in itself."""
    ran = earlier.get("state") == "running"
    if earlier.get("id") == service.get("id") and _count(service, "restarts") > _count(earlier, "restarts"):
        yield f"{name} was restarted {counted(_count(service, 'restarts'), 'time')}"
    if ran and service.get("state") == "exited" and service.get("exit_code") == 0:
        yield f"{name} was running and has ended (exit code 0)"
    if earlier.get("health") == "healthy" and service.get("health") not in {"healthy", "unhealthy"}:
        yield f"{name} was healthy, is {service.get('health') or 'without a health check'}"
    if ran and service.get("state") == "absent":
        yield f"{name} was running and has ended"


def _container(before: Evidence | None, after: Evidence | None) -> Signal:
    words = (container_words(before), container_words(after))
    if after is None or not after.seen:
        return Signal(None, *words, (after.reason if after else "the run ended before it",))
    problems = list(container_problems(after))
    if before is not None and before.seen:
        old, new = _services(before), _services(after)
        for name, service in sorted(new.items()):
            problems += _changed_for_worse(name, old.get(name, {}), service)
        problems += [f"{name} is gone" for name in sorted(set(old) - set(new))]
    # A process that is not there has no log: that it has ended is all there is to say.
    there = [each for each in _services(after).values() if each.get("state") != "absent"]
    unread = [str(each.get("log_reason")) for each in there if each.get("log_seen") is False]
    reasons = (*problems, *(f"a start-up log could not be read: {reason}" for reason in unread[:1]))
    return Signal(False if problems else None if unread else True, *words, reasons)


def endpoint_problem(evidence: Evidence) -> str:
    """Why one endpoint is not good in itself; empty when it is."""
    if not evidence.seen:
        return f"{evidence.subject}: not checked: {evidence.reason}"
    data = evidence.data
    status = data.get("status")
    if evidence.subject.startswith("script ") and status != 0:
        return f"{evidence.subject}: exit code {status}"
    if data.get("matches") is False:
        return f"{evidence.subject}: the answer ({status}) is not the expected one"
    if data.get("matches") is None and not (isinstance(status, int) and 200 <= status < 300):
        return f"{evidence.subject}: answered {status}"
    if data.get("matches") is None and data.get("whole") is False:
        return f"{evidence.subject}: the answer is too large to compare with the expected one"
    if data.get("unhealthy"):
        return f"{evidence.subject}: says “{data['unhealthy']}”"
    return ""


def endpoints_words(looked: Sequence[Evidence]) -> str:
    """One line about the endpoints."""
    if not looked:
        return NOT_REACHED
    good = [evidence for evidence in looked if not endpoint_problem(evidence)]
    bad = [endpoint_problem(evidence) for evidence in looked if endpoint_problem(evidence)]
    return f"{len(good)} of {len(looked)} good" + (f"; {bad[0]}" if bad else "")


def _endpoints(before: Sequence[Evidence], after: Sequence[Evidence]) -> Signal:
    words = (endpoints_words(before), endpoints_words(after))
    if not after:
        return Signal(None, *words, ("no endpoint was checked",))
    if not any(evidence.seen for evidence in after):
        return Signal(None, *words, tuple(endpoint_problem(evidence) for evidence in after))
    earlier = {evidence.subject: evidence for evidence in before}
    problems = [problem for evidence in after if (problem := endpoint_problem(evidence))]
    for evidence in after:
        problems += _worse(earlier.get(evidence.subject), evidence)
    problems += [f"{subject} was not checked again" for subject in earlier if subject not in {e.subject for e in after}]
    return Signal(not problems, *words, tuple(problems))


def _worse(before: Evidence | None, after: Evidence) -> list[str]:
    if before is None or not before.seen or not after.seen or endpoint_problem(before):
        return []
    found: list[str] = []
    for name in ("status", "media"):
        if before.data.get(name) != after.data.get(name):
            found.append(f"{after.subject}: {name} was {before.data.get(name)}, is {after.data.get(name)}")
    lost = lost_keys(before.data.get("shape"), after.data.get("shape"))
    if lost:
        found.append(f"{after.subject}: the answer has lost {', '.join(lost)}")
    kinds = changed_kinds(before.data.get("shape"), after.data.get("shape"))
    return found + [f"{after.subject}: {change}" for change in kinds]


def lost_keys(before: Json, after: Json, where: str = "") -> tuple[str, ...]:
    """Paths that the shape ``before`` has and ``after`` has not. A list that is empty on a side says nothing."""
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return (where or "its object",)
        lost: list[str] = []
        for key, value in before.items():
            path = f"{where}.{key}" if where else key
            lost += [path] if key not in after else lost_keys(value, after[key], path)
        return tuple(lost)
    if isinstance(before, list):
        if not isinstance(after, list):
            return (where or "its list",)
        return lost_keys(before[0], after[0], f"{where}[]") if before and after else ()
    return ()


def changed_kinds(before: Json, after: Json, where: str = "") -> tuple[str, ...]:
    """Where a value is of another kind than before, as "rating was integer, is string". Null says nothing."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[str] = []
        for key in before.keys() & after.keys():
            found += changed_kinds(before[key], after[key], f"{where}.{key}" if where else key)
        return tuple(sorted(found))
    if isinstance(before, list) and isinstance(after, list):
        return changed_kinds(before[0], after[0], f"{where}[]") if before and after else ()
    if not isinstance(before, str) or not (old := _kinds(before)):
        return ()
    if isinstance(after, str) and _kinds(after) <= old:
        return ()
    is_now = after if isinstance(after, str) else _kind_of(after)
    return () if is_now in before.split("|") else (f"{where or 'the answer'} was {before}, is {is_now}",)


def _kind_of(shape: Json) -> str:
    return "object" if isinstance(shape, dict) else "array" if isinstance(shape, list) else "not JSON"


def _kinds(shape: str) -> set[str]:
    """ "integer|null" -> {"number"}: whether a number has a fraction is chance."""
    return {"number" if kind == "integer" else kind for kind in shape.split("|")} - {"null"}
