//go:build modelcheck && go1.23

package model

import (
	"os"
	"strconv"
	"testing"
)

// Check fails t unless p is right under every schedule with at most 2
// preemptions, or as many as the environment variable MODEL_PREEMPTIONS says, on
// either side of its shared accesses.
func Check(t testing.TB, p Program) {
	t.Helper()
	bound := 2
	if n, err := strconv.Atoi(os.Getenv("MODEL_PREEMPTIONS")); err == nil {
		bound = n
	}
	var schedules [2]int
	for _, side := range []Side{BeforeAccess, AfterAccess} {
		res := Explore(side, bound, 50_000_000, p)
		if res.Err != nil {
			t.Fatalf("schedule %d, %s: %v", res.Schedules, side, res.Err)
		}
		if !res.Complete {
			t.Fatalf("stopped after %d schedules", res.Schedules)
		}
		schedules[side] = res.Schedules
	}
	t.Logf("%d schedules with at most %d preemptions before a shared access, %d after one",
		schedules[BeforeAccess], bound, schedules[AfterAccess])
}
