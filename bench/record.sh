#!/usr/bin/env bash
# Runs the benchmarks in COUNT interleaved rounds, keeps the raw result under
# bench/results/, and writes BENCHMARKS.md from it.
set -euo pipefail
cd "$(dirname "$0")/.."
count=${COUNT:-8} time=${BENCHTIME:-100ms}
raw=bench/results/$(date +%F).txt
trap 'rm -f "$raw.new" "$raw.round"' EXIT
stat() { GOWORK=off go tool -modfile="$PWD/internal/tools/go.mod" benchstat "$@"; }

# What others use of the processors matters more than how fast they are: with
# one of two cores taken, clients hardly run at the same time, so they hardly
# contend, and callers that run their own requests look several times faster than
# they are. So a round counts only if others used little of the machine
# meanwhile; what it measured plays no part in that.
limit=10 # hundredths of a core
busy() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat; } # jiffies of all, steal included
own() { awk '{ print $14 + $15 + $16 + $17 }' "/proc/$$/stat"; }            # of this script and what it waited for
foreign() { # SINCE-BUSY SINCE-OWN SINCE-SECONDS: hundredths of a core that others used
	local f=$(($(busy) - $1 - ($(own) - $2)))
	echo $((f < 0 ? 0 : f / (SECONDS - $3 > 0 ? SECONDS - $3 : 1)))
}

cores() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

command="go test -run '^\$' -bench . -benchtime $time ./bench"
go test -run '^$' -bench '^$' ./bench >/dev/null # compile before the rounds
: >"$raw.new"
kept=0 rejected=0 worst=0
while ((kept < count)); do
	if ((rejected > 3 * count)); then
		echo "record.sh: the machine is too busy: $rejected rounds rejected" >&2
		exit 1
	fi
	b=$(busy) o=$(own) t=$SECONDS
	go test -run '^$' -bench . -benchtime "$time" ./bench >"$raw.round"
	f=$(foreign "$b" "$o" "$t")
	if ((f > limit)); then
		rejected=$((rejected + 1))
		echo "rejected a round: others used $(cores "$f") cores" >&2
		continue
	fi
	kept=$((kept + 1)) worst=$((f > worst ? f : worst))
	cat "$raw.round" >>"$raw.new"
	echo "round $kept of $count: others used $(cores "$f") cores" >&2
done
mv "$raw.new" "$raw"

cat >BENCHMARKS.md <<EOF
# Benchmarks

Written by \`make bench-record\` from [$raw]($raw); do not edit.

- Command: \`$command\`, $count times, one round after the other, so that the contestants of a row are interleaved.
- Machine: $(nproc) cores, $(sed -n 's/^cpu: //p' "$raw" | head -1), $(go env GOOS)/$(go env GOARCH), $(go env GOVERSION). Others used at most $(cores "$worst") cores during a round;
  $rejected rounds in which it was more than $(cores "$limit") were left out. Compare within a row, and take a difference below 1.5x for
  noise.
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
