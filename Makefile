# `make demo` trains, measures and compares on embedded data, `make test` the tests.
# ENV is the folder of the environment; an existing one is brought up to date and used.
# One thread each in tests: networks that small gain nothing from more, and lose much on a busy
# machine.
# Each process tests one part of the suite, so that what a file shares is made once, and takes from
# the other when it is done. Processes that tests start need not compile the package anew. The type
# checker and the documentation, which shows what the tests have run, take one core each.
PYTHON ?= python3
ENV ?= .venv
RUN ?= runs/demo
BIN := $(ENV)/bin

.PHONY: demo test types docs linkcheck lint clean

demo: $(ENV)/.installed
	OMP_NUM_THREADS=2 $(BIN)/pyrovae fit --config examples/mnist_sample.yaml --run $(RUN) --overwrite
	OMP_NUM_THREADS=2 $(BIN)/pyrovae compare $(RUN) --objectives ELBO STL IWAE DReG \
		--limit 50 --draws 20
	@echo "report: file://$(abspath $(RUN))/report.html"

test: $(ENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist worksteal
	$(MAKE) -j 2 types docs

types: $(ENV)/.installed
	$(BIN)/mypy

# `make docs` runs the examples as tests do, in seconds each; `make docs FULL=1` in full, which takes
# hours on two cores. Runs are kept in build/examples, and made again where an example has changed.
SPHINX = OMP_NUM_THREADS=1 FULL=$(FULL) $(BIN)/python -m sphinx -W --keep-going

docs: $(ENV)/.installed-docs
	$(SPHINX) -b html docs build/docs

linkcheck: $(ENV)/.installed-docs
	$(SPHINX) -b linkcheck docs build/linkcheck

lint: $(ENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

$(ENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(ENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

$(ENV)/.installed-docs: $(ENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
