# Two commands for a fresh machine (git, make and Python 3.10 or later): `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
SERVER ?=
ONLY ?=

export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint compiled format bench soak cassettes golden live clean

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

test: $(VENV)/.installed  ## ruff, mypy --strict and the whole test suite
	@$(MAKE) --no-print-directory -j2 lint compiled
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

compiled: $(VENV)/.installed  ## Rewrites the tests' assertions once, which every worker would do by itself
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null || true

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed  ## Speed, as ratios against something plain on this machine; `ONLY=B11` chooses
	$(BIN)/python -m tests.bench $(ONLY)

soak: $(VENV)/.installed  ## Whole syncs under every fault and under kills; `ONLY="kills --kills 1000"` chooses (tests/soak)
	$(BIN)/python -m tests.soak $(ONLY)

cassettes: $(VENV)/.installed  ## Record tests/cassettes anew: from the embedded service, or `SERVER=production` with ONC_TOKEN set
	$(BIN)/python -m pytest tests/contract/test_cassettes.py -q -p no:randomly --record-cassettes $(if $(SERVER),--server $(SERVER))

golden: $(VENV)/.installed  ## Write the locks of the worked examples anew (tests/resolver/golden); review what changed in them
	$(BIN)/python -m tests.resolver.golden

live: $(VENV)/.installed  ## The main flows against ONC with ONC_TOKEN set, or against another `SERVER`
	$(BIN)/python -m pytest --live -q $(if $(SERVER),--server $(SERVER))

clean:
	rm -rf $(VENV) demo build dist
