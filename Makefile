# Everything here sets itself up: it needs Python 3.11 to 3.13 and make, and keeps to .venv, node_modules and build.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Node.js comes with the virtual environment, so that jsii and the CDK need none on the machine.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Who may not keep what Python compiled compiles aws_cdk, moto and scikit-learn in each process: seconds every time.
unexport PYTHONDONTWRITEBYTECODE
# Types depend on the environment: so does their cache.
export MYPY_CACHE_DIR := .venv/mypy_cache

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow format benchmark clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(READY) ## Make .venv and node_modules.

# Not compiled: Python compiles what it imports, and compiling all of it takes a minute more.
$(READY): pyproject.toml package.json
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed, and $(PYTHON) is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "Setting up .venv and node_modules: about 2 GB, a few minutes, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --no-compile --editable ".[graph,local,local-spark]" --group dev
	@$(BIN)/npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(READY) ## Run the risk-scoring workflow on this machine, with a live prediction at its end.
	@$(BIN)/python -m examples.risk_scoring.demo

test: $(READY) ## Check everything that the continuous integration checks.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@set -e; for folder in $(dir $(wildcard zflow_constructs/runtime/*/handler.py)); do \
		echo "$(BIN)/mypy $$folder*.py"; MYPYPATH=$$folder $(BIN)/mypy $$folder*.py; done
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slow: $(READY) ## Run every test, also those of which make test has a sample: about an hour.
	$(BIN)/pytest --slow --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

format: $(READY) ## Format the code, and fix what the linter can.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(READY) ## Measure the synthesis, and what shapes cost.
	$(BIN)/python -m benchmarks.synth
	$(BIN)/python -m benchmarks.shapes

clean: ## Remove what this file made.
	rm -rf .venv node_modules build
