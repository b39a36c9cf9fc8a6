# `make` lists what can be done. Everything runs in .venv, which is made when first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
LOGGER ?=
BENCH ?=
SWEEP ?= quick
LOCAL ?=
CONSTRAINTS ?= constraints.txt

.DEFAULT_GOAL := help
.PHONY: help install quickstart sweep test test-fast mutations kills fuzz audit format lint types check bench docs build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv and install m3net with its tools

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "m3net needs Python 3.11 or newer; choose one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

quickstart: $(INSTALLED) ## train and test M3-Net on drawn garments, a few minutes on a laptop
	$(BIN)/m3net train --config configs/data/synthetic.yaml --config configs/model/m3net.yaml \
		--config configs/experiment/quickstart.yaml $(if $(LOGGER),--config configs/logger/$(LOGGER).yaml)

sweep: $(INSTALLED) ## say how Weights & Biases searches hyper-parameters (SWEEP=quick, a file of configs/sweep), or do so here with LOCAL=1
	$(BIN)/m3net sweep configs/sweep/$(SWEEP).yaml $(if $(LOCAL),--local)

test: $(INSTALLED) ## run the test suite
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-fast: $(INSTALLED) ## run the tests that neither train nor start processes
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m 'not slow'

mutations: $(INSTALLED) ## see that the tests notice faults put into copies of the metrics
	$(BIN)/python -m tests.campaigns.mutations

kills: $(INSTALLED) ## kill trainings at random and see that they go on to the same bits
	$(BIN)/python -m tests.campaigns.kills

fuzz: $(INSTALLED) ## give 410,000 files, broken or made to harm, to the readers, about an hour
	$(BIN)/python -m tests.campaigns.fuzz

audit: $(INSTALLED) ## list licences, and known vulnerabilities where pip-audit and a network are there
	$(BIN)/python -m tests.campaigns.audit

format: $(INSTALLED) ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(INSTALLED) ## check format and style
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(INSTALLED) ## check types
	$(BIN)/mypy

check: format lint types test audit ## format, lint, types, test and audit

bench: $(INSTALLED) ## measure against the limits (BENCH=train_step, loader, prepare, annotations, retrieval, sharing, device_retrieval or bf16_scores for one)
	$(BIN)/python -m benchmarks $(BENCH)

docs: $(INSTALLED) ## build the documentation into docs/_build
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[docs]'
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build

build: $(INSTALLED) ## build the source distribution and the wheel into dist
	rm -rf dist
	$(BIN)/python -m build --outdir dist

clean: ## remove .venv, caches and what was built; runs and data stay
	rm -rf $(VENV) dist docs/_build .mypy_cache .pytest_cache .ruff_cache
