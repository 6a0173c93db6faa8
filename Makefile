# Everything a person runs here. `make` alone tells what there is.

# The first Python of these that is new enough; `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
# The lock names every package, so nothing is left to resolve. pip 23 would still look: at "a[extra]" it
# takes a release newer than the pinned one, and then refuses it for its missing hash.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench lock

help: ## tell what can be made
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/run-time config/zip3.csv ## make .venv with the locked packages; nothing outside this folder changes

demo: setup ## show the whole job against simulated remotes: make demo ARGS="--orders 20 --exit"
	@./lockstep demo $(ARGS)

test: check ## all checks, then all tests: make test ARGS="-k reservation"
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

check: $(VENV)/development config/zip3.csv ## format, lint, types, and who may import whom
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports > $(VENV)/lint-imports.log 2>&1 || { cat $(VENV)/lint-imports.log >&2; exit 1; }

format: $(VENV)/development ## let ruff format the code and mend what it can
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/development ## measure speed and memory: see bench/README.md
	@$(BIN)/python -m bench $(ARGS)

lock: ## pin every package again from pyproject.toml, with hashes (needs uv)
	@command -v uv >/dev/null || { echo "'make lock' needs uv, the package resolver: install it first" >&2; exit 2; }
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) pyproject.toml --extra sqs -o requirements-sqs.lock
	@$(LOCK) pyproject.toml --group dev -o requirements-dev.lock

config/zip3.csv: requirements.lock config/zip3.py | $(VENV)/run-time
	@$(BIN)/python -m config.zip3

# No index addresses: a lock file must not tell where its author's packages came from.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --python-version 3.11 \
    --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links

# Stamps: what is installed stays until its lock file changes.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Lockstep needs Python 3.11 or newer, and none was found: install it, or say 'make PYTHON=/path/to/python3.11 setup'" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Lockstep needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make environments: install its venv module (python3-venv on Debian and Ubuntu)" >&2; exit 2; }

$(VENV)/run-time: requirements.lock | $(BIN)/pip
	@echo "installing the locked packages into $(VENV) (once)"
	@$(PIP) -r requirements.lock
	@touch $@

$(VENV)/development: requirements-dev.lock | $(VENV)/run-time
	@echo "installing the packages for checks and tests into $(VENV) (once)"
	@$(PIP) -r requirements-dev.lock
	@touch $@
