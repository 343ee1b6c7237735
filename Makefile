# make app   start normviz         make test   check and test everything         make help   all targets
#
# Variables: PORT (8501), PYTHON (a Python 3.11 or newer), VENV (.venv), CI (non-empty: no window is opened,
# and a missing browser fails the tests instead of skipping some).

OLD_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# The first of these that is new enough; macOS's own python3 is not.
PYTHON ?= $(or $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$python" -c '$(OLD_ENOUGH)' 2>/dev/null && echo "$$python" && break; done),python3)
VENV ?= .venv
PORT ?= 8501

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# Touched after an installation: pip runs again only when a requirements file is newer.
APP := $(VENV)/.normviz-app
DEV := $(VENV)/.normviz-dev
HEADLESS := $(if $(CI),--server.headless true)

.DEFAULT_GOAL := help
.PHONY: help app test check browser pictures bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

app: $(APP)  ## install what the app needs into .venv and start it (PORT=8501)
	@exec $(PY) -m streamlit run app.py --server.port $(PORT) $(HEADLESS)

# A process for each core, each with a server and a browser of its own: more than four would fill a small memory.
test: $(DEV) browser check  ## the checks, then every test, in a real browser too
	$(PY) -m pytest -n auto --maxprocesses 4

check: $(DEV)  ## ruff (lint and format) and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

browser: $(DEV)  ## find a Chromium for the tests, or install one
	@$(PY) -m tests.browser.chromium

pictures: $(DEV) browser  ## the README's screenshots
	PYTHONPATH="$(CURDIR)" $(PY) tests/pictures.py

bench: $(DEV) browser  ## the benchmarks, one after the other
	@set -e; for file in benchmarks/*.py; do echo "== $$file"; PYTHONPATH="$(CURDIR)" $(PY) "$$file"; done

clean:  ## caches and build leftovers; the virtual environment stays (delete it by hand)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./.git -prune -o -path './$(VENV)' -prune -o -type d -name __pycache__ -exec rm -rf {} +

$(PY):
	@'$(PYTHON)' -c '$(OLD_ENOUGH)' || { \
		echo "normviz needs Python 3.11 or newer, and '$(PYTHON)' is not:" \
			"$$('$(PYTHON)' --version 2>&1 | head -n 1). Install one, or name it: make PYTHON=python3.12 …"; exit 1; }
	@'$(PYTHON)' -m venv '$(VENV)' || { rm -f '$(PY)'; \
		echo "The virtual environment $(VENV) could not be made. On Debian and Ubuntu: apt install python3-venv"; \
		exit 1; }

$(APP): requirements.txt | $(PY)
	@echo "Installing what the app needs into $(VENV) (PyTorch is large: the first time takes minutes) …"
	@$(PIP) install --quiet -r requirements.txt
	@touch $@

$(DEV): requirements.txt requirements-dev.txt | $(PY)
	@echo "Installing what the app and its tests need into $(VENV) (the first time takes minutes) …"
	@$(PIP) install --quiet -r requirements-dev.txt
	@touch $@ $(APP)
