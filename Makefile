# Everything goes into .venv; the two commands of a fresh machine are `make demo` and `make test`.
PYTHON ?= python3
PIP = .venv/bin/pip --disable-pip-version-check --quiet

.PHONY: demo test run soak bench screenshots check lock clean

demo: .venv/installed
	.venv/bin/python -m tests.demo

run: .venv/installed
	.venv/bin/dx-bridge serve

test: .venv/installed-dev
	.venv/bin/python -m pytest --numprocesses 2 --dist worksteal --cov --cov-report= $(ARGS)
	.venv/bin/coverage report --include 'mappers/*,app/incident.py,app/authority.py,app/view.py,app/policy.py,app/answers.py,app/retry.py,app/verify.py' --fail-under 100 --skip-covered

soak: .venv/installed-dev
	SOAK=1 .venv/bin/python -m pytest tests/store/test_machine.py tests/store/test_small_model.py $(ARGS)

bench: .venv/installed-dev
	.venv/bin/python -m tests.bench $(ARGS)

screenshots: .venv/installed-dev
	SCREENSHOTS=1 .venv/bin/python -m pytest tests/browser/test_looks.py $(ARGS)

check: .venv/installed-dev
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports

lock: .venv/installed-dev
	.venv/bin/pip-compile $(LOCK) --extra postgres --output-file requirements.txt pyproject.toml
	.venv/bin/pip-compile $(LOCK) --extra postgres --extra dev --output-file requirements-dev.txt pyproject.toml

LOCK = --quiet --generate-hashes --allow-unsafe --strip-extras --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --editable .
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(PIP) install --require-hashes -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv build *.egg-info
