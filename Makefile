# Both `make demo` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
DEMO ?= runs/demo

.PHONY: help demo test lint kernels docs format clean

help:
	@echo "make demo    train a small parser through a hard parse, and parse sentences with it"
	@echo "make test    formatter, linter, types, import contract and tests"
	@echo "make docs    the documentation site, in docs/_build/html"
	@echo "make format  format the code"
	@echo "make clean   remove the virtual environment and the demo's run"

$(VENV)/installed-nlp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[nlp]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed-nlp
	$(PIP) --editable '.[nlp,dev]'
	touch $@

demo: $(VENV)/installed-nlp
	rm -rf $(DEMO)
	$(BIN)/spigot demo --out $(DEMO)

# The kernels of the systems are compiled while the types are checked: else two workers compile the same ones at once.
# Each worker begins with a half of the tests, so that neither waits for, or repeats, what the other one makes.
test: $(VENV)/installed-dev
	$(MAKE) --jobs 2 --output-sync lint kernels
	$(BIN)/pytest --numprocesses 2 --dist worksteal

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kernels: $(VENV)/installed-dev
	$(BIN)/spigot compile

docs: $(VENV)/installed-dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) runs/demo
