# The two commands of the README are `make up` and `make test`; each installs what it needs.
SHELL := /bin/bash
export ANTIPHON_CACHE ?= $(HOME)/.cache/antiphon
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Some shells export it empty, which breaks PyO3's build script.
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help setup up test unit rust fuzz kubernetes images e2e lint bench clean machine requirements

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

up: setup ## Run the product here: relay, transceivers, signaling, an agent and the page (ARGS="--help" for options)
	@exec antiphon up $(ARGS)

test: setup machine $(if $(T),,rust fuzz) kubernetes images unit ## Every test, or T=tests/relay for some of the Python ones; says what this machine lacks

setup: ## Install everything into .venv (fast when nothing changed)
	@scripts/setup

machine: ## Install the programs that tests drive (as root), or say what is missing
	@scripts/machine

unit: # what `make test` ends with
	@pytest $(T) $(PYTEST_ARGS)

rust:
	@scripts/cargo test --quiet --workspace

fuzz: ## Each fuzz target for FUZZ_SECONDS
	@scripts/fuzz $${FUZZ_SECONDS:-5}

kubernetes: ## Build the Kubernetes that tests run on (once, about 9 minutes), or say why the tests that need it are skipped
	@scripts/kubernetes >/dev/null || echo "kubernetes: the tests that need a cluster are skipped" >&2

images: kubernetes ## Build the images that a cluster's tests run (minutes; later what changed), or say why they are skipped
	@scripts/test-images >/dev/null || echo "images: the tests that need pods which run are skipped" >&2

e2e: setup machine kubernetes images ## The tests on a real cluster alone
	@pytest $(or $(T),tests/cluster) $(PYTEST_ARGS)

lint: setup ## Formatting, lints, types, layers, stubs
	@scripts/lint

bench: setup ## The README's figures (half an hour; a machine with nothing else to do)
	@scripts/bench

requirements: ## Resolve the Python dependencies anew into requirements.txt (hashes, no URLs)
	@scripts/requirements

clean: ## Remove what builds made in the work tree
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache target
	find wire relay transceiver -name '*.so' -delete
