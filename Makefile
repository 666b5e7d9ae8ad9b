# make run    set everything up and open the app on the sample base
# make test   set everything up and run all tests
# make browser-on-postgresql   the tests in Chromium, on a PostgreSQL server
# make security   the long tests of safety, and what is known about the libraries
# make faults thousands of kills, 10,000 damaged indexes, 10,000 malformed files: nothing torn, nothing lost
# make soak   half an hour of a floor against the real server: memory, files, threads and times stay as they are
# make load   1 to 400 agents against the real server, a sign-in storm, publishing under load: a quarter of an hour
# make lint   style and types        make bench   the quick benchmarks        make clean   forget what can be rebuilt

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-tools

.PHONY: run openapi test browser-on-postgresql security faults soak load lock lint bench setup setup-dev index browser tools clean

run: index
	$(BIN)/python -m kb serve --open

index: setup
	$(BIN)/python -m indexer build --if-missing

# Three at a time on two cores: the flows in Chromium, which mostly wait, and the rest in two
test: setup-dev browser tools
	$(BIN)/python -m pytest --numprocesses 3 --max-worker-restart 3 --no-loadscope-reorder

# The flows in Chromium, with all that happens kept by a PostgreSQL server
browser-on-postgresql: setup-dev browser tools
	BROWSER_DATABASE=postgresql $(BIN)/python -m pytest tests/browser

# XSS_LIST=path adds a list of strings, one a line
security: setup-dev browser $(TOOLS)/.ready
	SECURITY=long $(BIN)/python -m pytest tests/security tests/browser/test_xss.py tests/browser/test_offline.py --timeout 3600
	$(BIN)/python -m tests.security.bounded --json benchmarks/results/bounds.json
	$(BIN)/python .ci/audit.py $(TOOLS)/bin/pip-audit

# After a change of requirements.txt or requirements-dev.txt
lock: $(TOOLS)/.ready
	sh .ci/lock $(TOOLS)/bin/uv

$(TOOLS)/.ready:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet uv==0.13.9 pip-audit==2.10.1
	touch $@

# All of it takes two to three hours (estimated from the miniature on a busy machine; the kills alone 46 minutes).
# `make faults SHARE=0.02 DRILLS=2 OFFSETS=10 LOCKED=5 FAULTS=200` is the same in miniature: that all of it runs
SHARE ?= 1
DRILLS ?= 50
OFFSETS ?= 100
LOCKED ?= 60
FAULTS ?= 10000
faults: setup-dev tools
	$(BIN)/python -m tests.faults --share $(SHARE) --json $(if $(filter 1,$(SHARE)),benchmarks/results,var)/faults.json
	DRILLS=$(DRILLS) OFFSETS=$(OFFSETS) LOCKED=$(LOCKED) \
	  $(BIN)/python -m pytest --timeout=0 tests/care/test_backup.py tests/faults tests/doors/test_recorder.py
	FAULTS=$(FAULTS) $(BIN)/python -m pytest --timeout=0 tests/studio/transfer/test_malformed.py

# Half an hour of a floor against the real server: does it end as it began?
MINUTES ?= 30
soak: setup-dev index
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES) --json $(if $(filter 30,$(MINUTES)),benchmarks/results,var)/soak.json

# How many agents one process carries, and what happens when more come
SECONDS ?= 60
load: setup-dev index
	$(BIN)/python benchmarks/load.py --seconds $(SECONDS) --storm --publishing \
	  --json $(if $(filter 60,$(SECONDS)),benchmarks/results,var)/load.json

# docs/openapi.json, from the code
openapi: setup
	$(BIN)/python -c 'from kb.doors.v1.openapi import text; print(text(), end="")' >docs/openapi.json

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

# Everything by its hash and nothing besides it. torch alone and exact: a looser range, or asking for it through
# another package, pulls CUDA, and its build differs by platform.
$(VENV)/.runtime: requirements.txt requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' requirements.txt)"
	touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	touch $@

# Debian's Chromium for the browser tests, and a font that has Chinese
browser:
	@sh .ci/browser

# strace and libfaketime, for the tests of lost power and of clocks that jump; HAProxy, for those of two servers
tools:
	@sh .ci/tools

clean:
	rm -rf $(VENV) $(TOOLS) var .mypy_cache .ruff_cache .pytest_cache
