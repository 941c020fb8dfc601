# Every target sets up what it needs: a virtual environment with the pinned versions of constraints.txt.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The CPU build of torch: 3.0 GB in all, with CUDA some 4.5 more. TORCH_INDEX= takes the default build of your package index.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)
READY := $(VENV)/.ready

.PHONY: help setup bench test test-fast lowest lint models tiers trained learned-models explorer docs verify benchmarks clean
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@test -z "$(TORCH_INDEX)" || $(BIN)/python -m pip install --quiet --retries 0 --index-url $(TORCH_INDEX) -c constraints.txt $(TORCH) \
		|| echo "$(TORCH_INDEX) cannot be reached: taking the default build of torch"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(READY)

setup: $(READY) ## make the virtual environment

bench: $(READY) ## the main job: score methods against exact circuits
	$(BIN)/groundtruth bench

# A third worker on two cores was no faster: each keeps models and outcomes of its own.
WORKERS ?= 2

test: $(READY) ## every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-fast: $(READY) ## all but the slow tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not slow'

lowest: ## the command on the lowest versions that pyproject.toml allows
	bash .ci/lowest

lint: $(READY) ## ruff, pyright, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

tiers: $(READY) ## put eight shipped models on every tier again
	$(BIN)/python -m groundtruth.variants.build_variants
	$(BIN)/python -m groundtruth.variants.layer_norm.build_normed

models: $(READY) ## compile and prove the shipped models again
	$(BIN)/python -m groundtruth.compiler.build_models

trained: $(READY) ## train and certify the shipped trained models again (hours); what is there is kept, a stopped run continues
	OMP_NUM_THREADS=1 $(BIN)/python -m groundtruth.build_trained

learned-models: $(READY) ## train the shipped language models again and measure the first; a stopped run continues
	$(BIN)/python -m mib.learned.build
	$(BIN)/python -m mib.learned.measure

explorer: ## bundle the page of `groundtruth explore` (needs Node and npm)
	cd groundtruth/explorer/page && npm install --no-package-lock --no-audit --no-fund && node build.mjs

# DOCS=--quick leaves the notebooks' outputs out.
docs: $(READY) ## build the documentation site, build/docs/site/index.html, and check its links
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/python docs/site/build_site.py $(DOCS)

verify: $(READY) ## re-prove every shipped model
	$(BIN)/groundtruth verify

benchmarks: $(READY) ## speed and memory
	for script in benchmarks/*.py; do OMP_NUM_THREADS=1 $(BIN)/python $$script || exit 1; done

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
