package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func (d *idiom) sendBare(ctx context.Context, m message) error {
	d.ch <- envelope{ctx: ctx, msg: m}
	return nil
}

func (d *idiom) sendCtx(ctx context.Context, m message) error {
	return d.put(ctx, envelope{ctx: ctx, msg: m})
}

// each is side.sendAll without an idea: one by one.
func each(send func(context.Context, message) error) func(context.Context, []message) error {
	return func(ctx context.Context, ms []message) error {
		for _, m := range ms {
			if err := send(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}
}

// BenchmarkCommand sends commands, singly and in batches of 16, and ends when
// all are handled. It tells the processor time for each, too: one side may be fast
// because it takes two processors.
func BenchmarkCommand(b *testing.B) {
	for _, batch := range []int{1, 16} {
		cs := []contestant{bare, withCtx, floor, callerAuto}
		if batch > 1 {
			cs = []contestant{bare, withCtx, batchBare, batchCtx, floor, callerAuto, sliced}
		}
		for _, senders := range []int{1, 8, 64} {
			run(b, fmt.Sprintf("senders=%d/batch=%d", senders, batch), cs, setup{},
				func(b *testing.B, ctx context.Context, s *side) {
					var wrong atomic.Int64
					before, _ := testx.CPUTime()
					together(b, senders, func(_, lo, hi int) {
						if batch > 1 {
							wrong.Add(sendBatches(ctx, s, batch, lo, hi))
							return
						}
						for v := lo; v < hi; v++ {
							if s.send(ctx, message{value: uint64(v) + 1}) != nil {
								wrong.Add(1)
							}
						}
					})
					s.verify(b, wrong.Load()) // the drain counts
					if now, ok := testx.CPUTime(); ok {
						b.ReportMetric(float64(now-before)/float64(b.N), "cpu-ns/op")
					}
				})
		}
	}
}

func sendBatches(ctx context.Context, s *side, batch, lo, hi int) (wrong int64) {
	ms := make([]message, batch)
	for v := lo; v < hi; v += batch {
		ms = ms[:min(batch, hi-v)]
		for i := range ms {
			ms[i].value = uint64(v+i) + 1
		}
		if s.sendAll(ctx, ms) != nil {
			wrong++
		}
	}
	return wrong
}
