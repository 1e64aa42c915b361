# Every target sets itself up: a virtual environment in the clone, and for `test` the foreign programs it runs as peers.
.PHONY: help setup demo test quick lint types check compare bench soak interop fuzz states requirements pins clean
BIN := .venv/bin

help:            ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14

setup:           ## .venv with the three packages installed editable
	@tools/setup

demo: setup      ## the main job on the embedded simulator, about 15 seconds
	@$(BIN)/python -m tools.demo

test: setup      ## install what the tests need, and run all of them
	@tools/setup programs gcc:gcc /usr/include/linux/ipmi.h:linux-libc-dev
	@tools/setup peers
	@$(BIN)/python -m pytest -n 2 -m "not peer and not whole"
	@$(BIN)/python -m pytest -m "peer or whole"

quick: setup     ## the tests without foreign programs and processes, two minutes
	@$(BIN)/python -m pytest -q -n 2 -m "not peer and not whole"

lint: setup      ## ruff over packages, tests and tools
	@$(BIN)/ruff check packages tests tools

types: setup     ## mypy --strict over packages, tests and tools
	@$(BIN)/mypy

check: lint types quick   ## what to run before a commit

compare: setup   ## our programs beside ipmitool and fence_ipmilan, on one BMC
	@tools/setup programs fence_ipmilan:fence-agents
	@$(BIN)/python -m tools.compare

bench: setup     ## what a command costs, beside others: docs/benchmarks.md, 9 min
	@tools/setup programs gcc:gcc /usr/include/openssl/sha.h:libssl-dev fence_ipmilan:fence-agents
	@tools/setup peers
	@$(BIN)/python -m tools.bench
	@$(BIN)/python -m tools.bench.resetpath

soak: setup      ## long fault runs: docs/benchmarks.md, 28 min (MINUTES=5)
	@$(BIN)/python -m tools.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

interop: setup   ## all programs, with us, in every way to log in: docs/interop.md
	@tools/setup programs
	@tools/setup peers
	@INTEROP_PAGE=1 $(BIN)/python -m pytest -q tests/peers/test_interop.py tests/peers/test_interop_page.py

fuzz: setup      ## all doors under Atheris, hours (RUNS=100000: minutes): fuzzing.md
	@tools/setup fuzz
	@.venv-fuzz/bin/python -m tests.fuzz.run all $(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS))

states: setup    ## the machines, drawn from their tables: docs/states/README.md
	@$(BIN)/python -m tools.draw_states

requirements: setup  ## what is required, and the tests that show it
	@$(BIN)/python -m tests.evidence

pins: setup      ## tools/*.txt: third-party packages, pinned with hashes (needs uv)
	@for list in requirements peers fuzz; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header --no-emit-index-url -o tools/$$list.txt tools/$$list.in; done

clean:           ## remove .venv and caches
	@rm -rf .venv .venv-peers .venv-fuzz .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find packages tests tools -name __pycache__ -prune -exec rm -rf {} +
