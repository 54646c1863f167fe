# The front door: `make` lists the targets. Everything is installed into .venv from hash-locked requirements;
# nothing outside of this folder is touched.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # targets share one environment

VENV := .venv
BIN := $(VENV)/bin
# A third of the time tests wait for servers: three workers keep two cores busy.
WORKERS ?= 3
SCENARIO ?=
LISTEN ?=
QUICK ?=
UPGRADE ?=
# A benchmark is a module that has a quick mode; the others are its parts.
BENCHMARKS ?= $(sort $(patsubst benchmarks/%.py,%,$(shell grep -l -e '--quick' benchmarks/*.py)))
# The complete environment serves the demo too; on a fresh machine a smaller one is made.
DEMO_READY := $(if $(wildcard $(VENV)/.ready-dev),$(VENV)/.ready-dev,$(VENV)/.ready-demo)
# Holds a budget of processor time, of which a tracer takes its share.
UNTRACED := --deselect tests/exposition/test_cost.py::test_ten_thousand_series_in_twenty_milliseconds
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" --quiet $(if $(UPGRADE),--upgrade)

.PHONY: help demo test coverage check bench docs site lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO_READY) ## a leaking model, from training to the alert (SCENARIO=clean: a healthy one; LISTEN=host:port)
	@$(BIN)/sentinel demo $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(LISTEN),--listen $(LISTEN))

test: $(VENV)/.ready-dev ## all tests and docstring examples (WORKERS=3; TESTS='tests/stats -k auc')
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --doctest-modules $(TESTS)

coverage: $(VENV)/.ready-dev ## the same under branch coverage, by package
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal --doctest-modules $(UNTRACED) $(TESTS)
	$(BIN)/coverage combine --quiet
	@for package in sentinel/*/; do \
		printf '%-24s %s %%\n' "$$package" "$$($(BIN)/coverage report --format=total --precision=1 --include="$$package**")"; \
	done | grep -v __pycache__
	@printf '%-24s %s %%\n' all "$$($(BIN)/coverage report --format=total --precision=1)"

check: $(VENV)/.ready-dev ## style, types, layers, configurations, alert rules, scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/check-jsonschema --schemafile docs/reference/config.schema.json configs/*.yaml \
		deploy/compose/sentinel.yaml deploy/kustomize/overlays/example/sentinel.yaml
	$(BIN)/python helm/readme.py --check
	for file in configs/*.yaml; do $(BIN)/sentinel check-config "$$file"; done
	if [[ -e deploy/prometheus/alerts.yaml ]]; then $(BIN)/sentinel rules --check deploy/prometheus/alerts.yaml; fi
	$(BIN)/sentinel dashboards --check dashboards
	$(BIN)/yamllint --strict .
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.renovate renovate.json
	$(BIN)/shellcheck .ci/run .ci/setup.sh .ci/package.sh

bench: $(VENV)/.ready-dev ## measure what the documents claim (QUICK=1: minutes, not an hour; BENCHMARKS=name)
	@for name in $(BENCHMARKS); do \
		printf '\n== %s\n' "$$name"; \
		$(BIN)/python -m "benchmarks.$$name" $(if $(QUICK),--quick); \
	done

docs: $(VENV)/.ready-dev ## write again what is generated from code: schemas, metrics, alert rules, dashboards
	$(BIN)/sentinel schema config > docs/reference/config.schema.json
	$(BIN)/sentinel schema report > docs/reference/report.schema.json
	$(BIN)/sentinel schema audit > docs/reference/audit.schema.json
	$(BIN)/python -m sentinel.audit.report.reference > docs/reference/audit.md
	$(BIN)/python -m sentinel.exposition.reference > docs/reference/metrics.md
	$(BIN)/python -m sentinel.exposition.alert_reference > docs/reference/alerts.md
	$(BIN)/python -m sentinel.api.reference > docs/reference/python.md
	$(BIN)/sentinel rules > deploy/prometheus/alerts.yaml
	$(BIN)/sentinel dashboards --output dashboards
	$(BIN)/python helm/readme.py
	$(BIN)/python -m sentinel.config.reference > docs/reference/configuration.md
	$(BIN)/python -m sentinel.cli.reference > docs/reference/cli.md
	$(BIN)/python -m sentinel.diagnosis.report_reference > docs/reference/report.md
	$(BIN)/python -m sentinel.exposition.api_reference > docs/reference/http.md

site: $(VENV)/.ready-dev ## the documents as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lock: $(VENV)/.ready-dev ## pin requirements/ to what pyproject.toml asks for (UPGRADE=1: to the newest)
	$(COMPILE) pyproject.toml --extra simulation --group build --group test --group check --group docs -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra simulation --group build -c requirements/dev.txt -o requirements/demo.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) pyproject.toml --extra avro --extra confluent --extra protobuf -c requirements/dev.txt -o requirements/image.txt
	$(COMPILE) --group build --group release -c requirements/dev.txt -o requirements/release.txt

clean: ## remove the environment and everything that was built, measured or cached
	rm -rf $(VENV) .cache build dist site .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find sentinel tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		exec "$$python" -m venv $(VENV); \
	done; \
	echo "make: Python 3.11 or newer is needed; name it with PYTHON=/path/to/python3.11" >&2; exit 1

# The lock file is newer than the stamp: install what it says. Files that are cached are not fetched again.
$(VENV)/.ready-%: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "Installing requirements/$*.txt into $(VENV) (a minute or so the first time)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
