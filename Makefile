# The commands of a contributor. `make` alone prints them.

SHELL := bash
.NOTPARALLEL:
.DEFAULT_GOAL := help

# The one place that sets CGO_ENABLED, to what the go command takes when nothing is set. `go run` and an editor use the
# same value, so that the models of the Graph SDK (two minutes, 4.6 GB per set of build flags) are compiled once.
export CGO_ENABLED := $(shell go env CGO_ENABLED)

PKGS ?= ./...
FUZZTIME ?= 10s
LINT_VERSION := v2.15.0
LINT := bin/golangci-lint-$(LINT_VERSION)

# The packages that build on the Graph SDK, as import paths. All others are "light": they are raced, fuzzed and measured
# without compiling the SDK once more for those flags. Each list stops the recipe when the go command fails.
GRAPH := ^slotd(/adapters/outlook|/cmd)(/|$$)
light = set -eo pipefail; pkgs=$$(go list $(PKGS) | sed -E '\,$(GRAPH),d')
graph = set -eo pipefail; pkgs=$$(go list $(PKGS) | sed -n -E '\,$(GRAPH),p')

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PKGS=./internal/booking/... restricts what vet, lint, test, fuzz, bench and cover look at."

.PHONY: build
build: ## Build bin/slotd (the first time takes minutes: the Graph SDK)
	go build -o bin/slotd ./cmd/slotd

.PHONY: demo
demo: ## Run the daemon against emulated providers, with a phone to book from
	go run ./cmd/slotd demo

.PHONY: check
check: fmt vet lint test ## All that CI runs: fmt, vet, lint and test

.PHONY: fmt
fmt: ## Fail with a list of the files that gofmt would change
	@files=$$(gofmt -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted, run gofmt -w on:"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## Run go vet
	go vet $(PKGS)

.PHONY: lint
lint: $(LINT) ## Run golangci-lint, installed into bin/ when it is missing
	$(LINT) run $(PKGS)

# Built from source, by the Go that compiles slotd: a linter built by an older Go refuses newer code.
$(LINT):
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $@

.PHONY: tools
tools: ## Install what the tests need beside Go: a browser, promtool, systemd-analyze, nginx
	@.ci/browser.sh install
	@.ci/promtool.sh install
	@.ci/systemd.sh install
	@.ci/nginx.sh install

.PHONY: test
test: tools ## Run all tests: the light packages with the race detector, then those on the Graph SDK
	@if ! .ci/browser.sh find >/dev/null; then export SLOTD_WITHOUT_BROWSER=1; fi; \
	if ! .ci/systemd.sh find >/dev/null; then export SLOTD_WITHOUT_SYSTEMD=1; fi; \
	if ! .ci/promtool.sh find >/dev/null; then export SLOTD_WITHOUT_PROMTOOL=1; fi; \
	if ! .ci/nginx.sh find >/dev/null; then export SLOTD_WITHOUT_NGINX=1; fi; \
	$(light); if [ -n "$$pkgs" ]; then (set -x; go test -race $$pkgs); fi; \
	$(graph); if [ -n "$$pkgs" ]; then (set -x; go test $$pkgs); fi

.PHONY: fuzz
fuzz: ## Run each fuzz target of the light packages for FUZZTIME (10s)
	@$(light); FUZZTIME=$(FUZZTIME) .ci/fuzz.sh $$pkgs

.PHONY: bench
bench: ## Run the benchmarks of the light packages
	@$(light); go test -run '^$$' -bench . -benchmem $${pkgs:?holds no light package}

.PHONY: cover
cover: ## Write cover.out for the light packages and print the coverage of each
	@$(light); go test -coverprofile=cover.out $${pkgs:?holds no light package}; go tool cover -func=cover.out | tail -n 1

.PHONY: clean
clean: ## Remove what make built; the Go caches stay
	rm -rf bin slotd cover.out
