# Everything a contributor runs. Needs make, pip and Python 3.12 or newer; nothing else.
#
#   VENV    where the environment lives (built from requirements.lock, rebuilt when the lock changes)
#   PYTHON  the interpreter that builds it; if it is older than 3.12, a newer one on PATH is used
#   WORKERS how many processes run the tests
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV ?= .venv
PYTHON ?= python3
WORKERS ?= 2
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready

.PHONY: help demo test check docs notebooks drawings reports fix lock bench bench-scale sbc clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(READY)  ## forecast a bundled sample from end to end
	@$(BIN)/clvmodels demo

test: $(READY)  ## all tests, doctests and the examples in the documents
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: $(READY)  ## style, types, floors and the other written rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m codespell_lib
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/test_architecture.py

docs: $(READY)  ## the documentation as pages in build/docs; a warning is a failure
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@! grep -rlE '<(script|link|img)[^>]*(src|href)="(https?:)?//' build/docs --include='*.html' \
		|| { echo "these pages ask something of another host" >&2; exit 1; }

notebooks: $(READY)  ## run the notebooks from a clean kernel and keep their outputs
	$(BIN)/python docs/pages/notebooks.py

drawings: $(READY)  ## draw the pictures of the documents again
	$(BIN)/python docs/pages/drawings.py

reports: $(READY)  ## write the sample reports again (some minutes)
	$(BIN)/python reports/write.py

fix: $(READY)  ## mend what check can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(LOCKED)  ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.12 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --upgrade --output-file requirements.lock

bench: $(READY)  ## run every script of benchmarks/ but the long sbc and scale
	@shopt -s nullglob; scripts=(benchmarks/*.py); \
	if (( $${#scripts[@]} == 0 )); then echo "benchmarks/ holds no script yet: nothing to measure."; fi; \
	for script in "$${scripts[@]}"; do [[ "$$script" == */sbc.py || "$$script" == */scale*.py ]] && continue; echo "== $$script"; $(BIN)/python "$$script" || exit; done

bench-scale: $(READY)  ## half an hour of large logs: each job beside its yardstick (JOBS="rfm growth" for some, JOBS=--write for the docs)
	$(BIN)/python benchmarks/scale.py $(JOBS)

sbc: $(READY)  ## two minutes of worlds whose truth is known: are the intervals right?
	$(BIN)/python benchmarks/sbc.py

proof: $(READY)  ## fifty scheduled runs killed at random times: do all of them end in the same bytes?
	CLV_KILLS=50 $(BIN)/pytest -q -n 0 tests/rooms/test_batch_kills.py

clean:  ## remove the environment, builds and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find clvmodels tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(LOCKED): requirements.lock
	@set -e; python=""; \
	for candidate in "$(PYTHON)" python3.12 python3.13 python3.14; do \
		if "$$candidate" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 15))' 2>/dev/null; \
		then python="$$candidate"; break; fi; \
	done; \
	if [[ -z "$$python" ]]; then \
		echo "clvmodels needs Python 3.12, 3.13 or 3.14, but '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1 | head -n 1)" >&2; \
		echo "and no python3.12, python3.13 or python3.14 works here. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	echo "Building $(VENV) from requirements.lock with $$("$$python" --version)"; \
	"$$python" -m venv --clear "$(VENV)"; \
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	touch "$@"

$(READY): $(LOCKED) pyproject.toml
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch "$@"
