# The commands of this project. `make demo` and `make test` install what is missing before they begin.
.DEFAULT_GOAL := help
.PHONY: help setup up up-parts demo fast quick-1 quick-2 lint types imports pure races test flows-1 flows-2 crashes-1 crashes-2 contract others \
	web app browser screenshots beside-web beside-browser deploy-check mutants audit sbom bench cost format lock docs recording picture clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
SETUP := $(PYTHON) -m emulator_tests.testbed.setup
BIN := venv/bin
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform linux \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
# What a demo needs: no store that speaks S3, no browser, no other clients. What is not missing is left out.
DEMO := hidane storage python node web app debian
AUDIT := $(BIN)/uv pip install --quiet --require-hashes --target .testbed/audit --requirement requirements-audit.txt
LOGS := .testbed/logs
RACES ?= 5000
# Without byte code every run would compile every test and every library anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: ## Install everything the other commands need, side by side; nothing is done twice.
	@$(SETUP)

demo: ## Run the whole stack and tell its story, step by step; PROVIDER=cloudflare, CHAPTERS=videos,live, OPEN=1 leaves it running.
	@$(SETUP) $(DEMO)
	@PROVIDER=$(PROVIDER) CHAPTERS=$(CHAPTERS) OPEN=$(OPEN) $(BIN)/python -m emulator_tests.demo

up-parts:
	@$(SETUP) $(DEMO) s3

up: up-parts ## Run the whole stack with the reference app, users and sessions, until Ctrl-C; PORTS=free for a second one.
	@$(BIN)/python -m emulator_tests.testbed $(if $(PORTS),--ports $(PORTS))

fast: ## Check style, types and imports and run the quick tests: some 20 s on two cores once caches are warm.
	@$(SETUP) python
	@$(MAKE) -j5 --output-sync=target lint types imports quick-1 quick-2

# Quick is what takes less than 50 ms and starts no process. Two halves, because each process has to collect its tests.
quick-1 quick-2: quick-%:
	@$(BIN)/pytest --quiet --fast --share $*/2 emulator_tests/pure

lint:
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports --no-logo

pure: ## Run all tests that need no emulator.
	@$(SETUP) python
	@$(BIN)/pytest --quiet emulator_tests/pure

races: ## Play ten times as many races as `make test` does; RACES=n for another number, RACES_FROM=n for other seeds.
	@$(SETUP) python
	@RACES=$(RACES) $(BIN)/pytest --quiet emulator_tests/pure/test_races.py emulator_tests/pure/test_archive_races.py

test: setup lint types imports ## Run every check and every test, through the real emulators, three parts side by side.
	@$(MAKE) -j3 flows-1 flows-2 crashes-1 crashes-2 contract beside-browser others beside-web

# The flows mostly wait for emulators, while the others compute: more at once would make the flows too slow. Each part shows its output when it fails.
define beside
	@echo "$@ run beside the other tests; how far they are stands in $(LOGS)/$@.log."
	@$(1) >$(LOGS)/$@.log 2>&1 || { cat $(LOGS)/$@.log; exit 1; }
	@sed -n '/ time per folder /,$$p' $(LOGS)/$@.log
endef

# Each has a stack of its own: the flows break its Kaltura, move its clock and kill its functions.
flows-1 flows-2: flows-%:
	$(call beside,TESTBED_STATE=$(CURDIR)/.testbed/flows-$* TESTBED_LANE=$* $(BIN)/pytest --quiet --share $*/2 emulator_tests/flow)

crashes-1 crashes-2: crashes-%:
	$(call beside,$(BIN)/pytest --quiet --share $*/2 emulator_tests/crashes)

# It has a stack of its own too, because `others` runs beside it.
contract:
	$(call beside,TESTBED_STATE=$(CURDIR)/.testbed/contract TESTBED_LANE=3 $(BIN)/pytest --quiet emulator_tests/contract)

others:
	@$(BIN)/pytest --ignore=emulator_tests/flow --ignore=emulator_tests/crashes --ignore=emulator_tests/contract

app: ## Build the reference app, if its sources have changed.
	@$(SETUP) app

web: app ## Check the web client: style, types, sizes, what it exports and packs, and its tests that need no stack.
	@cd web && npm run --silent check && npm run --silent sizes && npm run --silent api -- --check && npm run --silent pack
	@cd web && npm run --silent test

browser: app ## Run the tests in a browser on a stack of their own; ARGS="smoke --headed" for Playwright.
	@$(SETUP) $(DEMO) s3 chromium
	@$(BIN)/python -m emulator_tests.browser $(ARGS)

