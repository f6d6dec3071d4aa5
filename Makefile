# make demo    the whole lab on this machine, with demo people and samples, on http://localhost:8000
# make test    the tests, on SQLite or the database that DATABASE_URL names (the browser's are skipped without Chromium)
# make check   lint, types, import contracts, templates, migrations
# make bench   the benchmarks whose figures the docs quote
# make fuzz    20,000 spoilt files, and ten minutes of whatever the API's schema allows
# make sbom    build/sbom.json: every package that Icosa runs on, as CycloneDX
# make audit   asks for the known vulnerabilities of every pinned package, and says so where nobody can be asked
# Each of these makes its own environment in .venv first; it needs Python 3.11, make and git.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN     = $(VENV)/bin
PORT   ?= 8000

export OMP_NUM_THREADS ?= 1

.PHONY: demo test check bench fuzz sbom audit constraints clean

demo: $(VENV)/.runs
	@exec $(BIN)/python manage.py demo --port $(PORT)

test: $(VENV)/.tests
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

check: $(VENV)/.tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy lims screening mlmodels samples tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check

bench: $(VENV)/.tests
	for name in simulate screening worker_rows screen_files upload api_upload spreadsheets read_files sample_list review_queue agreement next_looks alloy_map freeze export rescreen retrain backup metrics growth memory load chaos; do $(BIN)/python -m benchmarks.$$name || exit 1; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "Icosa needs Python 3.11 (found: $(PYTHON)). Install it, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runs: requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.tests: requirements-dev.txt requirements-export.txt requirements-s3.txt requirements-sso.txt requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.runs

fuzz: $(VENV)/.tests
	$(BIN)/python -m benchmarks.fuzz_readers
	$(BIN)/python -m benchmarks.fuzz_api

build/audit/.made: requirements-audit.txt | $(VENV)/bin/python
	$(BIN)/python -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

sbom: $(VENV)/.runs build/audit/.made
	build/audit/bin/python .ci/sbom $(BIN)/python

audit: build/audit/.made
	build/audit/bin/python .ci/audit

constraints: $(VENV)/.tests
	(head -1 constraints.txt; $(BIN)/python -m pip freeze | sed 's/+cpu//') > constraints.new && mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache
