package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkRequest is a round trip, with 1 to 1024 clients: under a ctx that
// never ends, under one that can be cancelled, and with a timeout for each
// request besides.
func BenchmarkRequest(b *testing.B) {
	for _, clients := range []int{1, 2, 8, 64, 1024} {
		ask := func(b *testing.B, ctx context.Context, s *side) { askAll(b, ctx, s, clients, client{}) }
		run(b, fmt.Sprintf("clients=%d/ctx=none", clients),
			[]contestant{bare, pooled, floor, callerAuto, always, never}, setup{},
			func(b *testing.B, _ context.Context, s *side) { ask(b, context.Background(), s) })
		run(b, fmt.Sprintf("clients=%d/ctx=cancel", clients),
			[]contestant{withCtx, ctxPooled, floor, callerAuto, always, never}, setup{}, ask)
		run(b, fmt.Sprintf("clients=%d/ctx=timeout", clients),
			[]contestant{withTimeout, withTimer, callerAuto, always, never}, setup{timeout: time.Minute}, ask)
	}
}

// BenchmarkHandler is a round trip with a handler that works, and clients that
// do, too, or do not. It tells how long requests take besides how many are
// handled: p50 and p99, of one request in eight or two where the clock would
// count.
func BenchmarkHandler(b *testing.B) {
	for _, work := range []int{0, 2, 10, 100} {
		for _, think := range []int{0, 2} {
			for _, clients := range []int{2, 8, 64} {
				run(b, fmt.Sprintf("work=%dus/think=%dus/clients=%d", work, think, clients),
					[]contestant{bare, withCtx, floor, callerAuto, never}, setup{work: microseconds(work)},
					func(b *testing.B, ctx context.Context, s *side) {
						how := client{think: microseconds(think), every: 8}
						switch { // so that there are enough for p99
						case work >= 10:
							how.every = 1
						case work+think > 0:
							how.every = 2
						}
						askAll(b, ctx, s, clients, how).report(b, "", "p50", "p99")
					})
			}
		}
	}
}

// client is how the clients of askAll go about it.
type client struct {
	think int // steps of burn after each request
	every int // time one request in so many; 0: none
}

// askAll has clients send b.N requests in all, one after the other each, checks
// the replies, and ends the side. It returns how long the requests took that
// were timed.
func askAll(b *testing.B, ctx context.Context, s *side, clients int, how client) *histogram {
	var wrong atomic.Int64
	hs := histograms(clients, how.every)
	together(b, clients, func(c, lo, hi int) {
		h := hs[c]
		x := uint64(c + 1)
		for v := lo; v < hi; v++ {
			m := message{key: uint64(v), value: uint64(v) + 1}
			timed := h != nil && (v-lo)%how.every == 0
			var start time.Time
			if timed {
				start = time.Now()
			}
			if a, err := s.request(ctx, m); err != nil || a.key != m.key {
				wrong.Add(1)
			}
			if timed {
				h.record(time.Since(start))
			}
			if how.think > 0 {
				x = burn(how.think, x)
			}
		}
	})
	b.StopTimer()
	s.verify(b, wrong.Load())
	return merge(hs)
}

// askFor has clients send what they can for a time, whatever b.N is, checks the
// replies, and ends the side. An op is a request. It returns how many requests
// each client had, and how long those took that were timed: one in every, none
// if that is 0.
func askFor(b *testing.B, ctx context.Context, s *side, clients int, span time.Duration, every int) (turns []int, took *histogram) {
	var wrong atomic.Int64
	var over atomic.Bool
	var first sync.Once
	turns = make([]int, clients)
	hs := histograms(clients, every)
	before := allocated()
	share(b, clients, 0, func(c, _, _ int) {
		first.Do(func() { time.AfterFunc(span, func() { over.Store(true) }) })
		h, n := hs[c], 0
		for ; !over.Load(); n++ {
			m := message{key: uint64(n), value: uint64(n) + 1}
			timed := h != nil && n%every == 0
			var start time.Time
			if timed {
				start = time.Now()
			}
			if a, err := s.request(ctx, m); err != nil || a.key != m.key {
				wrong.Add(1)
			}
			if timed {
				h.record(time.Since(start))
			}
		}
		turns[c] = n
	})
	b.StopTimer()
	total, sum := 0, uint64(0)
	for _, n := range turns {
		total += n
		sum += uint64(n) * uint64(n+1) / 2
	}
	reportAllocs(b, &before, total)
	b.ReportMetric(float64(b.Elapsed())/float64(total), "ns/op")
	s.verifySum(b, sum, wrong.Load())
	return turns, merge(hs)
}
