#!/usr/bin/env bash
# The tests of endurance (server/soak_test.go), with a log that is kept beside this
# file: the machine, the versions, what was asked for and what was found. Of
# SOAK_MESSAGES, SOAK_REQUESTS and SOAK_SHUTDOWNS those that are set are run; if
# none is, all three with the numbers below. SOAK_LOG names another file.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${SOAK_MESSAGES:-}${SOAK_REQUESTS:-}${SOAK_SHUTDOWNS:-}" ]; then
	export SOAK_MESSAGES=1000000000 SOAK_REQUESTS=100000000 SOAK_SHUTDOWNS=1000000
fi
tests=
for test in Messages Requests Shutdowns; do
	asked="SOAK_${test^^}"
	[ -z "${!asked:-}" ] || tests="$tests${tests:+|}$test"
done
log="${SOAK_LOG:-docs/soak/$(date -u +%F).txt}"
{
	echo "date: $(date -u '+%F %T') UTC"
	echo "commit: $(git describe --always --dirty 2>/dev/null || echo unknown)"
	echo "go: $("${GO:-go}" version | cut -d' ' -f3-)"
	echo "machine: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1), $(uname -sr | cut -d- -f1)"
	echo "asked for: ${SOAK_MESSAGES:-0} messages, ${SOAK_REQUESTS:-0} requests, ${SOAK_SHUTDOWNS:-0} shutdowns"
	# Progress is for who watches, and the subtests' lines for nobody.
	"${GO:-go}" test -count=1 -timeout 48h -v -run "^TestSoak($tests)\$" ./server 2>&1 |
		tee >(grep '^progress: ' >&2) | grep -v -e '^progress: ' -e '^=== '
} | tee "$log"
echo "kept in $log"
