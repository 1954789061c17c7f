"""What README and docs say is there: commands, options, keys of safemig.yaml, links, events, intents, exit codes."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from safemig.base.action import Effect
from safemig.cli import main as cli
from safemig.engine.verdict import EXIT_CODES
from safemig.journal.events import Verdict
from safemig.journal.messages import Message
from safemig.journal.state import RunState
from safemig.planning.plan import Intent
from safemig.planning.planner import ASSUMES
from safemig.project.config import FILE, load
from safemig.project.config_schema import (
    ROLES,
    TIMEOUTS,
    Config,
    DatabaseConfig,
    EndpointConfig,
    MigrationConfig,
    PermissionConfig,
    ProjectConfig,
    ProtectionConfig,
    SuiteConfig,
    TickConfig,
)
from safemig.reports.json_document import document
from tests.imports import tree_of

ROOT = Path(__file__).parents[1]
FILES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PAGES = {path.relative_to(ROOT).as_posix(): path for path in FILES}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"")


def text(name: str) -> str:
    return PAGES[name].read_text(encoding="utf-8")


def rows(name: str, heading: str = "") -> list[list[str]]:
    """The cells of every table row of a page (below ``heading``, up to the next one), header rows included."""
    page = text(name)
    if heading:
        page = re.split(r"^#+ ", page.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("| "))] for line in lines]


def first_codes(name: str, heading: str = "") -> list[str]:
    """What stands as code in the first column."""
    return [code for row in rows(name, heading) for code in re.findall(r"`([^`]+)`", row[0])]


def subparsers() -> dict[str, argparse.ArgumentParser]:
    action = next(one for one in cli.parser()._actions if isinstance(one, argparse._SubParsersAction))
    return {name: sub for name, sub in action.choices.items() if isinstance(sub, argparse.ArgumentParser)}


def options_of(command: str) -> set[str]:
    """The options that a person is shown."""
    sub = subparsers()[command]
    return {name for one in sub._actions if one.help != argparse.SUPPRESS for name in one.option_strings}


def lines_said(page: str) -> Iterator[list[str]]:
    """Every `safemig …` line of a page, in code spans and in code blocks, as words."""
    spans = re.findall(r"`(safemig(?: [^`\n]+)?)`", page)
    blocks = [line.strip().partition("#")[0] for line in page.splitlines() if line.startswith("    safemig")]
    for line in (*spans, *blocks):
        yield shlex.split(re.sub(r"[\[\]|]", " ", line))


@pytest.mark.parametrize("name", PAGES)
def test_every_command_and_option_that_is_named_exists(name: str) -> None:
    wrong: list[str] = []
    for words in lines_said(text(name)):
        command = next((word for word in words[1:] if not word.startswith("-")), "")
        if command and command not in cli.COMMANDS:
            wrong.append(" ".join(words))
            continue
        known = options_of(command) if command else {"--help", "--version"}
        wrong += [f"{command} {word}" for word in words[1:] if word.startswith("--") and word not in known]
    assert wrong == []


def test_every_command_and_option_is_documented() -> None:
    page = text("docs/commands.md")
    common = {"--project", "--trust", "--verbose", "-v", "--help", "-h"}
    assert common <= set(re.findall(r"(?<![\w-])--?[a-z-]+", page.partition("## Exit codes")[0]))
    said: dict[str, set[str]] = {}
    for words in lines_said(page):
        command = next((word for word in words[1:] if not word.startswith("-")), "")
        said.setdefault(command, set()).update(word for word in words if word.startswith("-"))
    missing = {name: options_of(name) - common - said.get(name, set()) for name in cli.COMMANDS}
    assert {name: found for name, found in missing.items() if found or name not in said} == {}


def test_the_exit_codes_are_those_of_the_program() -> None:
    codes = {cli.PASSED, cli.FAILED, cli.USAGE, cli.BUG, cli.NEEDED, cli.DRIFT, cli.INTERRUPTED}
    for name in ("README.md", "docs/commands.md"):
        assert {int(row[0]) for row in rows(name, "Exit codes") if row[0].isdigit()} == codes
    said = text("docs/commands.md").split("`passed` gives exit code")[1]
    for verdict in get_args(Verdict):
        assert verdict in said or verdict == "passed"
    assert set(EXIT_CODES.values()) <= codes


def keys_of_config() -> set[str]:
    known = {one.name for one in fields(Config)} - {"file", "effects", "scripts"}
    nested = {
        "project": ProjectConfig,
        "database": DatabaseConfig,
        "permissions": PermissionConfig,
        "migration": MigrationConfig,
        "protection": ProtectionConfig,
        "tests": SuiteConfig,
        "ticks": TickConfig,
    }
    known |= {f"{name}.{one.name}" for name, kind in nested.items() for one in fields(kind)}
    known |= {f"commands.{role}" for role in ROLES} | {f"timeouts.{name}" for name in TIMEOUTS}
    known |= {f"endpoints[].{one.name}" for one in fields(EndpointConfig)}
    return known | {f"endpoints[].{name}" for name in ("name", "script", "python")}


def test_every_key_of_the_configuration_is_documented_and_no_other() -> None:
    assert set(first_codes("docs/configuration.md")) == keys_of_config()


def test_the_documented_timeouts_are_the_defaults() -> None:
    said = {row[0].strip("`").removeprefix("timeouts."): row[1] for row in rows("docs/configuration.md", "timeouts")}
    assert {name: float(value) for name, value in said.items() if name in TIMEOUTS} == dict(TIMEOUTS)
    assert Config().environment in text("docs/configuration.md")


def test_the_configuration_of_this_clone_is_valid() -> None:
    assert load(ROOT).file == ROOT / FILE


@pytest.mark.parametrize("name", [*PAGES, "CHANGELOG.md"])
def test_relative_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    targets = [found[1] or found[2] for found in LINK.finditer(path.read_text(encoding="utf-8"))]
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if target and not (path.parent / target).exists()] == []


def test_every_page_is_reached_from_the_readme() -> None:
    page = text("README.md")
    assert [name for name in PAGES if name != "README.md" and f"({name})" not in page] == []


def emitted() -> set[str]:
    """The kinds of event that the code makes."""
    found: set[str] = set()
    for path in (ROOT / "safemig").rglob("*.py"):
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            of_journal = node.func.attr == "append" and ast.unparse(node.func.value).endswith("journal")
            if node.func.attr != "emit" and not of_journal:
                continue
            kind = node.args[0]
            if isinstance(kind, ast.Constant):
                found.add(str(kind.value))
            elif ast.unparse(kind) == "message.type":  # the person's own tick: the event has the message's name
                found |= {"tick", "untick"}
            else:
                assert ast.unparse(kind) == "kind", f"{path}: an event of an unknown kind"
    return found


def test_the_documented_events_are_those_that_the_code_makes() -> None:
    kinds = first_codes("docs/journal.md", "Kinds")
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == emitted()


def test_the_documented_messages_are_those_that_the_engine_takes() -> None:
    header, *types = first_codes("docs/journal.md", "Messages")
    assert (header, types) == ("type", [*get_args(get_type_hints(Message)["type"])])
    named = {code for row in rows("docs/journal.md", "Messages") for code in re.findall(r"`(\w+)`", row[1])}
    assert named == {one.name for one in fields(Message)} - {"type", "by", "sender"}


def evidence_kinds() -> set[str]:
    """The kinds that evidence is made with: constants where Evidence or unseen is called."""
    found: set[str] = set()
    for path in (*(ROOT / "checks").rglob("*.py"), *(ROOT / "safemig").rglob("*.py")):
        tree = tree_of(path)
        names = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            kind = node.args[0]
            if node.func.id in {"Evidence", "unseen"} and isinstance(kind, ast.Constant):
                found.add(str(kind.value))
            elif node.func.id == "Evidence" and isinstance(kind, ast.Name) and kind.id in names:
                found.add(str(names[kind.id]))
    return found


def test_every_kind_of_evidence_is_documented_and_no_other() -> None:
    assert set(re.findall(r"^### `(\w+)`", text("docs/evidence.md"), re.M)) == evidence_kinds()


def test_the_plans_words_are_those_of_the_code() -> None:
    assert set(first_codes("docs/plan.md", "A step")) >= set(get_args(Intent))
    assert set(first_codes("docs/plan.md", "What a step takes for granted")) == set(ASSUMES)
    assert first_codes("docs/policy.md", "Effects") == list(get_args(Effect))
    assert first_codes("docs/policy.md", "Modes") == first_codes("README.md", "Modes")


def test_the_json_document_has_the_documented_keys() -> None:
    assert first_codes("docs/commands.md", "The JSON document") == [*document(RunState())]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_plain_text_without_this_machine_in_it(name: str) -> None:
    page = text(name)
    assert str(ROOT) not in page
    assert "\t" not in page
    assert not re.search(r"\b(TODO|FIXME|TBD)\b", page)


def test_every_kind_of_false_verdict_names_tests_that_are_there() -> None:
    held = rows("docs/evidence.md", "Verdicts that would be false")[2:]
    assert len(held) >= 30
    for row in held:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[2])
        assert named, row
        for file, name in named:
            assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), (file, name)
