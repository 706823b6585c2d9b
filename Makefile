# The two commands: `make repro` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export OMP_NUM_THREADS ?= 1
READY := $(VENV)/.ready

.PHONY: help setup repro smoke test test-all ui backbone
help:            ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

setup: $(READY) ## the environment in .venv

repro: setup     ## videos, training, evaluation, report; PROFILE=paper for another profile, ROWS="clip main" for some rows
	PYTHONPATH=src python -m m2clip.stages.repro $(PROFILE) $(if $(ROWS),--rows $(ROWS))
	PYTHONPATH=src python -m m2clip.stages.readme

smoke: setup     ## does everything work here? four rows on a tiny world, in a copy, two minutes
	PYTHONPATH=src python -m m2clip.stages.smoke

test: setup      ## lint, types, tests
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-cache > /dev/null || lint-imports --no-cache
	pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

test-all: test   ## those and the slow ones: a second clone, queues, servers
	pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder -m slow

ui: setup        ## MLflow, filled from the repository's files, on http://127.0.0.1:5000
	PYTHONPATH=src python -m m2clip.stages.sync --serve 5000

backbone: setup  ## train the synthetic CLIP anew, 80 minutes on one core; PROFILE=standard: the larger world's, on a GPU
	PYTHONPATH=src python -m m2clip.stages.backbone $(PROFILE)
	$(if $(filter-out embedded,$(PROFILE)),,dvc commit --force experiments/backbone/dvc.yaml)
