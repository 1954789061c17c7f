"""Named commands that only look: which are run, where a recipe runs them, and what their ends prove."""

from __future__ import annotations

import shlex
from dataclasses import replace

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.evidence import Evidence, now, unseen
from safemig.checklist.readonly_commands import Known, lookings, paths_of_tests, to_run
from safemig.checklist.ticks import Looked, Proofs, Worlds, judge_all
from safemig.engine.item_commands import _asked, _judged, _says_no, looked
from safemig.execution.command import Ended
from safemig.plan_document.document import Item, parse
from safemig.planning.facts import CommandFact, NamedFact
from safemig.planning.planner import draft
from safemig.shell.outcome import Effects
from safemig.shell.rewrite import command_line
from tests.safemig.plans import FACTS, ids, without

RECIPES = {"look": Effects("read"), "seed": Effects("destructive", ("anything",), "it seeds")}
KNOWN = Known(RECIPES.get, "app", "backend")

RUN = [
    ("make look", "make", "read", "make look"),
    ("cd backend && alembic current", "alembic", "read", "alembic current"),
    ("uv run --frozen alembic check", "alembic", "read", "alembic check"),
    ("python3 -m alembic heads", "alembic", "read", "alembic heads"),
    ("alembic history --verbose", "alembic", "read", "alembic history --verbose"),
    ("poetry run pytest tests/test_a.py::test_b -q -k 'one and two'", "pytest", "write", None),
    ("pytest -p no:cacheprovider --maxfail=1 tests", "pytest", "write", None),
    ("python -c 'import app; assert app'", "python", "write", "python -c 'import app; assert app'"),
    (
        "curl -s http://localhost:8000/health",
        "curl",
        "read",
        "curl --fail --show-error -s http://localhost:8000/health",
    ),
    ("curl -X GET 127.0.0.1:8000/x -o /dev/null", "curl", "read", None),
    ("docker compose exec api alembic current", "docker", "read", None),
    ("psql -U me -d app -c 'SELECT count(*) FROM a'", "psql", "read", "'SELECT count(*) FROM a'"),
    ("psql postgresql://localhost/app -c 'select 1;' -c 'select 2'", "psql", "read", "'select 1; select 2'"),
]
REFUSED = [
    ("make seed", "it would write: it seeds"),
    ("make nothing", "no such target"),
    ("make look X=1", "no such target"),
    ("alembic downgrade -1", "it would write"),
    ("alembic upgrade head", "it would write"),
    ("pytest --basetemp=/work tests", "--basetemp"),
    ("pytest --junitxml=x.xml", "--junitxml"),
    ("pytest -p evil", "-p"),
    ("pytest /etc/x.py", "/etc/x.py"),
    ("pytest ../x.py", "../x.py"),
    ("pytest tests/*.py", "only known to a shell"),
    ("pytest $WHERE", "only known to a shell"),
    ("python manage.py check", "it may write"),
    ("python -c 'import os; os.remove(1)'", "it may write"),
    ("cd web && alembic current", "another folder"),
    ("cd backend/../web && make look", "leaves the project"),
    ("alembic current && make seed", "more than one plain command"),
    ("alembic current | grep x", "more than one plain command"),
    ("alembic current > x", "more than one plain command"),
    ("curl https://example.org/x", "another machine"),
    ("curl -d x localhost:8000", "it would write"),
    ("curl --fail", "one address"),
    ("curl -s -H 'Authorization: Bearer abcdefghijklmnop' localhost:8000", "password"),
    ("psql postgresql://me:geheim@db/app -c 'select 1'", "password"),
    ("psql -d other -c 'select 1'", "another database"),
    ("psql -d app -c 'delete from a'", "it would write"),
    ("psql -d app -c '\\dt'", "looked up in the catalog"),
    ("docker compose ps", "container of this project"),
    ("docker exec other cat x", "container of this project"),
    ("docker compose -f /x/y.yml exec api alembic current", "container of this project"),
    ("alembic -c /x/alembic.ini current", "options of its own"),
    ("alembic current -x a=b", "options of its own"),
    ("docker compose exec api alembic upgrade head", "it would write"),
    ("docker compose exec api cat /etc/passwd", "does in a container"),
    ("docker compose exec api printenv DATABASE_URL", "does in a container"),
    ("docker compose exec -e A=b api alembic current", "options of its own"),
    ("docker compose exec api alembic -c /x.ini current", "options of its own"),
    ("psql -h prod.example -d app -c 'select 1'", "another than the application's"),
    ("psql -p 6000 -d app -c 'select 1'", "another than the application's"),
    ("psql postgresql://me@other/app -c 'select 1'", "another than the application's"),
    ("cd /tmp/evil && alembic current", "leaves the project's folder"),
    ("cd ../x && alembic current", "leaves the project's folder"),
    ("cd backend; alembic current", "leaves the project's folder"),
    ("cd backend || alembic current", "leaves the project's folder"),
    ("python -c \"import os; print(os.environ['TOKEN'])\"", "it may write"),
    ("python -c 'from os import environ; print(environ)'", "it may write"),
    ("curl -L localhost:8000/x", "leads"),
    ("curl gopher://localhost:6379/_FLUSHALL", "not by HTTP"),
    ("psql 'postgresql:///app?host=prod' -c 'select 1'", "another than the application's"),
    ("python -c 'print(*x)'", "it may write"),
    ("python -c \"from os import system as print; print('x')\"", "it may write"),
    ("python -c 'print(sorted([1], key=print))'", "it may write"),
    ("python -c 'assert (len := print); len(1)'", "it may write"),
    ("python -c 'from x import *; print(1)'", "it may write"),
]


