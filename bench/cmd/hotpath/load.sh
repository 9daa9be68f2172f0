#!/usr/bin/env bash
# Loads hotpath with wrk, over sparkpipe and over plain channels in turn, and
# prints both side by side. Then it sends SIGTERM in the middle of a load and
# checks that every accepted request was answered. Loopback only; it ends with
# status 1 if anything but the announced 503 and 504 went wrong.
#
#   ROUNDS=3 DURATION=5 THREADS=2 CONNECTIONS=64 ./load.sh
set -euo pipefail
cd "$(dirname "$0")"

rounds=${ROUNDS:-3} seconds=${DURATION:-5} threads=${THREADS:-2} connections=${CONNECTIONS:-64}
impls="sparkpipe chan"
seeds=100 # keys of mix.lua

if ! command -v wrk >/dev/null; then
	echo "load.sh: wrk is missing. Debian and Ubuntu: apt-get install wrk. Others: https://github.com/wg/wrk" >&2
	exit 1
fi
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || { kill -KILL "$pid"; wait "$pid"; } 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "load.sh: $*" >&2
	tail -n 20 "$tmp"/*.log >&2
	exit 1
}

# field NAME FILE PREFIX prints a value of the line of name=value pairs.
field() { sed -n "/^$3.* $1=/{s/.* $1=\([^ ]*\).*/\1/p;q;}" "$2"; }

# start IMPL FLAGS... starts the service on a free port and puts every key,
# which also shows that it answers.
start() {
	local impl=$1 i
	shift
	: >"$tmp/service.log"
	"$tmp/hotpath" -addr 127.0.0.1:0 -impl "$impl" "$@" >"$tmp/service.log" 2>&1 &
	pid=$!
	address=
	for ((i = 0; i < 100; i++)); do
		address=$(sed -n 's/.* listening on //p' "$tmp/service.log")
		[ -z "$address" ] || break
		kill -0 "$pid" 2>/dev/null || fail "$impl did not start"
		sleep 0.1
	done
	[ -n "$address" ] || fail "$impl does not listen"
	exec 3<>"/dev/tcp/${address%:*}/${address##*:}"
	for ((i = 0; i < seeds; i++)); do
		local last=
		((i < seeds - 1)) || last='Connection: close\r\n'
		printf "PUT /kv/k$i HTTP/1.1\r\nHost: $address\r\n${last}Content-Length: 1\r\n\r\nv" >&3
	done
	local put
	put=$(timeout 10 cat <&3 | grep -c '^HTTP/1.1 204') || true
	exec 3>&-
	[ "$put" = "$seeds" ] || fail "$impl answered $put of $seeds first requests"
}

# load SECONDS [DIGEST-ROUNDS] runs wrk, whose output ends with the line of
# mix.lua.
load() {
	wrk -t"$threads" -c"$connections" -d"$1s" --latency -s mix.lua "http://$address" -- "${2:-200}" >"$tmp/wrk.log" 2>&1
}

# checked IMPL looks at what wrk saw.
checked() {
	[ "$(mix bad)" = 0 ] || fail "$1: $(mix bad) responses with an unexpected status, such as $(mix badstatus)"
	[ "$(mix noretryafter)" = 0 ] || fail "$1: $(mix noretryafter) 503 without Retry-After"
}
mix() { field "$1" "$tmp/wrk.log" "mix:"; }
said() { field "$1" "$tmp/service.log" "hotpath: impl="; }

# ended IMPL waits for a service that was told to end, and looks at its summary.
ended() {
	local status=0
	wait "$pid" || status=$?
	pid=
	[ "$status" = 0 ] || fail "$1 ended with status $status"
	[ -n "$(said accepted)" ] || fail "$1 printed no summary"
	[ "$(said accepted)" = "$(said answered)" ] || fail "$1 accepted $(said accepted) requests and answered $(said answered)"
	[ "$(said commands)" = "$(said handled)" ] || fail "$1 accepted $(said commands) commands and handled $(said handled)"
	[ "$(said other)" = 0 ] || fail "$1 answered $(said other) requests with an unexpected status"
}

