"""Makefiles as people write them, against what GNU make itself says where it can be asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.shell.make_effects import recipe_digest
from safemig.shell.makefile import (
    Makefile,
    Target,
    asks,
    expand,
    message_variable,
    parse,
    read_makefile,
)

FULL = """\
-include .env
DOCKER_COMPOSE = docker compose
EXEC := $(DOCKER_COMPOSE) exec api
PORT ?= 8000
FLAGS = a
FLAGS += b
.PHONY: help build \\
        start

help: ## Show this help
	@echo "help"

## Build all images
build: deps | folder
	$(DOCKER_COMPOSE) build \\
	--pull

# only a comment
	@echo "still build"

start stop: build ; $(DOCKER_COMPOSE) up -d
ifdef CI
check:
	echo ci
else
check:
	echo here
endif
deploy: STAGE = prod
deploy: ## Ship it
	./deploy.sh $(STAGE)
%.o: %.c
	cc $<
log::
	echo one
log::
	echo two
twice:
	echo first
twice:
	echo second
define BLOCK
not: a target
	nor a recipe
endef
URL = http://x:80/$(PORT)
"""


def _target(made: Makefile, name: str) -> Target:
    found = made.target(name)
    assert found is not None, name
    return found


def test_targets_recipes_and_help() -> None:
    made = parse(FULL)
    assert _target(made, "help").help == "Show this help"
    build = _target(made, "build")
    assert build.help == "Build all images"
    assert build.recipe == ("$(DOCKER_COMPOSE) build --pull", '@echo "still build"')
    assert build.prerequisites == ("deps", "folder")
    assert (build.line, build.end_line) == (14, 19)
    assert _target(made, "start").recipe == _target(made, "stop").recipe == ("$(DOCKER_COMPOSE) up -d",)
    assert _target(made, "deploy").recipe == ("./deploy.sh $(STAGE)",)
    assert _target(made, "deploy").variables == {"STAGE": "prod"}
    assert _target(made, "log").recipe == ("echo one", "echo two")
    assert _target(made, "twice").recipe == ("echo second",)
    assert made.target("not") is None


def test_variables() -> None:
    made = parse(FULL)
    assert made.variables["FLAGS"] == "a b"
    assert made.variables["PORT"] == "8000"
    assert made.variables["URL"] == "http://x:80/$(PORT)"
    assert made.includes == (".env",)
    assert expand("$(EXEC) x $$HOME ${PORT} $(UNKNOWN) $(shell date)", made.variables) == (
        "docker compose exec api x $HOME 8000 $(UNKNOWN) $(shell date)"
    )


def test_expand_survives_circles_and_growth() -> None:
    assert expand("$(A)", {"A": "$(B)", "B": "$(A)"}) == "$(A)"
    bomb = {f"V{n}": f"$(V{n + 1})" * 50 for n in range(12)}
    assert len(expand("$(V0)", bomb)) <= 65_536


def test_crlf_and_another_prefix() -> None:
    made = parse("a: b\r\n\techo 1\r\n\r\nb:\r\n\techo 2\r\n")
    assert _target(made, "a").recipe == ("echo 1",)
    assert _target(made, "b").recipe == ("echo 2",)
    other = parse(".RECIPEPREFIX = >\na:\n>echo 1\n>echo 2\n")
    assert _target(other, "a").recipe == ("echo 1", "echo 2")


def test_env_include_comes_before_the_default(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_PORT=9123\n")
    (tmp_path / "more.mk").write_text("extra:\n\techo extra\n")
    (tmp_path / "Makefile").write_text("-include .env\ninclude more.mk\nAPI_PORT ?= 8000\nrun:\n\techo $(API_PORT)\n")
    made = read_makefile(tmp_path / "Makefile")
    assert made.variables["API_PORT"] == "9123"
    assert _target(made, "extra").file == tmp_path / "more.mk"
    real = subprocess.run(["make", "-n", "run"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert real.stdout.strip() == expand("echo $(API_PORT)", made.variables)


def test_nothing_above_the_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.mk").write_text("SECRET = 1\n")
    inside = tmp_path / "project"
    inside.mkdir()
    (inside / "Makefile").write_text("include ../secret.mk\na:\n\techo\n")
    assert "SECRET" not in read_makefile(inside / "Makefile").variables


def test_recipes_are_what_make_runs(tmp_path: Path) -> None:
    text = 'C = docker compose\nx: y\n\t@$(C) exec api \\\n\t  sh -c "echo $$HOME"\ny:\n\techo y\n'
    (tmp_path / "Makefile").write_text(text)
    made = read_makefile(tmp_path / "Makefile")
    real = subprocess.run(["make", "-n", "x"], cwd=tmp_path, capture_output=True, text=True, check=True)
    mine = [expand(line, made.variables).lstrip("@") for name in ("y", "x") for line in _target(made, name).recipe]
    assert [" ".join(line.split()) for line in mine] == [
        " ".join(line.split()) for line in real.stdout.replace("\\\n", "").splitlines()
    ]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("echo one", "echo uno", True),
        ("V = 1", "V = 2", True),
        ("W = 1", "W = 2", True),
        ("UNUSED = 1", "UNUSED = 2", False),
        ("other:\n\techo", "other:\n\trm", False),
        ("before:\n\techo", "before:\n\trm", True),
        ("inner:\n\techo", "inner:\n\trm", True),
        ("## help", "## changed", False),
    ],
)
def test_digest_holds_what_the_recipe_stands_on(old: str, new: str, changes: bool) -> None:
    text = (
        "V = 1$(W)\nW = 1\nUNUSED = 1\nx: before ## help\n\techo one $(V)\n\t$(MAKE) inner\n"
        "other:\n\techo\nbefore:\n\techo\ninner:\n\techo\n"
    )
    assert old in text
    first, second = parse(text), parse(text.replace(old, new))
    assert (recipe_digest(first, "x") != recipe_digest(second, "x")) is changes


@pytest.mark.parametrize(
    ("recipe", "prompts"),
    [
        ('@read -p "Message: " m; alembic revision -m "$$m"', ("Message: ",)),
        ("@read -r -p 'Name? ' n && read -rp \"Sure? \" y", ("Name? ", "Sure? ")),
        ('@echo -n "Message: "; read m; echo $$m', ("",)),
        ("cat list | while read line; do echo $$line; done", ()),
        ("./read.sh -p x", ()),
        ("echo read-only", ()),
    ],
)
def test_prompts(recipe: str, prompts: tuple[str, ...]) -> None:
    assert asks(Target("x", (recipe,))) == prompts


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ('alembic revision --autogenerate -m "$(m)"', "m"),
        ('alembic revision --message="$(MESSAGE)"', "MESSAGE"),
        ('docker compose exec api sh -c "alembic revision -m \\"${msg}\\""', "msg"),
        ('docker compose run --rm api alembic revision -m "$(migration_name)"', "migration_name"),
        ("./new_migration.sh $(name)", "name"),
        ('read -p "M: " m; alembic revision -m "$$m"', ""),
        ("alembic upgrade head", ""),
    ],
)
def test_message_variable(recipe: str, name: str) -> None:
    assert message_variable(Target("x", (recipe,))) == name


PIECES = st.sampled_from(
    ["a:", "\t", "\n", "\\\n", "define X\n", "endef\n", "ifeq (a,b)\n", "endif\n", "$(", ")", "${A}", "$$", "#", "##",
     "::", ";", "=", ":=", "+=", ".PHONY:", "include x\n", ".RECIPEPREFIX=", "\r\n", " ", "%", "|", "A", "\x00", "é"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join)))
def test_no_text_makes_it_fail(text: str) -> None:
    made = parse(text)
    lines = text.count("\n") + 1
    for target in made.targets:
        assert 1 <= target.line <= target.end_line <= lines
        recipe_digest(made, target.name)
        asks(target)
        message_variable(target)
        for line in target.recipe:
            expand(line, made.variables)


def test_includes_are_followed_by_their_patterns_and_variables_and_what_is_not_read_is_named(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    files = {
        "Makefile": "DIR ?= mk\nMORE := $(DIR)/more.inc mk/none.inc\ninclude $(DIR)/*.mk $(MORE)\n"
        "-include [lm]ocal.mk\ninclude $(wildcard x/*.mk) $(shell ls)\ninclude ../else.mk\nbuild:\n\tmake-it\n",
        "mk/a.mk": "A = 1\nbuild:\n\tother\nfirst:\n\techo $(A)\n",
        "mk/b.mk": "include $(DIR)/deep/*.inc\nsecond:\n\techo b\n",
        "mk/more.inc": "third:\n\techo c\n",
        "mk/deep/d.inc": "fourth:\n\techo d\n",
        "x/f.mk": "sixth:\n\techo f\n",
        "local.mk": "fifth:\n\techo e\n",
        "../else.mk": "never:\n\techo no\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = read_makefile(root / "Makefile", root)
    assert {target.name for target in found.targets} == {
        "build", "first", "second", "third", "fourth", "fifth", "sixth",
    }  # fmt: skip
    own = found.target("build")
    assert own is not None
    assert own.recipe == ("make-it",)
    assert found.variables["A"] == "1"
    assert set(found.unread) == {"$(shell ls)", "../else.mk"}
