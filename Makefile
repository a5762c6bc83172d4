# Two commands do everything: `make demo` and `make test`. Both prepare .venv first.
SHELL := /bin/bash
PY := .venv/bin/python
export OMP_NUM_THREADS ?= 2
export DO_NOT_TRACK := true
# A machine that forbids bytecode makes every start of our tools three times slower.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-faults test-browser test-backtest test-journeys test-servers test-docker check lint unit up down clean lock
.PHONY: bench-serving bench-decisions bench-drift bench-alarms bench-stack

help:
	@echo "make demo         a year of real flights, the whole wheel, in some minutes; leaves the stack up"
	@echo "make test         every fast test with the real tools"
	@echo "make test-faults  kills processes at the worst moments"
	@echo "make test-browser the operators' page in a real Chromium"
	@echo "make bench-serving  us against mlflow models serve, MLServer, BentoML and hello FastAPI (twenty minutes)"
	@echo "make bench-decisions  how often the gate is wrong: duels whose truth is known (half an hour)"
	@echo "make test-backtest  a year of flights under three policies (some minutes)"
	@echo "make test-journeys  the tutorial, planted bad models, a stack's whole life (some minutes)"
	@echo "make test-servers PostgreSQL, Prometheus, Helm and network namespaces, as far as they are here"
	@echo "make test-docker  builds the production stack, lives in it and breaks it (a quarter of an hour; needs Docker)"
	@echo "make bench-drift  the cost of judging a window, beside Evidently on all of it and NannyML"
	@echo "make bench-alarms  how often alarms are false or late: streams whose truth is known (a quarter of an hour)"
	@echo "make bench-stack  what the production stack carries and what it costs (needs it up: docker compose up)"
	@echo "make check        format, lint, types, import contracts, unit tests"
	@echo "make up / down    start / stop the stack"
	@echo "make setup        prepare .venv alone"

setup:
	@bash infra/setup.sh

demo: setup
	@$(PY) -m pipelines.cli demo

# As many processes as cores; the tests of one file stay together, since they share what is dear to make.
test: export OMP_NUM_THREADS := 1
test: setup
	$(PY) -m pytest -m "not faults and not browser and not backtest and not journey and not servers and not docker" -n auto --maxprocesses=4 --dist loadfile

test-faults: export OMP_NUM_THREADS := 1
test-faults: setup
	$(PY) -m pytest -m faults -n auto --maxprocesses=2 --dist loadfile tests

test-journeys: export OMP_NUM_THREADS := 1
test-journeys: setup
	$(PY) -m pytest -m "journey" -n auto --maxprocesses=2 --dist loadfile

test-backtest: setup
	OMP_NUM_THREADS=1 $(PY) -m pytest -m backtest tests/journeys

test-browser: setup
	$(PY) -m pytest -m browser tests

test-servers: export OMP_NUM_THREADS := 1
test-servers: setup
	$(PY) -m pytest -m "servers and not docker" -n auto --maxprocesses=2 --dist loadfile

test-docker: setup
	$(PY) -m pytest -m docker -x tests

lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

unit: setup
	$(PY) -m pytest -q -m "not faults and not slow" tests/core pipelines/core

check: lint unit

bench-serving: setup
	$(PY) -m benchmarks.serving

bench-decisions: setup
	$(PY) -m benchmarks.decisions

bench-drift: setup
	$(PY) -m benchmarks.drift

bench-alarms: setup
	$(PY) -m benchmarks.alarms

bench-stack: setup
	$(PY) -m benchmarks.stack --project $(or $(PROJECT),ratchet)

up: setup
	@$(PY) -m pipelines.cli up

down: setup
	@[ ! -d .ratchet/demo ] || RATCHET_HOME=.ratchet/demo $(PY) -m pipelines.cli down
	@$(PY) -m pipelines.cli down

clean: setup
	@$(PY) -m pipelines.cli down
	rm -rf .ratchet work .mypy_cache .ruff_cache .pytest_cache .hypothesis

lock: setup
	.venv/bin/uv pip compile pyproject.toml --group dev --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --python-version 3.11 -o requirements.lock
	$(PY) infra/images/closure.py
