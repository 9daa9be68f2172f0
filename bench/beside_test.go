package bench

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// BenchmarkHogs is the round trip with two goroutines beside it that burn CPU
// all the time, so that a request whose goroutine gives the processor away may
// wait for it. Each shape runs for half a second, as the scheduler's slices are
// 10 ms.
func BenchmarkHogs(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		run(b, fmt.Sprintf("clients=%d", clients), everyMode, setup{},
			func(b *testing.B, ctx context.Context, s *side) {
				var over atomic.Bool
				var wg sync.WaitGroup
				for i := 0; i < 2; i++ {
					wg.Add(1)
					go func() {
						defer wg.Done()
						for x := uint64(1); !over.Load(); {
							x = burn(1000, x)
						}
					}()
				}
				_, took := askFor(b, ctx, s, clients, fixed(time.Second/2), 8)
				took.report(b, "", "p50", "p99")
				over.Store(true)
				wg.Wait()
			})
	}
}

// BenchmarkIdle tells what it costs to have nothing to do, in per cent of one
// processor: a server, and eight consumers of a queue.
func BenchmarkIdle(b *testing.B) {
	for _, c := range []contestant{bare, callerAuto, always, never} {
		b.Run("what=server/impl="+c.name, func(b *testing.B) {
			s := c.new(b, setup{})
			idle(b)
			s.stop()
		})
	}
	for _, c := range queueContestants[int]() {
		b.Run("what=consumers/impl="+c.name, func(b *testing.B) {
			l := c.make(b, 1024)
			var wg sync.WaitGroup
			for i := 0; i < 8; i++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					l.take(math.MaxInt)
				}()
			}
			l.put(0, 1000)
			idle(b)
			l.close()
			wg.Wait()
		})
	}
}

// idle measures a time in which nothing happens.
func idle(b *testing.B) {
	span := 200 * time.Millisecond // whatever b.N is
	time.Sleep(span / 10)          // until all are asleep
	memory := allocated()
	before, ok := testx.CPUTime()
	if !ok {
		b.Skip("this system does not tell the processor time")
	}
	start := time.Now()
	time.Sleep(span)
	after, _ := testx.CPUTime()
	reportAllocs(b, &memory, 1)
	b.ReportMetric(100*float64(after-before)/float64(time.Since(start)), "cpu-%")
	b.ReportMetric(0, "ns/op")
}
