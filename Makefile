# Short names for people. `make demo` and `make test` set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
# Most modules of the large packages are never imported, so none is compiled before it is.
PIP := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check -c constraints.txt
TEST_EXTRAS := tensorflow,jax,torch,explain,recipes,oracles,dev

# JAX compiles the network once and keeps the result for the next run.
JAX_CACHE := JAX_COMPILATION_CACHE_DIR=.cache/jax JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

.PHONY: demo test docs faults fuzz atheris parity lint types wheel clean

demo: .venv/demo
	@KERAS_BACKEND=jax $(JAX_CACHE) $(BIN)/keras-attention explain resnet18w16_cbam_cifar10 \
		docs/photos/cat_face.jpg --output attention.png

test: .venv/test
	@$(BIN)/python -m tests.run

# After `make test`, from what it measured.
docs: .venv/test
	@KERAS_BACKEND=torch $(BIN)/python -m tests.page

faults: .venv/test
	@KERAS_BACKEND=torch $(BIN)/python -m tests.zoo.faults

fuzz: .venv/test
	@KERAS_BACKEND=torch KERAS_ATTENTION_FUZZ=100000 $(BIN)/python -m pytest -q tests/zoo/test_fuzz.py

# A minute for each kind of file; Linux only.
atheris: .venv/test
	@$(PIP) atheris
	@for target in manifest header weights config; do \
		KERAS_BACKEND=torch $(BIN)/python -m tests.zoo.atheris_fuzz $$target \
			-max_total_time=60 || exit 1; done

# Every architecture against timm and pytorchcv; hours for all three backends.
parity: .venv/test
	@for backend in torch tensorflow jax; do \
		KERAS_BACKEND=$$backend $(BIN)/python -m tests.zoo.make_parity || exit 1; done
	@KERAS_BACKEND=torch $(BIN)/python -m recipes.origin_card

lint: .venv/test
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/test
	$(BIN)/mypy

wheel: .venv/test
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf .venv build dist

.venv/bin/python:
	$(PYTHON) -m venv .venv

# A stamp is newer than what it was installed from, so a second run installs nothing.
.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "Setting up .venv with the JAX backend and matplotlib (once) ..."
	@$(PIP) -e ".[jax,explain]"
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	@echo "Setting up .venv with three backends and the test tools (once) ..."
	@$(PIP) -e ".[$(TEST_EXTRAS)]"
	@touch $@
