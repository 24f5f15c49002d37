PYTHON ?= python3
PROJECT := $(shell sed -n '/"project"/{s/.*: "\(.*\)".*/\1/p;q;}' cookiecutter.json)
DEMO := build/demo/$(PROJECT)
# a project's requirements; its vendor/ is infra/ here
INFRA := {{cookiecutter.project}}/infra
BENCH := build/bench/$(PROJECT)

.PHONY: help demo test bench herd $(BENCH)

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*  ## /  make \1\t/p' $(MAKEFILE_LIST)

demo: .venv/bake  ## generate the default project into build/demo, install it and serve it
	@echo "demo: generating $(DEMO)"
	@.venv/bin/cookiecutter . --no-input --default-config --overwrite-if-exists --output-dir build/demo
	@echo "demo: installing and starting it (make dev, in $(DEMO))"
	@$(MAKE) --no-print-directory -C $(DEMO) dev

test: export PYTHONDONTWRITEBYTECODE = 1
test: export CHECKOV = $(CURDIR)/.venv/graders/bin/checkov
test: .venv/dev .venv/infra .venv/graders  ## check the template, generated projects and infra/
	@echo "test: infra/"
	@cd infra && ../.venv/bin/python -m pytest -n 2 --dist loadfile
	@echo "test: the template and what it generates"
	@.venv/bin/python -m pytest -n 2 --dist loadfile --ignore tests/test_generated_project.py
	@.venv/bin/python -m pytest tests/test_generated_project.py  # its clocks want the machine alone

bench: $(BENCH)  ## measure the service beside the conventional stack (ROUNDS=5 SECONDS=3 ONLY=hot,create)
	@$(BENCH)/.venv/bin/python -m tests.bench.bench $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only $(ONLY))

herd: $(BENCH)  ## hold 50,000 requests in flight against either (CLIENTS=50000 MODE=cold|hot)
	@$(BENCH)/.venv/bin/python -m tests.bench.herds $(if $(CLIENTS),--clients $(CLIENTS)) \
		$(if $(MODE),--mode $(MODE))

# Both stacks in one environment: the same interpreter and the same drivers.
$(BENCH): .venv/bake
	@echo "bench: generating and installing $(BENCH)"
	@.venv/bin/cookiecutter . --no-input --default-config --overwrite-if-exists --output-dir build/bench
	@$(MAKE) --no-print-directory -C $(BENCH) install
	@.venv/bin/python -m pip --python $(BENCH)/.venv/bin/python install --quiet --group bench

.venv/bake: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python %d.%d, and 3.11 is the oldest that works: make PYTHON=python3.13, for example" % sys.version_info[:2])'
	@echo "tools: making .venv"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet 'pip>=25.1'  # the first that reads dependency groups
	@.venv/bin/python -m pip install --quiet --group bake
	@touch $@

.venv/dev: .venv/bake
	@echo "tools: installing those of the tests"
	@.venv/bin/python -m pip install --quiet --group dev
	@touch $@

.venv/infra: .venv/bake $(INFRA)/requirements.txt $(INFRA)/requirements-dev.txt
	@echo "tools: installing those of infra/"
	@sed '/^-/d' $(INFRA)/requirements.txt $(INFRA)/requirements-dev.txt \
		| .venv/bin/python -m pip install --quiet -r /dev/stdin
	@touch $@

# Beside the others it would hold them back; a Python too new for it does without.
.venv/graders: .venv/bake infra/requirements-graders.txt
	@echo "tools: installing checkov"
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip install --quiet -r infra/requirements-graders.txt \
		|| echo "tools: checkov can't be installed, so its test is left out"
	@touch $@
