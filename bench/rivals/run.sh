#!/usr/bin/env bash
# Runs the rivals' benchmarks in COUNT interleaved rounds and keeps the raw output
# as bench/results/rivals-DATE.txt, and rivals-zenq-DATE.txt for ZenQ, which links
# with Go 1.22 only. What fails, crashes or hangs is written down in a line that
# benchstat passes over, and the rounds go on: ZenQ has a process for each shape, so
# that it takes no more than its own row along. Configuration lines say what was
# measured, when and where, and which round it is, as those of compare run do.
set -euo pipefail
cd "$(dirname "$0")"
go=${GO:-go} old=${GO122:-go1.22.12} count=${COUNT:-8} time=${BENCHTIME:-100ms}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$go" test -c -o "$tmp/rivals.test" .
(cd line && GOWORK=off GOTOOLCHAIN=$old "$go" test -c -o "$tmp/zenq.test" ./zenq)

run() { # NAME SECONDS PATTERN
	local code=0
	timeout "$2" "$tmp/$1.test" -test.run '^$' -test.bench "$3" -test.benchtime "$time" >"$tmp/out" 2>"$tmp/errors" || code=$?
	grep -vE '^Benchmark[^[:space:]]+[[:space:]]*$' "$tmp/out" >>"$tmp/$1.txt" || true # but for one that did not end
	if ((code != 0)); then
		printf '\n# fault in round %d, %s: exit code %d: %s\n' "$round" "$3" "$code" \
			"$(grep -m1 -E '^(fatal error|panic|SIG)' "$tmp/errors" || echo 'see above; 124 is a time-out')" | tee -a "$tmp/$1.txt" >&2
	fi
}

begin() { # NAME TOOLCHAIN MODULE PACKAGE PATTERN
	cat >"$tmp/$1.txt" <<-END
		date: $day
		commit: $(git describe --always --dirty)
		command: cd $3 && go test -run '^$' -bench '$5' -benchtime $time $4
		go: $2
		cores: $(nproc)
		kernel: $(uname -sr | cut -d- -f1)
	END
}

day=$(date -u +%F)
begin rivals "$("$go" env GOVERSION)" bench/rivals . .
begin zenq "$old" bench/rivals/line ./zenq Queue/payload=PAYLOAD/./shape=SHAPE
for ((round = 1; round <= count; round++)); do
	echo "round $round of $count" >&2
	echo "round: $round" | tee -a "$tmp/rivals.txt" >>"$tmp/zenq.txt"
	run rivals 1200 .
	for payload in int 64B; do
		for shape in 1P1C 4P1C 64P1C; do
			run zenq 120 "Queue/payload=$payload/./shape=$shape"
		done
	done
done

mkdir -p ../results
mv "$tmp/rivals.txt" "../results/rivals-$day.txt"
mv "$tmp/zenq.txt" "../results/rivals-zenq-$day.txt"
