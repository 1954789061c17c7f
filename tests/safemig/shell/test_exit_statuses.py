"""Whose exit status a recipe hands on: of each test command, whether its own arrives and why not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.tests.run import Statuses
from safemig.shell.exit_statuses import statuses
from safemig.shell.makefile import read_makefile

# A recipe (the lines of target `test`; more targets after a blank line), how many test commands lose their status,
# and a word of why.
RECIPES: dict[str, tuple[str, int, str]] = {
    "plain": ("pytest -q", 0, ""),
    "in a container": ("docker compose exec -T api pytest -q", 0, ""),
    "several lines": ("pytest unit\npytest integration", 0, ""),
    "make's dash": ("-pytest -q", 1, "make goes on"),
    "dash among others": ("@-pytest slow\n@pytest fast", 1, "make goes on"),
    "a pipe": ("pytest -q | tee test.log", 1, "`tee test.log`"),
    "a longer pipe": ("pytest -q 2>&1 | grep -v warn | tail -1", 1, "`tail -1`"),
    "a pipe with pipefail": ("set -o pipefail; pytest -q | tee test.log", 0, ""),
    "a strict shell's pipe": ("set -euo pipefail && pytest | tee log", 0, ""),
    "or true": ("pytest -q || true", 1, "|| true"),
    "or a word": ("pytest -q || echo failed", 1, "|| echo failed"),
    "or another exit": ("pytest -q || (echo failed; exit 1)", 0, ""),
    "or another way": ("pytest -q || python -m pytest -q", 0, ""),
    "and a word": ("pytest -q && echo good", 0, ""),
    "and a word, or one": ("pytest -q && echo good || echo bad", 1, "|| echo bad"),
    "a semicolon": ("pytest a; pytest b", 1, "pytest a"),
    "a semicolon and a word": ("pytest a; echo done", 1, "echo done"),
    "a semicolon in a strict shell": ("set -e; pytest a; pytest b", 0, ""),
    "a list in a strict shell": ("set -e; pytest a && echo ok; echo done", 1, "echo done"),
    "status kept": ("pytest -q; status=$$?; docker compose down; exit $$status", 0, ""),
    "in the background": ("pytest -q & wait", 1, "background"),
    "turned round": ("! pytest -q", 1, "turns"),
    "a condition": ("if pytest -q; then echo good; fi", 1, "condition"),
    "a condition that exits": ("if ! pytest -q; then echo bad; exit 1; fi", 0, ""),
    "a branch": ("if [ -f x ]; then pytest a; else pytest b; fi", 0, ""),
    "a branch, then more": ("if [ -f x ]; then pytest a; fi; echo done", 1, "echo done"),
    "a loop": ("for d in a b; do pytest $$d; done", 1, "loop"),
    "a strict loop": ("set -e; for d in a b; do pytest $$d; done", 0, ""),
    "a shell of its own": ("docker compose exec -T api sh -c 'pytest -q | tee log'", 1, "`tee log`"),
    "a good shell of its own": ("docker compose exec -T api bash -lc 'cd /srv && pytest -q'", 0, ""),
    "its own shell in a pipe": ("sh -c 'pytest -q' | cat", 1, "`cat`"),
    "below another target": ("$(MAKE) unit\n\nunit:\n\t-pytest unit", 1, "make goes on"),
    "a target that is ignored": ("-$(MAKE) unit\n\nunit:\n\tpytest unit", 1, "make goes on"),
    "a target with errors ignored": ("$(MAKE) -i unit\n\nunit:\n\tpytest unit", 1, "make -i"),
    "a prerequisite": ("echo done\n\ntest: unit\nunit:\n\tpytest unit || true", 1, "|| true"),
    "strict flags of make": ("pytest -q | tee log\n\nSHELL := /bin/bash\n.SHELLFLAGS := -eu -o pipefail -c", 0, ""),
    "one shell": ("pytest a\npytest b\n\n.ONESHELL:", 1, "pytest a"),
    "errors ignored everywhere": ("pytest a\n\n.IGNORE:", 1, "make goes on"),
    "errors ignored elsewhere": ("pytest a\n\n.IGNORE: clean", 0, ""),
    "a script": ("./scripts/loose.sh", 1, "`echo done`"),
    "a strict script": ("bash scripts/strict.sh", 0, ""),
    "a strict script's pipe": ("./scripts/piped.sh", 1, "`tee log`"),
    "a script whose first line does not hold": ("bash scripts/piped.sh", 2, "pytest a"),
    "a script in a strict shell": ("bash -e scripts/loose.sh", 0, ""),
    "unittest": ("python -m unittest discover | tail -3", 1, "`tail -3`"),
    "django": ("python manage.py test || true", 1, "|| true"),
    "tox": ("-tox -e py312", 1, "make goes on"),
    "only brought": ("pip install pytest || true\npytest -q", 0, ""),
    "only looked for": ("command -v pytest || true\npytest -q", 0, ""),
    "quoted bars": ("pytest -k 'a | b; c' -q", 0, ""),
    "tests as a service": ("docker compose -f test.yml up --build", 1, "compose returns 0"),
    "tests as a service, told": ("docker compose -f test.yml up --exit-code-from tests", 0, ""),
    "a database beside": ("docker compose up db\npytest -q", 0, ""),
}
SCRIPTS = {
    "loose.sh": "#!/bin/sh\npytest -q   \necho done\n",
    "strict.sh": "#!/usr/bin/env bash\nset -euo pipefail\npytest a \\\n  --quiet\npytest b | tee log\necho done\n",
    "function.sh": "#!/bin/bash -e\nunit() {\n  pytest $1\n}\nunit a\nunit b\n",
    "piped.sh": "#!/bin/bash -e\n# pytest || true\npytest a\npytest b | tee log\n",
}


def read(folder: Path, recipe: str) -> Statuses:
    lines, _, more = recipe.partition("\n\n")
    body = "".join(f"\t{line}\n" for line in lines.split("\n"))
    (folder / "Makefile").write_text(f"test:\n{body}\n{more}\n", encoding="utf-8")
    (folder / "scripts").mkdir(exist_ok=True)
    for name, text in SCRIPTS.items():
        (folder / "scripts" / name).write_text(text, encoding="utf-8")
    return statuses(read_makefile(folder / "Makefile", folder), "test", "make test", folder)


@pytest.mark.parametrize("name", RECIPES)
def test_what_becomes_of_the_status_of_each_test_command(tmp_path: Path, name: str) -> None:
    recipe, lost, why = RECIPES[name]
    found = read(tmp_path, recipe)
    assert len(found.lost) == lost, found
    assert why in " ".join(found.lost)


# Those whose programs can be stood in for by one that returns 3 at the first call of "pytest" and 0 at later ones.
NEEDS_MORE = {"docker", "python", "tox", "pip", "!", "command"}
RUNNABLE = [name for name, (recipe, _, _) in RECIPES.items() if not NEEDS_MORE & set(recipe.split())]


@pytest.mark.parametrize("name", RUNNABLE)
def test_make_itself_agrees(tmp_path: Path, name: str) -> None:
    """A first test command that fails ends make with an error exactly where no status is lost."""
    recipe, lost, _ = RECIPES[name]
    read(tmp_path, recipe)
    program = tmp_path / "bin" / "pytest"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ -e "$0.ran" ] && exit 0\ntouch "$0.ran"\nexit 3\n', encoding="utf-8")
    for path in (program, *(tmp_path / "scripts").iterdir()):
        path.chmod(0o755)
    (tmp_path / "x").touch()
    done = subprocess.run(
        ["make", "test"],
        cwd=tmp_path,
        env={"PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    first_is_lost = lost > 0 and name != "a strict script's pipe"  # there the first command is not the piped one
    assert (done.returncode == 0) is first_is_lost, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("recipe", "ignores"),
    [
        ("-docker rm old\npytest", False),
        ("-rm -rf out && mkdir out\npytest", False),
        ("-pytest", True),
        ("-docker compose run --rm tests", True),  # it may be tests
        ("-./check_all\npytest", True),
        ("pytest", False),
    ],
)
def test_whether_an_error_that_make_ignores_may_be_a_test_s(tmp_path: Path, recipe: str, ignores: bool) -> None:
    assert read(tmp_path, recipe).by_make is ignores


@pytest.mark.parametrize(
    ("recipe", "commands"),
    [
        ("pytest a || true\npytest b", 2),
        ("if [ -x uv ]; then uv run pytest; else pytest; fi || true", 1),
        ("pytest || python -m pytest || true", 1),
    ],
)
def test_only_what_surely_runs_has_to_come_to_a_summary(tmp_path: Path, recipe: str, commands: int) -> None:
    assert read(tmp_path, recipe).commands == commands


def test_a_line_without_a_makefile(tmp_path: Path) -> None:
    found = statuses(None, "", "uv run pytest -q | tee log", tmp_path)
    assert (len(found.lost), found.commands, found.by_make) == (1, 1, False)
    assert statuses(None, "", "uv run pytest -q", tmp_path) == Statuses((), 1, False, 1)


@pytest.mark.parametrize(
    ("recipe", "summaries"),
    [
        ("pytest a\npytest b", 2),
        ("pytest a && uv run python -m pytest b", 2),
        ("python -m unittest a\npython manage.py test", 2),
        ("docker compose exec -T api pytest", 1),
        ("for d in a b c; do pytest $$d || exit 1; done", 3),
        ("for d in $(PARTS); do pytest $$d || exit 1; done\n\nPARTS = a b", 2),
        ("for d in parts/*; do pytest $$d || exit 1; done", 0),  # how many nobody knows
        ("ls parts | xargs -n1 pytest", 0),
        ("if [ -d b ]; then echo b; pytest b; fi\npytest a", 1),
        ("case $$CI in 1) pytest --cov;; *) pytest;; esac", 0),
        ("bash scripts/function.sh", 0),
        ("true\n\ntest: unit all\nall: unit\nunit:\n\tpytest", 1),  # made once
        ("$(MAKE) unit\n$(MAKE) unit\n\nunit:\n\tpytest", 2),
        ("pytest --collect-only -q\npytest", 1),
        ("docker build --target pytest .\npytest", 1),
        ("tox -e lint\npytest", 1),  # an environment of tox need not run tests
    ],
)
def test_how_many_summaries_stand_in_an_output_that_is_good(tmp_path: Path, recipe: str, summaries: int) -> None:
    found = read(tmp_path, recipe)
    assert (found.summaries, found.uncounted) == (summaries, ())


@pytest.mark.parametrize(
    ("recipe", "uncounted", "commands"),
    [
        ("find . -name 'test_*.py' -exec pytest {} \\;", 1, 1),
        ("find . -name 'test_*.py' -exec pytest {} +", 0, 1),
        ("for d in parts/*; do pytest $$d; done", 1, 1),
        ("while read d; do pytest $$d; done < parts", 1, 1),
        ("ls parts | xargs pytest || true", 1, 1),
        ("for d in a b; do pytest $$d; done", 0, 2),  # each has to come to a summary
        ("for d in a b; do for e in x y; do pytest $$d/$$e; done; done", 0, 4),
        ("set -e; for d in parts/*; do pytest $$d; done", 0, 1),
    ],
)
def test_a_status_that_is_lost_nobody_knows_how_often(
    tmp_path: Path, recipe: str, uncounted: int, commands: int
) -> None:
    found = read(tmp_path, recipe)
    assert (len(found.uncounted), found.commands) == (uncounted, commands)


PIECES = st.sampled_from(
    [
        "pytest",
        "|",
        "||",
        "&&",
        ";",
        "true",
        "'",
        '"',
        "if ",
        "then ",
        "fi",
        "(",
        ")",
        "\n",
        "$$?",
        "sh -c ",
        "-",
        "& ",
        "else ",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_text_is_read(text: str) -> None:
    found = statuses(None, "", text, Path())
    assert found.commands >= 0
