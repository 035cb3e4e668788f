# Everything a person or CI runs. `make run` and `make test` set up all they need; nothing else is asked of the machine
# than python3 (3.11 or newer, with pip), git and make.

PYTHON ?= python3
UV := .uv/bin/uv
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE :=
export PYTHONHASHSEED := 0
export OMP_WAIT_POLICY := PASSIVE
export UV_SYSTEM_CERTS := true
export UV_LINK_MODE := copy
export MLFLOW_DISABLE_TELEMETRY := true
export ARROW_DEFAULT_MEMORY_POOL := system
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false

LINES ?= 1000000 10000000
SEEDS ?= 7 8 9
STORES ?= 20
ENTRIES ?= 1000000
TEST_WORKERS ?= 2
ROOMS := contracts events features models portraits offers serving simulation pipeline

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check lint prove desk mlflow docs pictures figures bench bench-full bench-features bench-quality bench-offers bench-effects bench-desk coverage mutants audit lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "expected python3 3.11 or newer, got $$($(PYTHON) -V); set PYTHON=..."; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "expected pip for $(PYTHON), found none; install it (Debian: python3-pip)"; exit 1; }
	@echo "set-up: uv"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore --target .uv 'uv>=0.9' 2>.uv.log || { cat .uv.log; exit 1; }
	@rm -f .uv.log

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON) .venv

.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	@echo "set-up: runtime packages"
	@$(UV) pip install --quiet --python .venv/bin/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
	@.venv/bin/python -c 'import lightgbm' 2>/dev/null || { echo "LightGBM does not load; install the system library libgomp1 (Debian: apt-get install libgomp1)"; exit 1; }
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	@echo "set-up: test packages"
	@$(UV) pip install --quiet --python .venv/bin/python --require-hashes -r requirements-dev.lock
	@touch $@

inbox/champion.json:
	@mkdir -p inbox && printf '{\n  "model_hash": null\n}\n' > $@

inbox/tombstones.json:
	@mkdir -p inbox && printf '{\n  "erased": [],\n  "check": ""\n}\n' > $@

inbox/excluded.txt:
	@mkdir -p inbox && touch $@

inbox/waves inbox/desk:
	@mkdir -p $@

setup: .venv/.runtime inbox/champion.json inbox/tombstones.json inbox/excluded.txt inbox/waves inbox/desk ## the runtime environment in .venv
setup-dev: .venv/.dev ## the same with what tests need

run: setup ## the whole pipeline on the packaged data, then a summary
	@regulars run

test: lint ## every check and every test, on two cores (TEST_WORKERS=8 on more)
	@python -m pytest tests -q -m "not prove" -n $(TEST_WORKERS) --dist loadfile

check: lint ## what pre-commit and CI run first: lint, and the unit and architecture tests
	@python -m pytest tests/unit tests/architecture -q -m "not prove" -n $(TEST_WORKERS) --dist loadfile

lint: setup-dev ## ruff, mypy, import contracts, Bandit, hadolint
	@ruff check . && ruff format --check .
	@mypy
	@lint-imports --no-logo
	@bandit -q -c pyproject.toml -r $(ROOMS)
	@hadolint Containerfile

prove: setup-dev ## long proofs
	@python -m pytest tests -q -m "prove"
	@REGULARS_EXAMPLES=100 python -m pytest tests/property/test_event_store.py -q

desk: setup ## the retention team's desk on the week that `make run` published: http://127.0.0.1:8000
	@regulars serve

mlflow: setup ## the reviewer's view, on http://127.0.0.1:5000/#/experiments/1/runs
	@mlflow server --backend-store-uri sqlite:///$(CURDIR)/mlflow.db --artifacts-destination $(CURDIR)/mlruns --serve-artifacts --host 127.0.0.1 --port 5000 --workers 1

docs: setup-dev ## reference pages and the flow's picture from the code, then the site in site/; a warning fails
	@python -m events.dictionary docs/DATA.md
	@python -m features.documentation docs/FEATURES.md docs/features.json
	@python -m pipeline.reference.pages docs/reference
	@python -m pipeline.reference.licences docs/reference/licences.md
	@python -m pipeline.reference.flow_picture dvc.yaml docs/pictures/flow.svg
	@zensical build --strict

pictures: setup-dev ## the documentation's pictures of desk and MLflow, from two projects that have run (SHOP=folder RECORD=folder); needs Chromium
	@python -m benchmarks.pictures $(SHOP) $(RECORD)

figures: setup ## the last run's figures into docs/benchmarks and the README
	@python -m benchmarks.figures

bench: setup-dev ## every stage at 100,000 and a million lines, in processes and on Dask, and what one more week costs: some minutes
	@python -m benchmarks.scale --lines 100000 1000000 --places 100000 --history 1000000
	@python -m benchmarks.scale.shared_fit

bench-full: setup-dev ## the same with 10 million lines: an hour or more
	@python -m benchmarks.scale --lines 100000 1000000 10000000 --places 1000000 --history 10000000 --fit-sizes 10000000
	@python -m benchmarks.scale.shared_fit 30000 300000 3000000
	@python -m benchmarks.scale.factors

bench-features: setup-dev ## features by our engine and its rivals, 1 M and 10 M simulated lines (LINES=… for others)
	@python -m benchmarks.features.run --lines $(LINES) --cutoffs 1 12 --repeat 3

bench-quality: setup ## the model beside its baselines on real and simulated shops (REGULARS_BENCHMARK_DATA=folder for Online Retail II)
	@python -m benchmarks.quality $(SHOPS)

bench-offers: setup ## optimiser against its bound and HiGHS, up to 10 million customers; goods named against what was bought (SEEDS="7 8 9")
	@python -m benchmarks.offers --seed $(SEEDS)

bench-effects: setup ## policies on stores of known truth, coverage of intervals, learning; up to three hours (STORES=2 for a taste; REGULARS_BENCHMARK_DATA=folder for Hillstrom)
	@OPENBLAS_NUM_THREADS=1 python -m benchmarks.effects --seeds $(STORES)

bench-desk: setup-dev ## the desk under load: a million entries, fifty readers, a week published meanwhile; an hour (ENTRIES=20000 for a taste)
	@python -m benchmarks.desk.run --entries $(ENTRIES) --think 3

coverage: setup-dev ## branches that the tests take, in stages and servers too: an hour or more
	@coverage run -m pytest tests -q -m "not prove" -n $(TEST_WORKERS) --dist loadfile
	@coverage combine -q && coverage report --skip-covered

mutants: setup-dev ## wrong lines on purpose in time, guard, economics and gate, and which tests notice (docs/mutants.md): hours
	@mutmut run
	@mutmut results

audit: $(UV) ## known weaknesses of the locked packages, asked of the package index's own list (needs the network)
	@$(UV) tool run pip-audit -r requirements.lock --require-hashes --disable-pip

lock: $(UV) ## resolve the exact versions anew
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## delete outputs (never state: published/, inbox/, ledger/, mlflow.db, mlruns/)
	@rm -rf data audit artifacts reports site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.uv/*' -prune -exec rm -rf {} +
