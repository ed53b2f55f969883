# The words of the development loop. `make` alone lists them.

PYTHON ?= python3
JOBS   ?= 2
ARGS   ?=

VENV   := .venv
PURE   := .venv-pure
BENCH  := .venv-bench
BIN    := $(VENV)/bin
NATIVE := CMakeLists.txt $(wildcard src/native/*)
SETUP  := pyproject.toml src/zerokara/_version.py
CODE   := $(wildcard src/zerokara tests tools examples benchmarks)
FAST   := not real and not slow and not peers

# What `pip` would fetch into a throw-away environment at each build is kept in the venv instead,
# so that a change of the C++ code is compiled in seconds.
BUILD_NEEDS = $$($(PYTHON) -c 'import tomllib; \
  print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
PIP := -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
# JOBS processes share the cores: a BLAS in each of them with a thread for every core makes all wait.
test slow doctor pure: export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help train test check format real slow doctor sanitize neon avx512 pure peers bench bench-quick clean
.DELETE_ON_ERROR:

help: ## list the words
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

train: $(VENV)/app.stamp ## train a network on handwritten digits (ARGS="mnist --epochs 3" for others)
	$(BIN)/zerokara train $(if $(ARGS),$(ARGS),digits)

test: $(VENV)/dev.stamp ## run the fast tests (ARGS="-k affine" to choose)
	$(BIN)/python -m pytest -n $(JOBS) -m "$(FAST)" $(ARGS)

check: $(VENV)/dev.stamp ## check format, lint and types
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy

format: $(VENV)/dev.stamp ## format the Python code and mend what lint can mend
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

# pytest ends with 5 when it finds no test of the kind: said, and no failure.
NONE = || { code=$$?; [ $$code -eq 5 ] && echo "no test of this kind yet"; }

real: $(VENV)/dev.stamp ## train and check on real data, where it is (ZEROKARA_DATA)
	$(BIN)/python -m pytest -s -m real $(ARGS) $(NONE)

slow: $(VENV)/dev.stamp ## run the slow tests
	$(BIN)/python -m pytest -n $(JOBS) -m "slow and not peers" $(ARGS) $(NONE)

doctor: $(VENV)/dev.stamp ## prove the gradient doctor: planted defects, 10,000 right cases
	$(BIN)/python -m pytest -n $(JOBS) tests/doctor/test_doctor_planted.py tests/doctor/test_doctor_random.py $(ARGS)

# A build of its own, and python -S with the paths spelled out: the editable install of the venv
# would be found first. The sanitizer's library has to be in the process before Python is, and its
# report has to come past pytest's capture.
SANITIZE := build/sanitize
AVX512_ISA := -DZK_ISA=avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprfchw
SANITIZED := $(addprefix tests/engine/test_engine_, maths.py images.py kernels.py predict.py zeros.py \
  norm.py pooled.py nonfinite.py curves.py python_layers.py tiny.py) $(wildcard tests/test_native*.py)
SANITIZED_RUNS := $(SANITIZED:%=$(SANITIZE)/%)
.PHONY: sanitized-site sanitized-kernels sanitized-threads $(SANITIZED_RUNS)
sanitize: $(VENV)/dev.stamp ## run the native tests under the address, undefined-behaviour and thread sanitizers
	@$(CXX) -print-file-name=libasan.so | grep -q / || { \
	  echo "make sanitize: $(CXX) has no libasan.so; use g++ (CXX=g++) with its sanitizer library"; exit 1; }
	@$(MAKE) --no-print-directory sanitized-site
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --output-sync sanitized-kernels $(SANITIZED_RUNS) sanitized-threads

sanitized-site:
	$(BIN)/cmake -S . -B $(SANITIZE)/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	  -DCMAKE_CXX_COMPILER=$(CXX) -DPython_EXECUTABLE=$(abspath $(BIN))/python -DZEROKARA_WERROR=ON \
	  -DZEROKARA_SANITIZE=address,undefined -DZEROKARA_KERNELS="$$($(BIN)/python -c \
  'from zerokara import native; print(*native.isas(), sep=";")')" >/dev/null
	$(BIN)/cmake --build $(SANITIZE)/cmake
	rm -rf $(SANITIZE)/site
	mkdir -p $(SANITIZE)/site
	cp -r src/zerokara $(SANITIZE)/site/
	rm -f $(SANITIZE)/site/zerokara/*.so
	$(BIN)/cmake --install $(SANITIZE)/cmake --prefix $(SANITIZE)/site >/dev/null
	$(SANITIZED_PYTHON) -c \
	  'from zerokara import native; assert "sanitize" in native._core.__file__, native.reason'

SANITIZED_PYTHON = ZEROKARA_NATIVE=1 PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 PYTHONPATH=$(abspath \
  $(SANITIZE))/site:$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
  LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" $(BIN)/python -S
# A file in which ARGS="-k affine" chooses no test is no failure.
$(SANITIZED_RUNS): $(SANITIZE)/%:
	$(SANITIZED_PYTHON) -m pytest --capture=sys -p no:cacheprovider $* $(ARGS) $(NONE)

# The kernels are those of the site.
sanitized-kernels:
	isa=$$($(BIN)/python -c 'from zerokara import native; print(native.isa())'); \
	case $$isa in avx512) options="$(AVX512_ISA)";; avx2) options="-DZK_ISA=avx2 -mavx2 -mfma";; \
	  *) options="-DZK_ISA=$$isa";; esac; \
	$(CXX) -std=c++20 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	  -ffp-contract=off $$options -Isrc/native tests/native/check_kernels.cpp \
	  $(SANITIZE)/cmake/libzk_$$isa.a -o $(SANITIZE)/check && $(SANITIZE)/check

sanitized-threads:
	$(CXX) -std=c++20 -O1 -g -fsanitize=thread -Isrc/native tests/native/check_parallel.cpp \
	  src/native/parallel.cpp src/native/quota.cpp -pthread -o $(SANITIZE)/check_parallel
	$$(command -v setarch >/dev/null && echo setarch $$(uname -m) -R) $(SANITIZE)/check_parallel

# The kernels for 64-bit ARM, held to plain loops in an emulated processor. The checks themselves
# are compiled with little optimization: it is the kernels that are tested, and g++ 12 breaks on
# its own vectorizer there.
NEON      := build/neon
NEON_CXX  ?= aarch64-linux-gnu-g++
NEON_QEMU ?= $(firstword $(shell command -v qemu-aarch64-static qemu-aarch64))
KERNELS   := $(shell sed -n '/^set(kernel_sources/,/)/p' CMakeLists.txt | grep -o 'src/native/[a-z_]*\.cpp')
neon: ## cross-compile the kernels for 64-bit ARM and, with qemu, check them there
	@if ! command -v $(NEON_CXX) >/dev/null; then \
	  echo "make neon: nothing done, there is no $(NEON_CXX);" \
	    "on Debian and Ubuntu: apt install g++-aarch64-linux-gnu qemu-user-static"; exit 0; fi; \
	set -e; mkdir -p $(NEON); options="-std=c++20 -fno-math-errno -ffp-contract=off -Wall -Wextra \
	  -Wconversion -Wshadow -Werror -DZK_ISA=neon -Isrc/native"; \
	for each in $(KERNELS); do echo "neon: $$each"; \
	  $(NEON_CXX) $$options -O3 -c $$each -o $(NEON)/$$(basename $$each .cpp).o; done; \
	$(NEON_CXX) -std=c++20 -O1 -Wall -Wextra -Werror -DZK_ISA=neon -Isrc/native -static \
	  tests/native/check_kernels.cpp $(patsubst src/native/%.cpp,$(NEON)/%.o,$(KERNELS)) -o $(NEON)/check; \
	if [ -n "$(NEON_QEMU)" ]; then $(NEON_QEMU) $(NEON)/check; \
	else echo "neon: compiled, and not run: there is no qemu-aarch64 (apt install qemu-user-static)"; fi

# The kernels for AVX-512 where no such processor is at hand: emulated, which is slow and gives no times.
AVX512       := build/avx512
AVX512_FLAGS := -std=c++20 -ffp-contract=off $(AVX512_ISA) -mprefer-vector-width=512 -Isrc/native
avx512: ## check the AVX-512 kernels, on this processor or on an emulated one (with Bochs, most of an hour)
	@set -e; mkdir -p $(AVX512); for each in $(KERNELS); do echo "avx512: $$each"; \
	  $(CXX) $(AVX512_FLAGS) -O3 -fno-math-errno -c $$each -o $(AVX512)/$$(basename $$each .cpp).o; done; \
	$(CXX) $(AVX512_FLAGS) -O1 -static tests/native/check_kernels.cpp \
	  $(patsubst src/native/%.cpp,$(AVX512)/%.o,$(KERNELS)) -o $(AVX512)/check; \
	if grep -qw avx512bw /proc/cpuinfo; then $(AVX512)/check; \
	else tests/native/emulated/run.sh $(AVX512)/check $(AVX512)/machine; fi

pure: $(PURE)/dev.stamp ## run the fast tests on the pure-Python form (no compiler)
	@$(PURE)/bin/python -c 'from zerokara import native; import sys; \
	  sys.exit(f"make pure: a native core is in the way: {native._core}" if native.available else 0)'
	$(PURE)/bin/python -m pytest -n $(JOBS) -m "$(FAST)" $(ARGS)

peers: $(BENCH)/peers.stamp ## hold our networks against PyTorch and scikit-learn (installs them)
	$(BENCH)/bin/python -m pytest -m peers $(ARGS) $(NONE)

# Every script leaves the figures of a full run in benchmarks/results and in the pages; those of
# a quick one, which only shows that the scripts and every peer still work, go to build/bench.
BENCHMARKS := run dropout zeros busy scaling memory sklearn_accuracy
bench: $(BENCH)/peers.stamp ## time us and the peers, about 30 minutes (installs them; keep the machine idle)
	for each in $(BENCHMARKS); do $(BENCH)/bin/python benchmarks/$$each.py || exit 1; done

bench-quick: $(BENCH)/peers.stamp ## see that the benchmarks work, no limits on time
	for each in $(BENCHMARKS); do $(BENCH)/bin/python benchmarks/$$each.py --quick || exit 1; done

clean: ## remove what was made here: venvs, builds, caches (not your runs)
	rm -rf $(VENV) $(PURE) $(BENCH) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/made.stamp $(BENCH)/made.stamp: COMPILE_NEEDS = "cmake>=3.26" ninja
$(VENV)/made.stamp $(PURE)/made.stamp $(BENCH)/made.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "zerokara needs Python 3.11 or newer and $(PYTHON) is " + sys.version.split()[0] + \
	  "; name another one, such as: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(@D) || { \
	  echo "cannot make $(@D); on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(@D)/bin/python $(PIP) $(BUILD_NEEDS) $(COMPILE_NEEDS)
	@touch $@

$(VENV)/app.stamp: $(VENV)/made.stamp $(SETUP) $(NATIVE)
	@# A failed configuration is forgotten: it would remember the compiler that did not work.
	@echo "installing zerokara into $(VENV): compiling takes a minute or two"
	$(BIN)/python $(PIP) --no-build-isolation --editable ".[plots]" \
	  || { rm -f build/*/CMakeCache.txt; exit 1; }
	@touch $@

