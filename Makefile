# One door for every command. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check faults format bench lock clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## the whole stack on loopback, with traffic; Ctrl-C stops it
	@$(PYTHON) -m demo.stack.environment --lock requirements.lock
	@exec $(BIN)/python -m demo

test: ## everything the tests need, then all tests, on every core
	@$(PYTHON) -m demo.stack.environment --lock requirements-dev.lock
	@$(BIN)/python -m demo.stack.binaries --for-tests
	@$(BIN)/python -m pytest -n auto --dist loadgroup

check: ## lint, types, walls and unit tests, in under a minute
	@$(PYTHON) -m demo.stack.environment --lock requirements-dev.lock
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup tests/unit

faults: ## every kill, power cut, storm and outage many times; takes hours
	@$(PYTHON) -m demo.stack.environment --lock requirements-dev.lock
	@$(BIN)/python -m demo.stack.binaries --for-tests
	@WEDSYNC_FAULT_RUNS=$${WEDSYNC_FAULT_RUNS:-50} WEDSYNC_STORM_ALERTS=$${WEDSYNC_STORM_ALERTS:-10000} \
		$(BIN)/python -m pytest -m faults

format: ## let ruff format and mend what it can
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: ## the benchmarks, each printing its figures
	@$(PYTHON) -m demo.stack.environment --lock requirements-dev.lock
	@$(BIN)/python -m benchmarks.time_to_page
	@$(BIN)/python -m benchmarks.webhook_throughput
	@$(BIN)/python -m benchmarks.alert_storm
	@$(BIN)/python -m benchmarks.live
	@$(BIN)/python -m benchmarks.errors

clean: ## forget the virtual environment, the binaries and all data
	rm -rf $(VENV) var