no_socket_errors() {
	local kind
	for kind in connect read write timeout; do
		[ "$(mix $kind)" = 0 ] || fail "$1: $(mix $kind) $kind errors in wrk"
	done
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.0f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
spread() { sort -n "$1" | awk 'NR == 1 { lo = $1 } { hi = $1 } END { printf "%s..%s", lo, hi }'; }

echo "Building hotpath"
"${GO:-go}" build -o "$tmp/hotpath" .
wrk_version=$(wrk -v 2>&1 | sed -n '1s/^wrk \([^ ]*\).*/\1/p') || true
echo "$("${GO:-go}" env GOVERSION), wrk $wrk_version with $threads threads and $connections connections, $(getconf _NPROCESSORS_ONLN) CPUs that wrk and the service share"
echo "of 20 requests: 12 GET, 5 PUT, 2 log, 1 digest; $rounds rounds of ${seconds} s for each implementation, in turn"
echo
row='%-18s %-10s %12s %10s %10s %8s %8s\n'
printf "$row" load impl requests/s "p50 µs" "p99 µs" 503 504
for ((round = 1; round <= rounds; round++)); do
	order=$impls # who is first changes with the round
	((round % 2)) || order="${impls#* } ${impls% *}"
	for impl in $order; do
		start "$impl"
		load "$seconds" || fail "wrk failed"
		checked "$impl"
		no_socket_errors "$impl"
		kill -TERM "$pid"
		ended "$impl"
		for name in rps p50us p99us; do mix $name >>"$tmp/$impl.$name"; done
		printf "$row" "round $round" "$impl" "$(mix rps)" "$(mix p50us)" "$(mix p99us)" "$(mix r503)" "$(mix r504)"
	done
done
for impl in $impls; do
	printf "$row" "median of $rounds" "$impl" "$(median "$tmp/$impl.rps")" "$(median "$tmp/$impl.p50us")" "$(median "$tmp/$impl.p99us")" "" ""
done
for impl in $impls; do
	printf "$row" "lowest..highest" "$impl" "$(spread "$tmp/$impl.rps")" "$(spread "$tmp/$impl.p50us")" "$(spread "$tmp/$impl.p99us")" "" ""
done

echo
echo "Overload: one worker, room for 2, 16 requests under way at the most, deadline 2 ms"
for impl in $impls; do
	start "$impl" -workers 1 -queue 2 -inflight 16 -timeout 2ms
	load 2 || fail "wrk failed"
	checked "$impl"
	no_socket_errors "$impl"
	[ "$(mix r503)" != 0 ] || fail "$impl refused nothing"
	kill -TERM "$pid"
	ended "$impl"
	printf "%-10s 2xx %s, 503 %s (each with Retry-After), 504 %s, nothing else\n" "$impl" "$(mix ok)" "$(mix r503)" "$(mix r504)"
done

echo
echo "SIGTERM in the middle of the load: what the service answered and what wrk got must be the same number"
for impl in $impls; do
	start "$impl"
	load 3 20000 & # long digests: most connections wait for one when the signal comes
	wrk=$!
	sleep 1.5
	kill -TERM "$pid"
	ended "$impl"
	wait "$wrk" || fail "wrk failed"
	checked "$impl"
	# Once the port is closed wrk's idle connections end, which it counts as read
	# errors, and new ones are refused, which it counts as connect or write
	# errors. None of them is a request that was accepted, or the sums below
	# would differ.
	[ "$(said gone)" = 0 ] || fail "$impl: $(said gone) handlers found their client gone"
	answered=$(($(said requests) - seeds))
	[ "$answered" = "$(mix responses)" ] || fail "$impl answered $answered requests, and wrk got $(mix responses)"
	printf "%-10s %s answered, %s responses; afterwards %s connections ended, %s attempts refused; exit status 0\n" \
		"$impl" "$answered" "$(mix responses)" "$(mix read)" "$(($(mix connect) + $(mix write)))"
	sed -n '$s/^/           /p' "$tmp/service.log"
done
echo
echo "every accepted request was answered"