$(PURE)/app.stamp: $(PURE)/made.stamp $(SETUP)
	ZEROKARA_NATIVE=0 $(PURE)/bin/python $(PIP) --no-build-isolation --editable ".[plots]"
	@touch $@

# The tools of the dev extra. The package is there already, so a change of C++ does not come here.
$(VENV)/dev.stamp $(PURE)/dev.stamp: %/dev.stamp: pyproject.toml | %/app.stamp
	$(@D)/bin/python $(PIP) $$($(PYTHON) -c 'import tomllib; \
	  extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	  print(*[r for e in ("dev", "plots", "images", "search", "sklearn", "onnx", "tensorboard", "pandas") for r in extras[e] if "[" not in r])')
	@touch $@

# Timed as users have it, so not editable, and installed again after each change.
$(BENCH)/app.stamp: $(BENCH)/made.stamp $(SETUP) $(NATIVE) $(shell find src/zerokara -name '*.py')
	$(BENCH)/bin/python $(PIP) --no-build-isolation ".[plots]" \
	  || { rm -f build/*/CMakeCache.txt; exit 1; }
	@touch $@

$(BENCH)/peers.stamp: pyproject.toml $(BENCH)/app.stamp
	$(BENCH)/bin/python $(PIP) pytest hypothesis $$($(PYTHON) -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["peers"])')
	@touch $@
