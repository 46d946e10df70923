# Every target sets up what it needs: a virtual environment of the pinned versions, made once and reused while they are
# unchanged; .venv for all but the benchmarks, whose peers fill another.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
ALL_STAMP := .venv/.ready-all
BENCH_STAMP := .venv-bench/.ready
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo examples docs test test-all lint bench clean

demo: $(STAMP)
	$(BIN)/python examples/weather.py
	@echo "Watch this network in a browser: runs/weather/page.html"

examples: $(STAMP)
	for name in weather weather_hours stock_ticks one_to_one voices frames sentences translation; do \
		$(BIN)/python examples/$$name.py || exit 1; \
	done
	$(BIN)/python examples/gallery.py

# The pages, with pictures drawn anew; a warning is an error. They lie in docs/_build/index.html.
docs: $(STAMP)
	$(BIN)/python docs/pictures.py
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build

# The everyday suite; what it leaves out is marked `extra`, `long` or `distributed`, and runs in test-all.
LEFT_OUT := extra or long or distributed

test: lint
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not ($(LEFT_OUT))"

# The everyday suite, and then what it leaves out: no test runs twice.
test-all: test $(ALL_STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "$(LEFT_OUT)"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(BENCH_STAMP)
	.venv-bench/bin/python benchmarks/recurrence.py
	.venv-bench/bin/python benchmarks/cells.py
	.venv-bench/bin/python benchmarks/fit.py
	.venv-bench/bin/python benchmarks/generation.py
	.venv-bench/bin/python benchmarks/gpu.py

clean:
	rm -rf .venv .venv-bench runs build dist docs/_build docs/pictures *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	$(call environment,.venv)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[examples,test,docs]'
	@touch $@

# Into the same environment: the packages that the tests marked `extra` need.
$(ALL_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[examples,test,docs,test-all]'
	@touch $@

# A peer that does not install here is left out; its rows then read "not measured".
$(BENCH_STAMP): pyproject.toml constraints.txt
	$(call environment,.venv-bench)
	.venv-bench/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[examples]'
	-.venv-bench/bin/python -m pip install --quiet --constraint constraints.txt jax
	-.venv-bench/bin/python -m pip install --quiet --constraint constraints.txt torch
	@touch $@

define environment
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(0 if ok else f"Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is {sys.version.split()[0]}. Name another: make PYTHON=python3.13")'
	$(PYTHON) -m venv --clear $(1)
endef
