"""What a command that safemig.yaml names counts as: a person's word, but no word makes a loss harmless unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.base.action import Effect
from safemig.planning.collect.commands import commands_of, from_line, named
from safemig.project.config import ConfigError, parse
from safemig.project.layout import discover
from safemig.shell.makefile import parse as parse_makefile


@pytest.mark.parametrize(
    ("line", "given", "effect"),
    [
        ("just test", None, "write"),
        ("task migrate", None, "write"),
        ("bash scripts/test.sh", None, "write"),
        ("./scripts/up.sh --fast && uv sync", None, "write"),
        ("cd backend && scripts/x", None, "write"),
        ("uv run pytest", None, "write"),
        ("docker compose ps", None, "read"),
        ("docker compose down -v", None, "destructive"),
        ("./scripts/clean.sh; rm -rf data", None, "destructive"),
        ("dropdb shop && just up", None, "destructive"),
        ("psql -c 'DROP TABLE a'", None, "destructive"),
        ("alembic downgrade base", None, "destructive"),
        ("just look", "read", "read"),
        ("just wipe", "destructive", "destructive"),
        ("docker compose down -v", "write", "write"),
    ],
)
def test_the_effect_of_a_named_command(line: str, given: Effect | None, effect: Effect) -> None:
    fact = named(from_line(line, None), "test", given)
    assert fact.effect == effect
    assert bool(fact.told) is (given is not None)


def test_a_make_target_keeps_what_its_recipe_comes_to() -> None:
    makefile = parse_makefile("test:\n\t./scripts/test.sh\n", Path("/shop/Makefile"))
    assert named(from_line("make test", makefile), "test", None).effect == "destructive"


def test_the_word_of_the_file_reaches_the_plan(tmp_path: Path) -> None:
    text = "commands:\n  test: {run: just check, effect: read}\n  start: just up\n"
    config = parse(text)
    commands = commands_of(discover(tmp_path, config, root=tmp_path, environ={}), config)
    assert (commands["test"].line, commands["test"].effect) == ("just check", "read")
    assert "commands.test.effect in safemig.yaml" in commands["test"].told
    assert (commands["start"].effect, commands["start"].told) == ("write", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "commands:\n  test: {run: x, effect: reads}\n",
            "effect must be one of read, write, destructive",
        ),
        ("commands:\n  test: {effect: read}\n", "commands.test needs run"),
        ("commands:\n  test: {line: x}\n", "unknown key 'commands.test.line'"),
    ],
)
def test_a_mistake_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse(text)
    assert caught.value.line == 2
