# Everything sets itself up: `make demo`, `make test`, `make docs` and `make check` need Python 3.11+, make and a network.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BOTH   := -n 2 --dist loadfile --max-worker-restart=0 # a process that dies fails the run; pytest-xdist would replace it, and then wait forever
ONE    := TF_CPP_MIN_LOG_LEVEL=3 MLFLOW_DISABLE_TELEMETRY=true

.PHONY: help setup demo test test-all notebooks docs lint types contracts check lock clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(STAMP)  ## a virtual environment with the locked, hash-checked dependencies

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "automl-cnn needs Python 3.11 or newer; found $$($(PYTHON) --version). Set PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup      ## make an image folder, search it for 3 minutes, predict its test images
	$(ONE) $(BIN)/automl-cnn demo

test: setup      ## the tests, without the slow ones
	$(ONE) $(BIN)/python -m pytest $(BOTH)

test-all: setup  ## the slow ones too
	$(ONE) $(BIN)/python -m pytest $(BOTH) -m ''

notebooks: setup ## open the lessons in Jupyter
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-notebooks.lock
	cd notebooks && $(ONE) ../$(BIN)/python -m jupyterlab --ServerApp.open_browser=True $(if $(filter 0,$(shell id -u)),--allow-root)

docs: setup      ## the documentation, into docs/_build/html; warnings are errors
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	$(ONE) $(BIN)/python -m sphinx -W --keep-going -n -q -b html -d docs/_build/trees docs docs/_build/html

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

check: lint types contracts docs  ## lint, types, import contracts, documentation, tests
	$(MAKE) $(if $(CI),test-all,test)

EXTRAS = --extra cpu --extra pretrained --extra onnx --extra litert --extra openvino --extra cmaes --extra postgres --extra ray --extra dev --extra build
LOCK   = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml

lock:            ## resolve the dependencies again (needs uv)
	$(LOCK) $(EXTRAS) --upgrade --output-file requirements.lock
	$(LOCK) $(EXTRAS) --extra notebooks --constraint requirements.lock --output-file requirements-notebooks.lock
	$(LOCK) $(EXTRAS) --extra docs --constraint requirements.lock --output-file requirements-docs.lock

clean:           ## remove the virtual environment and what tools left
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache demo-data automl-cnn-runs docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
