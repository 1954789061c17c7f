# Two commands on a fresh machine: `make demo` and `make test-all`. Both make .venv when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNTIME ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo quick test test-all slowest check bench bench-demo bench-strangers bench-protection pins clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# requirements.txt pins every package by hash; it is made by `make pins`. editable_mode=compat: a path, as an installed
# package has, where the import hook of the other mode costs 20 ms at each start of Python.
$(STAMP): pyproject.toml requirements.txt
	@set -e; if command -v uv >/dev/null 2>&1; then \
		test -x $(BIN)/python || uv venv --quiet --python '>=3.11,<3.14' $(VENV); \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt; \
		uv pip install --quiet --python $(BIN)/python --no-deps --config-setting editable_mode=compat -e .; \
	else \
		test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --config-settings editable_mode=compat -e .; \
	fi
	@touch $@

demo: $(STAMP) ## Run the main job on a fresh copy of the demo project (RUNTIME=auto|docker|process)
	$(BIN)/safemig demo --runtime $(RUNTIME) --mode auto

# Most of the suite waits for databases, containers and terminals. Each worker begins with a share of neighbouring tests,
# so that a module's fixtures are made once; a worker that is done takes from the end of another's share.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

quick: $(STAMP) ## Run the tests that need no server, container, screen or other program
	$(PYTEST) -m "not slow and not docker and not integration"

test: $(STAMP) ## Run all tests but most whole runs; container tests run where a Docker Engine answers
	$(PYTEST) -m "not slow"

test-all: $(STAMP) ## Run all tests: also whole runs, the container matrix and the chains of kills
	$(PYTEST)

slowest: $(STAMP) ## List the slowest 20 tests of the latest runs
	@$(BIN)/python -m tests.suite

check: $(STAMP) ## ruff and mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP) ## Print the measured ratios
	@for script in bench/*.py; do $(BIN)/python $$script || exit 1; done

# The long benches repeat whole runs: minutes each, so `make bench` leaves them out.
RUNS ?= 20
bench-demo: $(STAMP) ## Run the demo RUNS times on each runtime: no run may raise a false alarm
	$(BIN)/python bench/long/demo_runs.py --runs $(RUNS) --runtime process
	$(BIN)/python bench/long/demo_runs.py --runs $(RUNS) --runtime docker

STRANGERS ?= 500
bench-strangers: $(STAMP) ## End steps beside STRANGERS sessions and processes of others on each runtime: none may be touched
	$(BIN)/python bench/long/strangers.py --strangers $(STRANGERS) --runtime process
	$(BIN)/python bench/long/strangers.py --strangers $(STRANGERS) --runtime docker

bench-protection: $(STAMP) ## Print the longest stall of readers and writers beside changes, under plain Alembic and under safemig
	$(BIN)/python bench/long/protection.py --runs $(RUNS)

pins: $(STAMP) ## Renew requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra dev pyproject.toml -o requirements.txt

clean: ## Remove what the targets above made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
