# The same steps as CI. `make check BIN=path/to/venv/bin` uses another environment than the one of run.sh.
BIN ?= .venv/bin
PYTHON = $(BIN)/python

.PHONY: check static test format schema bench load figures measure results

check: static test

static:
	sh .ci/static $(PYTHON)

test:
	$(PYTHON) -m pytest -rs

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

schema:
	$(PYTHON) -m lucidray schema > docs/reading.schema.json

bench:
	$(PYTHON) benchmarks/side_by_side.py --json docs/results/bench.json
	$(PYTHON) tools/readme_figures.py

load:
	$(PYTHON) benchmarks/load.py

figures:
	$(PYTHON) tools/readme_figures.py

# FILMS is a folder laid out as docs/training.md says. Writes docs/results/*.json, then the page.
measure:
	$(PYTHON) tools/measure.py $(FILMS)
	$(PYTHON) tools/results.py

results:
	$(PYTHON) tools/results.py
	$(PYTHON) tools/technical_report.py
