# The commands of this project. `make demo` and `make test` install what is missing before they begin.
.DEFAULT_GOAL := help
.PHONY: help setup up demo fast lint types imports pure test crashes others mutants bench format lock docs recording picture clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
SETUP := $(PYTHON) -m emulator_tests.testbed.setup
BIN := venv/bin
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform linux \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
CRASHES_LOG := .testbed/logs/crashes.log

help: ## Show this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

setup: ## Install everything the other commands need, side by side; nothing is done twice.
	@$(SETUP)

demo: setup ## Run the whole stack and tell one session's story, step by step, on a real video; PROVIDER=cloudflare.
	@PROVIDER=$(PROVIDER) $(BIN)/python -m emulator_tests.demo

up: setup ## Run the whole stack until Ctrl-C and show its addresses.
	@$(BIN)/python -m emulator_tests.testbed

fast: ## Check style, types and imports and run the tests that need nothing: some two minutes.
	@$(SETUP) python
	@$(MAKE) -j4 --output-sync=target lint types imports pure

lint:
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports --no-logo

pure:
	@$(BIN)/pytest --quiet -m "not long" emulator_tests/pure

test: setup lint types imports ## Run every check and every test, through the real emulators; the crashes beside the others.
	@$(MAKE) -j2 crashes others

# Whole only together with the others: they take as long, and wait for emulators while these compute.
crashes:
	@echo "The crashes run beside the other tests; how far they are stands in $(CRASHES_LOG)."
	@$(BIN)/pytest --quiet emulator_tests/crashes >$(CRASHES_LOG) 2>&1 || { cat $(CRASHES_LOG); exit 1; }
	@echo; echo "The crashes: $$(tail -n 1 $(CRASHES_LOG))"

others:
	@$(BIN)/pytest --ignore=emulator_tests/crashes

mutants: ## Change each decision in small ways and see a pure test fail; MODULE=hosts/decide for one module.
	@$(SETUP) python
	@$(BIN)/python -m emulator_tests.mutants $(MODULE)

bench: setup ## Measure us and our peers in one run; AREA=ks|cold|calls|feed|events|join|erasure|idle|crowd for one of them.
	@$(BIN)/python -m emulator_tests.bench $(AREA)

format: ## Bring every file into the common style.
	@$(SETUP) python
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

lock: ## Write requirements*.txt anew after a change of requirements*.in; UPGRADE=1 takes the newest of what these bring.
	@$(SETUP) python
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in --output-file requirements-dev.txt

docs: ## Write the generated parts of the documentation: settings, error codes, the picture of the README.
	@$(SETUP) python
	@$(BIN)/python -m emulator_tests.documentation

recording: setup ## Record a run of the demo, and draw the picture of the README from it.
	@PROVIDER=$(PROVIDER) $(BIN)/python -m emulator_tests.demo.recording
	@$(BIN)/python -m emulator_tests.documentation

picture: ## Make the video that demo and tests upload anew: 12 s of a moving test picture and a tone.
	@ffmpeg -loglevel error -y -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440:sample_rate=44100 \
		-t 12 -c:v libx264 -preset veryslow -crf 30 -pix_fmt yuv420p -c:a aac -b:a 64k -ac 1 -map_metadata -1 -fflags +bitexact \
		-movflags +faststart emulator_tests/testbed/test-picture.mp4

clean: ## Remove everything that was installed or written.
	rm -rf .testbed venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . \( -name __pycache__ -o -name node_modules \) -type d -prune -exec rm -rf {} +