screenshots: app ## Take the pictures of the app anew, and the film of its slides: docs/screenshots/.
	@$(SETUP) $(DEMO) s3 chromium
	@$(BIN)/python -m emulator_tests.browser --config screenshots.config.ts

beside-web:
	@$(MAKE) web >$(LOGS)/web.log 2>&1 || { cat $(LOGS)/web.log; exit 1; }
	@tail -n 4 $(LOGS)/web.log

beside-browser:
	@echo "The tests in a browser run beside the others; how far they are stands in $(LOGS)/browser.log."
	@TESTBED_LANE=4 $(MAKE) browser >$(LOGS)/browser.log 2>&1 || { cat $(LOGS)/browser.log; exit 1; }
	@tail -n 2 $(LOGS)/browser.log

deploy-check: ## Check what prepares a project and removes Greenroom: the scripts, the files of its monitoring and the Terraform module, without a cloud.
	@$(SETUP) python debian terraform
	@$(BIN)/pytest --quiet -rs emulator_tests/deploy emulator_tests/pure/test_monitoring.py

mutants: ## Change each decision in small ways and see a pure test fail; MODULE=hosts/decide for one module.
	@$(SETUP) python
	@$(BIN)/uv pip install --quiet --require-hashes --target .testbed/mutants --requirement requirements-mutants.txt
	@PYTHONPATH=.testbed/mutants $(BIN)/python -m emulator_tests.mutants $(MODULE)

audit: ## Ask for known vulnerabilities of everything that runs in the cloud, and of the web client.
	@$(SETUP) python web
	@$(AUDIT)
	@PYTHONPATH=.testbed/audit $(BIN)/python -m pip_audit --require-hashes --requirement requirements.txt
	@PYTHONPATH=.testbed/audit $(BIN)/python -m pip_audit --require-hashes --requirement convert/requirements.txt
	@cd web && npm audit --omit=dev

sbom: ## List what a deployment is made of, as CycloneDX: .testbed/sbom/.
	@$(SETUP) python web
	@$(AUDIT)
	@mkdir -p .testbed/sbom
	@PYTHONPATH=.testbed/audit $(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml \
		--output-reproducible --output-file .testbed/sbom/functions.cdx.json requirements.txt
	@PYTHONPATH=.testbed/audit $(BIN)/python -W ignore -m cyclonedx_py requirements \
		--output-reproducible --output-file .testbed/sbom/converter.cdx.json convert/requirements.txt
	@cd web && npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx >../.testbed/sbom/web.cdx.json
	@ls .testbed/sbom/*.json

bench: setup ## Measure us and our peers in one run; AREA=ks|cold|calls|feed|events|join|erasure|idle|crowd|slides|archive|upload|watch for one of them.
	@$(BIN)/python -m emulator_tests.bench $(AREA)

cost: ## Count what Google would bill, and write docs/cost.md; some ten minutes.
	@$(SETUP) python
	@$(BIN)/python -m emulator_tests.cost

format: ## Bring every file into the common style.
	@$(SETUP) python
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

lock: ## Write requirements*.txt anew after a change of requirements*.in or pyproject.toml; UPGRADE=1 takes the newest of what these bring.
	@$(SETUP) python
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in pyproject.toml --output-file requirements-dev.txt
	@$(LOCK) requirements-mutants.in --output-file requirements-mutants.txt
	@$(LOCK) requirements-audit.in --output-file requirements-audit.txt
	@$(LOCK) convert/requirements.in --output-file convert/requirements.txt

docs: ## Write the generated parts of the documentation: settings, error codes, the picture of the README.
	@$(SETUP) python
	@$(BIN)/python -m emulator_tests.documentation

recording: ## Record a run of the demo, and draw the picture of the README from it.
	@$(SETUP) $(DEMO)
	@PROVIDER=$(PROVIDER) $(BIN)/python -m emulator_tests.demo.recording
	@$(BIN)/python -m emulator_tests.documentation

picture: ## Make the video that demo and tests upload anew: 12 s of a moving test picture and a tone.
	@ffmpeg -loglevel error -y -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440:sample_rate=44100 \
		-t 12 -c:v libx264 -preset veryslow -crf 30 -pix_fmt yuv420p -c:a aac -b:a 64k -ac 1 -map_metadata -1 -fflags +bitexact \
		-movflags +faststart emulator_tests/testbed/test-picture.mp4

clean: ## Remove everything that was installed or written.
	rm -rf .testbed venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf web/dist web/.angular web/out-tsc web/test-results web/playwright-report
	find . \( -name __pycache__ -o -name node_modules \) -type d -prune -exec rm -rf {} +
