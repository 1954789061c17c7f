"""What an answer's JSON says: parsed within bounds, its shape, what it contains, whether it calls itself unhealthy."""

from __future__ import annotations

import json
import math
import re

from checks.evidence import Json
from checks.text import encodable

DEEPEST = 60  # levels of nesting; the encoders of events give up not far beyond
_KEYS = 200
_ROWS = 1000
_INT64 = 2**63

HEALTH_PATH = re.compile(
    r"(?:^|[/_.-])(?:health\w*|live\w*|ready\w*|readiness|status|ping|alive|heartbeat|up)/?$", re.I
)
_BAD_WORDS = frozenset(
    {"degraded", "unhealthy", "down", "fail", "failed", "failing", "failure", "error", "errored", "critical"}
    | {"unavailable", "outage", "not_ok", "nok", "ko", "bad", "dead", "disconnected", "unreachable", "offline"}
    | {"out_of_service", "not_ready", "broken"}
)
_NEVER_DATA = frozenset({"degraded", "unhealthy"})
_STATUS_KEYS = frozenset({"status", "health", "state", "result", "database", "db"})
_FLAG_KEYS = frozenset({"ok", "healthy", "alive", "ready", "up", "success", "connected", "database", "db"})


class NotJson(ValueError):
    """The body is no JSON, or none that can be kept as evidence."""


def parse(body: bytes) -> Json:
    """The JSON of ``body``, strictly: no NaN, no number that a double cannot hold, at most ``DEEPEST`` levels."""
    try:
        value: Json = json.loads(body, parse_int=_integer, parse_float=_number, parse_constant=_refuse)
    except (ValueError, RecursionError) as wrong:
        raise NotJson(str(wrong)[:200]) from wrong
    if _deep(value):
        raise NotJson(f"nested deeper than {DEEPEST} levels")
    return encodable(value)


def _integer(text: str) -> int | float:
    # Beyond 64 bits only a double is left: JSON encoders refuse longer integers.
    if len(text) < 21 and -_INT64 <= (value := int(text)) < 2 * _INT64:
        return value
    return _number(text)


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError(f"{text[:40]} is no JSON number")


def _deep(value: Json) -> bool:
    level: list[Json] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def shape(value: Json) -> Json:
    """The types instead of the values: scalars become "string", "integer", "number", "boolean", "null".

    An object keeps its keys, a list becomes a list of the one shape that fits all its items ([] when it is empty);
    where items differ in kind the names are joined, as in "integer|null".
    """
    if isinstance(value, dict):
        kept = list(value.items())[:_KEYS]
        result: dict[str, Json] = {key: shape(item) for key, item in kept}
        return result | {"…": "…"} if len(value) > _KEYS else result
    if isinstance(value, list):
        merged: Json = None
        for item in value[:_ROWS]:
            merged = _merged(merged, shape(item))
        return [] if merged is None else [merged]
    return _kind(value)


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "integer" if isinstance(value, int) else "number"


def _merged(one: Json, other: Json) -> Json:
    """The shape that fits both; None stands for "no shape yet"."""
    if one is None or one == other:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _merged(one.get(key), other.get(key, one.get(key))) for key in one | other}
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(one[0], other[0])] if one and other else one or other
    return "|".join(sorted(_kinds(one) | _kinds(other)))


def _kinds(value: Json) -> set[str]:
    if isinstance(value, str):
        return set(value.split("|"))
    return {"object"} if isinstance(value, dict) else {"array"}


def contains(body: Json, subset: Json) -> bool:
    """Whether ``body`` has everything that ``subset`` asks for.

    An object needs each wanted key with a containing value, a list an item of its own for each wanted item in
    whatever order; scalars must be equal, where true is not 1 and 1 is 1.0.
    """
    if isinstance(subset, dict):
        return isinstance(body, dict) and all(key in body and contains(body[key], want) for key, want in subset.items())
    if isinstance(subset, list):
        return isinstance(body, list) and _list_contains(body, subset)
    if isinstance(subset, bool) or isinstance(body, bool):
        return body is subset
    return body == subset


def _list_contains(body: list[Json], subset: list[Json]) -> bool:
    """Give each wanted item an item of its own (bipartite matching, so that the order of looking does not matter)."""
    if len(subset) > len(body):
        return False
    fits = [[at for at, found in enumerate(body) if contains(found, want)] for want in subset]
    owner: dict[int, int] = {}

    def place(want: int, tried: set[int]) -> bool:
        for at in fits[want]:
            if at not in tried:
                tried.add(at)
                if at not in owner or place(owner[at], tried):
                    owner[at] = want
                    return True
        return False

    return all(place(want, set()) for want in range(len(subset)))


def unhealthy(path: str, value: Json) -> str:
    """The word with which an answer calls itself unhealthy, "" when there is none.

    ``value`` is the parsed JSON or the plain text. Any word counts at a health route and at ``/``; elsewhere, where
    a status is mostly data, only a top-level "degraded" or "unhealthy" does.
    """
    if path.strip("/") == "" or HEALTH_PATH.search(path.partition("?")[0]):
        return _bad("", value, 0)
    word = value.get("status") if isinstance(value, dict) else value
    return word if isinstance(word, str) and word.strip().lower() in _NEVER_DATA else ""


def _bad(key: str, value: Json, level: int) -> str:
    if value is False and (level == 0 or key.lower() in _FLAG_KEYS):
        return f"{key}: false" if key else "false"
    if isinstance(value, str):
        return _bad_text(key.lower(), value, level)
    if level < 6:
        pairs = value.items() if isinstance(value, dict) else ((key, item) for item in _inside(value))
        return next((word for inner, item in pairs if (word := _bad(inner, item, level + 1))), "")
    return ""


def _bad_text(key: str, text: str, level: int) -> str:
    words = re.sub(r"^not[ _-](ok|ready)", r"not_\1", text.strip().lower().replace("out of service", "out_of_service"))
    if words in _BAD_WORDS:
        return text.strip()
    first = re.split(r"[^a-z_]", words, maxsplit=1)[0]
    if (level == 0 or key in _STATUS_KEYS) and first in _BAD_WORDS:
        return first
    return "error" if key in ("error", "errors", "exception") and words not in ("", "none", "null", "ok") else ""
