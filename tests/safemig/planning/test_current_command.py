"""The project's own `alembic current`: the migrate recipe's line with another sub-command, run by the same make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.planning.collect.commands import from_line, from_target
from safemig.planning.collect.current_command import current_of, further_upgrades
from safemig.shell.makefile import parse, read_makefile
from safemig.shell.rewrite import current_line, one_off_line
from tests.safemig.bad_projects import write


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("alembic upgrade head", "alembic current --verbose"),
        (".venv/bin/alembic upgrade heads", ".venv/bin/alembic current --verbose"),
        ("$(PY) -m alembic upgrade +1", "$(PY) -m alembic current --verbose"),
        ("@-python3 -m alembic upgrade head", "@python3 -m alembic current --verbose"),
        (
            'alembic -c "conf/my alembic.ini" -n tenants -x db=one upgrade head --sql',
            'alembic -c "conf/my alembic.ini" -n tenants -x db=one current --verbose',
        ),
        ("DSN=$(DSN) uv run --frozen alembic upgrade head", "DSN=$(DSN) uv run --frozen alembic current --verbose"),
        ("cd api && alembic upgrade head && python seed.py", "cd api && alembic current --verbose"),
        ("set -a; . ./.env; set +a; alembic upgrade head > up.log", "set -a; . ./.env; alembic current --verbose"),
        ("docker compose exec -T api alembic upgrade head", "docker compose exec -T api alembic current --verbose"),
        (
            "docker-compose run --rm -e DSN=$(DSN) api sh -c 'cd /srv && alembic upgrade head && echo done'",
            "docker-compose run --rm -e DSN=$(DSN) api sh -c 'cd /srv && alembic current --verbose'",
        ),
        ("FLASK_APP=shop flask db upgrade", "FLASK_APP=shop flask db current --verbose"),
        ("alembic downgrade base", None),
        ("./scripts/migrate.sh", None),
        ("apt-get upgrade", None),
        ("echo alembic; pip install --upgrade alembic", None),
    ],
)
def test_only_the_sub_command_is_another(line: str, expected: str | None) -> None:
    assert current_line(line, {}) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("docker compose run --rm migrate", "docker compose run --rm migrate alembic current --verbose"),
        (
            "docker-compose -f a.yml run --rm -e DSN=$(DSN) deep",
            "docker-compose -f a.yml run --rm -e DSN=$(DSN) deep sh -c 'cd $$HERE && alembic current --verbose'",
        ),
        ("docker compose run --rm api", None),
        ("docker compose run --rm migrate seed", None),
        ("docker compose up migrate", None),
        ("docker compose run --rm elsewhere", None),
    ],
)
def test_a_service_whose_own_command_upgrades(line: str, expected: str | None) -> None:
    services = {
        "migrate": ("alembic", "upgrade", "head"),
        "deep": ("sh", "-c", "cd $HERE && alembic upgrade head"),
        "api": ("uvicorn", "app:app"),
    }
    assert one_off_line(line, {}, services) == expected


@given(st.text(st.sampled_from("alembic upgrade head;&|\"'$(){} -x=db\n"), max_size=60))
def test_any_line_is_read(text: str) -> None:
    made = current_line(f"alembic {text} upgrade head", {})
    assert made is None or "upgrade head" not in made.split("current --verbose")[-1]


# A stand-in for Alembic that says what reached it.
TOOL = """\
import os, sys
print(os.environ.get("DSN", "none"), os.environ.get("TENANT") or "none", os.path.basename(os.getcwd()), *sys.argv[1:])
"""


def run(root: Path, makefile: str, **variables: str) -> str:
    """What the derived command prints when a shell runs it as safemig would."""
    write(root, "Makefile", makefile)
    write(root, "bin/alembic", f"#!{sys.executable}\n{TOOL}")
    (root / "bin/alembic").chmod(0o755)
    made = read_makefile(root / "Makefile", root)
    fact = current_of(made, from_target(made, "migrate"), root)
    assert fact is not None
    environment = {"PATH": f"{root}/bin:{os.environ['PATH']}", **variables}
    done = subprocess.run(
        ["sh", "-c", fact.line], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]  # make shows the line before it


CURRENT = "current --verbose"


@pytest.mark.parametrize(
    ("makefile", "expected"),
    [
        ("migrate:\n\talembic upgrade head\n", "inherited none {root} current --verbose"),
        ("export DSN := made\nmigrate:\n\talembic upgrade head\n", "made none {root} current --verbose"),
        ("unexport DSN\nmigrate:\n\talembic upgrade head\n", "none none {root} current --verbose"),
        (
            "migrate: export TENANT = two\nmigrate: up\nup:\n\tDSN=$(IT) alembic -x a=b upgrade head\nIT = in-front\n",
            "in-front two {root} -x a=b current --verbose",
        ),
        (
            "X != echo from-shell\nexport DSN = $(X)$$\nmigrate:\n\t@echo no; alembic upgrade head; exit 1\n",
            "from-shell$ none {root} current --verbose",
        ),
        (
            ".ONESHELL:\nmigrate:\n\tcd sub\n\texport DSN=one\n\talembic upgrade head\n\ttouch ../changed\n",
            "one none sub current --verbose",
        ),
        ("migrate:\n\t$(MAKE) -C sub up\n", "sub's none sub current --verbose"),
        ("migrate:\n\tcd sub && make up TENANT=three\n", "sub's three sub current --verbose"),
    ],
)
def test_what_make_gives_its_commands_holds(makefile: str, expected: str, tmp_path: Path) -> None:
    write(tmp_path, "sub/Makefile", "export DSN = sub's\nexport TENANT\nup:\n\talembic upgrade head\n")
    said = run(tmp_path, makefile, DSN="inherited")
    assert said == expected.format(root=tmp_path.name)
    assert not (tmp_path / "changed").exists()


def test_a_line_that_is_not_a_target_is_taken_as_it_stands() -> None:
    fact = current_of(None, from_line("cd api && alembic upgrade head", None), Path())
    assert fact is not None
    assert (fact.line, fact.effect) == ("cd api && alembic current --verbose", "read")


def test_a_line_that_is_not_understood_is_no_look() -> None:
    made = parse("migrate:\n\tcd $(shell ./where) && alembic upgrade head\n")
    fact = current_of(made, from_target(made, "migrate"), Path())
    assert fact is not None
    assert fact.effect == "destructive"


@pytest.mark.parametrize("recipe", ["./migrate.sh", "$(TOOL) upgrade head", "python -m app.migrate"])
def test_where_nothing_is_known_to_upgrade_nothing_is_made_up(recipe: str) -> None:
    made = parse(f"migrate:\n\t{recipe}\n")
    assert current_of(made, from_target(made, "migrate"), Path()) is None


@pytest.mark.parametrize(
    ("makefile", "further"),
    [
        ("migrate:\n\talembic upgrade head\n", ()),
        ("migrate:\n\talembic upgrade +1 && alembic upgrade head\n", ()),
        ("migrate: wait\n\talembic upgrade head || alembic upgrade heads\nwait:\n\tpg_isready\n", ()),
        ("migrate:\n\talembic upgrade head && DSN=two alembic upgrade head\n", ("DSN=two alembic current --verbose",)),
        ("migrate:\n\talembic -n a upgrade head\n\talembic -n b upgrade head\n", ("alembic -n b current --verbose",)),
        ("migrate: up\n\tDSN=two alembic upgrade head\nup:\n\talembic upgrade head\n", ("alembic current --verbose",)),
        ("migrate:\n\t$(MAKE) up T=a\n\t$(MAKE) up T=b\nup:\n\talembic upgrade head\n", ("alembic current --verbose",)),
        (
            "migrate:\n\tfor d in a b; do DSN=$$d alembic upgrade head; done\n",
            ("for d in a b; do DSN=$$d alembic upgrade head; done",),
        ),
        ("migrate:\n\tls c | xargs -I% alembic -c % upgrade head\n", ("ls c | xargs -I% alembic -c % upgrade head",)),
    ],
)
def test_the_upgrades_beside_the_first_are_told(makefile: str, further: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, "Makefile", makefile)
    made = read_makefile(tmp_path / "Makefile", tmp_path)
    assert further_upgrades(made, from_target(made, "migrate"), tmp_path) == further


def test_a_line_of_two_upgrades_without_a_makefile() -> None:
    line = "alembic upgrade head && alembic -n two upgrade head"
    assert further_upgrades(None, from_line(line, None), Path()) == ("alembic -n two current --verbose",)
