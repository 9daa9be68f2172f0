# sparkpipe: what one can do here. `make` lists it.

# A pipeline fails when any of its commands does: a failed test behind a grep is
# a failed target.
SHELL       := bash
.SHELLFLAGS := -o pipefail -c

GO     ?= go
GO122  ?= go1.22.12
# The library by itself, without go.work, which is for the commands in bench/cmd.
OLD     = GOWORK=off GOTOOLCHAIN=$(GO122)
TOOL    = GOWORK=off $(GO) tool -modfile=$(CURDIR)/internal/tools/go.mod
COUNT  ?= 8

.DEFAULT_GOAL := help
.PHONY: help test race 386 go122 model commands vet fmt lint arrows check bench bench-record demo pprof http stress

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 12

test: ## run the tests
	$(GO) test ./...

race: ## run the tests under the race detector
	$(GO) test -race ./...

386: ## run the tests as a 32-bit program
	GOARCH=386 $(GO) test ./...

go122: ## build and test with Go 1.22, the oldest that is supported, ZenQ included
	$(OLD) $(GO) vet ./...
	$(OLD) $(GO) test ./...

model: ## model-check the lock-free code (MODEL_PREEMPTIONS=3 for a deeper look)
	$(GO) vet -tags modelcheck ./internal/...
	$(GO) test -tags modelcheck -timeout 60m -v -run 'Model|Explore|Choose' ./internal/model ./internal/park ./internal/reply ./internal/ring | grep -v '^=== '

commands: ## test the commands in bench/cmd, a module of their own
	cd bench/cmd && $(GO) vet ./... && $(GO) test ./...

vet: ## go vet, for 64 and 32 bits
	$(GO) vet ./...
	GOARCH=386 $(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...

fmt: ## fail if a file is not formatted
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted:"; echo "$$unformatted"; exit 1; }

arrows: ## check which package imports which
	$(GO) test -count=1 ./internal/arrows

lint: fmt vet arrows ## everything that reads the code: format, vet, imports, staticcheck
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck -tags modelcheck ./internal/...
	cd bench/cmd && $(TOOL) staticcheck ./...

check: test lint race 386 go122 model commands ## what CI runs

bench: ## compare with plain channels: COUNT interleaved rounds, medians and spread
	@rm -f bench.out
	@for i in $$(seq $(COUNT)); do echo "round $$i of $(COUNT)" >&2; \
		$(GO) test -run '^$$' -bench . -benchtime 100ms ./bench >> bench.out || exit 1; done
	@for name in Request Command Queue Task Offload; do \
		$(TOOL) benchstat -col /impl -filter ".unit:sec/op .name:$$name" bench.out; done

bench-record: ## the same, kept: bench/results/ and BENCHMARKS.md
	COUNT=$(COUNT) bash bench/record.sh

demo: ## the main job: a word index of the Go tree, over channels and over sparkpipe
	$(GO) run ./bench/cmd/sparkpipe

pprof: ## profile the main job into pprof.out, and say how to open it
	$(GO) run ./bench/cmd/sparkpipe -profile pprof.out
	@echo
	@echo "where the CPU goes:          go tool pprof -http=: pprof.out/cpu.pprof"
	@echo "  of one server only:        go tool pprof -http=: -tagfocus=server=NAME pprof.out/cpu.pprof"
	@echo "who waits for a lock:        go tool pprof -http=: pprof.out/mutex.pprof"
	@echo "who waits for anything:      go tool pprof -http=: pprof.out/block.pprof"
	@echo "what is kept, was allocated: go tool pprof -http=: pprof.out/heap.pprof (allocs.pprof)"
	@echo "where the goroutines are:    go tool pprof -http=: pprof.out/goroutine.pprof"
	@echo "all of it, on a time line:   go tool trace pprof.out/trace.out"

http: ## load an HTTP service with wrk, over channels and over sparkpipe (ROUNDS=3 DURATION=5)
	GO="$(GO)" bash bench/cmd/hotpath/load.sh

stress: ## run the concurrency tests for longer (RUNS=20)
	$(GO) test -count=$(or $(RUNS),20) -timeout 120m -run 'Conservation|Storm|LastMessage|Everything|Stress|Order' ./...
