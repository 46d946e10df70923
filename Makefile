# Every target sets up what it needs: a virtual environment of the pinned versions, made once and reused while they are
# unchanged; .venv for all but the benchmarks, whose peers fill another.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
ALL_STAMP := .venv/.ready-all
BENCH_STAMP := .venv-bench/.ready
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help demo examples docs notebook test test-all lint bench clean

help: ## this list; the first target that is run fills .venv: some minutes, 3.2 GB
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1|\2/p' Makefile | while IFS='|' read -r target text; do printf '%-16s%s\n' "$$target" "$$text"; done
	@echo "PYTHON=python3.13 behind a target names the Python for .venv: 3.11, 3.12 or 3.13."

demo: $(STAMP) ## tomorrow's temperature from 14 days: trains, scores, draws, exports; 21 s on 2 cores
	$(BIN)/python examples/weather.py
	@echo "The result: open runs/weather/page.html in a browser; picture.png beside it, saved_models/weather. Next: make examples"

examples: $(STAMP) ## all eight examples and their gallery; 20 minutes on 2 cores
	for name in weather weather_hours stock_ticks one_to_one voices frames sentences translation; do \
		$(BIN)/python examples/$$name.py || exit 1; \
	done
	$(BIN)/python examples/gallery.py
	@echo "The result: examples/README.md, with a picture of each in examples/pictures"

# A warning is an error.
docs: $(STAMP) ## the pages, with pictures drawn anew; a minute on 2 cores
	$(BIN)/python docs/pictures.py
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "The result: docs/_build/index.html"

notebook: $(STAMP) ## the guide as a notebook, run from top to bottom; two minutes on 2 cores
	$(BIN)/python docs/notebook.py
	@echo "The result: examples/rnn_basics.ipynb"

# The everyday suite; what it leaves out is marked `extra`, `long` or `distributed`, and runs in test-all.
LEFT_OUT := extra or long or distributed
# Without its optimisations XLA compiles faster, and computes the same; what is left out has them.

test: lint ## lint, the everyday tests, every docstring's and most pages' examples; 4 minutes on 2 cores
	XLA_FLAGS="$(XLA_FLAGS) --xla_backend_optimization_level=0" \
		$(BIN)/python -m pytest -n auto --dist worksteal -m "not ($(LEFT_OUT))"
	@echo "The result: all everyday tests passed"

# The everyday suite, and then what it leaves out: no test runs twice.
test-all: test $(ALL_STAMP) ## what a merge must pass: test, and what it leaves out; installs JAX and PyTorch
	$(BIN)/python -m pytest -n auto --dist worksteal -m "$(LEFT_OUT)"
	@echo "The result: all tests passed"

lint: $(STAMP) ## ruff, mypy and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	@echo "The result: nothing to mend"

bench: $(BENCH_STAMP) ## speed beside Keras, PyTorch and JAX, in an environment of their own; 25 minutes on 2 cores
	.venv-bench/bin/python benchmarks/recurrence.py
	.venv-bench/bin/python benchmarks/cells.py
	.venv-bench/bin/python benchmarks/fit.py
	.venv-bench/bin/python benchmarks/generation.py
	.venv-bench/bin/python benchmarks/gpu.py
	.venv-bench/bin/python benchmarks/scale.py
	@echo "The result: the tables above; benchmarks/README.md explains them"

clean: ## removes what the others made, but not saved_models
	rm -rf .venv .venv-bench runs build dist docs/_build docs/pictures docs/pages *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "The result: runs, .venv and what was built are gone; saved_models is kept"

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
	-.venv-bench/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[onnx,litert]'
	@touch $@

define environment
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(0 if ok else f"Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is {sys.version.split()[0]}. Name another: make PYTHON=python3.13")'
	$(PYTHON) -m venv --clear $(1)
endef
