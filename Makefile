# Everything goes into .venv; the two commands of a fresh machine are `make demo` and `make test`.
PYTHON ?= python3
PIP = .venv/bin/pip --disable-pip-version-check --quiet

.PHONY: demo test run soak bench screenshots check audit licences sbom lock clean

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
	.venv/bin/python -m tests.supply.licences
	.venv/bin/python -m tests.supply.audit

audit: .venv/installed-dev
	.venv/bin/python -m tests.supply.audit $(ARGS)

licences: .venv/installed-dev
	.venv/bin/python -m tests.supply.licences

# Of what is deployed alone, so from an environment without the tools of development.
sbom: .venv/installed-dev
	rm -rf build/runtime
	mkdir -p build
	$(PYTHON) -m venv --without-pip build/runtime
	$(PIP) --python build/runtime/bin/python install --require-hashes -r requirements.txt
	.venv/bin/cyclonedx-py environment build/runtime --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json
	.venv/bin/python -m tests.supply.sbom build/sbom.json

lock: .venv/installed-dev
	.venv/bin/pip-compile $(LOCK) --extra postgres --output-file requirements.txt pyproject.toml
	.venv/bin/pip-compile $(LOCK) --extra postgres --extra dev --output-file requirements-dev.txt pyproject.toml

LOCK = --quiet --generate-hashes --allow-unsafe --no-strip-extras --no-annotate --no-header \
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
