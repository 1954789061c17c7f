"""Whose an error in a start-up's log is: the start's own, a request's, or one that only its time gives away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.service.startup_log import SentRequest, read_startup, startup_errors

SITE = "/usr/local/lib/python3.12/site-packages"


def traceback(*frames: tuple[str, str], raised: str) -> list[str]:
    """A traceback as Python prints it; frames are (path, function)."""
    lines = ["Traceback (most recent call last):"]
    for path, name in frames:
        lines += [f'  File "{path}", line 7, in {name}', "    await something()", "          ^^^^^^^^^^^"]
    return [*lines, *raised.split("\n")]


CAUSE = ["", "The above exception was the direct cause of the following exception:", ""]
NO_TABLE = 'relation "shelf" does not exist\nLINE 1: SELECT shelf.id, shelf.room\nFROM shelf\n        ^'
DRIVER = traceback(
    (f"{SITE}/sqlalchemy/engine/base.py", "_exec_single_context"), (f"{SITE}/psycopg/cursor.py", "execute"),
    raised=f"psycopg.errors.UndefinedTable: {NO_TABLE}",
)  # fmt: skip
TEXT = f"sqlalchemy.exc.ProgrammingError: (psycopg.errors.UndefinedTable) {NO_TABLE}\n[SQL: SELECT 1\nFROM shelf]"
UVICORN = [
    "ERROR:    Exception in ASGI application",
    *DRIVER,
    *CAUSE,
    *traceback(
        (f"{SITE}/uvicorn/protocols/http/h11_impl.py", "run_asgi"), (f"{SITE}/fastapi/applications.py", "__call__"),
        (f"{SITE}/starlette/middleware/errors.py", "__call__"), ("/srv/shop/views.py", "shelves"), raised=TEXT,
    ),
]  # fmt: skip
LOGGED = traceback(
    ("/srv/shop/middleware.py", "dispatch"), (f"{SITE}/starlette/middleware/base.py", "call_next"),
    raised="KeyError: 'shelf'",
)  # fmt: skip
FLASK = ["[2026-01-01 10:00:00,1] ERROR in app: Exception on /shelves [GET]",
         *traceback((f"{SITE}/flask/app.py", "wsgi_app"), ("/srv/shop.py", "shelves"), raised=TEXT)]  # fmt: skip
ONE_LINE = [
    '{"level": "error", "event": "failed", "exc_info": "Traceback (most recent call last):\\n  File '
    f'\\"{SITE}/uvicorn/protocols/http/httptools_impl.py\\", line 9, in run_asgi\\n    x\\nValueError: x"}}'
]
REQUESTS = {"uvicorn": UVICORN, "logged by a middleware": LOGGED, "flask": FLASK, "one line": ONE_LINE}

LIFESPAN = [
    "ERROR:    " + "Traceback (most recent call last):",
    *traceback(
        (f"{SITE}/starlette/routing.py", "lifespan"), ("/srv/shop/main.py", "lifespan"), raised=f"shop.Broken: {TEXT}"
    )[1:],
]
UNDER_MIDDLEWARE = traceback(  # a server that nobody here knows
    (f"{SITE}/granian/asgi.py", "run"), (f"{SITE}/fastapi/applications.py", "__call__"),
    (f"{SITE}/starlette/routing.py", "lifespan"), raised="RuntimeError: no settings",
)  # fmt: skip
IMPORT = traceback(
    ("<string>", "<module>"), (f"{SITE}/uvicorn/importer.py", "import_from_string"), ("/srv/shop/main.py", "<module>"),
    raised="ModuleNotFoundError: No module named 'shelving'",
)  # fmt: skip
GUNICORN = [
    "[2026-01-01 10:00:00 +0000] [7] [ERROR] Exception in worker process",
    *traceback(
        (f"{SITE}/gunicorn/arbiter.py", "spawn_worker"), (f"{SITE}/gunicorn/workers/base.py", "load_wsgi"),
        ("/srv/shop.py", "<module>"), raised="ImportError: cannot import name 'x' from 'shop'",
    ),
]  # fmt: skip
SYNTAX = ['  File "/srv/shop/main.py", line 3', "    x = = 1", "        ^", "SyntaxError: invalid syntax"]
STARTS = {
    "lifespan": LIFESPAN, "lifespan under middleware": UNDER_MIDDLEWARE, "import": IMPORT, "worker": GUNICORN,
    "syntax": SYNTAX, "words": ["ERROR:    Application startup failed. Exiting."],
    "shell": ["/bin/sh: 1: uvicorn: not found"],
}  # fmt: skip
BETWEEN = [["INFO:     Application startup complete."], ['INFO:     172.18.0.1:3 - "GET / HTTP/1.1" 200 OK'], [""]]


@pytest.mark.parametrize("log", REQUESTS.values(), ids=REQUESTS)
def test_a_request_that_failed_is_no_start_up_error(log: list[str]) -> None:
    assert startup_errors([*BETWEEN[0], *log, *BETWEEN[1]], "safemig") == ()


@pytest.mark.parametrize("log", STARTS.values(), ids=STARTS)
def test_a_start_that_failed_is_one_error(log: list[str]) -> None:
    assert len(startup_errors([*BETWEEN[0], *log, *BETWEEN[1]], "safemig")) == 1


@pytest.mark.parametrize(
    ("line", "errors"),
    [
        ("[2026-01-01 10:00:00,000: ERROR/MainProcess] consumer: Cannot connect to redis://queue:6379", 1),
        ("[2026-01-01 10:00:00,000: CRITICAL/ForkPoolWorker-1] Unrecoverable error", 1),
        ("[2026-01-01 10:00:00,000: INFO/MainProcess] no ERROR so far", 0),
        ("[2026-01-01 10:00:00,000: WARNING/MainProcess] ERROR/5 is the name of a queue", 0),
    ],
)
def test_a_level_may_have_its_process_behind_it(line: str, errors: int) -> None:
    assert len(startup_errors([line], "safemig")) == errors


def test_the_line_of_another_request_is_no_excuse_for_a_start() -> None:
    """An access log at level ERROR just above the traceback of a worker that could not be loaded."""
    log = ['[7] [ERROR] "GET /shelves HTTP/1.1" 500', *traceback(("/srv/shop.py", "<module>"), raised="KeyError: 'A'")]
    assert [error.text for error in startup_errors(log, "")] == ["KeyError: 'A'"]


BLOCKS = st.lists(st.sampled_from([*REQUESTS.values(), *STARTS.values(), *BETWEEN]), max_size=8)


@given(BLOCKS)
def test_blocks_in_any_order_give_exactly_the_errors_of_the_starts(blocks: list[list[str]]) -> None:
    separated = [line for block in blocks for line in (*block, "INFO:     on")]
    expected = sum(block in STARTS.values() for block in blocks)
    assert len(startup_errors(separated, "safemig")) == expected


@st.composite
def interleaved(draw: st.DrawFn) -> list[str]:
    """The lines of a failed start among those of requests, each in its own order: threads and workers write so."""
    sources = [
        list(draw(st.sampled_from(list(STARTS.values())))),
        *(list(each) for each in draw(st.lists(st.sampled_from(list(REQUESTS.values())), min_size=1, max_size=2))),
    ]
    lines: list[str] = []
    while left := [source for source in sources if source]:
        source = draw(st.sampled_from(left))
        taken = draw(st.integers(1, len(source)))
        lines += source[:taken]
        del source[:taken]
    return lines


@settings(max_examples=1500, deadline=None)
@given(interleaved())
def test_no_request_hides_a_start_that_failed(lines: list[str]) -> None:
    assert startup_errors(lines, "safemig")


@settings(max_examples=300)
@given(st.sampled_from(list(STARTS.values())), st.integers(0, len(UVICORN)))
def test_a_start_that_fails_in_the_midst_of_a_request_is_found_alone(start: list[str], place: int) -> None:
    if len(start) > 1:
        return  # whose lines go on after a whole traceback cannot be told: that is the test above
    found = startup_errors([*UVICORN[:place], *start, *UVICORN[place:]], "safemig")
    assert [error.line for error in found] == [place + 1]


HANDLED = traceback(("/srv/shop/views.py", "shelves"), raised=TEXT)  # caught in the handler: no frame of a server
QUIET = ["ERROR:shop:the shelves could not be counted"]


@pytest.mark.parametrize("log", [HANDLED, QUIET], ids=["traceback", "line"])
@pytest.mark.parametrize(
    ("requests", "by_time"),
    [
        ([], False),
        ([SentRequest(100.0, 100.2, 500)], True),
        ([SentRequest(99.0, 99.9, 503)], True),  # stamped a little later than the answer came
        ([SentRequest(100.0, 100.2, 200)], False),  # it went well: the error is somebody else's
        ([SentRequest(90.0, 95.0, 500), SentRequest(103.0, 104.0, 503)], False),
    ],
)
def test_without_a_word_about_its_origin_only_the_time_of_a_failed_request_sets_an_error_apart(
    log: list[str], requests: list[SentRequest], by_time: bool
) -> None:
    startup = read_startup([(100.1, line) for line in log], "safemig", requests)
    assert (len(startup.errors), len(startup.by_time)) == ((0, 1) if by_time else (1, 0))


@pytest.mark.parametrize("log", STARTS.values(), ids=STARTS)
def test_a_start_that_says_so_is_never_set_apart_by_its_time(log: list[str]) -> None:
    startup = read_startup([(100.1, line) for line in log], "safemig", [SentRequest(100.0, 100.2, 500)])
    if log is SYNTAX:  # nothing in it speaks of a start
        assert (len(startup.errors), len(startup.by_time)) == (0, 1)
    else:
        assert (len(startup.errors), startup.by_time) == (1, ())


def test_a_time_that_is_not_known_sets_nothing_apart() -> None:
    startup = read_startup([(None, line) for line in HANDLED], "safemig", [SentRequest(0.0, 10.0, 500)])
    assert (len(startup.errors), startup.by_time) == (1, ())
