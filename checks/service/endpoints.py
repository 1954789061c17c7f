"""Looks at the endpoints of a service: status, media type, body, latency; finds the main ones by itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from checks.evidence import Evidence, Json, now, unseen
from checks.service.http import Answer, NoAnswer, Probe, client_for, curl, send
from checks.service.json_body import NotJson, contains, parse, shape, unhealthy
from checks.service.openapi import Discovered, discover, operations
from checks.text import plain

if TYPE_CHECKING:
    import httpx

__all__ = ["Discovered", "Probe", "contains", "discover", "look", "operations", "shape"]

KEPT = 16 * 1024  # bytes of a JSON body that stand in the evidence; a larger one is told by size, sha256 and shape


def look(base_url: str, probe: Probe, *, client: httpx.Client | None = None) -> Evidence:
    """Evidence of kind "endpoint" about one request; unseen when nothing answered in time.

    Data: status, media, latency_ms (until the body was whole), size (bytes), body (parsed JSON, null when there is none
    or it is larger than 16 KiB), body_sha256, json (whether the body is JSON), text (first 400 characters when it is
    not), shape, matches (status, media type and subset are as asked; null when the body was too large to compare),
    unhealthy (the word, or ""), location (of a redirect, which is not followed).
    """
    subject, repeat, began = f"{probe.method} {plain(probe.path, 500)}", curl(base_url, probe), now()
    own = client_for(client)
    try:
        answer = send(own, base_url, probe)
    except NoAnswer as wrong:
        return unseen("endpoint", subject, repeat, str(wrong), began)
    finally:
        if client is None:
            own.close()
    return Evidence("endpoint", subject, True, began, now(), repeat, _data(probe, answer))


def _data(probe: Probe, answer: Answer) -> dict[str, Json]:
    value: Json = None
    is_json = False
    if answer.whole and answer.body.strip():
        try:
            value, is_json = parse(answer.body), True
        except NotJson:
            value = None
    text = "" if is_json else answer.body[:8192].decode("utf-8", "replace")
    return {
        "status": answer.status,
        "media": answer.media,
        "latency_ms": round(answer.seconds * 1000, 1),
        "size": len(answer.body),
        "whole": answer.whole,
        "json": is_json,
        "body": value if len(answer.body) <= KEPT else None,
        "body_sha256": hashlib.sha256(answer.body).hexdigest() if answer.whole else None,
        "text": plain(text, 400),
        "shape": shape(value) if is_json else None,
        "matches": _matches(probe, answer, value, is_json),
        "unhealthy": plain(unhealthy(probe.path, value if is_json else text), 100),
        "location": answer.location,
    }


def _matches(probe: Probe, answer: Answer, value: Json, is_json: bool) -> bool | None:
    if not (answer.status == probe.status if probe.status else 200 <= answer.status < 300):
        return False
    if probe.media and answer.media != probe.media.partition(";")[0].strip().lower():
        return False
    if probe.subset is None:
        return True
    if not answer.whole:
        return None
    return is_json and contains(value, probe.subset)
