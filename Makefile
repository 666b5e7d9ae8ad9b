# make run    set everything up and open the app on the sample base
# make test   set everything up and run all tests
# make lint   style and types        make bench   the quick benchmarks        make clean   forget what can be rebuilt

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench setup setup-dev index browser clean

run: index
	$(BIN)/python -m kb serve --open

index: setup
	$(BIN)/python -m indexer build --if-missing

test: setup-dev browser
	$(BIN)/python -m pytest

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup-dev index
	$(BIN)/python benchmarks/encoder.py --json benchmarks/results/encoder.json
	$(BIN)/python benchmarks/latency.py --articles 1000

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.development

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first, alone and exact: a looser range, or asking for it through another package, pulls CUDA
$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' requirements.txt)"
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

# Debian's Chromium for the browser tests, and a font that has Chinese
browser:
	@sh .ci/browser

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache
