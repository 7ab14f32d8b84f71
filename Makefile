# Everything about this project is done from here: `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test check setup lint unit budgets race pages crashes both bench fuzz generate vulnerabilities

TOOL := go tool -modfile=tools.mod
AXE := 4.14.1
NPM := .cache/npm
FUZZTIME ?= 30s
# What the linter has vetted need not be vetted again for each way in which the tests are built.
TESTS = $(TOOL) gotestsum --format pkgname -- -vet=off
WITH_AXE = AXE_CORE="$(CURDIR)/$(NPM)/node_modules/axe-core/axe.min.js"

# One thing after another, very often: without the race detector, which would say nothing of it and take most of the time.
# Every page in four screens, and histories of changes that are drawn by chance.
LOOKED_AT = TestEverybodyCanUseEvery|TestWithoutScriptsTheSettingsPagesShowEverything
HISTORIES = TestStorage/./any_past_revision|TestStorage/./rolling_back_restores

# Where tests keep their databases: in memory, if there is room and what is built there may run. SQLite waits for disks.
SCRATCH := $(shell if [ -w /dev/shm ] && ! findmnt -no OPTIONS /dev/shm 2>/dev/null | grep -q noexec && [ "$$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)" -gt 8000000 ]; then echo /dev/shm; fi)
ifneq ($(SCRATCH),)
export TMPDIR := $(SCRATCH)
endif

## help: list what can be made
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{printf "  make %-16s %s\n", $$1, $$2}'

## run: serve the sample site on http://127.0.0.1:8080
run:
	go run .

## test: set up whatever is missing, then run all checks and tests; this is what CI runs
test: setup lint both crashes budgets

## setup: install what the tests need and the machine lacks (PostgreSQL, Chromium, a C compiler, axe-core)
setup:
	@scripts/setup-tests "$(NPM)" "$(AXE)"

## lint: formatting, vet and staticcheck
lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:" $$unformatted; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...

# Processes and servers that are killed, and the load of 16 clients: their own processes have no race detector anyway.
CRASHES = UnderLoadWhileServersFail|ThatAreKilledWhile

# The two are of about the same length. Crashes come after them, alone: they hold each request to a time.
both:
	@$(MAKE) --no-print-directory -j2 --output-sync=target race pages

# Tests make much garbage and end soon: collecting it a quarter as often saves a sixth of their time. Budgets are kept as usual.
lint race pages: export GOGC = 400

## race: all tests but those of pages, with the race detector; RACE=./... for all of them
# SQLite is C that was translated: what the detector watches in it costs more than all the rest, and says nothing of ours.
# What budgets runs alone is left to it: the fifty migrations of the storage suite are the same there, on both databases.
RACE ?= $$(go list ./... | grep -v /e2e/settings)
race:
	$(WITH_AXE) $(TESTS) -race -gcflags='modernc.org/...=-race=false -d=checkptr=0' -timeout 30m -skip '$(LOOKED_AT)|$(HISTORIES)|$(CRASHES)|(FirstPage|Migrations).*Budget|AreIndependent|TestStorage/./fifty_migrations' $(RACE)

## pages: what the settings pages do, and the attacks on them (their budgets of time are run alone, by budgets)
pages:
	$(WITH_AXE) $(TESTS) -timeout 20m -run '$(LOOKED_AT)|$(HISTORIES)' ./e2e
	$(TESTS) -timeout 20m -skip AtMost ./e2e/settings

## crashes: entities on the move, while instances and database servers are killed
crashes:
	$(TESTS) -timeout 20m -run '$(CRASHES)' ./e2e/cutover

## unit: all tests but those that need PostgreSQL or a browser, without the race detector
unit:
	go test $$(go list ./... | grep -v -e /e2e -e /pgtest)

## budgets: the budgets of time and memory, alone on the machine and without the race detector
budgets:
	$(TESTS) -p 1 -count 1 -run 'Budget|AtMost|Million|Independent' ./ruleset ./middleware ./e2e ./e2e/settings

## bench: all benchmarks, for people
bench:
	go test -run '^$$' -bench . -benchmem ./ruleset ./service ./middleware ./e2e/settings

## fuzz: every fuzz target in turn; FUZZTIME=5m for longer
fuzz:
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
		done; \
	done

## generate: rebuild the browser client and whatever else is generated
generate:
	go generate ./...

## vulnerabilities: look the dependencies up in Go's vulnerability database (needs the internet)
vulnerabilities:
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...
