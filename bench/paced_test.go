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
// all, whether the server keeps up or not, for a second: so there are 40 above
// p99.9. It tells how long requests take, how late the clients were with them,
// and the processor time for each, that of the clients' timers included.
func BenchmarkPaced(b *testing.B) {
	const clients, rate = 64, 40_000
	total := int(fixed(time.Second) * rate / time.Second)
	run(b, fmt.Sprintf("clients=%d/rate=%d", clients, rate), everyMode, setup{},
		func(b *testing.B, ctx context.Context, s *side) {
			var wrong atomic.Int64
			took, late := histograms(clients, 1), histograms(clients, 1)
			begin := sync.OnceValues(func() (time.Time, time.Duration) {
				cpu, _ := testx.CPUTime()
				return time.Now().Add(2 * time.Millisecond), cpu // when all wait for their turns
			})
			memory := allocated()
			share(b, clients, total, func(c, lo, hi int) {
				at, _ := begin()
				var p pacer
				for v := lo; v < hi; v++ {
					from, by := p.wait(at.Add(time.Duration((v-lo)*clients+c) * time.Second / rate))
					late[c].record(by)
					if a, err := s.request(ctx, message{uint64(v), uint64(v) + 1}); err != nil || a.key != uint64(v) {
						wrong.Add(1)
					}
					took[c].record(time.Since(from))
				}
			})
			b.StopTimer()
			if now, ok := testx.CPUTime(); ok {
				_, before := begin()
				b.ReportMetric(float64(now-before)/float64(total), "cpu-ns/op")
			}
			reportAllocs(b, &memory, total)
			b.ReportMetric(0, "ns/op") // is the pace
			merge(took).report(b, "", "p50", "p99", "p99.9")
			merge(late).report(b, "late-", "p99")
			s.verifySum(b, uint64(total)*uint64(total+1)/2, wrong.Load())
		})
}

// pacer is when a client's timer last fired.
type pacer struct{ woke time.Time }

// wait sleeps until a request is due. It returns by how much it is late, and from
// when it counts: from when it was due, or from when the timer fired if that was
// later, as that is not the side's fault. It is the side's fault if the client
// is late because its last request took so long.
func (p *pacer) wait(due time.Time) (from time.Time, late time.Duration) {
	now := time.Now()
	if now.Before(due) {
		time.Sleep(due.Sub(now))
		now = time.Now()
		p.woke = now
	}
	if from = due; p.woke.After(due) {
		from = p.woke
	}
	return from, now.Sub(due)
}

// BenchmarkFairness lets 64 clients send what they can for a second, and tells
// how evenly the turns are spread: Jain's index, which is 1 when all have the
// same and 1/64 when one has all, and the fewest turns as a share of the mean.
func BenchmarkFairness(b *testing.B) {
	const clients = 64
	span := fixed(time.Second) // the scheduler's slices are 10 ms
	run(b, fmt.Sprintf("clients=%d", clients), everyMode, setup{},
		func(b *testing.B, ctx context.Context, s *side) {
			turns, _ := askFor(b, ctx, s, clients, span, 0)
			total, squares, fewest := 0.0, 0.0, float64(turns[0])
			for _, n := range turns {
				total += float64(n)
				squares += float64(n) * float64(n)
				fewest = min(fewest, float64(n))
			}
			b.ReportMetric(total*total/(clients*squares), "jain")
			b.ReportMetric(fewest/(total/clients), "fewest/mean")
		})
}
