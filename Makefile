# Whipsnake's front door: every target sets up all it needs from a fresh clone; a second call is fast.
# Settings: BUILD=dir   build directory (each has its own environment; default: build)
#           PYTHON=...  a CPython 3.13, if the one on PATH is not to be used
#           WERROR=ON   compiler warnings are errors (stays on in that build directory)
#           SANITIZE=.. sanitizers to build with, e.g. 'address;undefined' (stays on in that build directory)
SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BUILD  ?= build
build  := $(abspath $(BUILD))
stamps := $(build)/stamps
python := $(build)/venv/bin/python
cmake  := $(build)/venv/bin/cmake
ctest  := $(build)/venv/bin/ctest
setup  := BUILD='$(build)' tools/setup/setup.sh
jobs   := $(shell nproc 2>/dev/null || echo 2)

# What an installed Whipsnake is made of.
sources := $(shell find jit src cmake CMakeLists.txt pyproject.toml tools/generate_opcodes.py tools/embed_code.py tools/opcodes \
             -type f ! -path '*/__pycache__/*' 2>/dev/null | LC_ALL=C sort)
# Once on, warnings stay errors in this build directory: switching back and forth would rebuild everything.
ifneq ($(filter ON,$(WERROR) $(shell cat $(stamps)/werror 2>/dev/null)),)
export WERROR := ON
else
export WERROR :=
endif
export SANITIZE
# Recorded at each call, rewritten only if different: notices deleted files and changed settings.
inputs := $(shell mkdir -p '$(stamps)'; \
            keep() { cmp -s - "$$1" <<<"$$2" || printf '%s\n' "$$2" >"$$1"; }; \
            keep '$(stamps)/sources' '$(sources)'; keep '$(stamps)/werror' '$(WERROR)'; \
            keep '$(stamps)/requirements' "$$(sed -n '/^requires = /p; /^test = /p; /^dev = /p' pyproject.toml)")

say = @echo "== $(1)" >&2

# ---- what to run

help: ## this list
	@sed -n 's/^\([a-z -]*\):.*## /  make \1\t/p' Makefile | expand -t 28

demo: $(stamps)/whipsnake ## the demonstration (fetches its packages itself, or runs what needs none)
	@$(python) -m demo

bench-table: $(stamps)/whipsnake ## the speed targets, here and on a build with PGO: what is missed (ARGS='--quick --only fib')
	@BUILD='$(build)' $(python) -m bench.table $(ARGS)

bench: $(stamps)/whipsnake ## all benchmarks; writes docs/benchmarks.md (QUICK=1: a cut, in some minutes, without that)
	@BUILD='$(build)' $(python) -m bench $(if $(QUICK),--quick) $(ARGS)

python: $(stamps)/whipsnake ## prints the path of a Python with Whipsnake installed (with make -s)
	@echo '$(python)'

build: $(stamps)/whipsnake ## build/venv with Whipsnake installed from this tree

test: ## everything: layering, C++ and Python tests, the switch, an outside engine, CPython's and packages' tests, sanitizers (quick cuts)
	@$(MAKE) --no-print-directory WERROR=ON layering unit pytest wheel-off example conformance-quick packages-quick sanitize-quick
	$(call say,all tests passed)

layering: $(stamps)/test ## which folder of jit/ includes what
	$(call say,layering)
	@$(python) -m pytest -q --noconftest -p no:cacheprovider tests/python/test_layering.py

unit: cpp ## C++ tests; one file alone: make unit-support_arena, make embed-frames
	$(call say,C++ tests)
	@$(ctest) --test-dir '$(build)/cmake' --output-on-failure -j $(jobs) | grep -Ev '^ +Start +[0-9]+|Passed +[0-9.]+ sec$$'; \
	  exit $${PIPESTATUS[0]}

cpp: $(stamps)/whipsnake tests-configured ## builds the C++ tests
	$(call say,building the C++ tests)
	@$(cmake) --build '$(build)/cmake' -- -k 0 --quiet

# One test program, built from what it links and nothing else: works while another layer does not compile.
unit-% embed-%: tests-configured
	@$(cmake) --build '$(build)/cmake' --target '$(subst -,_,$@)' -- --quiet
	@'$(build)/cmake/tests/$(subst -,_,$@)' $(ARGS)

