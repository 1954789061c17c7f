"""A test target is written as the Makefile's own targets are, and GNU make still reads the result."""

from __future__ import annotations

import difflib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.remedies import make_help_words, test_target
from safemig.shell import rewrite
from safemig.shell.makefile import parse

PLAIN = """.PHONY: build migrate logs

build: ## Build the images
\tdocker-compose build

migrate: ## Apply the migrations
\tdocker-compose exec api uv run --frozen alembic upgrade head

logs: ## Follow the logs
\tdocker-compose logs -f
"""
SPANISH = """COMPOSE = docker-compose
.PHONY: help build migrate \\
        seed

help:
\t@echo "Comandos disponibles:"
\t@echo "  make build      - Construir las imágenes"
\t@echo "  make migrate    - Aplicar las migraciones pendientes"

build:
\t@echo "Construyendo..."
\t$(COMPOSE) build

migrate:
\t@echo "Aplicando migraciones..."
\t$(COMPOSE) exec backend bash -c "cd /app && uv run alembic upgrade head"

seed:
\t@echo "Cargando datos..."
\t$(COMPOSE) exec db psql -f seed.sql
"""
PER_TARGET = """.PHONY: build
build:   ## build the images.
\tdocker compose build

.PHONY: migrate
migrate: ## apply the migrations.
\tdocker compose run --rm api poetry run alembic upgrade head
"""
GERMAN = """DC := docker compose
build:      ## Bilder bauen
\t$(DC) build
migrate:    ## Migrationen anwenden
\t$(DC) exec -T web python -m alembic upgrade head
logs:       ## Logs anzeigen
\t$(DC) logs -f"""
CONDITIONAL = "ifeq ($(CI),1)\nmigrate:\n\talembic upgrade head\nendif\n\nrun:\n\tuvicorn app:app\n"
PROCESS = """# Apply the migrations
migrate:
    > cd backend && $(ALEMBIC) upgrade head
""".replace("    > ", "\t")
PREFIXED = ".RECIPEPREFIX = >\nmigrate:\n> docker compose exec api alembic upgrade head\n"


