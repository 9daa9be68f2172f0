package pool

import (
	"context"
	"log/slog"
	"runtime/debug"
	"runtime/pprof"

	"github.com/sparkpipe/sparkpipe/internal/park"
)

// hire starts a worker if there is one too few: a task waits, no worker is idle
// and fewer than the limit run. It reports whether it did.
//
// A task never waits for longer than it must. Every push is followed by hire.
// If hire sees an idle worker, that worker has not yet given up being idle,
// which it does under the same lock; afterwards it looks at the queue once
// more, in next, and either takes the task or hires in its turn. If hire sees
// none, it starts one, or as many run as may, and each of them looks at the
// queue again before it ends.
func (p *Pool) hire() bool {
	p.mu.Lock()
	if p.idle > 0 || p.running >= p.limit || p.tasks.Len() == 0 {
		p.mu.Unlock()
		return false
	}
	p.running++ // from here on the pool is not drained, and ants not closed
	p.mu.Unlock()
	if err := p.ants.Submit(p.workLoop); err != nil {
		// Not seen, since ants refuses only when it is closed. The task stays
		// queued, and the next submission tries again.
		slog.Error("pool: cannot start a worker", "pool", p.opts.Name, "err", err)
		p.mu.Lock()
		p.running--
		p.mu.Unlock()
		return false
	}
	return true
}

// work is one worker: it runs tasks until the pool is drained, there are too
// many workers, or it had nothing to do for IdleTimeout.
func (p *Pool) work() {
	if p.opts.Name != "" {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("pool", p.opts.Name)))
		defer pprof.SetGoroutineLabels(context.Background()) // the goroutine is only lent
	}
	ended := false
	defer func() {
		if ended {
			return
		}
		// A task called Goexit: this goroutine is lost, its place is not.
		p.mu.Lock()
		p.running--
		p.endedLocked()
		p.mu.Unlock()
		p.hire()
	}()
	var timer park.Timer
	for {
		t, ok := p.tasks.TryPop()
		if !ok {
			if t, ok = p.next(&timer); !ok {
				ended = true
				return
			}
		}
		p.run(t)
		if p.surplus() {
			ended = true
			return
		}
	}
}

// next waits for a task as an idle worker. ok is false when the worker's place
// is gone.
func (p *Pool) next(timer *park.Timer) (t Task, ok bool) {
	p.mu.Lock()
	p.idle++
	p.mu.Unlock()
	t, err := p.tasks.PopTimed(context.Background(), timer.Start(p.opts.IdleTimeout))
	timer.Stop(err == context.DeadlineExceeded)

	p.mu.Lock()
	p.idle--
	ok = err == nil
	if !ok {
		// Someone may have submitted while this worker still counted as idle,
		// and relied on it.
		t, ok = p.tasks.TryPop()
	}
	if !ok {
		p.running--
		p.endedLocked()
	}
	p.mu.Unlock()
	if ok {
		p.hire() // for the same reason: there may be more than this one task
	}
	return t, ok
}

// surplus takes the caller's place if Resize left too many workers.
func (p *Pool) surplus() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running <= p.limit {
		return false
	}
	p.running--
	return true
}

// endedLocked says so when the last worker of a closed pool has ended and
// nothing is left to run.
func (p *Pool) endedLocked() {
	if !p.closed || p.running > 0 || p.tasks.Len() > 0 {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}

func (p *Pool) run(t Task) {
	returned := false
	defer func() {
		p.counters.Add(cDone, 1)
		if returned {
			return
		}
		p.counters.Add(cPanicked, 1)
		if v := recover(); v != nil { // nil: Goexit, which goes on
			p.report(v, debug.Stack())
		}
	}()
	t.Run()
	returned = true
}

func (p *Pool) report(v any, stack []byte) {
	defer func() {
		if again := recover(); again != nil {
			slog.Error("pool: OnPanic panicked", "pool", p.opts.Name, "panic", again, "task", v)
		}
	}()
	p.opts.OnPanic(v, stack)
}
