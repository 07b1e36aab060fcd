# make run | setup | test | lint | bench | attack | fresh | stop
# Settings come from the environment, from .env, or from here: make run PORT=8080

PYTHON ?= python3
VENV := .venv
ATTACK := .venv-attack
S3 := .venv-s3
PY := $(VENV)/bin/python
STARTED := $(shell date +%s)

# Compiled modules are kept, below the virtual environment, also where the machine's environment forbids it (container
# images often do): else each of the portal's processes compiles everything anew, which is two thirds of its start.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache

ifdef PORT
export PORT
endif
ifdef HOST
export HOST
endif
ifdef INSTANCE_DIR
export INSTANCE_DIR
endif
ifdef DATABASE_URL
export DATABASE_URL
endif
ifdef DEMO_PASSWORD
export DEMO_PASSWORD
endif

.PHONY: run setup test lint bench attack fresh stop test-tools
.DEFAULT_GOAL := run

run: $(VENV)/installed
	@PORTAL_STARTED_AT=$(STARTED) exec $(PY) -m portal.run

setup: $(VENV)/installed

# Installed anew only when the requirements change.
$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; '$(PYTHON)' is older or missing. Name another one: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@test -x $(PY) && $(PY) -c '' 2>/dev/null || { echo "Making the virtual environment ..."; rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@echo "Installing packages ..."
	@$(PY) -m pip install -qq --disable-pip-version-check --no-input --no-deps --no-compile -r requirements.txt
	@# The pins are complete for Python 3.11; another version may need a package more.
	@$(PY) -m pip check --disable-pip-version-check >/dev/null || \
	  $(PY) -m pip install -qq --disable-pip-version-check --no-input --no-compile -r requirements.txt
	@touch $@

stop: $(VENV)/installed
	@$(PY) -m portal.run --stop

lint: $(VENV)/installed
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --verbose >/dev/null 2>&1 || $(VENV)/bin/lint-imports

# What the tests need beyond Python packages: Chromium, Redis, an S3 server and Debian's PostgreSQL 15.
test-tools: $(VENV)/installed $(S3)/installed
	@sh tests/support/install_tools.sh

# A server that speaks S3, for the tests of storage; its pins clash with ours.
$(S3)/installed: tests/support/s3/requirements.txt
	@test -x $(S3)/bin/python || { echo "Making the S3 server's virtual environment ..."; $(PYTHON) -m venv $(S3); }
	@$(S3)/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-deps -r tests/support/s3/requirements.txt
	@touch $@

# Everything on the embedded PostgreSQL 18, then what touches the database's own ways on 15 as well. A process for each
# core, each with a database server of its own; a file stays in one process, and fast files come first.
PYTEST = $(PY) -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
test: test-tools lint
	$(PYTEST)
	TEST_PG=15 $(PYTEST) -m pg15

bench: $(VENV)/installed
	@$(PY) -m benchmarks

# sqlmap and wapiti against a portal of their own on loopback, signed in as each role; QUICK=1 takes a quarter of the
# time. The tools' pins clash with ours, so they have a virtual environment of their own.
attack: $(VENV)/installed $(ATTACK)/installed
	@$(PY) -m attack $(if $(filter 1,$(QUICK)),--quick) --tools $(ATTACK)

$(ATTACK)/installed: attack/requirements.txt
	@test -x $(ATTACK)/bin/python || { echo "Making the tools' virtual environment ..."; $(PYTHON) -m venv $(ATTACK); }
	@$(ATTACK)/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-deps -r attack/requirements.txt
	@touch $@

# Throws away the instance (database, uploads, caches, keys) and starts anew; FORCE=1 does not ask.
fresh: stop
	@dir="$$($(PY) -c 'from portal.config import load_settings; print(load_settings().instance_dir)')" || exit 1; \
	if [ "$(FORCE)" != 1 ]; then \
	  printf 'Delete %s with all its data? [y/N] ' "$$dir"; read answer; [ "$$answer" = y ] || { echo "Nothing deleted."; exit 1; }; \
	fi; rm -rf -- "$$dir"
	@$(MAKE) --no-print-directory run
