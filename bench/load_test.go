package bench

import (
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

// together runs f on n goroutines, each with its share of the values 0 to
// b.N-1, and returns when all have ended. The clock of the benchmark starts when
// the goroutines are there.
func together(b *testing.B, n int, f func(i, lo, hi int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			defer wg.Done()
			<-start
			f(i, b.N*i/n, b.N*(i+1)/n)
		}()
	}
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	wg.Wait()
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