def item(code: str) -> Item:
    return parse(f"# P\n- [ ] `` {code} ``\n".encode(), "p.md").phases[0].items[0]


@pytest.mark.parametrize(("code", "tool", "effect", "words"), RUN)
def test_what_is_run_and_as_what(code: str, tool: str, effect: str, words: str | None) -> None:
    (found,) = to_run([item(code)], KNOWN)
    assert (found.line, found.tool, found.effect) == (code, tool, effect)
    assert words is None or shlex.join(found.words) == words


@pytest.mark.parametrize(("code", "why"), REFUSED)
def test_what_is_not_run_and_why(code: str, why: str) -> None:
    (found,) = lookings([item(code)], KNOWN)
    assert found.tool == ""
    assert found.why.startswith("not run: ")
    assert why in found.why


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="`\n\r"), max_size=40))
def test_whatever_follows_a_tool_is_run_only_when_it_is_known(tail: str) -> None:
    for tool in ("pytest ", "psql -c ", "curl ", "alembic ", "make "):
        for found in to_run([item(tool + tail)], KNOWN):
            assert found.effect in ("read", "write")
            assert not any(mark in tail.replace("'", '"').split('"')[0] for mark in (">", "$", "*"))


def test_the_files_that_a_test_command_names() -> None:
    assert paths_of_tests(("pytest", "-q", "tests/a.py::test_x", "-k", "word", "tests/b")) == ("tests/a.py", "tests/b")


CODE = ("python", "-c", 'import app; print("a $b")')
PLACES = [
    ("docker-compose exec api uv run --frozen alembic upgrade head", CODE,
     "docker-compose exec api uv run --frozen python -c 'import app; print(\"a $b\")'"),
    ("cd backend && .venv/bin/alembic upgrade head && echo done", ("alembic", "current"),
     "cd backend && .venv/bin/alembic current"),
    ("/usr/bin/python3 -m pytest -q tests", ("alembic", "check"), "/usr/bin/python3 -m alembic check"),
    ("/usr/bin/python3 -m pytest -q tests", CODE, "/usr/bin/python3 -c 'import app; print(\"a $b\")'"),
    ('sh -c "cd x && pytest -q"', CODE, 'sh -c "cd x && python -c \'import app; print(\\"a \\$b\\")\'"'),
    ("sh -c 'cd x && pytest -q'", CODE, "sh -c 'cd x && python -c '\\''import app; print(\"a $b\")'\\'''"),
    ("sh -c \"bash -c 'pytest -q'\"", CODE, None),
    ("echo nothing", CODE, None),
]  # fmt: skip


@pytest.mark.parametrize(("recipe", "words", "expected"), PLACES)
def test_a_command_stands_where_the_recipe_runs_its_tool(recipe: str, words: tuple[str, ...], expected: str) -> None:
    assert command_line(recipe, {}, words) == expected


def test_it_is_asked_before_and_after_as_one_action_and_only_when_something_changes() -> None:
    named = (
        NamedFact("make look", 7, "text", "make", CommandFact("make look", "look", "r", "read")),
        NamedFact("pytest t.py", 8, "text", "pytest", CommandFact("pytest t.py", effect="write"), before=False),
        NamedFact("psql -c 'select 1'", 9, "text", "psql", query="select 1"),
        NamedFact("alembic downgrade", 9, "text", why="not run: it would write"),
    )
    plan = draft(replace(FACTS, named=named))
    steps = [name for name in ids(plan) if name.startswith("named-")]
    assert steps == ["named-1-before", "named-3-before", "named-1", "named-2", "named-3"]
    assert ids(plan).index("baseline") < ids(plan).index("named-1-before") < ids(plan).index("create")
    assert ids(plan).index("prove") < ids(plan).index("named-1") < ids(plan).index("judge")
    assert plan.step("named-1").action.digest == plan.step("named-1-before").action.digest
    assert plan.step("named-1").assumes == ("recipe",)
    assert (plan.step("named-3").action.kind, plan.step("named-3").action.effect) == ("look", "read")
    for facts in (replace(FACTS, migration=None), without("migrate")):
        unchanged = draft(replace(facts, named=named))
        assert not [name for name in ids(unchanged) if name.startswith("named-")]


