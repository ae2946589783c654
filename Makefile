# Run `make help` for the list.
.DEFAULT_GOAL := help
GO ?= go
# SQLite, which is C made into Go, costs a fifth of the tests' time where each of its pointers is checked.
UNCHECKED = -gcflags=modernc.org/...=-d=checkptr=0

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/keyturn and bin/hello
	$(GO) build -trimpath -o bin/ ./cmd/keyturn ./cmd/hello

test: ## every test, with the race detector, on SQLite and a real PostgreSQL
	.ci/prepare
	GORACE=atexit_sleep_ms=0 $(GO) test -race $(UNCHECKED) -timeout 11m ./...

interop: ## real clients, unmodified: the examples of docs/examples against the program
	.ci/prepare
	.ci/prepare-interop
	for example in openid-client oidc-client-ts; do npm ci --prefix docs/examples/$$example --no-audit --no-fund || exit 1; done
	$(GO) test -tags interop -count 1 -timeout 10m -run Interop ./cmd/keyturn

lint: ## formatting, go vet, the module file
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags interop,screenshots ./cmd/keyturn
	$(GO) mod tidy -diff

bench: ## speed, as ratios to floors measured in the same run
	.ci/prepare
	$(GO) test -run '^$$' -bench . -benchtime 5x ./cmd/keyturn
	$(GO) test -run '^$$' -bench ConsoleLists -benchtime 7x ./storage

fuzz: ## each fuzz target for a short while
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . ); do \
		for name in $$(grep -oE '^func Fuzz[A-Za-z0-9]+' $$target | cut -d' ' -f2); do \
			echo "$$(dirname $$target) $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime 10s $$(dirname $$target) || exit 1; \
		done; \
	done

screenshots: ## the pictures of docs/images anew, from the running program; look at each one
	.ci/prepare
	$(GO) test -tags screenshots -run '^TestScreenshots$$' -count 1 ./cmd/keyturn

demo: ## the tutorial, played
	$(GO) run ./cmd/keyturn demo

docs: ## write the generated tables of docs/ anew from the code
	$(GO) test ./cmd/keyturn -run 'Test(Configuration|Architecture|AdminAPI)Page' -update

.PHONY: help build test interop lint bench fuzz screenshots demo docs