def _added(before: str, after: str) -> list[str]:
    """The lines that the new text has more; the old ones all stand, in order."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line.startswith("+ ")]


def _dry_run(text: str, folder: Path, *settings: str) -> str:
    """What ``make -n test`` says that it would run."""
    if shutil.which("make") is None:
        pytest.skip("GNU make is not installed")
    (folder / "Makefile").write_bytes(text.encode())
    done = subprocess.run(
        ["make", "-n", "test", *settings], cwd=folder, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("text", "service", "runtime", "tests", "added", "run"),
    [
        (
            PLAIN,
            "api",
            "docker",
            "",
            [".PHONY: build migrate test logs", "test: ## Run the tests"],
            "docker-compose exec api uv run --frozen pytest",
        ),
        (
            SPANISH,
            "backend",
            "docker",
            "",
            [
                ".PHONY: help build migrate test \\",
                '\t@echo "  make test       - Ejecutar tests"',
                "test:",
                '\t@echo "Ejecutando tests..."',
            ],
            'docker-compose exec backend bash -c "cd /app && uv run pytest"',
        ),
        (
            PER_TARGET,
            "api",
            "docker",
            "tests",
            [".PHONY: test", "test:    ## run the tests."],
            "docker compose run --rm api poetry run pytest tests",
        ),
        (
            GERMAN,
            "web",
            "docker",
            "",
            ["test:       ## Tests ausführen"],
            "docker compose exec -T web python -m pytest",
        ),
        (CONDITIONAL, "", "process", "", ["test:"], "pytest"),
        (PREFIXED, "api", "docker", "", ["test:"], "docker compose exec api pytest"),
    ],
)
def test_the_style_is_kept(
    tmp_path: Path, text: str, service: str, runtime: str, tests: str, added: list[str], run: str
) -> None:
    after = test_target.test_target(parse(text), service=service, runtime=runtime, tests=tests)
    for line in added:
        assert line in _added(text, after)
    assert _dry_run(after, tmp_path).splitlines()[-1] == run
    # Nothing that stood there is gone, but for the .PHONY list that grew.
    for line in text.splitlines():
        assert line in after.splitlines() or line.startswith(".PHONY")
    assert after.endswith("\n") == text.endswith("\n")


def test_the_process_recipe_keeps_folder_and_runner(tmp_path: Path) -> None:
    text = "ALEMBIC = uv run alembic\n" + PROCESS
    after = test_target.test_target(parse(text), service="", runtime="process", tests="")
    assert "# Run the tests\ntest:\n" in after
    assert _dry_run(after, tmp_path) == "cd backend && uv run pytest\n"


def test_comment_and_phony_stand_in_the_order_of_the_others() -> None:
    text = "# Build\n.PHONY: build\nbuild:\n\tmake x\n\n# Migrate\n.PHONY: migrate\nmigrate:\n\talembic upgrade head\n"
    after = test_target.test_target(parse(text), service="", runtime="process", tests="")
    assert after == text + "\n# Run the tests\n.PHONY: test\ntest:\n\tpytest\n"
    both = text.replace("migrate:\n", "migrate: ## Migrate\n")
    after = test_target.test_target(parse(both), service="", runtime="process", tests="")
    assert after == both + "\n.PHONY: test\ntest: ## Run the tests\n\tpytest\n"


def test_line_endings_stay(tmp_path: Path) -> None:
    text = PLAIN.replace("\n", "\r\n")
    after = test_target.test_target(parse(text), service="api", runtime="docker", tests="")
    assert after.count("\n") == after.count("\r\n")
    assert after.replace("\r\n", "\n") == test_target.test_target(
        parse(PLAIN), service="api", runtime="docker", tests=""
    )


def test_a_folder_called_test_gets_a_phony_line(tmp_path: Path) -> None:
    text = "migrate:\n\talembic upgrade head\n"
    after = test_target.test_target(parse(text), service="", runtime="process", tests="test")
    (tmp_path / "test").mkdir()
    assert ".PHONY: test\n" in after
    assert _dry_run(after, tmp_path) == "pytest test\n"


def test_a_target_inside_a_conditional_is_not_joined() -> None:
    after = test_target.test_target(parse(CONDITIONAL), service="", runtime="process", tests="")
    assert after.index("test:") > after.index("endif")


@pytest.mark.parametrize(
    ("text", "service", "runtime", "word"),
    [
        ("build:\n\tdocker compose build\n", "api", "docker", "api"),
        ("migrate:\n\tdocker compose exec db psql\n", "api", "docker", "api"),
        ("migrate:\n\tdocker compose exec api alembic upgrade head\n", "", "process", "Python"),
        ("locale:\n\t$(eval X := $(shell python scripts/a.py))\n", "", "process", "Python"),
        ("test:\n\tpytest\nmigrate:\n\talembic upgrade head\n", "", "process", "already"),
    ],
)
def test_without_an_example_the_reason_is_said(text: str, service: str, runtime: str, word: str) -> None:
    with pytest.raises(test_target.NoExample, match=word):
        test_target.test_target(parse(text), service=service, runtime=runtime, tests="")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('docker compose exec api sh -c "alembic upgrade head && echo ok"', 'docker compose exec api sh -c "pytest"'),
        (
            "docker compose exec api sh -c 'cd /a; alembic upgrade head'",
            "docker compose exec api sh -c 'cd /a; pytest'",
        ),
        ("-$(EXEC) alembic upgrade head", "$(EXEC) pytest"),
        ("@sleep 3 && docker compose exec api alembic upgrade head; echo ok", "@docker compose exec api pytest"),
        ("(cd b && PYTHONPATH=. alembic upgrade head)", "(cd b && PYTHONPATH=. pytest)"),
        (".venv/bin/alembic upgrade head", ".venv/bin/pytest"),
        ("$(VENV)/bin/python -m alembic upgrade head", "$(VENV)/bin/python -m pytest"),
        ("uv run --project b alembic upgrade head", "uv run --project b pytest"),
        ("pipenv run python manage.py db upgrade", "pipenv run python -m pytest"),
        ("echo 'alembic now' && alembic upgrade head", "pytest"),
        ("if [ -f x ]; then docker compose exec api alembic upgrade head; fi", "docker compose exec api pytest"),
        ("ls -la", None),
    ],
)
def test_a_recipe_line_becomes_the_tests_line(line: str, wanted: str | None) -> None:
    assert rewrite.test_line(line, {"EXEC": "docker compose exec api"}, "") == wanted


def test_no_quote_of_the_tests_folder_reaches_the_recipe() -> None:
    assert rewrite.test_line("alembic upgrade head", {}, 'x"; rm -rf /') == "pytest"
    assert rewrite.test_line("alembic upgrade head", {}, "--version") == "pytest"


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["Build the images", "Follow the logs"], "en"),
        (["Levantar los servicios", "Aplicar migraciones"], "es"),
        (["Démarrer les services", "Appliquer les migrations"], "fr"),
        (["Datenbank starten", "Logs anzeigen"], "de"),
        (["Executar as migrações", "Iniciar os serviços"], "pt"),
        (["Avviare i servizi", "Mostra gli log"], "it"),
        (["", "12"], "en"),
    ],
)
def test_the_language_is_that_of_the_help(texts: list[str], code: str) -> None:
    assert make_help_words.language(texts) == code


@given(st.text(alphabet="abt:#\t\n\\.@$()\"' =;&|-", max_size=120))
def test_no_text_breaks_the_reading(noise: str) -> None:
    text = PLAIN + noise
    try:
        after = test_target.test_target(parse(text), service="api", runtime="docker", tests="")
    except test_target.NoExample:
        return
    assert "uv run --frozen pytest" in after


@given(st.text(alphabet="ab \"'()&|;\\$c@", max_size=60))
def test_any_line_around_the_tool_is_survived(noise: str) -> None:
    line = rewrite.test_line(f"{noise} && alembic upgrade head", {}, "")
    assert line is None or "pytest" in line
