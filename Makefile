# `make run`, `make test` and `make test-browser` set up all they need, each with no other command before it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

.PHONY: run test test-browser lint bench screenshots clean

run: $(VENV)/.run
	$(BIN)/streamlit run dashboard/app.py --server.port $(PORT)

# In three processes even on two cores: a test often waits for a server, a browser or a run of its own.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadfile

test: $(VENV)/.test lint
	$(PYTEST) -m "not slow and not e2e"

test-browser: $(VENV)/.test
	$(PYTEST) -m "e2e and not slow" --no-loadscope-reorder

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: $(VENV)/.run
	$(BIN)/python benchmarks/throughput.py

screenshots: $(VENV)/.test
	$(BIN)/python tests/e2e/screenshots.py

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.11 to 3.13 is needed; set PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# Not compiled: what the tests import is compiled then, and to compile all of it takes longer.
$(VENV)/.test: $(VENV)/.run requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-test.txt
	touch $@
