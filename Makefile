# Two commands do everything on a fresh machine with python3 (>= 3.10), pip and make: `make run` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

# Without compiled modules each start of Python takes half a second longer.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
FUZZ_SECONDS ?= 60
.PHONY: help run test test-fast test-random test-elsewhere coverage fuzz mutants lint firmware prebuilt keywords docs docs-picture bench \
	dist sbom man check-tag container clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.installed  ## set up, then bond and exchange 1000 messages (ARGS="--net my.elf" passes options)
	@$(BIN)/icmsg run $(ARGS)

test: $(VENV)/.installed-dev  ## set up, then run all tests: pytest and robot
	@echo "all tests: some minutes on two cores; make test-fast leaves out what is slow"
	$(BIN)/python -m pytest -q -n auto --dist worksteal
	$(BIN)/python -m robot --outputdir results/robot --console dotted robot_tests

test-fast: $(VENV)/.installed-dev  ## a minute or two: no compiled firmware, no process, no generated input
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow"

test-random: $(VENV)/.installed-dev  ## all of pytest with other examples of its properties each time, five times as many
	$(BIN)/python -m pytest -q -n auto --dist worksteal --hypothesis-profile random

test-elsewhere: $(VENV)/.installed-dev  ## a part of the tests with odd folders, signals, terminals and rights
	tests/elsewhere.sh $(BIN)/python tests/cli tests/monitor tests/pytest_plugin

coverage: $(VENV)/.installed-dev  ## branch coverage of wire, ipc and config; fails below 95 %
	$(BIN)/python -m pytest -q -n auto --cov --cov-report=term tests/wire tests/ipc tests/config tests/fuzz

fuzz: $(VENV)/.installed-dev  ## fuzz for FUZZ_SECONDS=60, half for several endpoints: guided by coverage where atheris has a wheel, else with random inputs
	@if $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary atheris -e '.[fuzz]'; \
	then for group in region endpoints; do \
	  $(BIN)/python fuzz/$$group.py -max_total_time=$$(($(FUZZ_SECONDS) / 2)) -verbosity=0 -print_final_stats=1 || exit 1; done; \
	else for group in region endpoints; do \
	  $(BIN)/python fuzz/random_driver.py --group $$group --seconds $$(($(FUZZ_SECONDS) / 2)) || exit 1; done; fi

mutants: $(VENV)/.installed-dev  ## mutation testing of wire and ipc with mutmut; takes an hour (MUTANTS="icmsg.wire*" chooses)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[mutants]'
	$(BIN)/mutmut run --max-children 2 $(MUTANTS)
	$(BIN)/mutmut results

lint: $(VENV)/.installed-dev  ## ruff and strict mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

firmware: $(VENV)/.installed-dev  ## build the stubs into firmware_stubs/obj with arm-none-eabi-gcc or pip's ziglang
	@command -v arm-none-eabi-gcc > /dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[firmware]'
	$(MAKE) -C firmware_stubs PYTHON='"$(abspath $(BIN)/python)"'

prebuilt: $(VENV)/.installed-dev  ## rebuild the committed images and their manifest (always with zig, byte for byte)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[firmware]'
	$(MAKE) -C firmware_stubs prebuilt example PYTHON='"$(abspath $(BIN)/python)"'
	$(MAKE) -C project_template/firmware -B LINK=../../firmware_stubs/src CACHE="$(CURDIR)/firmware_stubs/obj/cache" \
	  PYTHON="$(abspath $(BIN)/python)"

keywords: $(VENV)/.installed-dev  ## write the pages about the Robot keywords anew
	$(BIN)/python tests/robot/keyword_pages.py

docs-picture: $(VENV)/.installed-dev  ## draw the picture of docs/architecture.md anew from the imports
	$(BIN)/python docs/draw_architecture.py

docs: $(VENV)/.installed  ## build the site of the documentation into results/docs/site; a warning is an error
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(BIN)/python docs/build_site.py

bench: $(VENV)/.installed-dev  ## print the figures of benchmarks/README.md
	$(BIN)/python benchmarks/echo.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/codec.py
	$(BIN)/python benchmarks/backends.py
	$(BIN)/python benchmarks/remote.py
	$(BIN)/python benchmarks/stops.py
	$(BIN)/python benchmarks/execution.py
	$(BIN)/python benchmarks/traces.py 1000 15000

# The same commit gives the same bytes, whenever and wherever it is built.
DIST ?= dist
PINS := $(CURDIR)/.ci/build-constraints.txt
dist sbom man: export SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2> /dev/null),1577836800)

dist: $(VENV)/.installed-dev  ## build wheel and sdist into DIST=dist, byte for byte the same for a commit
	PIP_CONSTRAINT="$(PINS)" $(BIN)/python -m build --outdir "$(DIST)"

sbom: $(VENV)/.installed-dev  ## write what the package of DIST brings with it, as CycloneDX; after `make dist`
	@test -n "$$(ls "$(DIST)"/icmsg-*.whl 2> /dev/null)" || { echo "there is no wheel in $(DIST): run make dist" >&2; exit 1; }
	@rm -rf "$(DIST)/.sbom"
	$(BIN)/python -m venv --without-pip "$(DIST)/.sbom"
	$(BIN)/python -m pip --python "$(DIST)/.sbom/bin/python" install --quiet --disable-pip-version-check "$(DIST)"/icmsg-*.whl
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
	  -o "$(DIST)/icmsg.cdx.json" "$(DIST)/.sbom/bin/python"
	@rm -rf "$(DIST)/.sbom"

man: $(VENV)/.installed-dev  ## write the manual page icmsg.1 into DIST=dist, from the parser
	@mkdir -p "$(DIST)"
	COLUMNS=80 $(BIN)/argparse-manpage --module icmsg.cli.main --function build_parser --prog icmsg --project-name icmsg \
	  --version "$$($(BIN)/python -c 'import icmsg; print(icmsg.__version__)')" --manual-title "icmsg" \
	  --description "tests inter-core messaging without hardware" --output "$(DIST)/icmsg.1"

check-tag: $(VENV)/.installed-dev  ## does TAG=v1.2.3 name the version of the package
	@test "$(TAG)" = "v$$($(BIN)/python -c 'import icmsg; print(icmsg.__version__)')" \
	  || { echo "the tag $(TAG) is not v and the version in pyproject.toml and icmsg/__init__.py" >&2; exit 1; }

container:  ## build the container image icmsg, with podman or docker
	$$(command -v podman || command -v docker || echo podman) build --file Containerfile --tag icmsg .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "icmsg needs Python 3.10 or newer; $(PYTHON) is older. Use: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || $(PYTHON) -m virtualenv $(VENV) \
	  || { echo "cannot make a virtual environment: install python3-venv, or 'pip install virtualenv'"; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "setting up $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:  ## remove what the other targets made
	rm -rf $(VENV) results build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
