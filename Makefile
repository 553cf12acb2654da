# The two commands most people need are `make run` and `make test`.

HOST ?= 127.0.0.1
PORT ?= 8501
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run class warm test test-deploy lint lock bench soak clean venv venv-dev browser

help:
	@echo "make run     serve the book on http://$(HOST):$(PORT) (PORT=..., HOST=...)"
	@echo "make class   serve it to a class: on the local network, with its address as a QR code"
	@echo "make warm    train the experiments of the chapters beforehand, so that a class finds them done"
	@echo "make test    everything that must hold: lint, types, layering, unit, page and browser tests"
	@echo "make lint    the quick part of it, as before every commit"
	@echo "make test-deploy  nginx before two processes, one of which ends: deploy/"
	@echo "make lock    what is installed and its licences anew, after a change of requirements*.txt"
	@echo "make bench   measure what the README says, each beside something to compare with"
	@echo "make soak    open and close 500 tabs: does the server give back what they took?"
	@echo "make clean   remove .venv and all caches"

run: venv
	@$(BIN)/python -m bn_ui.preflight --host "$(HOST)" --port "$(PORT)"
	@echo
	@echo "  The book is at  http://$(HOST):$(PORT)   (Ctrl+C stops it)"
	@[ "$(HOST)" != 0.0.0.0 ] || for address in $$(hostname -I 2>/dev/null); do \
	  case $$address in *:*) ;; *) echo "  for others at   http://$$address:$(PORT)" ;; esac; \
	done
	@echo
	@exec $(BIN)/streamlit run app.py \
	  --server.address "$(HOST)" --server.port "$(PORT)" --server.headless true

class: venv
	@exec $(BIN)/python -m bn_ui.serve_class --port "$(PORT)"

warm: venv
	@$(BIN)/python -m bn_ui.prepare

test: lint browser
	@echo "== pytest"
	@$(BIN)/pytest -n 2 --dist worksteal

test-deploy: venv-dev browser
	@sh tests/ensure_nginx.sh
	@echo "== pytest tests/deploy"
	@$(BIN)/pytest tests/deploy

lint: venv-dev
	@echo "== ruff format --check"
	@$(BIN)/ruff format --check .
	@echo "== ruff check"
	@$(BIN)/ruff check .
	@echo "== lint-imports"
	@$(BIN)/lint-imports
	@echo "== mypy bn_core"
	@$(BIN)/mypy bn_core
	@echo "== deptry"
	@$(BIN)/deptry . --config deptry.toml

# Everything that is installed, for every Python and system, with hashes; and whose licence it has.
lock: venv-dev
	@for list in requirements requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command "make lock" -o $$list.lock $$list.txt || exit 1; \
	done
	@$(BIN)/pip-licenses --no-version --with-urls --format markdown --output-file docs/LICENCES.md \
	  --packages $$(sed -n 's/^\([a-z0-9_.-]*\)==.*/\1/p' requirements.lock)

bench: venv-dev browser
	@PYTHONPATH=. $(BIN)/python benchmarks/core.py
	@PYTHONPATH=. $(BIN)/python benchmarks/training.py
	@PYTHONPATH=. $(BIN)/python benchmarks/runs.py
	@PYTHONPATH=. $(BIN)/python benchmarks/classroom.py
	@PYTHONPATH=. $(BIN)/python benchmarks/load.py
	@PYTHONPATH=. $(BIN)/python benchmarks/live_chart.py
	@PYTHONPATH=. $(BIN)/python benchmarks/steps.py
	@PYTHONPATH=. $(BIN)/python benchmarks/links.py

soak: venv-dev
	@PYTHONPATH=. $(BIN)/python benchmarks/soak.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

browser:
	@sh tests/ensure_browser.sh

# Each stamp is newer than the list it was installed from, so a changed list is installed again.

venv: .venv/installed
venv-dev: .venv/installed-dev

.venv/installed: requirements.txt | $(BIN)/pip
	@echo "== installing $<"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/installed-dev: requirements-dev.txt requirements.txt | $(BIN)/pip
	@echo "== installing $<"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@ .venv/installed

# Made by the first Python that is new enough. pip arrives in it last, so that without pip it is an
# attempt that was interrupted, to be made again.
$(BIN)/pip:
	@for candidate in python3.14 python3.13 python3.12 python3.11 python3; do \
	  command -v $$candidate >/dev/null 2>&1 || continue; \
	  $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  python=$$candidate; break; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or newer is needed and was not found. On Debian: apt-get install python3 python3-venv" >&2; \
	  exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "== making .venv with $$($$python --version)"; \
	$$python -m venv --clear .venv
