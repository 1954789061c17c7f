"""Events, evidence, facts and findings without passwords, before they reach the journal and its files.

Of evidence its free text, never names, SQL, counts or digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from checks.evidence import Evidence, Json
from safemig.base.redaction import MARK
from safemig.planning.facts import CalledFact, CommandFact, Facts, Finding, ImpactFact
from safemig.planning.plan import Step

Clean = Callable[[str], str]

# Kind -> the places of free text, "*" for each entry of a list or mapping. What is not here is left as it is.
FREE_TEXT: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "container": (
        ("services", "*", "log_tail", "*"),
        ("services", "*", "startup_errors", "*", "text"),
        ("services", "*", "startup_by_time", "*", "text"),
        ("services", "*", "log_reason"),
    ),
    "tests": (("error_places", "*", "cause"), ("summary",), ("junit",), ("problems", "*"), ("status_lost", "*")),
    "rows": (("others", "*"),),
    "endpoint": (("text",), ("location",), ("unhealthy",)),
    "impact": (
        ("statements", "*", "statements", "*", "sql"),
        ("statements", "*", "failure"),
        ("hazards", "*", "text"),
        ("asked", "*"),
        ("untraced",),
    ),
    "items": (("judged", "*", "text"), ("judged", "*", "reason")),
    "ticks": (("items", "*", "*"),),
}


def clean_evidence(evidence: Evidence, clean: Clean) -> Evidence:
    """The same evidence, with ``clean`` (a redaction) over its reason and its free text. In the JSON body of an
    endpoint's answer also the value of every key that is named like a secret is hidden."""
    data = dict(evidence.data)
    for path in FREE_TEXT.get(evidence.kind, ()):
        data = _object(_at(data, path, clean))
    if evidence.kind == "endpoint" and "body" in data:
        data["body"] = _body(data["body"], clean, {})
    return replace(evidence, data=data, reason=clean(evidence.reason), repeat=clean(evidence.repeat))


# What names a place or is compared with what a person types or a later engine reads; an id or a digest is no secret.
_NAMES = frozenset({"project", "spec", "file", "junit", "id", "digest", "digests", "parent", "contents", "typed",
                    "named", "sha256"})  # fmt: skip


def clean_event(kind: str, data: Mapping[str, Json], clean: Clean) -> Mapping[str, Json]:
    """The data of an event with ``clean`` over each text of it. Evidence has rules of its own."""
    if kind == "command.output":  # numbers, and by far the most frequent
        return data
    if kind == "evidence":
        seen = msgspec.convert(data["evidence"], Evidence)
        return {**data, "evidence": msgspec.to_builtins(clean_evidence(seen, clean))}
    return {name: item if name in _NAMES else clean_texts(item, clean) for name, item in data.items()}


def clean_texts(value: Json, clean: Clean) -> Json:
    """A document with ``clean`` over each text of it but names and digests."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: item if name in _NAMES else clean_texts(item, clean) for name, item in value.items()}
    if isinstance(value, list):
        return [clean_texts(item, clean) for item in value]
    return value


def clean_facts(facts: Facts, clean: Clean) -> Facts:
    """Facts with ``clean`` over what is written for a person. What is run or written to a file stays as it is: a plan
    that was redacted could not be carried out, nor taken up again."""

    def every(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(clean, texts))

    return replace(
        facts,
        missing=every(facts.missing),
        stops=every(facts.stops),
        problems=every(facts.problems),
        unread=every(facts.unread),
        unchosen=every(facts.unchosen),
        spec=replace(facts.spec, items=every(facts.spec.items), text=clean(facts.spec.text)) if facts.spec else None,
        commands={role: _command(fact, clean) for role, fact in facts.commands.items()},
        test_command=_command(facts.test_command, clean) if facts.test_command else None,
        named=tuple(
            replace(fact, why=clean(fact.why), command=_command(fact.command, clean) if fact.command else None)
            for fact in facts.named
        ),
        database_calls=_calls(facts.database_calls, clean),
        **_contents(facts, clean),
    )


def _command(fact: CommandFact, clean: Clean) -> CommandFact:
    calls = _calls(fact.calls, clean)
    return replace(fact, why=clean(fact.why), told=clean(fact.told), lines=tuple(map(clean, fact.lines)), calls=calls)


def _calls(calls: Sequence[CalledFact], clean: Clean) -> tuple[CalledFact, ...]:
    return tuple(replace(one, text=clean(one.text), diff=clean(one.diff)) for one in calls)


def clean_finding(finding: Finding, clean: Clean) -> Finding:
    """A finding, by the same rule."""
    return replace(
        finding,
        cause=clean(finding.cause),
        new=clean(finding.new),
        commands={role: _command(fact, clean) for role, fact in finding.commands.items()},
        foreign=tuple(replace(risk, text=clean(risk.text)) for risk in finding.foreign),
        **_contents(finding, clean),
    )


def clean_step(step: Step, clean: Clean) -> Step:
    """A step as it is shown; what is run is the one that was planned."""
    return msgspec.convert(clean_texts(msgspec.to_builtins(step), clean), Step)


def _contents(read: Facts | Finding, clean: Clean) -> dict[str, Any]:
    return {
        "impact": _impact(read.impact, clean) if read.impact else None,
        "files": tuple(
            replace(fact, text=clean(fact.text), diff=clean(fact.diff), unread=clean(fact.unread))
            for fact in read.files
        ),
        "scripts": tuple(replace(fact, text=clean(fact.text), diff=clean(fact.diff)) for fact in read.scripts),
        "risks": tuple(replace(risk, text=clean(risk.text)) for risk in read.risks),
    }


def _impact(fact: ImpactFact, clean: Clean) -> ImpactFact:
    traces = (
        replace(
            one,
            failure=clean(one.failure),
            statements=tuple(replace(each, sql=clean(each.sql)) for each in one.statements),
        )
        for one in fact.traces
    )
    return replace(fact, traces=tuple(traces), untraced=clean(fact.untraced))


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _at(value: Json, path: tuple[str, ...], clean: Clean) -> Json:
    """``value`` with the texts at ``path`` cleaned; what has another shape stays."""
    if not path:
        return clean(value) if isinstance(value, str) else value
    name, rest = path[0], path[1:]
    if isinstance(value, list) and name == "*":
        return [_at(item, rest, clean) for item in value]
    if isinstance(value, dict):
        return {key: _at(item, rest, clean) if name in {"*", key} else item for key, item in value.items()}
    return value


def _body(value: Json, clean: Clean, known: dict[str, bool]) -> Json:
    if isinstance(value, dict):
        return {
            key: _hidden(item) if _is_secret(key, clean, known) else _body(item, clean, known)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_body(item, clean, known) for item in value]
    return clean(value) if isinstance(value, str) else value


def _is_secret(key: str, clean: Clean, known: dict[str, bool]) -> bool:
    """Whether the redaction takes what stands after this key for a secret."""
    if key not in known:
        known[key] = clean(f'{key}="x"') != f'{key}="x"' and clean(key) == key
    return known[key]


def _hidden(value: Json) -> Json:
    """Every leaf hidden but null, true, false and the empty text, which tell no secret."""
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return value if value is None or isinstance(value, bool) or value == "" else MARK