WELL = "`make look` ended well, and did not before the change".replace("`", "")
ENDS = [
    (Looked(False, True), "proved", WELL),
    (Looked(True, True), "not provable", "it did so before the change too; it proves nothing"),
    (Looked(None, True), "not provable", "that it could fail was not seen"),
    (Looked(False, False), "not provable", "it did not end well"),
    (Looked(True, False), "not provable", "it did not end well"),
    (Looked(False, None), "not provable", "how it ends could not be seen"),
    (Looked(False, None, "not run: it was refused"), "not provable", "not run: it was refused"),
]


@pytest.mark.parametrize(("seen", "state", "reason"), ENDS)
def test_only_what_could_fail_before_proves(seen: Looked, state: str, reason: str) -> None:
    phase = parse(b"# P\n- [ ] `pytest x.py`\n", "p.md").phases[0]
    (found,) = judge_all(phase, Proofs(looked={"pytest x.py": seen}))
    assert found.state == state
    assert reason.replace("make look", "pytest x.py") in found.reason


def test_beside_something_new_a_command_has_only_to_end_well() -> None:
    phase = parse(b"# P\n- [ ] Table `rating`: `alembic current`\n", "p.md").phases[0]
    key = phase.items[0]
    assert key
    worlds = Worlds({"name rating": {}}, {"name rating": {"table rating": ""}})
    for seen, state in ((Looked(True, True), "proved"), (Looked(True, False), "not provable")):
        (found,) = judge_all(phase, Proofs(looked={"alembic current": seen}), worlds)
        assert found.state == state, found.reason
    old = Worlds({"name rating": {"table rating": ""}}, {"name rating": {"table rating": ""}})
    (found,) = judge_all(phase, Proofs(looked={"alembic current": Looked(True, True)}), old)
    assert found.state == "not provable"


@pytest.mark.parametrize(
    ("tool", "how", "status", "good"),
    [
        ("python", "exit", 0, True),
        ("python", "exit", 1, False),
        ("python", "exit", 127, None),
        ("pytest", "exit", 4, False),
        ("pytest", "exit", 3, None),
        ("curl", "exit", 22, False),
        ("curl", "exit", 7, None),  # nobody listens: could not look
        ("docker", "exit", 126, None),
        ("make", "limit", None, None),
        ("make", "lost", None, None),
    ],
)
def test_what_an_end_says(tool: str, how: str, status: int | None, good: bool | None) -> None:
    assert _judged(tool, Ended(status, how, 1.0, 0, 0))[0] is good  # type: ignore[arg-type]


def test_the_oldest_look_before_and_the_newest_after_count() -> None:
    def seen(good: bool) -> Evidence:
        return Evidence("named", "x", True, now(), now(), "x", {"good": good})

    gone = unseen("named", "x", "x", "could not look")
    assert looked((), [seen(False), seen(True)], [seen(False), seen(True)]) == {"x": Looked(False, True)}
    assert looked((), [gone, seen(True)], [seen(True), gone]) == {"x": Looked(None, None)}
    waiting = NamedFact("y", 1, "", "make", CommandFact("make y"))
    assert looked((waiting,), [], []) == {"y": Looked(None, None, "not run yet: a run does it, after approval")}


class _Asked:
    """A runtime of which only the connection is asked for."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.dsn, autocommit=True)


@pytest.mark.parametrize(
    ("query", "good"),
    [
        ("select 1; select 2; show server_version; table pg_class", True),
        ("select 1 / (i - 700) from generate_series(1, 900) as g(i)", None),  # fails only far on
        ("select * from not_there", False),
        ("select nothing", False),
        ("create table x (i int)", None),
        ("select pg_sleep(9)", None),
    ],
)
def test_a_question_to_the_database_cannot_write_or_stay(
    query: str, good: bool | None, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safemig.engine.item_commands.QUERY_SECONDS", 0.5)
    answer, words = _asked(_Asked(dsn), query)  # type: ignore[arg-type]
    assert answer is good
    assert words
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select to_regclass('x')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("tool", "output", "no"),
    [
        ("docker", "AssertionError", True),
        ("docker", 'service "api" is not running', False),
        ("docker", "something went wrong", False),
        ("alembic", "FAILED: New upgrade operations detected", True),
        ("alembic", "sqlalchemy.exc.OperationalError: connection refused", False),
        ("python", "", True),
        ("docker", "/usr/bin/python: No module named pytest", False),
        ("python", 'psycopg.OperationalError: FATAL: database "app" does not exist', False),
        ("make", "bash: psql: command not found", False),
        ("make", "make: *** [look] Error 1", True),
        ("pytest", "E   httpx.ConnectTimeout: timed out", False),
        ("curl", "curl: (22) The requested URL returned error: 404", True),
        ("curl", "curl: (22) The requested URL returned error: 503", False),
        ("curl", "curl: (22) The requested URL returned error: 401", False),
    ],
)
def test_a_red_end_speaks_of_the_item_only_where_it_says_so(tool: str, output: str, no: bool) -> None:
    assert _says_no(tool, output) is no
