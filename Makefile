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
COMPARE = $(GO) run ./bench/cmd/compare
BENCH  ?= .

.DEFAULT_GOAL := help
.PHONY: help test race 386 go122 model commands vet systems fmt lint arrows check bench bench-full bench-report benchstat demo pprof http stress bench-rivals rivals-check linearize mutants hostile nightly fuzz spin overload overload-report soak

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14

test: ## run the tests
	$(GO) test ./...

race: ## run the tests under the race detector
	$(GO) test -race ./...

386: ## run the tests as a 32-bit program, with short loads
	GOARCH=386 $(GO) test -short ./...

go122: ## build and test with Go 1.22, the oldest that is supported; the loads in full over ZenQ only
	$(OLD) $(GO) vet ./...
	$(OLD) $(GO) test -short ./...
	$(OLD) $(GO) test -run /zenq ./queue ./server

model: ## model-check the lock-free code (MODEL_PREEMPTIONS=3 for a deeper look)
	$(GO) vet -tags modelcheck ./internal/...
	$(GO) test -tags modelcheck -timeout 240m -v -run 'Model|Explore|Choose|Sides' ./internal/model ./internal/limit ./internal/park ./internal/reply ./internal/ring | grep -v '^=== '

mutants: ## plant usual mistakes in the lock-free code, one at a time: each must be found
	MUTANTS=1 $(GO) test -count=1 -timeout 10m -v -run TestMutants ./internal/mutants | grep -v -e '^=== ' -e '^ *--- PASS'

linearize: ## look for histories of the queues and the server that are not linearizable (SEEDS=3000)
	cd internal/lincheck && GOWORK=off $(GO) vet -tags yieldhooks . && GOWORK=off $(GO) test -count=1 -tags yieldhooks -timeout 60m -v . -seeds $(or $(SEEDS),3000) | grep -v '^=== '

spin: ## check the models of the protocols with Spin, if it is installed
	SPIN=1 $(GO) test -count=1 -v ./internal/promela | grep -v '^=== '

HOSTILE = -short -timeout 10m ./internal/ring ./internal/park ./internal/reply ./queue ./server
hostile: ## the concurrency tests without asynchronous preemption, and with garbage collected all the time
	GODEBUG=asyncpreemptoff=1 $(GO) test -count=1 $(HOSTILE)
	GOGC=1 $(GO) test -count=1 $(HOSTILE)

nightly: ## what takes longer than CI may: three preemptions, ten times the histories, every fuzz target, other systems
	$(MAKE) systems
	$(MAKE) model MODEL_PREEMPTIONS=3
	$(MAKE) linearize SEEDS=30000
	$(MAKE) fuzz FUZZTIME=2m
	$(MAKE) stress

soak: ## the tests of endurance, kept in docs/soak (SOAK_MESSAGES=1000000000 SOAK_REQUESTS=100000000 SOAK_SHUTDOWNS=1000000, or one of them alone)
	GO="$(GO)" bash docs/soak/run.sh

# A target that has found nothing may still fail as its time ends
# (https://go.dev/issue/75804, until Go 1.27): with that one line, and no input.
fuzz: ## fuzz each target for a while (FUZZTIME=30s); what fails is kept in testdata/fuzz
	@set -e; for target in ./internal/ring:FuzzRing ./internal/limit:FuzzReference ./internal/limit:FuzzExtremes ./server:FuzzMux \
			./queue:FuzzOptions ./dispatcher:FuzzOptions ./server:FuzzOptions ./pool:FuzzOptions; do \
		echo "== $$target"; \
		$(GO) test -run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(or $(FUZZTIME),30s) -fuzzminimizetime 10x "$${target%:*}" 2>&1 | tee fuzz.out || \
			{ grep -q '^    context deadline exceeded$$' fuzz.out && ! grep -q -e 'Failing input' -e panic fuzz.out; } || exit; \
	done; rm -f fuzz.out

commands: ## test the commands in bench/cmd, a module of their own
	cd bench/cmd && $(GO) vet ./... && $(GO) test ./...

vet: ## go vet, for 64 and 32 bits
	$(GO) vet ./...
	GOARCH=386 $(GO) vet ./...

systems: ## go vet for other processors and systems; half a minute for each, the first time
	GOARCH=arm64 $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=freebsd $(GO) vet ./...
	GOOS=js GOARCH=wasm $(GO) vet ./...

fmt: ## fail if a file is not formatted
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted:"; echo "$$unformatted"; exit 1; }

arrows: ## check which package imports which
	$(GO) test -count=1 ./internal/arrows

lint: fmt vet arrows ## everything that reads the code: format, vet, imports, staticcheck
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck -tags modelcheck ./internal/...
	cd internal/lincheck && $(TOOL) staticcheck -tags yieldhooks .
	cd bench/cmd && $(TOOL) staticcheck ./...

check: test lint race 386 go122 model mutants linearize spin hostile commands ## what CI runs (.ci/run), but for the benchmarks

bench: ## compare with plain channels, in two minutes: ratios and their spread (COUNT=3 BENCH=regexp)
	$(COMPARE) run -count $(or $(COUNT),3) -benchtime 30ms -bench '$(BENCH)' -o bench.out

bench-full: ## the same for the record: bench/results/, BENCHMARKS.md (COUNT=8 BENCHTIME=100ms)
	$(COMPARE) run -strict -count $(or $(COUNT),8) -benchtime $(or $(BENCHTIME),100ms) -bench '$(BENCH)' -o bench/results/$$(date -u +%F).txt
	$(MAKE) bench-report

bench-report: ## make BENCHMARKS.md and bench/results/report.html from the newest results, measuring nothing
	$(COMPARE) report

benchstat: ## what benchstat says of results, contestants side by side (FILE=bench.out)
	$(TOOL) benchstat -ignore round,foreign-cores -table .name,/ctx -col /impl $(or $(FILE),bench.out)

bench-rivals: ## COUNT rounds against other queues, brokers and pools, kept: bench/results/rivals-*.txt
	GO="$(GO)" GO122=$(GO122) COUNT=$(or $(COUNT),8) bash bench/rivals/run.sh

rivals-check: ## vet and run what bench-rivals measures, for a moment each
	cd bench/rivals && $(GO) vet ./... && $(GO) test -bench . -benchtime 20x ./...
	cd bench/rivals/line && GOWORK=off $(GO) vet ./... && GOWORK=off $(GO) test ./...
	cd bench/rivals/line && $(OLD) $(GO) vet ./... && $(OLD) $(GO) test -bench . -benchtime 20x ./zenq

overload: ## up to 4 times what a server can do, over channels and sparkpipe, 3 rounds, 16 minutes (DURATION=7s)
	$(GO) run ./bench/cmd/overload -check -rounds 3 -duration $(or $(DURATION),7s) -o bench/results/overload-$$(date -u +%F).txt

overload-report: ## make bench/results/overload.md and overload.svg from the newest results, measuring nothing
	$(GO) run ./bench/cmd/overload -report $$(ls bench/results/overload-*.txt | tail -1)

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
	$(GO) test -count=$(or $(RUNS),20) -timeout 120m -run 'Conformance|Conservation|Storm|LastMessage|Everything|Stress|Order' ./...
