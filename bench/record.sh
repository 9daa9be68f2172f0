#!/usr/bin/env bash
# Runs the benchmarks in COUNT interleaved rounds, keeps the raw result under
# bench/results/, and writes BENCHMARKS.md from it.
set -euo pipefail
cd "$(dirname "$0")/.."
count=${COUNT:-8} time=${BENCHTIME:-100ms}
raw=bench/results/$(date +%F).txt
stat() { GOWORK=off go tool -modfile="$PWD/internal/tools/go.mod" benchstat "$@"; }

command="go test -run '^\$' -bench . -benchtime $time ./bench"
: >"$raw.new"
for ((i = 1; i <= count; i++)); do
	echo "round $i of $count" >&2
	go test -run '^$' -bench . -benchtime "$time" ./bench >>"$raw.new"
done
mv "$raw.new" "$raw"

cat >BENCHMARKS.md <<EOF
# Benchmarks

Written by \`make bench-record\` from [$raw]($raw); do not edit.

- Command: \`$command\`, $count times, one round after the other, so that the contestants of a row are interleaved.
- Machine: $(nproc) cores, $(sed -n 's/^cpu: //p' "$raw" | head -1), $(go env GOOS)/$(go env GOARCH), $(go env GOVERSION). It is shared: the load average was
  $(cut -d' ' -f1-3 /proc/loadavg) at the end. Compare within a row, and take a difference below 1.5x for noise.
- Medians, with the spread after ±, by benchstat. The rows we lose stand with the others.

The contestants: idiom is a goroutine that owns the state and a channel of envelopes, each with a fresh reply channel;
idiom-ctx selects on a context at both ends; idiom-timer adds a time-out for each request; mutex is a lock around a
direct call that recovers panics, the floor for serial state.
EOF
section() { # TITLE NAME COLUMNS
	printf '\n## %s\n\n```\n' "$1" >>BENCHMARKS.md
	stat -col "/impl@($3)" -filter ".unit:(sec/op OR allocs/op) .name:$2" "$raw" |
		sed -E '/^$/d; s/ +$//' >>BENCHMARKS.md
	printf '```\n' >>BENCHMARKS.md
}
section "Request round trip, under a context that can be cancelled: defaults" Request "idiom-ctx idiom mutex sparkpipe"
section "The same with a time-out for each request" Request "idiom-timer sparkpipe-timeout"
section "The same with CallerRunsAlways and CallerRunsNever" Request "idiom-ctx sparkpipe-always sparkpipe-never"
section "Commands" Command "idiom sparkpipe sparkpipe-batch16"
section "Queues, capacity 1024, ints; batch: PushBatch of 16, PopBatch of 64" Queue "chan ring ring-batch"
section "Tasks that do nothing, on two workers" Task "chan pool"
section "Offloaded requests that do nothing, on two workers" Offload "idiom-ctx sparkpipe"
