# Two environments, so that what a user installs is what is proven:
#   .venv      the core install (no torch): `make demo`, and the core tests
#   .venv-dev  everything for development: `make test`, `make lint`
# A changed C++ file or pyproject.toml reinstalls the environment that is asked for.

PYTHON ?= python3
CORE := .venv
DEV := .venv-dev
CORE_PYTHON := $(CORE)/bin/python
DEV_PYTHON := $(DEV)/bin/python
PIP_INSTALL := -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
NATIVE := CMakeLists.txt $(shell find runtime/kernels/cpu/csrc -type f)
PYTEST := -m pytest -p no:cacheprovider -q
JOBS ?= 2
# What must work where torch is not: run again in the core environment.
CORE_TESTS := tests/appkit tests/runtime/engine tests/runtime/embedding tests/test_examples.py

.PHONY: help demo setup test test-all test-core lint format fuzz clean

help:
	@echo "make demo      set up and ask a folder of documents (no torch)"
	@echo "make test      set up for development and run the test suite"
	@echo "make test-all  the same with the slow tests"
	@echo "make lint      formatting, ruff, mypy, clang-format"
	@echo "make format    write the formatting that lint asks for"
	@echo "make fuzz      fuzz the file reader and the template sandbox for five minutes each"
	@echo "make clean     remove environments and builds"

demo: $(CORE)/.installed
	@$(CORE_PYTHON) -m appkit.cli.demo

setup: $(DEV)/.installed

test: $(DEV)/.installed $(CORE)/.installed-test
	$(DEV_PYTHON) $(PYTEST) -n $(JOBS) -m "not slow and not gpu"
	$(CORE_PYTHON) $(PYTEST) -m "not slow and not gpu" $(CORE_TESTS)

test-all: $(DEV)/.installed $(CORE)/.installed-test
	$(DEV_PYTHON) $(PYTEST) -n $(JOBS) -m "not gpu"
	$(MAKE) test-core

test-core: $(CORE)/.installed-test
	$(CORE_PYTHON) $(PYTEST) -m "not slow and not gpu" $(CORE_TESTS)

lint: $(DEV)/.installed
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy
	$(DEV)/bin/clang-format --dry-run -Werror $$(git ls-files '*.cpp' '*.h')

format: $(DEV)/.installed
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/clang-format -i $$(git ls-files '*.cpp' '*.h')

fuzz: $(DEV)/.installed
	$(DEV_PYTHON) $(PIP_INSTALL) atheris
	$(DEV_PYTHON) -m tests.fuzz.fuzz_gguf -max_total_time=300
	$(DEV_PYTHON) -m tests.fuzz.fuzz_sandbox -max_total_time=300

clean:
	rm -rf $(CORE) $(DEV) build dist .mypy_cache .ruff_cache .hypothesis

.PHONY: check-machine
check-machine:
	@sh scripts/check_machine.sh "$(PYTHON)"

$(CORE)/.installed: pyproject.toml constraints.txt $(NATIVE) | check-machine
	@echo "Setting up $(CORE): the core install, a minute or two the first time …"
	@test -x $(CORE_PYTHON) || $(PYTHON) -m venv $(CORE)
	@$(CORE_PYTHON) $(PIP_INSTALL) --editable .
	@touch $@

$(CORE)/.installed-test: $(CORE)/.installed
	@$(CORE_PYTHON) $(PIP_INSTALL) pytest hypothesis
	@touch $@

$(DEV)/.installed: pyproject.toml constraints.txt $(NATIVE) | check-machine
	@echo "Setting up $(DEV): everything for development, a few minutes the first time …"
	@test -x $(DEV_PYTHON) || $(PYTHON) -m venv $(DEV)
	@$(DEV_PYTHON) $(PIP_INSTALL) --editable '.[dev]'
	@touch $@
