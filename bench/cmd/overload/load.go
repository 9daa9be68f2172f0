package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/hist"
	"github.com/sparkpipe/sparkpipe/server"
)

// worker is the work of the handler: steps, each of which needs the one before.
// They are a number and no time, so that a handler that is preempted still has
// all of them before it.
type worker struct {
	steps int
	pause time.Duration // instead, in a test whose time is virtual
}

// do is not inlined, so that it is done even if nobody reads what it returns.
//
//go:noinline
func (w worker) do(x uint64) uint64 {
	if w.pause > 0 {
		time.Sleep(w.pause)
	}
	x |= 1
	for n := w.steps; n > 0; n-- {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// newWorker returns a worker that takes d when nothing else runs.
func newWorker(d time.Duration) worker {
	probe := worker{steps: 100_000}
	best := time.Hour
	for try := 0; try < 50; try++ {
		start := time.Now()
		_ = probe.do(1)
		best = min(best, time.Since(start))
	}
	return worker{steps: max(1, int(float64(probe.steps)*float64(d)/float64(best)))}
}

// calibrate returns how many requests a second 64 clients get out of a server,
// one after the other: a plain channel or sparkpipe, whichever is the better.
func calibrate(ctx context.Context, w worker, span time.Duration) (float64, error) {
	pipe, err := newPipe(w, server.Options{CallerRuns: server.CallerRunsNever})
	if err != nil {
		return 0, err
	}
	one, err := saturate(ctx, pipe, span/2)
	if err != nil {
		return 0, err
	}
	other, err := saturate(ctx, newChannel(w, capacity, false, false), span/2)
	return max(one, other), err
}

// saturate asks s as fast as 64 clients can, and stops it.
func saturate(ctx context.Context, s *side, span time.Duration) (float64, error) {
	const clients = 64
	var answered atomic.Int64
	var over atomic.Bool
	var wg sync.WaitGroup
	start := time.Now()
	for c := 0; c < clients; c++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := uint64(c); !over.Load(); n++ {
				if _, err := s.request(ctx, n); err != nil {
					return
				}
				answered.Add(1)
			}
		}()
	}
	select {
	case <-time.After(span):
	case <-ctx.Done():
	}
	over.Store(true)
	wg.Wait()
	took := time.Since(start)
	return float64(answered.Load()) / took.Seconds(), errors.Join(s.stop(), ctx.Err())
}

// point is what came of one load on one side.
type point struct {
	sent                             uint64
	good, late, refused, gone, wrong atomic.Uint64
	answers                          hist.Histogram // how long answers took, late ones included
	refusals                         hist.Histogram
	lags                             hist.Histogram // how late the generator started requests
	span                             time.Duration  // of what is counted
}

// offer sends rate requests a second for as long as warm and span together. What
// is due in the first of them is not counted. The seed says when they are due.
func offer(ctx context.Context, s *side, rate float64, deadline, warm, span time.Duration, seed uint64) (*point, error) {
	p := &point{span: span}
	gaps := rand.New(rand.NewPCG(1, seed))
	var wg sync.WaitGroup
	start := time.Now()
	at := time.Duration(0)
	for n := uint64(0); ; n++ {
		at += time.Duration(gaps.ExpFloat64() / rate * float64(time.Second))
		if at >= warm+span {
			break
		}
		due := start.Add(at)
		if d := time.Until(due); d > 0 {
			time.Sleep(d)
			if ctx.Err() != nil {
				wg.Wait()
				return nil, ctx.Err()
			}
		}
		counted := at >= warm
		if counted {
			p.sent++
			p.lags.Record(time.Since(due))
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			own, cancel := context.WithDeadline(ctx, due.Add(deadline))
			_, err := s.request(own, n)
			took := time.Since(due)
			cancel()
			if counted {
				p.note(err, took, deadline)
			}
		}()
	}
	wg.Wait()
	if sum := p.good.Load() + p.late.Load() + p.refused.Load() + p.gone.Load(); sum != p.sent || p.wrong.Load() > 0 {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("sent %d requests, and %d had an outcome", p.sent, sum))
	}
	return p, ctx.Err()
}

func (p *point) note(err error, took, deadline time.Duration) {
	switch {
	case err == nil:
		p.answers.Record(took)
		if took <= deadline {
			p.good.Add(1)
		} else {
			p.late.Add(1)
		}
	case errors.Is(err, dispatcher.ErrOverloaded), err == errFull:
		p.refused.Add(1)
		p.refusals.Record(took)
	case errors.Is(err, context.DeadlineExceeded):
		p.gone.Add(1)
	default:
		p.wrong.Add(1)
	}
}
