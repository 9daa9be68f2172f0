package bench

import (
	"flag"
	"runtime"
	"sync"
	"testing"
	"time"
)

// burn is work for a processor: n steps, each of which needs the one before. It
// is not inlined, so that it is done even if nobody reads what it returns.
//
//go:noinline
func burn(n int, x uint64) uint64 {
	for ; n > 0; n-- {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// perMicrosecond is how many steps of burn take a microsecond on this machine,
// when nothing else runs: the best of many short tries.
var perMicrosecond = sync.OnceValue(func() int {
	const steps = 10_000
	best := time.Hour
	for try := 0; try < 200; try++ {
		start := time.Now()
		_ = burn(steps, 1)
		best = min(best, time.Since(start))
	}
	return max(1, int(steps*time.Microsecond/max(best, 1)))
})

// microseconds returns the steps of burn that take us microseconds.
func microseconds(us int) int { return us * perMicrosecond() }

// together is share with the values 0 to b.N-1.
func together(b *testing.B, n int, f func(i, lo, hi int)) { share(b, n, b.N, f) }

// share runs f on n goroutines, each with its share of the values 0 to total-1,
// and returns when all have ended. The clock of the benchmark starts when the
// goroutines are there.
func share(b *testing.B, n, total int, f func(i, lo, hi int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			defer wg.Done()
			<-start
			f(i, total*i/n, total*(i+1)/n)
		}()
	}
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	wg.Wait()
}

// fixed returns how long a benchmark runs that needs d, whatever b.N is: a tenth
// of it in -short. It is never less than -benchtime, or the benchmark would be
// run again and again, with ever more for b.N.
func fixed(d time.Duration) time.Duration {
	if testing.Short() {
		d /= 10
	}
	if least, err := time.ParseDuration(flag.Lookup("test.benchtime").Value.String()); err == nil { // or it is 1x
		d = max(d, least)
	}
	return d
}

// allocated returns what has been allocated so far.
func allocated() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}

// reportAllocs reports what was allocated since then, for a benchmark that had
// its own number of ops and not b.N.
func reportAllocs(b *testing.B, since *runtime.MemStats, ops int) {
	now := allocated()
	b.ReportAllocs()
	b.ReportMetric(float64(now.Mallocs-since.Mallocs)/float64(ops), "allocs/op")
	b.ReportMetric(float64(now.TotalAlloc-since.TotalAlloc)/float64(ops), "B/op")
}

// verify ends the side, and checks that nothing went wrong and that the handler
// has seen the values 1 to b.N.
func (s *side) verify(b *testing.B, wrong int64) {
	b.Helper()
	s.verifySum(b, uint64(b.N)*uint64(b.N+1)/2, wrong)
}

func (s *side) verifySum(b *testing.B, want uint64, wrong int64) {
	b.Helper()
	if wrong > 0 {
		b.Errorf("%d messages went wrong", wrong)
	}
	if got := s.stop(); got != want {
		b.Errorf("the handler's sum is %d and not %d: messages are missing, or came twice", got, want)
	}
}
