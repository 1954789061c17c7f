"""Finds the main endpoints of a service: `/`, its health route and the GET routes of its OpenAPI document.

Only GET is sent, and everything that comes back is taken for hostile: any type, any size, any reference.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from checks.evidence import Json
from checks.service.http import Answer, NoAnswer, Probe, client_for, path_of, send
from checks.service.json_body import HEALTH_PATH, NotJson, parse
from checks.text import plain

if TYPE_CHECKING:
    import httpx

DOCUMENTS = ("/openapi.json", "/api/openapi.json", "/api/v1/openapi.json", "/swagger.json")
HEALTH = ("/health", "/healthz", "/health/", "/api/health", "/api/v1/health", "/livez", "/readyz", "/ping", "/status")
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
MOST = 60  # routes that are asked; a page of them is proof enough
PATIENCE = 60.0  # seconds for the whole discovery
_NAMES_EFFECT = re.compile(
    r"(?:^|[/_.-])(?:log-?out|sign-?out|log-?in|sign-?in|authori[sz]e|callback|oauth2?|unsubscribe|delete|remove|reset|"
    r"seed|migrate|shutdown|restart|send|trigger|sync|stream|sse|ws)(?:$|[/_.-])",
    re.I,
)
_PARAMETER = re.compile(r"\{([^{}/]{1,100})\}")
_PATH = re.compile(r"/[\x21-\x7e]{0,499}")


@dataclass(frozen=True)
class Discovered:
    """The requests that prove the service, and what was left out as (path, reason).

    ``document`` tells whether an OpenAPI document was found, ``failed`` whether a request went wrong in the service.
    """

    probes: tuple[Probe, ...]
    left_out: tuple[tuple[str, str], ...]
    document: bool
    failed: bool = False


class _Unfit(Exception):
    """This route cannot be asked; the text says why."""


@dataclass
class _Search:
    """One discovery under way: what was asked already, so that no URL is asked twice."""

    client: httpx.Client
    base_url: str
    seconds: float
    deadline: float
    answers: dict[str, Answer | None] = field(default_factory=dict)
    reason: str = ""

    def ask(self, path: str) -> Answer | None:
        """The answer to GET ``path``, or None with ``reason`` set."""
        if path not in self.answers:
            if time.monotonic() > self.deadline:
                self.reason = "there was no time left to ask"
                return None
            try:
                self.answers[path] = send(self.client, self.base_url, Probe(path=path, seconds=self.seconds))
            except NoAnswer as wrong:
                self.answers[path], self.reason = None, str(wrong)
        return self.answers[path]

    def settled(self, path: str) -> tuple[str, Answer | None]:
        """Path and answer, after the one redirect that only adds or drops the slash at the end."""
        answer = self.ask(path)
        if answer is not None and 300 <= answer.status < 400:
            bare, _, query = path.partition("?")
            other = bare.rstrip("/") if bare.endswith("/") else bare + "/"
            if path_of(answer.location).rstrip("/") == bare.rstrip("/") and other:
                path = f"{other}?{query}" if query else other
                answer = self.ask(path)
        return path, answer


def discover(base_url: str, *, client: httpx.Client | None = None, seconds: float = 5.0) -> Discovered:
    """The main endpoints of the service at ``base_url``; ``seconds`` is the limit of each request. Never raises."""
    own = client_for(client)
    try:
        search = _Search(own, base_url, seconds, time.monotonic() + PATIENCE)
        found = _discover(search)
        failed = any(answer is not None and answer.status >= 500 for answer in search.answers.values())
        return replace(found, failed=failed)
    finally:
        if client is None:
            own.close()


def operations(base_url: str, *, client: httpx.Client | None = None, seconds: float = 5.0) -> tuple[str, ...] | None:
    """Every operation of the service's OpenAPI document: "POST /courses/{id}/ratings", sorted; None when the service
    has no such document. Sends GET for the document and nothing else. Never raises."""
    own = client_for(client)
    try:
        search = _Search(own, base_url, seconds, time.monotonic() + PATIENCE)
        _, document = _document(search, {})
        return None if document is None else tuple(sorted(_operations(document)))
    finally:
        if client is None:
            own.close()


def _operations(document: dict[str, Json]) -> Iterator[str]:
    prefix = document.get("basePath")
    prefix = prefix.rstrip("/") if isinstance(prefix, str) and _PATH.fullmatch(prefix) else ""
    paths = document["paths"]
    for template, item in list(paths.items())[:2000] if isinstance(paths, dict) else []:
        if isinstance(item, dict) and _PATH.fullmatch(prefix + template):
            yield from (
                f"{method.upper()} {prefix}{template}" for method in METHODS if isinstance(item.get(method), dict)
            )


def _discover(search: _Search) -> Discovered:
    probes: dict[str, Probe] = {}
    left_out: dict[str, str] = {}
    if search.ask("/") is None and search.ask(DOCUMENTS[0]) is None:
        return Discovered((), (("/", search.reason),), False)
    source, document = _document(search, left_out)
    routes = dict(_routes(document)) if document is not None else {}
    health = [path for path in routes if HEALTH_PATH.search(path) and "{" not in path][:5]
    for path in ("/", *(health or HEALTH)):
        _first(search, path, path == "/" or bool(health), probes, left_out)
        if not health and len(probes) > ("/" in probes):
            break  # one health route is enough when they are guessed
    for number, (template, operation) in enumerate(routes.items()):
        if template in probes or template in left_out or template == source:
            continue
        if number >= MOST:
            left_out[template] = f"beyond the first {MOST} routes"
            continue
        try:
            probe = _fit(search, template, operation, document, routes)
            probes.setdefault(probe.path, probe)
        except _Unfit as why:
            left_out[template] = str(why)
    shown = tuple((plain(path, 500), plain(why, 300)) for path, why in left_out.items())
    return Discovered(tuple(probes.values()), shown, document is not None)


def _first(search: _Search, path: str, known: bool, probes: dict[str, Probe], left_out: dict[str, str]) -> None:
    """Add ``/`` or a health route, also one that is failing just now; a guessed one only when it exists."""
    path, answer = search.settled(path)
    status = answer.status if answer else 0
    if 200 <= status < 400 or status >= 500:
        probes.setdefault(path, _probe(path, status))
    elif status in (401, 403):
        left_out[path] = f"answers {status}: it wants a login"
    elif known:
        left_out[path] = f"answers {status}" if status else search.reason


def _probe(path: str, status: int) -> Probe:
    # A redirect to elsewhere is the answer of that route; an error of the moment is not what is asked for.
    return Probe(path=path, status=status if 300 <= status < 400 else None)


def _document(search: _Search, left_out: dict[str, str]) -> tuple[str, dict[str, Json] | None]:
    for path in DOCUMENTS:
        answer = search.ask(path)
        if answer is None or answer.status != 200:
            continue
        if not answer.whole:
            left_out[path] = "larger than can be read"
            continue
        try:
            value = parse(answer.body)
        except NotJson as why:
            left_out[path] = f"no JSON that can be read: {why}"
            continue
        if isinstance(value, dict) and isinstance(value.get("paths"), dict):
            return path, value
        left_out[path] = "no OpenAPI document"
    return "", None


def _routes(document: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    """Path template and GET operation, with the parameters of the path item in front."""
    prefix = document.get("basePath")
    prefix = prefix.rstrip("/") if isinstance(prefix, str) and _PATH.fullmatch(prefix) else ""
    paths = document["paths"]
    for template, item in list(paths.items())[:2000] if isinstance(paths, dict) else []:
        operation = item.get("get") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(operation, dict) or not _PATH.fullmatch(prefix + template):
            continue
        parameters = [*_list(item.get("parameters")), *_list(operation.get("parameters"))]
        yield prefix + template, operation | {"parameters": parameters}


def _fit(
    search: _Search,
    template: str,
    operation: dict[str, Json],
    document: dict[str, Json] | None,
    routes: dict[str, dict[str, Json]],
) -> Probe:
    """The request with which ``template`` is asked, once it has answered. Raises _Unfit."""
    if _needs_login(operation, document):
        raise _Unfit("it wants a login")
    if _NAMES_EFFECT.search(template) or "#" in template or "?" in template:
        raise _Unfit("by its name it does more than answer")
    if "text/event-stream" in str(operation.get("responses"))[:10_000]:
        raise _Unfit("it streams without end")
    query = _query(operation, document)
    path, answer = search.settled(_filled(search, template, document, routes) + query)
    if answer is None:
        raise _Unfit(search.reason)
    if answer.status in (401, 403):
        raise _Unfit(f"answers {answer.status}: it wants a login")
    if 400 <= answer.status < 500:
        raise _Unfit(f"answers {answer.status}")
    return _probe(path, answer.status)


def _needs_login(operation: dict[str, Json], document: dict[str, Json] | None) -> bool:
    wanted = operation["security"] if "security" in operation else (document or {}).get("security")
    return bool(wanted) and not (isinstance(wanted, list) and {} in wanted)


def _query(operation: dict[str, Json], document: dict[str, Json] | None) -> str:
    """The required query parameters with the values that the document itself offers."""
    pairs: list[tuple[str, str]] = []
    for raw in _list(operation.get("parameters"))[:100]:
        parameter = _resolved(raw, document)
        if parameter.get("required") is not True or parameter.get("in") in ("path", "body", None):
            continue
        name, value = parameter.get("name"), _offered(parameter)
        if parameter.get("in") != "query" or not isinstance(name, str) or value is None:
            raise _Unfit(f"it needs the {parameter.get('in')} parameter {plain(str(name), 60)}")
        pairs.append((name, value))
    return "?" + urlencode(pairs) if pairs else ""


def _offered(parameter: dict[str, Json]) -> str | None:
    schema = parameter.get("schema")
    for place in (parameter, schema if isinstance(schema, dict) else {}):
        values = [place.get("example"), place.get("default"), *_list(place.get("enum"))[:1]]
        for value in values:
            if (text := _word(value)) is not None:
                return text
    return None


def _resolved(value: Json, document: dict[str, Json] | None) -> dict[str, Json]:
    """The parameter itself, behind at most five references inside the document."""
    for _ in range(5):
        if not isinstance(value, dict):
            return {}
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return value
        value = document
        for part in reference.removeprefix("#/").split("/")[:10]:
            value = value.get(part) if isinstance(value, dict) else None
    return {}


def _filled(
    search: _Search,
    template: str,
    document: dict[str, Json] | None,
    routes: dict[str, dict[str, Json]],
) -> str:
    """``template`` with each parameter taken from a row that the collection above it lists."""
    path, known = "", ""
    for part in template.split("/")[1:]:
        value = part
        for name in _PARAMETER.findall(part)[:5]:
            above = next((way for way in (known, known + "/") if way in routes), "")
            if not above:
                raise _Unfit(f"no route lists values for {name}")
            if _needs_login(routes[above], document):
                raise _Unfit(f"{above} lists the values for {name} and wants a login")
            asked = path + ("/" if above.endswith("/") else "") + _query(routes[above], document)
            value = value.replace("{" + name + "}", quote(_listed(search, asked, name), safe=""))
        path, known = f"{path}/{value}", f"{known}/{part}"
    return path


def _listed(search: _Search, path: str, name: str) -> str:
    path, answer = search.settled(path)
    if answer is None:
        raise _Unfit(search.reason)
    if answer.status != 200 or not answer.whole:
        raise _Unfit(f"{path} answers {answer.status} and lists nothing for {name}")
    try:
        row = _first_row(parse(answer.body))
    except NotJson as why:
        raise _Unfit(f"{path} lists no JSON: {why}") from why
    if row is None:
        raise _Unfit(f"{path} lists no row")
    value: Json = row
    if isinstance(row, dict):
        folded = {re.sub(r"[_-]", "", key).lower(): item for key, item in row.items()}
        wanted = re.sub(r"[_-]", "", name).lower()
        value = next((folded[key] for key in (wanted, *_shorter(wanted)) if key in folded), None)
    text = _word(value)
    if text is None:
        raise _Unfit(f"the rows of {path} have no {name}")
    return text


def _shorter(name: str) -> tuple[str, ...]:
    """Other keys that hold the value of a parameter: course_id is the id of a course, course_slug its slug."""
    return tuple(end for end in ("uuid", "id", "slug", "name", "key", "code") if name.endswith(end) and name != end)


def _first_row(value: Json) -> Json:
    if isinstance(value, dict):  # a page: {"items": [...], "total": 7}
        value = next((item for item in value.values() if isinstance(item, list)), None)
    return value[0] if isinstance(value, list) and value else None


def _word(value: Json) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= 200 and text not in (".", "..") else None


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
