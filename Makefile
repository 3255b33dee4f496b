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

# One more at once than there are cores: tests wait for browsers and deadlines. Many more, and browsers come too late.
export RUST_TEST_THREADS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Where tests note that they did not run.
SKIPS := $(CURDIR)/target/skipped-tests

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: rust ## prove the embedded registry, then weaken it once and see it caught
	@tools/install.sh browser
	@$(CARGO) run $(FLAGS) --quiet -- demo

.PHONY: test
test: lint tools ## lint, then every test against the lab and, with ZOT_BIN or zot on PATH, a real zot
	@mkdir -p target; rm -f $(SKIPS); status=0; \
	REGPROOF_TEST_SKIPS=$(SKIPS) $(CARGO) test $(FLAGS) --no-fail-fast || status=$$?; \
	tools/skipped.sh $(SKIPS); exit $$status

.PHONY: logins
logins: rust ## whole logins of a real zot at every foreign provider; fetches Keycloak, 180 MB, once
	@tools/install.sh npm go zot debian keycloak canaille
	REGPROOF_TEST_NO_SKIPS=all $(CARGO) test $(FLAGS) --test real -- logins:: login_mutants::

.PHONY: registries
registries: rust ## the checks at registries that are not zot: docker-registry 2.8, distribution v3, crane's, Gitea, nginx in front
	@tools/install.sh go debian gitea
	REGPROOF_TEST_NO_SKIPS=all $(CARGO) test $(FLAGS) --test real registries::

.PHONY: lint
lint: rust ## formatting, clippy and rustdoc, with warnings as errors
	$(CARGO) fmt --check
	rustfmt --check --edition 2024 checks/*/*.rs
	$(CARGO) clippy $(FLAGS) --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(FLAGS) --no-deps --document-private-items --quiet

.PHONY: soak
soak: rust ## watch a registry that breaks and comes back for an hour: nothing may grow, miss a start or look new when it is old
	REGPROOF_SOAK_SECONDS=$${REGPROOF_SOAK_SECONDS:-3600} $(CARGO) test $(FLAGS) --test it nothing_grows -- --nocapture

.PHONY: prove
prove: rust tools ## break the lab and a real zot in every known way, and print which checks notice
	$(CARGO) run $(FLAGS) --quiet -- self-test --all
	REGPROOF_TEST_WHOLE=1 $(CARGO) test $(FLAGS) --test it hostile::
	REGPROOF_TEST_WHOLE=1 $(CARGO) test $(FLAGS) --release --lib zot::compare::
	REGPROOF_MUTANTS=all $(CARGO) test $(FLAGS) --test real mutants:: -- --nocapture

.PHONY: mutants
mutants: rust ## change the code that decides, line by line, and see whether its tests notice; hours. ARGS='-f src/http/guard.rs' for a part
	@tools/install.sh mutants
	$(CARGO) mutants --jobs 2 $(ARGS)

.PHONY: deny
deny: rust ## licences, bans and sources of the dependencies; advisories too with ADVISORIES=1
	@tools/install.sh python
	cargo-deny --locked check licenses bans sources $(if $(ADVISORIES),advisories)

.PHONY: bench
bench: rust ## measure; the numbers are those of this machine
	$(CARGO) bench $(FLAGS) --bench checklist --bench matrix --bench audit

.PHONY: fuzz
fuzz: rust ## feed spoilt text to everything that reads what others wrote; FOR=60 seconds for each target
	REGPROOF_FUZZ_SECONDS=$(or $(FOR),60) $(CARGO) test $(FLAGS) --lib fuzz_tests:: -- --test-threads 2

.PHONY: statistics
statistics: rust ## how often a run is wrong and how long it takes, as a table; RUNS=200 clean ones, ONLY=busy for one row
	REGPROOF_STATISTICS_RUNS=$(or $(RUNS),200) REGPROOF_STATISTICS_ONLY='$(ONLY)' $(CARGO) test $(FLAGS) --release --test it statistics:: -- --ignored --nocapture --test-threads 1

.PHONY: tools
tools: ## install the programs that the tests drive into .tools/, pinned
	@tools/install.sh

# One program for every Linux of this architecture; its C parts need musl-gcc.
STATIC := $(shell uname -m)-unknown-linux-musl

.PHONY: static
static: rust ## the program without any library of the system's, below target/
	@rustup target list --installed | grep -qx $(STATIC) || { echo 'first: rustup target add $(STATIC)' >&2; exit 1; }
	@command -v musl-gcc >/dev/null || { echo 'musl-gcc is missing. On Debian: sudo apt-get install musl-tools' >&2; exit 1; }
	$(CARGO) build $(FLAGS) --release --target $(STATIC)

.PHONY: deb
deb: static ## a Debian package in dist/, with manual pages and completions
	@tools/package.sh deb target/$(STATIC)/release/regproof dist

.PHONY: image
image: static ## an OCI image layout and its tar in dist/, without a container engine
	@tools/package.sh image target/$(STATIC)/release/regproof dist

.PHONY: book
book: rust ## bring the generated pages of docs/book/ up to date, and build it where mdbook is installed
	REGPROOF_UPDATE=1 $(CARGO) test $(FLAGS) --test it book::generated::
	@if command -v mdbook >/dev/null; then mdbook build docs/book; else echo 'nothing built, mdbook is missing: make tools' >&2; fi

.PHONY: rust
rust:
	@command -v $(CARGO) >/dev/null || { echo 'cargo is missing: install Rust 1.91 or later' >&2; exit 1; }
