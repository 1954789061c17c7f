"""What a deny rule sees through, what is asked because it may be denied, and what no allow rule ever covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.base.action import Action
from safemig.policy.decision import Context, Judgement, Rules, judge
from safemig.shell.effects import effect_of_line

DENY = Rules(deny=("mv *", "docker compose rm *", "alembic stamp *", "make wipe", "git push *", "dropdb *"))


def judged(line: str, rules: Rules, mode: str = "auto") -> Judgement:
    effects = effect_of_line(line)
    action = Action("command", line=line, effect=effects.effect, touches=effects.touches)
    return judge(action, Context("auto" if mode == "auto" else "default", rules))


@pytest.mark.parametrize(
    "line",
    [
        "/bin/mv a b",
        "/usr/bin/mv a b",
        "./tools/mv a b",
        "m''v a b",
        "\\mv a b",
        "M=mv; $M a b",
        "M='mv a'; ${M} b",
        "docker --context far compose rm -f",
        "docker --host=tcp://far compose --profile all rm",
        "docker-compose --file=x.yml -p y rm",
        "/usr/local/bin/docker-compose rm",
        "docker compose --ansi never rm -sf",
        ".venv/bin/alembic stamp head",
        "alembic -n other stamp head",
        "alembic --raiseerr -c x.ini stamp head",
        "python3 -m alembic stamp base",
        "poetry run alembic stamp base",
        "docker compose exec -T api alembic stamp base",
        "docker exec -e A=1 api sh -c 'cd /srv && alembic stamp base'",
        "make -C backend wipe",
        "make --directory backend wipe",
        "make build wipe",
        "gmake -s wipe",
        "git -C other push --force",
        "git --git-dir=x push",
        "setsid -f git push",
        "nice -n 5 stdbuf -oL dropdb app",
        "ls | xargs mv -t x",
        "find . -name y -exec mv {} z ;",
        "echo $(dropdb app)",
        "for i in 1; do dropdb app; done",
        "while true; do (dropdb app); done",
        "cat <<X\ndropdb app\nX",
        "env -S'mv a b'",
        "env --split-string='mv a b'",
        "git -c alias.x='!mv a b' x",
        "tar cf x.tar --checkpoint-action=exec='dropdb app' app",
        "alias y='docker compose rm'; y",
        "python3 -malembic stamp head",
    ],
)
def test_a_denied_command_is_seen(line: str) -> None:
    assert judged(line, DENY).answer == "deny"


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("docker compose stop api-$SHARD", Rules(deny=("docker compose stop api-main",))),
        ("alembic upgrade $REVISION", Rules(deny=("alembic upgrade base",))),
        ("docker compose exec -T api alembic upgrade $REVISION", Rules(deny=("alembic upgrade base",))),
        ("docker compose exec -T api alembic upgrade $REVISION", Rules(ask=("alembic upgrade base",))),
    ],
)
def test_what_may_be_denied_is_asked_in_every_mode(line: str, rules: Rules) -> None:
    assert effect_of_line(line).effect == "write"
    assert judged(line, Rules()).answer == "allow"
    for mode in ("auto", "default"):
        found = judged(line, rules, mode)
        assert found.answer == "ask"
        assert not found.always
        assert not found.tool
    assert "cannot be told" in judged(line, rules).rule


@pytest.mark.parametrize(
    "line",
    [
        "ls archive",
        "make build",
        "docker compose up -d",
        'docker compose exec api alembic revision -m "$message"',
        "alembic upgrade head",
        'echo "$text"',
        'for i in 1 2; do echo "$i"; done',
        "kill $(cat .run/api.pid)",
    ],
)
def test_a_deny_rule_changes_nothing_for_other_lines(line: str) -> None:
    assert judged(line, DENY) == judged(line, Rules())


@pytest.mark.parametrize(
    ("line", "rule"),
    [("ls mv", "mv *"), ("echo dropdb app", "dropdb *"), ("grep -rn 'git push' docs", "git push *")],
)
def test_a_deny_rule_counts_each_tail_of_a_line_also_where_it_is_only_text(line: str, rule: str) -> None:
    """Generous on the side of the rule: which of its words a tool runs is not told apart."""
    assert judged(line, DENY).rule == f"deny: {rule}"
    assert judged(line, Rules()).answer == "allow"


ALLOW = Rules(allow=("make build", "docker compose *", "uv sync *", "alembic upgrade head"))
ALLOWED = st.sampled_from(["docker compose build", "docker compose up -d", "uv sync --frozen", "alembic upgrade head"])
UNALLOWED = st.sampled_from(
    [
        "touch x",
        "pip install -r requirements.txt",
        "rm -rf x",
        "alembic downgrade base",
        "curl -d x http://localhost/",
        "make build X=1",
        "PATH=x docker compose build",
        "$X",
        "frobnicate",
        "docker compose build > out.txt",
        "/tmp/docker compose build",
    ]
)
SHAPES = st.sampled_from(
    [
        "{a} && {b}", "{a}; {b}", "{a} || {b}", "{a} | {b}", "{a} & {b}", "{a}\n{b}", "({b}); {a}", "{{ {b}; }} && {a}",
        "if {b}; then {a}; fi", "if {a}; then {b}; fi", "for i in 1; do {b}; done; {a}", "{a} $({b})", "{a} \"$({b})\"",
        "{a} `{b}`", "! {b}", "while {b}; do {a}; done", "{a} <({b})", "timeout 5 {b}", "sh -c '{b}'", "eval {b}; {a}",
        "{a} # x\n{b}", "{a} \\\n&& {b}", "f() {{ {b}; }}; {a}", "case x in x) {b};; esac; {a}", "trap '{b}' EXIT; {a}",
        "{a} && nohup {b} &", "{b} 2>/dev/null; {a}", "env A=1 {b}", "coproc {b}; {a}",
    ]
)  # fmt: skip


@given(ALLOWED, UNALLOWED, SHAPES)
def test_no_composition_of_an_unallowed_command_with_anything_is_allowed(one: str, other: str, shape: str) -> None:
    assert judged(one, ALLOW, "default").answer == "allow"
    assert judged(other, ALLOW, "default").answer == "ask"
    assert judged(shape.format(a=one, b=other), ALLOW, "default").answer == "ask"


@given(UNALLOWED, st.text(alphabet="ab $(){}'\"\\;|&<>`#\n=-*/", max_size=25), st.booleans())
def test_no_text_beside_an_unallowed_command_makes_it_allowed(command: str, noise: str, before: bool) -> None:
    """What stands before may comment the command out or quote it; then nothing may be left that is no look."""
    line = f"{noise}\n{command}" if before else f"{command} {noise}"
    found = judged(line, ALLOW, "default")
    assert found.answer == "ask" or effect_of_line(line).effect == "read"


def test_a_rule_that_is_given_to_make_is_read_as_its_recipe() -> None:
    rules = Rules(deny=("make migrate", "rm *"))
    own = "make '--eval=safemig-current: ; $(PY) -m alembic current --verbose' safemig-current"
    assert judge(Action("command", line=own, effect="read"), Context("auto", rules=rules)).answer == "allow"
    hidden = "make '--eval=x: ; rm -rf data' x"
    assert judge(Action("command", line=hidden, effect="destructive"), Context("auto", rules=rules)).answer == "deny"
