# The commands of the suite. `make help` reads the lines with ##: English | Português.

PYTHON ?= python3
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
IN_VENV := .venv/bin/python

# Relative names only, so that a folder with spaces in its name does no harm.
PACKAGES := $(wildcard packages/*/pyproject.toml)
SERVICES := $(patsubst %/pyproject.toml,%,$(wildcard */pyproject.toml))
ROOMS := $(patsubst %/pyproject.toml,%,$(wildcard deploy/*/pyproject.toml))
PROJECTS := $(PACKAGES) $(SERVICES:%=%/pyproject.toml) $(ROOMS:%=%/pyproject.toml)
EXAMPLES := $(wildcard examples/*/pyproject.toml)

.DEFAULT_GOAL := help
.PHONY: help run up down reset demo chat dead-letters doctor new-worker documents k8s test test-compose test-compose-more chaos bench model lint lock

help: ## list the commands | lista os comandos
	@case "$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}" in pt*) column=3 ;; *) column=2 ;; esac; \
	awk -F ' *## *| [|] ' -v column=$$column '/^[a-z-]+:.*## / { sub(/:.*/, "", $$1); printf "  make %-18s %s\n", $$1, $$column }' Makefile

run: ## the suite without containers, in the foreground | a suíte sem contêineres, em primeiro plano
	@$(PYTHON) deploy/local/install.py && exec $(IN_VENV) deploy/local/run.py

up: ## the suite in containers, waiting until all is ready | a suíte em contêineres, esperando até tudo estar pronto
	@exec $(PYTHON) deploy/local/up.py $(COMPOSE)

down: ## stop the containers | para os contêineres
	$(COMPOSE) --profile monitoring --profile metrics down

reset: ## stop the containers, forget topics and pictures | para os contêineres, esquece tópicos e imagens
	$(COMPOSE) --profile monitoring --profile metrics down --volumes

demo: ## sample pictures and an angry customer through the running suite | imagens de exemplo e um cliente irritado pela suíte
	@$(PYTHON) deploy/local/install.py && exec $(IN_VENV) deploy/local/demo.py

chat: ## the chatbot on the command line, against the running suite | o chatbot na linha de comando, com a suíte em execução
	@$(PYTHON) deploy/local/install.py && exec $(IN_VENV) deploy/local/chat.py

dead-letters: ## what could not be handled: make dead-letters ARGS="replay rotate-worker/0/12" | o que não pôde ser tratado: make dead-letters ARGS="replay rotate-worker/0/12"
	@$(PYTHON) deploy/local/install.py && exec $(IN_VENV) deploy/local/dead_letters.py $(ARGS)

doctor: ## what would stop the suite here, and what to do | o que impediria a suíte aqui, e o que fazer
	@exec $(PYTHON) deploy/local/doctor.py

new-worker: ## a worker of your own as a service: make new-worker NAME=mirror | um worker seu como serviço: make new-worker NAME=mirror
	@exec $(PYTHON) deploy/local/new_worker.py "$(NAME)"

documents: ## the pages at /documents/ anew, from the code: OpenAPI, AsyncAPI | refaz as páginas em /documents/ a partir do código: OpenAPI, AsyncAPI
	@$(PYTHON) deploy/local/install.py && PYTHONPATH=deploy/local exec $(IN_VENV) -m documents

k8s: ## what to apply to a Kubernetes cluster: make k8s > suite.yaml | o que aplicar em um cluster Kubernetes: make k8s > suite.yaml
	@command -v kubectl >/dev/null || { case "$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}" in \
		pt*) echo "make k8s: falta o kubectl; no Debian ele está no pacote kubernetes-client" ;; \
		*) echo "make k8s: kubectl is missing; in Debian the package kubernetes-client has it" ;; esac >&2; exit 1; }
	@exec kubectl kustomize deploy/k8s

test: ## every test that needs no containers, then lint | todos os testes que dispensam contêineres, depois lint
	@$(PYTHON) deploy/local/install.py tests
	@$(IN_VENV) deploy/local/chromium.py
	$(IN_VENV) -m pytest -m "not compose" --numprocesses 2 --durations 40 --ignore deploy/local/tests/test_run.py
	$(IN_VENV) -m pytest deploy/local/tests/test_run.py
	@$(MAKE) --no-print-directory lint

test-compose: ## the suite in containers, tested from outside | a suíte em contêineres, testada por fora
	@exec bash tests/compose/run

test-compose-more: ## after test-compose: other clusters, and the examples | depois de test-compose: outros clusters e os exemplos
	@exec bash tests/compose/run-more

# SEED: draws the same again. FAULT: one row of the table, by its name or a part of it. SHORT=1: each thing once or twice.
chaos: ## failure tests of the suite in containers | testes de falha da suíte em contêineres
	@exec bash tests/compose/run-chaos

# SENTIMENT_DATA: a folder with dev.csv, to compare the labels of the model too. PEERS=1: other frameworks too.
# BENCH_ONLY: pictures, runtime, idle or sentiment. BENCH_BROKER=embedded: not the one in a container.
bench: ## figures, as Markdown; takes about ten minutes | medidas, em Markdown; leva uns dez minutos
	@$(PYTHON) deploy/local/install.py tests
	@PYTHONPATH=tests $(IN_VENV) -m bench.run
	@PYTHONPATH=tests $(IN_VENV) -m bench.sentiment $(if $(SENTIMENT_DATA),"$(SENTIMENT_DATA)")

# SENTIMENT_DATA: the folder of texts, see sentiment-consumer/training/README.md
model: ## train the sentiment model anew; about 40 minutes | treina de novo o modelo de sentimento; cerca de 40 minutos
	@$(PYTHON) deploy/local/install.py
	@PYTHONPATH=sentiment-consumer $(IN_VENV) -m training "$(SENTIMENT_DATA)"

lint: ## style, types, who may know whom | estilo, tipos, quem pode conhecer quem
	@$(PYTHON) deploy/local/install.py tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# Versions are written in one place, packages/versions.txt; what is installed is derived from it, with hashes. A version
# that is there is kept: delete its line (or the file) to take the newest.
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
	--no-emit-index-url $(PACKAGES:packages/%/pyproject.toml=--no-emit-package suite-%)
PIN = $(COMPILE) --generate-hashes --constraint packages/versions.txt

lock: ## make the lists of versions anew | refaz as listas de versões
	@$(PYTHON) deploy/local/install.py tests
	$(COMPILE) $(PROJECTS) $(EXAMPLES) --all-extras deploy/local/requirements.in tests/requirements.in \
		packages/versions.in --output-file packages/versions.txt
	echo flit-core | $(PIN) - --output-file packages/build.txt
	$(PIN) packages/bus/pyproject.toml --output-file packages/bus/requirements.txt
	for service in $(SERVICES) $(ROOMS); do \
		$(PIN) $$service/pyproject.toml --output-file $$service/requirements.txt || exit 1; done
	$(PIN) $(PROJECTS) deploy/local/requirements.in packages/build.txt --output-file deploy/local/requirements.txt
	$(PIN) tests/requirements.in $(EXAMPLES) --all-extras --output-file tests/requirements.txt
	for image in api offline; do \
		$(PIN) examples/classificador-produtos/pyproject.toml --extra $$image \
			--output-file examples/classificador-produtos/requirements/$$image.txt || exit 1; done
	for part in marketplace recommendations protobufs; do \
		$(PIN) examples/marketplace/pyproject.toml --extra $$part \
			--output-file examples/marketplace/$$part/requirements.txt || exit 1; done
	$(COMPILE) --generate-hashes tests/bench/peers.in --output-file tests/bench/peers.txt
