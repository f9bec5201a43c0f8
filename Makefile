# Every target sets up what it needs: a fresh machine with Python >= 3.11, git and make is enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check bench faults fmt migrate lock browser screenshots check-openapi clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## Make the virtual environment from the lock file

demo: setup ## Run the main job for two campuses on built-in services (ARGS=--once to end by itself)
	$(BIN)/feebridge demo $(ARGS)

run: setup ## Start web, worker, scheduler on the built-in services, without the demo's data
	$(BIN)/feebridge serve $(ARGS)

migrate: setup ## Bring the database to the newest schema
	$(BIN)/feebridge migrate

browser: setup
	@$(BIN)/python tools/ensure_browser.py

test: setup browser ## Run the whole test suite
	@# Each process has servers of its own. What kills processes on purpose waits for leases and lines, so it runs
	@# afterwards, when nothing keeps the machine busy. In the order of their names the slow files do not come last.
	@# Exit code 5 says that ARGS chose none of that half.
	@failed=0; \
	for half in "not faults" faults; do \
		$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m "$$half" $(ARGS) \
			|| [ $$? -eq 5 ] || failed=1; \
	done; \
	exit $$failed

check: setup ## Linters, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Measure the speed promises as ratios against the bare limit
	$(BIN)/python -m tests.benchmarks $(ARGS)

faults: setup ## The long fault programme: kills, restarts, cut lines
	FEEBRIDGE_FAULT_ROUNDS=$${FEEBRIDGE_FAULT_ROUNDS:-20} $(BIN)/python -m pytest tests/faults --timeout=3600 -s $(ARGS)

screenshots: setup browser ## Take the pictures in docs/screenshots anew
	FEEBRIDGE_SCREENSHOTS=1 $(BIN)/python -m pytest tests/browser -q $(ARGS)

check-openapi: setup ## Hold the sandbox against Alma's OpenAPI documents: make check-openapi OPENAPI=folder
	$(BIN)/python tools/check_openapi.py $(OPENAPI)

fmt: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet . || true

lock: setup ## Make the lock files anew from pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements-dev.lock
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c requirements-dev.lock -o requirements.lock

clean: ## Remove the virtual environment and the data folder
	rm -rf $(VENV) var
