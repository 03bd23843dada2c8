# Stillmotion: `make` alone prints what can be made.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test torture bench fix docs lock clean

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(STAMP) ## make .venv with the pinned packages and the stillmotion command
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## a picture becomes a video, here, without account or key
	$(BIN)/stillmotion demo

DEV_STAMP := .venv/.ready-dev
$(DEV_STAMP): $(STAMP) requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

test: $(DEV_STAMP) ## every check, in under ten minutes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/interrogate --quiet bot providers storage tests bench
	$(BIN)/pytest -n 2 --dist loadfile

torture: $(DEV_STAMP) ## the long matrices
	$(BIN)/pytest -m torture

bench: $(DEV_STAMP) ## ratios beside their targets
	$(BIN)/python -m bench

fix: $(DEV_STAMP) ## format, and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(DEV_STAMP) ## print the generated tables into README.md
	$(BIN)/python -m bot.docs

lock: ## compile requirements.in and dev.in (needs uv)
	UV_PYTHON_DOWNLOADS=never uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements.in -o requirements.lock
	UV_PYTHON_DOWNLOADS=never uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate dev.in -c requirements.lock -o requirements-dev.lock

clean: ## remove what was made, but no database and no video
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
