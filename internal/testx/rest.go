package testx

import (
	"testing"
	"time"
)

// Rests fails the test if this process, all of which should sleep, burns processor
// time: what spins takes most of a core in each window, or what others leave of
// it. What is quiet may have something to do in one, as the collector has now and
// then, but not in all.
func Rests(tb testing.TB, window time.Duration) {
	tb.Helper()
	var used time.Duration
	for try := 0; try < 3; try++ {
		before, ok := CPUTime()
		if !ok {
			tb.Skipf("this system does not tell how much processor time was used")
		}
		time.Sleep(window)
		after, _ := CPUTime()
		if used = after - before; used < window/8 {
			return
		}
	}
	tb.Fatalf("%v of processor time in %v, and as much in those before", used, window)
}
