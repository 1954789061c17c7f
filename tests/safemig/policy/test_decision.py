"""The policy as tables, and what must hold whatever the action, the rules and the mode are."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safemig.base.action import Action, Effect
from safemig.journal.events import Mode
from safemig.policy.decision import Context, Grant, Rules, grant_for, judge, rule_problem

MIGRATE = Action("command", "make migrate", "backend", "migrate", "sha-1", effect="write")
CLEAN = Action("command", "make clean", "backend", "clean", "sha-2", effect="destructive")
LOGS = Action("command", "make logs", "backend", "logs", "sha-3", effect="read")
EDIT = Action("edit", path="backend/Makefile", before=None, text="test:\n", effect="write")
LOOK = Action("look")
DEFAULT = Context("default", project="/p", environment="docker")
PLAN = replace(DEFAULT, mode="plan")
AUTO = replace(DEFAULT, mode="auto")


@pytest.mark.parametrize(
    ("action", "context", "answer", "rule"),
    [
        (LOOK, DEFAULT, "allow", "it only looks"),
        (LOOK, PLAN, "allow", "it only looks"),
        (LOGS, PLAN, "allow", "it only looks"),
        (MIGRATE, DEFAULT, "ask", "default mode asks before each step that changes something"),
        (EDIT, DEFAULT, "ask", "default mode asks before each step that changes something"),
        (MIGRATE, PLAN, "deny", "plan mode changes nothing"),
        (EDIT, PLAN, "deny", "plan mode changes nothing"),
        (CLEAN, PLAN, "deny", "plan mode changes nothing"),
        (MIGRATE, AUTO, "allow", "auto mode accepts edits and commands"),
        (EDIT, AUTO, "allow", "auto mode accepts edits and commands"),
        (CLEAN, AUTO, "ask", "it can lose data, or its effect is not known"),
        (CLEAN, DEFAULT, "ask", "it can lose data, or its effect is not known"),
        (replace(EDIT, path="../x"), AUTO, "deny", "safemig edits nothing outside the project (../x)"),
        (replace(EDIT, path="/etc/passwd"), AUTO, "deny", "safemig edits nothing outside the project (/etc/passwd)"),
        (replace(EDIT, effect="read"), PLAN, "deny", "plan mode changes nothing"),
    ],
)
def test_modes(action: Action, context: Context, answer: str, rule: str) -> None:
    found = judge(action, context)
    assert (found.answer, found.rule) == (answer, rule)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_approval_person_deny_and_ask_in_every_mode(mode: Mode) -> None:
    context = replace(DEFAULT, mode=mode)
    approved = replace(context, approved=frozenset({CLEAN.digest, EDIT.digest}))
    assert judge(CLEAN, approved).answer == "allow"
    assert judge(EDIT, approved).answer == "allow"
    assert judge(replace(CLEAN, recipe="another"), approved).answer != "allow"
    person = replace(context, who="person")
    assert judge(CLEAN, person).answer == "allow"
    denied = replace(person, rules=Rules(deny=("make clean",)), approved=frozenset({CLEAN.digest}))
    assert judge(CLEAN, denied) == judge(CLEAN, replace(denied, who="engine"))
    assert judge(CLEAN, denied).rule == "deny: make clean"
    asked = judge(LOGS, replace(context, rules=Rules(ask=("make *",), allow=("make *",))))
    assert (asked.answer, asked.rule, asked.always, asked.tool) == ("ask", "ask: make *", "", "")


@pytest.mark.parametrize(
    ("rule", "line", "allowed"),
    [
        ("make migrate", "make migrate", True),
        ("make migrate", "make  'migrate'", True),
        ("make migrate", "make migrate-all", False),
        ("make *", "make migrate", True),
        ("make *", "make", True),
        ("make *", "makefoo x", False),
        ("make db-*", "make db-upgrade", True),
        ("make *", "make a && make b", True),
        ("make *", "make a && frob b", False),
        ("make *", "make a | tee x", False),
        ("make *", "make a > x", False),
        ("make *", "make a > /dev/null", True),
        ("make *", "make $(rm x)", False),
        ("make *", "make $X", False),
        ("make *", "make a\nfrob", False),
        ("make *", "env A=1 make a", False),
        ("docker compose *", "docker-compose up -d", True),
        ("docker compose *", "docker compose up -d", True),
        ("docker compose *", "docker composer", False),
        ("*", "anything at all", True),
        ("edit *", "make a", False),
        ("", "make a", False),
        ("make", "make a", False),
    ],
)
def test_allow_rules_cover_whole_lines_only(rule: str, line: str, allowed: bool) -> None:
    found = judge(Action("command", line, effect="write"), replace(DEFAULT, rules=Rules(allow=(rule,))))
    assert found.answer == ("allow" if allowed else "ask")


@pytest.mark.parametrize(
    ("rule", "line", "denied"),
    [
        ("make clean", "make clean", True),
        ("make clean", "cd backend && make clean", True),
        ("make clean", "make -C backend clean", True),
        ("make clean", "make build clean", True),
        ("make clean", "make X=1 -s clean", True),
        ("make clean", "timeout 5 make clean", True),
        ("make clean", "sh -c 'ls; make clean'", True),
        ("make clean", 'make "clean"', True),
        ("make clean", "/usr/bin/make clean", True),
        ("make clean", "echo $(make clean)", True),
        ("make clean", "if true; then make clean; fi", True),
        ("make clean", "make cleaner", False),
        ("make clean", "make build", False),
        ("docker compose down *", "docker-compose down", True),
        ("docker compose down *", "docker compose -f x.yml -p y down -v", True),
        ("docker compose down *", "docker compose up", False),
        ("rm *", "docker compose exec app rm -rf /srv", True),
        ("rm *", "ls", False),
        ("*", "ls", True),
        ("edit *", "ls", False),
    ],
)
def test_deny_rules_see_through_wrapping(rule: str, line: str, denied: bool) -> None:
    context = replace(AUTO, who="person", rules=Rules(deny=(rule,)))
    assert judge(Action("command", line, effect="write"), context).answer == ("deny" if denied else "allow")


def test_a_configured_command_is_known_by_its_make_target_too() -> None:
    action = Action("command", "gmake -s up", target="clean", effect="write")
    assert judge(action, replace(AUTO, rules=Rules(deny=("make clean",)))).answer == "deny"


@pytest.mark.parametrize(
    ("rule", "path", "named"),
    [
        ("edit backend/Makefile", "backend/Makefile", True),
        ("edit backend/Makefile", "./backend/../backend/Makefile", True),
        ("edit backend/Makefile", "Makefile", False),
        ("edit *", "anything/x.py", True),
        ("edit backend/*", "backend/a/b.py", True),
        ("edit backend/*", "frontend/b.py", False),
        ("edit backend/*", "backend/../frontend/b.py", False),
        ("*", "x", True),
        ("make *", "make/x", False),
    ],
)
def test_edit_rules(rule: str, path: str, named: bool) -> None:
    edit = replace(EDIT, path=path)
    assert judge(edit, replace(DEFAULT, rules=Rules(allow=(rule,)))).answer == ("allow" if named else "ask")
    assert judge(edit, replace(AUTO, rules=Rules(deny=(rule,)))).answer == ("deny" if named else "allow")


def test_the_words_of_an_answer_say_exactly_what_it_grants() -> None:
    found = judge(MIGRATE, DEFAULT)
    asked_again = "allow in this run (asked again if the recipe changes): "
    assert found.once == f"{asked_again}exactly `make migrate` in backend/"
    changing = judge(replace(MIGRATE, touches=("database schema",)), DEFAULT)
    assert changing.once == (
        "allow this one change of the database (asked again if the recipe changes): exactly `make migrate` in "
        "backend/; a second change is asked again"
    )
    assert (changing.always, changing.tool) == ("", "")
    assert found.always == (
        "don't ask again for exactly `make migrate` in backend/ of this project, as long as its recipe and the files "
        "that it calls stay as they are"
    )
    assert found.tool == "don't ask again for `make` in backend/ of this project, except what can lose data"
    edit = judge(EDIT, DEFAULT)
    assert (edit.once, edit.always, edit.tool) == (
        "allow in this run (asked again if it changes): exactly this edit of backend/Makefile",
        "",
        "",
    )
    destructive = judge(CLEAN, DEFAULT)
    assert (destructive.always, destructive.tool) == ("", "")
    assert judge(Action("command", "docker-compose up -d", effect="write"), DEFAULT).tool.startswith(
        "don't ask again for `docker compose` in the project's root"
    )
    assert judge(Action("command", "uv sync", effect="write"), DEFAULT).tool == ""


def granted(action: Action, kind: str = "line", context: Context = DEFAULT) -> Context:
    grant = grant_for(action, context, "tool" if kind == "tool" else "line")
    assert grant is not None
    return replace(context, granted=(grant,))


def test_a_grant_of_a_line_holds_for_that_line_alone() -> None:
    context = granted(MIGRATE)
    assert judge(MIGRATE, context).answer == "allow"
    others = [
        replace(MIGRATE, line="make migrate-all"),
        replace(MIGRATE, cwd="."),
        replace(MIGRATE, recipe="changed"),
        replace(MIGRATE, stdin="drop"),
        replace(MIGRATE, line="make migrate && make clean"),
    ]
    assert {judge(one, context).answer for one in others} == {"ask"}
    assert judge(replace(MIGRATE, effect="destructive"), context).answer == "ask"
    assert judge(MIGRATE, replace(context, mode="plan")).answer == "deny"
    assert judge(MIGRATE, replace(context, project="/copy")).answer == "ask"
    assert judge(MIGRATE, replace(context, environment="production")).answer == "ask"
    assert judge(MIGRATE, replace(context, rules=Rules(ask=("make migrate",)))).answer == "ask"
    assert judge(MIGRATE, replace(context, rules=Rules(deny=("make *",)))).answer == "deny"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("make build", "allow"),
        ("make build test", "allow"),
        ("make a && make b", "allow"),
        ("make a && docker compose up", "ask"),
        ("make -f other.mk x", "ask"),
        ("make -C /etc x", "ask"),
        ("make COMPOSE=rm x", "ask"),
        ("make a > x", "ask"),
        ("make $X", "ask"),
        ("makefoo", "ask"),
    ],
)
def test_a_grant_of_a_tool_holds_for_the_plain_tool_in_its_folder(line: str, answer: str) -> None:
    context = granted(MIGRATE, "tool")
    assert judge(Action("command", line, "backend", effect="write"), context).answer == answer
    assert judge(Action("command", line, ".", effect="write"), context).answer == "ask"


def test_rules_that_are_none_are_named_and_never_allow() -> None:
    assert [rule_problem(rule) == "" for rule in ("make *", "", "  ", "edit", "a\nb", "edit *")] == [
        True,
        False,
        False,
        False,
        False,
        True,
    ]
    assert judge(MIGRATE, replace(AUTO, rules=Rules(deny=("",)))).answer == "deny"


LINES = st.one_of(
    st.sampled_from(
        ["make migrate", "make clean", "docker compose down -v", "ls && rm x", "docker-compose up", "x > y"]
    ),
    st.text(alphabet="make clndor-;&|$()'\"", max_size=20),
)
EFFECTS: st.SearchStrategy[Effect] = st.sampled_from(["read", "write", "destructive"])
ACTIONS = st.one_of(
    st.builds(Action, st.just("command"), LINES, st.sampled_from([".", "backend"]), effect=EFFECTS),
    st.builds(Action, st.just("edit"), path=st.sampled_from(["a", "b/c", "../d"]), text=st.text(), effect=EFFECTS),
    st.just(LOOK),
)
RULE = st.one_of(st.sampled_from(["make *", "*", "edit *", "make clean", "docker compose *", "", "rm *"]), LINES)
RULES = st.builds(Rules, *[st.lists(RULE, max_size=3).map(tuple)] * 3)
MODES: st.SearchStrategy[Mode] = st.sampled_from(get_args(Mode))
CONTEXTS = st.builds(Context, MODES, RULES, who=st.sampled_from(["engine", "face", "person"]))
STRICT = {"allow": 0, "ask": 1, "deny": 2}


@given(ACTIONS, CONTEXTS, RULE)
def test_another_deny_or_ask_rule_never_makes_anything_more_allowed(
    action: Action, context: Context, rule: str
) -> None:
    before = STRICT[judge(action, context).answer]
    rules = context.rules
    assert STRICT[judge(action, replace(context, rules=replace(rules, deny=(*rules.deny, rule)))).answer] >= before
    assert STRICT[judge(action, replace(context, rules=replace(rules, ask=(*rules.ask, rule)))).answer] >= before


@given(ACTIONS, CONTEXTS, RULE)
def test_what_can_lose_data_is_never_allowed_unapproved(action: Action, context: Context, rule: str) -> None:
    assume(context.who != "person")
    action = replace(action, effect="destructive")
    everything = replace(context, rules=replace(context.rules, allow=("*", "edit *", rule)))
    kinds = (Grant("line", action.line, action.cwd), Grant("tool", "make", action.cwd))
    found = judge(action, replace(everything, granted=kinds))
    assert found.answer != "allow"
    assert (found.always, found.tool) == ("", "")


@given(ACTIONS, CONTEXTS)
def test_plan_mode_allows_nothing_but_looks(action: Action, context: Context) -> None:
    assume(context.who != "person")
    found = judge(action, replace(context, mode="plan"))
    assert found.answer != "allow" or (action.effect == "read" and action.kind != "edit")


@given(ACTIONS, CONTEXTS)
def test_a_grant_that_was_offered_holds_and_only_with_words(action: Action, context: Context) -> None:
    found = judge(action, context)
    assert bool(found.once) == (found.answer == "ask")
    for width, words in (("line", found.always), ("tool", found.tool)):
        if words:
            again = judge(action, granted(action, width, context))
            assert again.answer == "allow"
            assert again.rule.removeprefix("granted: ") in words
