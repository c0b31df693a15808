# Everything sets itself up: libtorch and the demo's model from PyPI, WordNet from Debian. Nothing is installed.
# Variables: JOBS (parallel jobs), GRAFT_LIBTORCH (an installed libtorch instead of PyPI's), SWIFT, CXX,
# FUZZ_EXECUTIONS, FUZZ_SEED.

SWIFT ?= swift
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
FUZZ_EXECUTIONS ?= 100000
FUZZ_SEED ?= 1
export JOBS

.DEFAULT_GOAL := all
.PHONY: all engine build test demo compare digits bench bench-memory bench-products lint fuzz sanitize interop dependent soak ci clean help

all: engine build ## the engine and the command, optimised

engine: ## libtorch and the C++ engine (fast when they are there)
	@Scripts/setup-libtorch

build: ## the command: .build/release/graft
	$(SWIFT) build -c release -j $(JOBS)

test: engine ## every test of the package
	$(SWIFT) test -j $(JOBS)

demo: all ## fine-tunes a real model on real data and shows what came of it
	@Scripts/demo-data
	@Scripts/demo

compare: all ## trains every recipe for as many steps (STEPS) and sets the results side by side
	@Scripts/compare

digits: all ## trains the small vision transformer that recipes/vision adapts
	@Scripts/make-digits
	.build/release/graft train recipes/digits-pretrain.yaml --overwrite
	rm -rf .demo/digits/model
	.build/release/graft merge --model runs/digits-pretrain/base --adapter runs/digits-pretrain --output .demo/digits/model

bench-memory: all ## what sparse-mezo, unipt and lisa promise about memory, measured
	@Scripts/demo-data
	@Benchmarks/memory

bench-products: engine ## single products, dropout and a transform through the engine (THREADS)
	$(SWIFT) build -c release -j $(JOBS) --product GraftProducts
	.build/release/GraftProducts $(THREADS)

lint: ## the formatter's rules, and whether the generated files fit their table
	Scripts/generate-operations --check
	python3 Benchmarks/report.py --check
	$(SWIFT) format lint -s -r Sources Tests Benchmarks Fuzz Plugins Examples Package.swift

fuzz: engine ## damaged files for every reader (FUZZ_EXECUTIONS in all, FUZZ_SEED)
	$(SWIFT) build -c release -j $(JOBS) --product GraftFuzz
	nice .build/release/GraftFuzz --executions $(FUZZ_EXECUTIONS) --seed $(FUZZ_SEED)

sanitize: engine ## tests of the C boundary, readers and threads under the address and the thread sanitizer
	Scripts/sanitize address
	Scripts/sanitize thread

interop: all ## adapters to and from Python's peft
	@Scripts/interop/setup
	.venv/interop/bin/python Scripts/interop/check.py --graft .build/release/graft --jobs $(JOBS)

soak: all ## 200 trainings killed at random moments, which must end as if nothing had happened (SOAK_COUNT, SOAK_SECONDS)
	@Scripts/soak

bench: all ## time and memory beside Python's transformers and peft; BENCH_PAIRS, BENCH_ONLY: docs/performance.md
	@python=$$(Benchmarks/setup) && python3 Benchmarks/bench.py --graft .build/release/graft --python "$$python"

dependent: engine ## a package that depends on this one by URL and version
	@Scripts/check-dependent

ci: ## all checks, as the continuous integration runs them
	@.ci/run

clean: ## removes what was built; keeps downloads (.libtorch/<version>, .demo, .venv)
	rm -rf .build .libtorch/engine

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
