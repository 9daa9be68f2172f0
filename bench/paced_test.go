package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// everyMode is the idiom with and without a ctx, and all there is beside it.
var everyMode = []contestant{bare, withCtx, floor, callerAuto, always, never}

// BenchmarkPaced is an open loop: 64 clients send 40,000 requests a second in
// all, whether the server keeps up or not. It tells how long requests take, and
// the processor time for each, that of the clients' timers included.
func BenchmarkPaced(b *testing.B) {
	const clients, rate = 64, 40_000
	run(b, fmt.Sprintf("clients=%d/rate=%d", clients, rate), everyMode, setup{},
		func(b *testing.B, ctx context.Context, s *side) {
			var wrong atomic.Int64
			var mu sync.Mutex
			var all histogram
			begin := sync.OnceValues(func() (time.Time, time.Duration) {
				cpu, _ := testx.CPUTime()
				return time.Now().Add(2 * time.Millisecond), cpu // when all wait for their turns
			})
			together(b, clients, func(c, lo, hi int) {
				var h histogram
				at, _ := begin()
				for v := lo; v < hi; v++ {
					due := at.Add(time.Duration((v-lo)*clients+c) * time.Second / rate)
					sent := wait(due)
					if a, err := s.request(ctx, message{uint64(v), uint64(v) + 1}); err != nil || a.key != uint64(v) {
						wrong.Add(1)
					}
					h.record(time.Since(sent))
				}
				mu.Lock()
				all.add(&h)
				mu.Unlock()
			})
			b.StopTimer()
			if now, ok := testx.CPUTime(); ok {
				_, before := begin()
				b.ReportMetric(float64(now-before)/float64(b.N), "cpu-ns/op")
			}
			b.ReportMetric(0, "ns/op") // is the pace
			all.report(b, "p50", "p99", "p99.9")
			s.verify(b, wrong.Load())
		})
}

// wait sleeps until a request is due and returns when it begins. That is later
// than due if the timer was late, which is not the side's fault; but if the
// client is late because its last request took so long, it is when it was due.
func wait(due time.Time) time.Time {
	d := time.Until(due)
	if d <= 0 {
		return due
	}
	time.Sleep(d)
	return time.Now()
}

// BenchmarkFairness lets 64 clients send what they can for a second, and tells
// how evenly the turns are spread: Jain's index, which is 1 when all have the
// same and 1/64 when one has all, and the fewest turns as a share of the mean.
func BenchmarkFairness(b *testing.B) {
	const clients = 64
	span := time.Second // whatever b.N is: the scheduler's slices are 10 ms
	if testing.Short() {
		span /= 10
	}
	run(b, fmt.Sprintf("clients=%d", clients), everyMode, setup{},
		func(b *testing.B, ctx context.Context, s *side) {
			var wrong atomic.Int64
			var over atomic.Bool
			turns := make([]int, clients)
			b.ResetTimer()
			start := time.Now()
			time.AfterFunc(span, func() { over.Store(true) })
			var wg sync.WaitGroup
			wg.Add(clients)
			for c := range turns {
				go func() {
					defer wg.Done()
					n := 0
					for ; !over.Load(); n++ {
						if a, err := s.request(ctx, message{uint64(n), 1}); err != nil || a.key != uint64(n) {
							wrong.Add(1)
						}
					}
					turns[c] = n
				}()
			}
			wg.Wait()
			spent := time.Since(start)
			b.StopTimer()
			total, squares, fewest := 0.0, 0.0, float64(turns[0])
			for _, n := range turns {
				total += float64(n)
				squares += float64(n) * float64(n)
				fewest = min(fewest, float64(n))
			}
			b.ReportMetric(float64(spent)/total, "ns/op")
			b.ReportMetric(total*total/(clients*squares), "jain")
			b.ReportMetric(fewest/(total/clients), "fewest/mean")
			s.verifySum(b, uint64(total), wrong.Load())
		})
}
