PYTHON ?= python3
PROJECT := $(shell sed -n '/"project"/{s/.*: "\(.*\)".*/\1/p;q;}' cookiecutter.json)
SERVICE := {{cookiecutter.project}}
INFRA := $(SERVICE)/infra
BIN := $(CURDIR)/.venv/bin
BAKE := .venv/bin/cookiecutter . --no-input --default-config --overwrite-if-exists --output-dir
DEMO := build/demo/$(PROJECT)
CHECKED := build/check/$(PROJECT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# not in the folders that are copied into a project
export RUFF_CACHE_DIR := $(CURDIR)/.ruff_cache

# The service as it lies: Alembic and `python -m app` want its folder, imports want this one, too.
IN_SERVICE := cd '$(SERVICE)' && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH='$(CURDIR):$(CURDIR)/$(SERVICE):$(CURDIR)/infra'
# Two tests at once; in CI in random order, which shows tests that share something.
PYTEST := $(BIN)/python -m pytest --quiet -n 2 --dist loadfile --durations=15 $(if $(CI),,-p no:randomly)
# Its tests wait more than they compute.
KIT := $(PYTEST) -n 4 -c ../pyproject.toml -p servicekit.testing
USABLE_PYTHON = $(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python %d.%d, and 3.11 is the oldest that works: make PYTHON=python3.13, for example" % sys.version_info[:2])'
# $(call stage,name,command): runs the command, then prints its time
stage = @echo "== $1"; began=$$(date +%s); ( $2 ) || exit 1; \
	echo "== $1: $$(($$(date +%s) - began)) s"

# $(call install,environment,arguments of pip): a dot for each package that is found, and for each that is downloaded;
# one sentence where that fails; pip 25.1 reads dependency groups
install = mkdir -p $1 && { { $1/bin/python -m pip --version || $1/bin/python -m ensurepip || $(PYTHON) -m venv $1; } \
	&& $1/bin/python -m pip install --quiet 'pip>=25.1' && $1/bin/python -m pip install $2 && echo Installed; } 2>&1 \
	| tee $1/install.log 2> /dev/null | { while read -r line; do said=$${line:-$$said}; case "$$line" in \
	Collecting*|*".whl ("*|WARNING*) printf .;; "Installing collected"*) printf ' unpacking';; esac; done; echo; \
	test "$$said" = Installed || { echo "Not installed: $$said; $$PWD/$1/install.log may have more. It takes Python's venv (python3-venv on Debian), a package index that answers, and room on the disk." >&2; exit 1; }; }

.PHONY: .free help demo lint test test-all test-extra bench herd faults fleet

help:  ## list the targets
	@awk -F ':.*## ' '/^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Every day
demo: .free .venv/bake  ## generate the default project into build/demo, install it and serve it (PORT=8000)
	@echo "demo: generating $(DEMO)"
	@said=$$($(BAKE) build/demo 2>&1) || { echo "$$said" | grep -m 1 -v '^Traceback\|^ ' >&2; exit 1; }
	@echo "demo: installing and starting it (make dev, in $(DEMO))"
	@$(MAKE) --no-print-directory -C $(DEMO) dev

lint: .venv/tools  ## format, lint, types and the direction of imports
	$(call stage,format and lint,$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet)
	$(call stage,types,$(BIN)/basedpyright --project infra --pythonpath $(BIN)/python & infra=$$!; \
		$(BIN)/basedpyright --pythonpath $(BIN)/python; own=$$?; wait $$infra && exit $$own)
	$(call stage,imports,PYTHONPATH='.:infra:$(SERVICE)' $(BIN)/lint-imports --no-logo --no-cache)

test: lint  ## check what a change can break, in 6 minutes
	$(call stage,template,$(PYTEST) -m 'not extra')
	$(call stage,servicekit,$(IN_SERVICE) $(KIT) -m 'not extra' ../servicekit/tests ../verification/tests)
	$(call stage,infra,cd infra && $(PYTEST) -m 'not extra')
	$(call stage,project,$(BAKE) build/check && $(MAKE) --no-print-directory -C $(CHECKED) check)

##@ Rarely
test-all: test test-extra  ## the same, then what takes longer: faults, other answers, browsers, updates

test-extra: export CHECKOV = $(CURDIR)/.venv/graders/bin/checkov
test-extra: .venv/tools .venv/graders  ## only what test-all adds
	$(call stage,more of the template,$(PYTEST) -m extra)
	$(call stage,more of servicekit,$(IN_SERVICE) $(KIT) -m extra ../servicekit/tests ../verification)
	$(call stage,more of infra,cd infra && $(PYTEST) -m extra --ignore tests/engine)
	$(call stage,engine,infra/tests/engine/build > /dev/null || { test -z '$(CI)'; exit; }; \
		cd infra && $(PYTEST) -p no:randomly -m extra tests/engine)  # the order is a stack's life

##@ What proves the claims
bench: .venv/tools  ## needs wrk: measure the service beside four peers and pgbench (ROUNDS=5 SECONDS=3 ONLY=hot,create, layers or scaling)
	@$(IN_SERVICE) $(BIN)/python -m verification.bench $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only $(ONLY))

herd: .venv/tools  ## hold 50,000 requests in flight against either (CLIENTS=50000 MODE=cold|hot)
	@$(IN_SERVICE) $(BIN)/python -m verification.bench.herds $(if $(CLIENTS),--clients $(CLIENTS)) \
		$(if $(MODE),--mode $(MODE))

faults: .venv/tools  ## inject real faults and compare with the promises (ROWS=3,4 SEED=1 MINUTES=10)
	@$(IN_SERVICE) $(BIN)/python -m verification.faults $(if $(ROWS),--rows $(ROWS)) \
		$(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

fleet: .venv/tools  ## needs HAProxy: run three nodes behind it: equivalence, and the cost of losing one
	@$(IN_SERVICE) $(BIN)/python -m verification.fleet

# Before the first installation: no other demo runs, and PORT is free.
.free:
	@$(if $(wildcard .venv/bin/python),,$(USABLE_PYTHON))
	@$(or $(wildcard .venv/bin/python),$(PYTHON)) -m servicekit.dev.lock $(DEMO)/.local

.venv/bake: pyproject.toml
	@$(USABLE_PYTHON)
	@echo "tools: making .venv (once)"
	@$(call install,.venv,--group bake)
	@touch $@

# One environment for the template's tools, the service and infra/.
.venv/tools: .venv/bake .venv/requirements.txt
	@echo "tools: installing those of the tests, of the service and of infra/ (once; some minutes)"
	@$(call install,.venv,--group dev -r .venv/requirements.txt)
	@touch $@

# pip can't read the project's pyproject.toml: its name is rendered by cookiecutter.
.venv/requirements.txt: .venv/bake $(SERVICE)/pyproject.toml $(INFRA)/requirements.txt $(INFRA)/requirements-dev.txt
	@$(BIN)/python -c 'import tomllib; package = tomllib.load(open("$(SERVICE)/pyproject.toml", "rb")); \
		print(*package["project"]["dependencies"], *sum(package["dependency-groups"].values(), []), sep="\n")' > $@
	@sed '/^-/d' $(INFRA)/requirements.txt $(INFRA)/requirements-dev.txt >> $@

# Apart from the others, because it pins an old botocore; a Python too new for it does without.
.venv/graders: .venv/bake infra/requirements-graders.txt
	@echo "tools: installing checkov"
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip install --quiet -r infra/requirements-graders.txt \
		|| echo "tools: checkov can't be installed, so its test is left out"
	@touch $@
