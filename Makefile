# Every target sets itself up: a virtual environment in the clone, and for `test` the foreign programs it runs as peers.
.PHONY: help setup demo test quick lint types check compare pins clean
BIN := .venv/bin

help:            ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

setup:           ## .venv with the three packages installed editable
	@tools/setup

demo: setup      ## the main job on the embedded simulator, about 15 seconds
	@$(BIN)/python -m tools.demo

test: setup      ## install what the tests need, and run all of them
	@tools/setup programs
	@$(BIN)/python -m pytest

quick: setup     ## the tests that need no foreign program and no processes, under two minutes
	@$(BIN)/python -m pytest -q -m "not peer and not whole"

lint: setup      ## ruff over packages, tests and tools
	@$(BIN)/ruff check packages tests tools

types: setup     ## mypy --strict over packages, tests and tools
	@$(BIN)/mypy

check: lint types quick   ## what to run before a commit

compare: setup   ## our programs beside ipmitool and fence_ipmilan on the same BMC (needs Debian's fence-agents)
	@tools/setup programs fence_ipmilan:fence-agents
	@$(BIN)/python -m tools.compare

pins: setup      ## tools/requirements.txt anew: every third-party package, pinned with hashes (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
		-o tools/requirements.txt tools/requirements.in

clean:           ## remove .venv and caches
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find packages tests tools -name __pycache__ -prune -exec rm -rf {} +
