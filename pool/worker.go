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
// A task never waits for longer than it must. hire is called after every push,
// and by every worker that has taken a task, before it is busy with it, and so
// once more for each task that is left. It reads wanting. If a push finds it
// not set because a worker is idle, that worker has not yet given up being
// idle; when it does, in next, it sets wanting if it must, and then looks at
// the queue, or calls hire, and sees the task. If it is not set because as many
// run as may, each of them looks at the queue again before it ends, and hires
// after it has ended.
func (p *Pool) hire() bool {
	if !p.wanting.Load() || p.tasks.Len() == 0 {
		return false
	}
	p.mu.Lock()
	if p.idle > 0 || p.running >= p.limit || p.tasks.Len() == 0 {
		p.mu.Unlock()
		return false
	}
	p.running++ // from here on the pool is not drained, and ants not closed
	p.busy++
	p.changed()
	p.mu.Unlock()
	if err := p.ants.Submit(p.workLoop); err != nil {
		// Not seen, since ants refuses only when it is closed. The task stays
		// queued, and the next submission tries again.
		slog.Error("pool: cannot start a worker", "pool", p.opts.Name, "err", err)
		p.mu.Lock()
		p.busy--
		p.end()
		p.mu.Unlock()
		return false
	}
	return true
}

// changed is called with mu held, after a change of limit, running, idle or
// busy.
func (p *Pool) changed() {
	p.wanting.Store(p.idle == 0 && p.running < p.limit)
	p.crowded.Store(p.running > p.limit)
	if p.busy < p.limit {
		p.room.Broadcast()
	}
}

// end takes the place of a worker that is neither idle nor busy any more. mu is
// held.
func (p *Pool) end() {
	p.running--
	p.changed()
	p.endedLocked()
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
		if !ended { // a task called Goexit: this goroutine is lost, its place is not
			p.mu.Lock()
			p.busy--
			p.end()
			p.mu.Unlock()
		}
		p.hire()
	}()
	var timer park.Timer
	for {
		if p.surplus() { // also before its first task: Resize may have come since it was hired
			ended = true
			return
		}
		t, ok := p.tasks.TryPop()
		if !ok {
			if t, ok = p.next(&timer); !ok {
				ended = true
				return
			}
		}
		p.hire()
		p.run(t)
	}
}

// next waits for a task as an idle worker. ok is false when the worker's place
// is gone.
func (p *Pool) next(timer *park.Timer) (t Task, ok bool) {
	p.mu.Lock()
	p.busy--
	p.idle++
	p.changed()
	p.mu.Unlock()
	t, err := p.tasks.PopTimed(context.Background(), timer.Start(p.opts.IdleTimeout))
	timer.Stop(err == context.DeadlineExceeded)

	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle--
	if err != nil {
		// Someone may have submitted while this worker still counted as idle,
		// and relied on it.
		if t, ok = p.tasks.TryPop(); !ok {
			p.end()
			return nil, false
		}
	}
	p.changed()
	for p.busy >= p.limit {
		p.room.Wait() // Resize has left too many workers, and this is one of them
	}
	p.busy++
	return t, true
}

// surplus takes the caller's place if Resize left too many workers.
func (p *Pool) surplus() bool {
	if !p.crowded.Load() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running <= p.limit {
		return false
	}
	p.busy--
	p.end()
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
