package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// The ways of the idiom to have several messages under way, and the benchmarks
// of that.

// start sends a request, unless ctx ends first.
func (d *idiom) start(ctx context.Context, m message) (chan result, error) {
	reply := make(chan result, 1)
	return reply, d.put(ctx, envelope{ctx, m, reply})
}

func (d *idiom) startBare(ctx context.Context, m message) (chan result, error) {
	reply := make(chan result, 1)
	d.ch <- envelope{ctx, m, reply}
	return reply, nil
}

// collect is side.requestAll: it starts all requests, and waits for each.
func collect(start func(context.Context, message) (chan result, error), wait func(chan result, context.Context) (answer, error)) func(context.Context, []message, []result) error {
	return func(ctx context.Context, ms []message, out []result) error {
		replies := make([]chan result, len(ms))
		for i, m := range ms {
			var err error
			if replies[i], err = start(ctx, m); err != nil {
				return err
			}
		}
		for i, reply := range replies {
			out[i].Value, out[i].Err = wait(reply, ctx)
		}
		return nil
	}
}

// collectBare is collect with one reply channel for all: the owner is first come,
// first served, so the replies are in the order of the requests.
func (d *idiom) collectBare(ctx context.Context, ms []message, out []result) error {
	reply := make(chan result, len(ms))
	for _, m := range ms {
		d.ch <- envelope{ctx, m, reply}
	}
	for i := range ms {
		out[i] = <-reply
	}
	return nil
}

// collectCtx is collectBare that obeys ctx. There is room for all replies, so the
// owner does not wait for a caller that gave up.
func (d *idiom) collectCtx(ctx context.Context, ms []message, out []result) error {
	reply := make(chan result, len(ms))
	for _, m := range ms {
		if err := d.put(ctx, envelope{ctx, m, reply}); err != nil {
			return err
		}
	}
	for i := range ms {
		out[i].Value, out[i].Err = d.await(reply, ctx)
	}
	return nil
}

// oneByOne is side.requestAll without an idea.
func oneByOne(request func(context.Context, message) (answer, error)) func(context.Context, []message, []result) error {
	return func(ctx context.Context, ms []message, out []result) error {
		for i, m := range ms {
			out[i].Value, out[i].Err = request(ctx, m)
		}
		return nil
	}
}

// window is how many requests a pipelining client has under way.
const window = 16

// pipelined is side.pipeline, over what starts a request and what waits for its
// reply.
func pipelined[C any](start func(context.Context, message) (C, error), wait func(C, context.Context) (answer, error)) func(context.Context, int, int) int {
	return func(ctx context.Context, lo, hi int) (wrong int) {
		var calls [window]C
		for v := lo; v < hi+window; v++ {
			if old := v - window; old >= lo && old < hi {
				if a, err := wait(calls[old%window], ctx); err != nil || a.key != uint64(old) {
					wrong++
				}
			}
			if v < hi {
				c, err := start(ctx, message{key: uint64(v), value: uint64(v) + 1})
				if err != nil {
					return wrong + hi - v
				}
				calls[v%window] = c
			}
		}
		return wrong
	}
}

// keeping is side.pipeline with the client's own reply channels, used again and
// again. That is right only because it waits for each reply.
func (d *idiom) keeping(ctx context.Context, lo, hi int) int {
	var replies [window]chan result
	for i := range replies {
		replies[i] = make(chan result, 1)
	}
	start := func(ctx context.Context, m message) (chan result, error) {
		reply := replies[m.key%window] // that of the request that was window before
		d.ch <- envelope{ctx, m, reply}
		return reply, nil
	}
	return pipelined(start, d.awaitBare)(ctx, lo, hi)
}

// BenchmarkRequestAll asks for 100 replies at a time. An op is one request.
func BenchmarkRequestAll(b *testing.B) {
	const batch = 100
	for _, clients := range []int{1, 8} {
		run(b, fmt.Sprintf("clients=%d", clients), []contestant{bare, serial, withCtx, shared, sharedCtx, batchBare, batchCtx, floor, callerAuto, always, never, sliced}, setup{},
			func(b *testing.B, ctx context.Context, s *side) {
				var wrong atomic.Int64
				together(b, clients, func(_, lo, hi int) {
					ms, out := make([]message, batch), make([]result, batch)
					for v := lo; v < hi; v += batch {
						ms = ms[:min(batch, hi-v)]
						for i := range ms {
							ms[i] = message{key: uint64(v + i), value: uint64(v+i) + 1}
						}
						if err := s.requestAll(ctx, ms, out); err != nil {
							wrong.Add(1)
						}
						for i := range ms {
							if out[i].Err != nil || out[i].Value.key != ms[i].key {
								wrong.Add(1)
							}
						}
					}
				})
				b.StopTimer()
				s.verify(b, wrong.Load())
			})
	}
}

// BenchmarkPipeline has each client keep 16 requests under way.
func BenchmarkPipeline(b *testing.B) {
	for _, clients := range []int{1, 8} {
		run(b, fmt.Sprintf("clients=%d", clients), []contestant{bare, pooled, withCtx, floor, callerAuto, always, never}, setup{},
			func(b *testing.B, ctx context.Context, s *side) {
				var wrong atomic.Int64
				together(b, clients, func(_, lo, hi int) { wrong.Add(int64(s.pipeline(ctx, lo, hi))) })
				b.StopTimer()
				s.verify(b, wrong.Load())
			})
	}
}