tests-configured: $(build)/cmake/build.ninja $(stamps)/system-test
	@grep -q WHIPSNAKE_TESTS:BOOL=ON '$(build)/cmake/CMakeCache.txt' || \
	  $(cmake) -DWHIPSNAKE_TESTS=ON '$(build)/cmake' >'$(build)/log/configure.log' 2>&1 || { cat '$(build)/log/configure.log' >&2; exit 1; }

sanitize asan tsan: $(stamps)/venv $(stamps)/test ## C++ and Python tests under sanitizers: address and undefined behaviour (asan), threads (tsan)
	$(call say,sanitizers)
	@BUILD='$(build)' $(python) -m tests.sanitize $(if $(filter sanitize,$@),asan tsan,$@) $(ARGS)

sanitize-quick: $(stamps)/venv $(stamps)/test ## C++ tests and few Python tests under sanitizers of memory and undefined behaviour
	$(call say,sanitizers (quick cut))
	@BUILD='$(build)' $(python) -m tests.sanitize asan --quick

pytest: $(stamps)/whipsnake $(stamps)/test ## Python tests (ARGS='-k name' for some)
	$(call say,Python tests)
	@$(python) -m pytest -q tests/python tests/text $(ARGS)

example: $(stamps)/whipsnake ## an engine that lives outside jit/: builds and runs it
	$(call say,example engine)
	@BUILD='$(build)' tools/setup/run_examples.sh

conformance: $(stamps)/whipsnake $(stamps)/test ## all of CPython's own test suite, about an hour (ARGS='--mode middle')
	$(call say,CPython test suite)
	@$(python) -m tests.conformance --full $(ARGS)

conformance-quick: $(stamps)/whipsnake $(stamps)/test ## a quick cut of CPython's own test suite
	$(call say,CPython test suite (quick cut))
	@$(python) -m tests.conformance --quick

