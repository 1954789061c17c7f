"""Evidence without passwords, before it reaches the journal: its free text, never names, SQL, counts or digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from checks.evidence import Evidence, Json
from safemig.base.redaction import MARK

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
}


def clean_evidence(evidence: Evidence, clean: Clean) -> Evidence:
    """The same evidence, with ``clean`` (a redaction) over its reason and its free text. In the JSON body of an
    endpoint's answer also the value of every key that is named like a secret is hidden."""
    data = dict(evidence.data)
    for path in FREE_TEXT.get(evidence.kind, ()):
        data = _object(_at(data, path, clean))
    if evidence.kind == "endpoint" and "body" in data:
        data["body"] = _body(data["body"], clean, {})
    return replace(evidence, data=data, reason=clean(evidence.reason))


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
