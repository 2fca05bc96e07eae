# The two commands of the README come first; each does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := .venv-extras
# Tests run small matrices in many processes: more threads would only fight.
TEST_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test install lint bench bench-speed studies-quick fuzz test-slow test-browser test-extras format dist docs clean

demo: $(VENV)/.installed
	$(BIN)/kinema demo --out demo

test: $(VENV)/.installed-dev
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist loadfile

install: $(VENV)/.installed

test-slow: $(VENV)/.installed-dev
	$(TEST_ENV) $(BIN)/python -m pytest -m slow

# The pages in a real browser: one named by CHROMIUM, or what there is, or else Debian's chromium, which is installed.
CHROMIUM ?= $(or $(shell command -v chromium || command -v chromium-browser || command -v google-chrome),chromium)
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)
test-browser: $(VENV)/.installed-dev
	command -v $(CHROMIUM) > /dev/null || $(SUDO) apt-get install -y chromium
	$(TEST_ENV) CHROMIUM="$$(command -v $(CHROMIUM))" $(BIN)/python -m pytest -m browser tests/browser

# ptlflow's pins would hurt the core: an environment of its own, without constraints.txt. It brings an OpenCV
# with windows, which needs libGL; the one without is put over it.
test-extras: $(EXTRAS)/.installed
	$(TEST_ENV) $(EXTRAS)/bin/python -m pytest tests/flow/test_methods.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check src tests bench docs
	$(BIN)/ruff format --check src tests bench docs
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix src tests bench docs
	$(BIN)/ruff format src tests bench docs

# Whole pipelines against the naive one, beside what this machine can do; CLIPS is a folder of your own videos.
bench-speed: $(VENV)/.installed-dev
	$(BIN)/python bench/speed.py $(CLIPS)

# Fuzzing and the studies have targets of their own; the others need real clips, a GPU, or a quarter of an hour.
NO_BENCH := $(addprefix bench/,cluster.py cost.py directions.py doubts.py finetune.py fuzz.py gpu.py heads.py label_order.py live.py live_soak.py motion_pretraining.py motion_trial.py risk.py serve.py studies.py timeline.py which.py)

bench: $(VENV)/.installed-dev
	for script in $(filter-out $(NO_BENCH),$(wildcard bench/[a-z]*.py)); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# Every study to its end with --quick, and the table of docs/reproduction/runs.md.
studies-quick: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python bench/studies.py

# 1,000 damaged videos, then damaged runs and stores, through the command line; ends in an error if one answers
# with a traceback, hangs, or has neither features nor a reason.
fuzz: $(VENV)/.installed-dev
	$(TEST_ENV) $(BIN)/python bench/fuzz.py

# A wheel and an sdist in dist/.
dist: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build

# The site in site/; a dead link or a name that is not there is an error.
docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

$(EXTRAS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(EXTRAS)
	$(EXTRAS)/bin/pip install --quiet --upgrade pip
	$(EXTRAS)/bin/pip install --quiet -e '.[test,flownet2]'
	$(EXTRAS)/bin/pip install --quiet --force-reinstall --no-deps opencv-contrib-python-headless
	touch $@

clean:
	rm -rf $(VENV) $(EXTRAS) demo build dist site