packages: $(stamps)/whipsnake $(stamps)/test ## the tests of packages from PyPI (ARGS='attrs --mode default')
	$(call say,packages' own tests)
	@$(python) -m tests.packages $(ARGS)

packages-quick: $(stamps)/whipsnake $(stamps)/test ## the tests of two small packages
	$(call say,packages' own tests (quick cut))
	@$(python) -m tests.packages --quick

fuzz: $(stamps)/whipsnake ## random programs, with and without Whipsnake (MINUTES=n, SEED=n replays, ARGS='--modes early')
	$(call say,random programs)
	@$(python) -m tests.fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(ARGS)

stress: $(stamps)/whipsnake $(stamps)/test checked-build ## every stress switch, leaks, self-checks; one table (MINUTES=n of random programs)
	$(call say,stress)
	@$(python) -m tests.stress --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(ARGS)

checked: checked-build ## Python tests and the fuzzer's corpus on a build whose machine code checks itself
	$(call say,Python tests (machine code that checks itself))
	@'$(build)/checked/venv/bin/python' -m pytest -q tests/python/opcodes tests/python/engine tests/python/exactness \
	  tests/python/fuzzing $(ARGS)

# A build directory of its own below this one, with an environment of its own.
checked-build:
	@SELF_CHECKS=ON $(MAKE) --no-print-directory BUILD='$(build)/checked' build '$(build)/checked/stamps/test'

fuzz-bytecode: $(stamps)/whipsnake ## functions with hostile bytecode, interpreted and compiled (MINUTES=n, ARGS='--seed 1 --count 100')
	$(call say,hostile bytecode)
	@$(python) -m tests.fuzz.bytecode --minutes $(or $(MINUTES),10) $(ARGS)

# libFuzzer's findings are files: those that stay belong into tests/fuzz/bytecode/corpus.
fuzz-decode: $(stamps)/venv $(stamps)/system-fuzz $(stamps)/system-test ## libFuzzer over the compiler, bytecode of any bytes (MINUTES=n)
	$(call say,libFuzzer)
	@$(cmake) -G Ninja -S . -B '$(build)/fuzz-decode' -DCMAKE_MAKE_PROGRAM='$(build)/venv/bin/ninja' -DPython_EXECUTABLE='$(python)' \
	  -DCMAKE_CXX_COMPILER="$$(ls /usr/bin/clang++-[0-9]* | sort -V | tail -n 1)" -DWHIPSNAKE_TESTS=ON \
	  -DWHIPSNAKE_SANITIZE='address;undefined;fuzzer-no-link' >'$(build)/log/fuzz-decode.log' 2>&1 || { cat '$(build)/log/fuzz-decode.log' >&2; exit 1; }
	@$(cmake) --build '$(build)/fuzz-decode' --target fuzz_bytecode -- --quiet
	@mkdir -p '$(build)/fuzz-decode/found' '$(build)/fuzz-decode/findings'
	@$(python) -m tests.fuzz.bytecode.seeds '$(build)/fuzz-decode/seeds'
	@ASAN_OPTIONS=detect_leaks=0 '$(build)/fuzz-decode/tests/fuzz_bytecode' -max_total_time=$$(($(or $(MINUTES),10) * 60)) -max_len=1600 -timeout=20 \
	  -print_final_stats=1 -artifact_prefix='$(build)/fuzz-decode/findings/' $(ARGS) \
	  '$(build)/fuzz-decode/found' tests/fuzz/bytecode/corpus '$(build)/fuzz-decode/seeds'

hostile: $(stamps)/whipsnake $(stamps)/test ## hostile conditions for longer: fork storms, refused memory, small stacks, failing allocations (HOSTILE=n times)
	$(call say,hostile conditions)
	@HOSTILE=$(or $(HOSTILE),20) $(python) -m pytest -q -o timeout=3600 tests/python/hostile $(ARGS)

lint: $(stamps)/whipsnake $(stamps)/dev ## formatting, ruff, mypy
	$(call say,lint)
	@$(python) -m ruff check . && $(python) -m ruff format --check .
	@$(python) -m mypy
	@find jit tests examples -name '*.h' -o -name '*.cpp' | xargs -r '$(build)/venv/bin/clang-format' --dry-run -Werror

tidy: cpp $(stamps)/dev ## clang-tidy on the C++ files that differ from main's last commit (FILES=... for others)
	@files="$(or $(FILES),$(shell git diff --name-only --diff-filter=d HEAD -- 'jit/*.cpp' 'tests/*.cpp'))"; \
	  [ -z "$$files" ] || '$(build)/venv/bin/clang-tidy' -p '$(build)/cmake' --quiet $$files

format: $(stamps)/dev ## rewrites the sources in the project's format
	@$(python) -m ruff format . && $(python) -m ruff check --fix .
	@find jit tests examples -name '*.h' -o -name '*.cpp' | xargs -r '$(build)/venv/bin/clang-format' -i

wheel-off: $(stamps)/venv $(stamps)/system-build ## tests the compile-time switch: a build without machine code
	$(call say,build with WHIPSNAKE_JIT=OFF)
	@BUILD='$(build)' tools/setup/check_wheel_off.sh

clean: ## removes the build directory
	@rm -rf '$(build)'

# ---- setting up

$(stamps)/system-%: tools/setup/setup.sh
	@$(setup) system $*
	@touch $@

$(stamps)/venv: tools/setup/setup.sh tools/setup/requirements.py $(stamps)/requirements
	@$(setup) venv
	@touch $@

$(stamps)/test $(stamps)/dev: $(stamps)/%: $(stamps)/venv
	@$(setup) packages $*
	@touch $@

# Configuring comes first, so that this is there even if something does not compile.
$(build)/cmake/build.ninja: | $(stamps)/venv $(stamps)/system-build
	@$(setup) install || test -e $@

$(stamps)/whipsnake: $(sources) $(stamps)/sources $(stamps)/werror $(stamps)/venv $(stamps)/system-build
	@# Dated from the start, so that what is edited during the build is built the next time.
	@touch $@.start && $(setup) install && mv $@.start $@

.PHONY: help demo bench-table bench python build test layering unit cpp tests-configured asan tsan sanitize-quick pytest example conformance conformance-quick packages packages-quick fuzz stress checked checked-build lint tidy format wheel-off clean sanitize fuzz-bytecode fuzz-decode hostile
