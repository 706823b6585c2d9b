# The two commands: `make repro` and `make test`. `make` alone lists all.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export OMP_NUM_THREADS ?= 1
READY := $(VENV)/.ready
# uv is faster, where there is one; pip takes over where it fails, as behind a mirror that only pip knows of.
pip = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $1
install = $(if $(shell command -v uv),uv pip install --quiet --python $(VENV)/bin/python $1 || )$(pip)

.PHONY: help setup doctor repro compare smoke lint test test-all reliability lock audit bench ui docs backbone
help:            ## what there is
	@echo "make repro gives the tables, make test tests; README.md says more."
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(call install,--require-hashes -r requirements.lock)
	$(call install,--no-deps --editable .)
	touch $@

setup: $(READY) ## the environment in .venv, by uv where there is one

doctor: setup    ## does this machine have what is needed? one line each, and what mends it
	@PYTHONPATH=src python -m m2clip.cli doctor $(if $(PROFILE),--profile $(PROFILE))

repro: setup     ## videos, training, evaluation, report; of the paper's rows; TABLES=methods (audit, all) or ROWS="clip main" for others, PROFILE=paper
	PYTHONPATH=src python -m m2clip.stages.repro $(PROFILE) $(if $(ROWS),--rows $(ROWS)) $(if $(TABLES),--tables $(TABLES))
	PYTHONPATH=src python -m m2clip.stages.readme
	PYTHONPATH=src python -m m2clip.cli compare $(if $(PROFILE),--profile $(PROFILE))

compare: setup   ## each run against the committed one: the same bits, within what another processor explains, or different
	@PYTHONPATH=src python -m m2clip.cli compare $(if $(PROFILE),--profile $(PROFILE))

smoke: setup     ## does everything work here? four rows on a tiny world, in a copy, a few minutes
	PYTHONPATH=src python -m m2clip.stages.smoke

lint: setup      ## format, lint, types, arrows between packages
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-cache > /dev/null || lint-imports --no-cache

test: setup      ## the tests
	pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

test-all: lint test ## lint, tests and the slow ones: a second clone, queues, servers
	pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder -m slow

reliability: setup ## kills, broken videos, hostile files: what survived, and how long it took, in reports/reliability.md
	PYTHONPATH=src nice python benchmarks/reliability.py

lock: setup      ## after a change of requirements.txt: every package with its hashes, which `make setup` checks
	$(call install,uv)
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url requirements.txt --output-file requirements.lock

audit: setup     ## known vulnerabilities of the locked packages; needs the network, and fails where one is not known there
	$(call install,pip-audit)
	$(VENV)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

bench: setup     ## speed at full size on one thread, about twelve minutes: benchmarks/results and COST.md; WHAT=step for one
	for what in $(or $(WHAT),step scale decode inference memory counts cost); do PYTHONPATH=src python benchmarks/$$what.py || exit 1; done

ui: setup        ## MLflow, filled from the repository's files, on http://127.0.0.1:5000
	PYTHONPATH=src python -m m2clip.stages.sync --serve 5000

docs: setup      ## the pages of docs/, the report and the public functions as a site, in site/
	$(call install,-r requirements-docs.txt)
	PYTHONPATH=src NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "site/index.html"

backbone: setup  ## train the synthetic CLIP anew, about 70 minutes on one core; PROFILE=standard: the larger world's, on a GPU
	PYTHONPATH=src python -m m2clip.stages.backbone $(PROFILE)
	$(if $(filter-out embedded,$(PROFILE)),,dvc commit --force experiments/backbone/dvc.yaml)
