# Two commands for a fresh machine (git, make and Python 3.10 or later): `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto

.PHONY: demo test lint format clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: $(VENV)/.installed  ## Real files through the whole chain, on the embedded service
	@echo '$$ oncsync resolve -m examples/quickstart.yaml --folder demo'
	@$(BIN)/oncsync resolve -m examples/quickstart.yaml --folder demo
	@echo '$$ oncsync sync -m examples/quickstart.yaml --folder demo'
	@$(BIN)/oncsync sync -m examples/quickstart.yaml --folder demo
	@$(BIN)/python examples/after_demo.py demo

test: $(VENV)/.installed lint  ## ruff, mypy --strict and the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) -q

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo build dist
