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

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check lint prove mlflow docs figures bench-features bench-quality bench-offers lock clean

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

setup: .venv/.runtime inbox/champion.json inbox/tombstones.json inbox/excluded.txt ## the runtime environment in .venv
setup-dev: .venv/.dev ## the same with what tests need

run: setup ## the whole pipeline on the packaged data, then a summary
	@regulars run

test: lint ## every check and every test
	@python -m pytest tests -q -m "not prove"

check: lint ## what pre-commit and CI run first: lint, and the unit and architecture tests
	@python -m pytest tests/unit tests/architecture -q -m "not prove"

lint: setup-dev ## ruff, mypy, import contracts
	@ruff check . && ruff format --check .
	@mypy
	@lint-imports --no-logo

prove: setup-dev ## long proofs
	@python -m pytest tests -q -m "prove"
	@REGULARS_EXAMPLES=100 python -m pytest tests/property/test_event_store.py -q

mlflow: setup ## the reviewer's view, on http://127.0.0.1:5000/#/experiments/1/runs
	@mlflow server --backend-store-uri sqlite:///$(CURDIR)/mlflow.db --artifacts-destination $(CURDIR)/mlruns --serve-artifacts --host 127.0.0.1 --port 5000 --workers 1

docs: setup ## docs/DATA.md and docs/FEATURES.md from the contracts, rules and records
	@python -m events.dictionary docs/DATA.md
	@python -m features.documentation docs/FEATURES.md docs/features.json

figures: setup ## the last run's figures into docs/benchmarks and the README
	@python -m benchmarks.figures

bench-features: setup-dev ## features by our engine and its rivals, 1 M and 10 M simulated lines (LINES=… for others)
	@python -m benchmarks.features.run --lines $(LINES) --cutoffs 1 12 --repeat 3

bench-quality: setup ## the model beside its baselines on real and simulated shops (REGULARS_BENCHMARK_DATA=folder for Online Retail II)
	@python -m benchmarks.quality $(SHOPS)

bench-offers: setup ## optimiser against its bound and HiGHS, up to 10 million customers; goods named against what was bought (SEEDS="7 8 9")
	@python -m benchmarks.offers --seed $(SEEDS)

lock: $(UV) ## resolve the exact versions anew
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## delete outputs (never state: published/, inbox/, ledger/, mlflow.db, mlruns/)
	@rm -rf data audit artifacts reports .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.uv/*' -prune -exec rm -rf {} +
