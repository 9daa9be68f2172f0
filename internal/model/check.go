//go:build modelcheck && go1.23

package model

import (
	"os"
	"strconv"
	"testing"
)

// Check fails t unless p is right under every schedule with at most 2
// preemptions, or as many as the environment variable MODEL_PREEMPTIONS says.
func Check(t testing.TB, p Program) {
	t.Helper()
	bound := 2
	if n, err := strconv.Atoi(os.Getenv("MODEL_PREEMPTIONS")); err == nil {
		bound = n
	}
	res := Explore(bound, 50_000_000, p)
	if res.Err != nil {
		t.Fatalf("schedule %d: %v", res.Schedules, res.Err)
	}
	if !res.Complete {
		t.Fatalf("stopped after %d schedules", res.Schedules)
	}
	t.Logf("%d schedules with at most %d preemptions", res.Schedules, bound)
}
