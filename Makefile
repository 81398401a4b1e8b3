# Needs make and Python 3.11 or newer; everything else is installed into .venv from the lock files.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo journey test walk lint bench proof clean distclean

# A name on the PATH is not enough: it may be a shim for a version that is not installed.
PYTHON = $(shell for each in python3.11 python3.12 python3.13 python3.14 python3; do \
	if $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$each; break; fi; done)
need_python = @test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; on Debian 12: apt-get install python3 python3-venv" >&2; exit 1; }
VENV = .venv/bin
export OPENBLAS_NUM_THREADS ?= 1
WORKERS ?= 2
# what tests and drills throw away again is kept in memory where there is plenty (deploy/scratch.py); TMPDIR overrides
SCRATCH = TMPDIR="$${TMPDIR:-$$($(PYTHON) deploy/scratch.py)}"

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with what the demo needs (the other targets do this by themselves)
	$(need_python)
	@$(PYTHON) deploy/set_up.py

setup-dev: ## the same, with what tests and lint need
	$(need_python)
	@$(PYTHON) deploy/set_up.py --dev

demo: setup ## everything at once, with sandboxes and sample people; Ctrl-C stops it
	@exec $(VENV)/python -m deploy.demo

journey: setup-dev ## the whole way of a graduate, in real browsers against real processes
	@$(SCRATCH) exec $(VENV)/python -m tests.journey $(ARGS)

test: setup-dev ## the tests, all but the long walks
	@$(SCRATCH) exec $(VENV)/python -m pytest -n $(WORKERS) -m "not walk" $(ARGS)

walk: setup-dev ## every console page judged by axe, and a clerk's day, in a real Chromium
	@$(SCRATCH) exec $(VENV)/python -m pytest -n $(WORKERS) -m walk tests/staff_console $(ARGS)

lint: setup-dev ## ruff, mypy --strict and the rules on who may import whom
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy --strict .
	@$(VENV)/lint-imports

bench: setup-dev ## measurements
	@exec $(VENV)/python -m bench $(ARGS)

proof: setup-dev ## failure and attack drills; each prints a number
	@$(SCRATCH) exec $(VENV)/python -m tests.proof $(ARGS)

clean: ## remove caches and var/ (keys, data, logs of the demo); keeps .venv
	$(need_python)
	@$(PYTHON) deploy/clean.py

distclean: ## clean, and .venv too
	$(need_python)
	@$(PYTHON) deploy/clean.py --all
