# imgflow's front door. Needs python3 (3.10 or newer, with venv and pip), make and git; all else goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

export IMGFLOW_HOME ?= $(CURDIR)/imgflow-data
export DAGSTER_HOME := $(abspath $(IMGFLOW_HOME))/dagster
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

# -- environment -----------------------------------------------------------------------------------------------------

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "imgflow needs Python 3.10 or newer; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/base: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

# The stages' kernels are compiled once; the result stays in the environment.
$(VENV)/kernels: $(VENV)/base
	$(BIN)/python -c 'from imgflow.stages.warm_up import warm_up; warm_up()'
	touch $@

$(VENV)/dev: $(VENV)/base
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	mkdir -p $(DAGSTER_HOME)
	cp dagster.yaml $@

.PHONY: setup
setup: $(VENV)/kernels ## the environment, in .venv

# -- using it --------------------------------------------------------------------------------------------------------

.PHONY: demo dev
demo: $(VENV)/kernels $(DAGSTER_HOME)/dagster.yaml ## photos in, cutouts out, through a real Dagster (PHOTOS=folder for your own)
	$(BIN)/python -m imgflow.demo $(if $(PHOTOS),--photos "$(PHOTOS)")

dev: $(VENV)/kernels $(DAGSTER_HOME)/dagster.yaml ## Dagster's UI and daemon on http://127.0.0.1:3000
	$(BIN)/dagster dev --workspace workspace.yaml

# -- working on it ---------------------------------------------------------------------------------------------------

.PHONY: test bench check format lock
test: $(VENV)/dev $(VENV)/kernels ## the whole test suite
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal $(ARGS)

bench: $(VENV)/dev $(VENV)/kernels ## the benchmark suite, as a table and JSON (ARGS="--quick" or the names of some: folder pictures models overhead scale)
	$(BIN)/python -m imgflow_tests.benchmarks --json bench.json $(ARGS)

check: $(VENV)/dev ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(VENV)/dev ## let ruff write the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One file for every Python and platform; it names no index, so that it serves wherever pip gets its packages.
lock: $(VENV)/dev ## make constraints.txt anew
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --all-extras \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file constraints.txt pyproject.toml

.PHONY: clean
clean: ## remove the environment (never the data)
	rm -rf $(VENV)
