package pool

import (
	"context"
	"log/slog"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"

	"github.com/sparkpipe/sparkpipe/internal/park"
)

// call sees to it that a task that waits is taken: it wakes a worker that sleeps, or
// starts one if none does and fewer than the limit run. It reports whether it did.
//
// No task is left behind. call is made after every push; by every worker that has
// taken a task, before it is busy with it, and so once more for each task that is
// left; by each worker that falls asleep, once it is among the sleepers; and by each
// that ends. It reads wanted. That is not set while
//
//   - as many work as may. Each of them looks at the queue again when its task is
//     done, and before it sleeps or ends.
//   - a worker that was called is waking. It sets wanted again, and then looks at
//     the queue. So one wake-up at a time is under way, whatever comes meanwhile,
//     and many small tasks do not wake workers that find nothing left.
//
// A push is before its read of wanted, and whoever sets wanted looks at the queue
// after that: one of the two sees the other.
func (p *Pool) call() bool {
	if !p.wanted.Load() || p.tasks.Len() == 0 {
		return false
	}
	p.mu.Lock()
	if !p.wanted.Load() || p.tasks.Len() == 0 {
		p.mu.Unlock()
		return false
	}
	p.busy++
	w := p.top
	if w != nil {
		p.top, w.below = w.below, nil
		p.waking = true
	} else {
		p.running++ // from here on the pool is not drained, and ants not closed
	}
	p.changedLocked()
	p.mu.Unlock()
	if w != nil {
		w.token.Give()
		return true
	}
	if err := p.ants.Submit(p.workLoop); err != nil {
		// Not seen, since ants refuses only when it is closed. The task stays
		// queued, and the next submission tries again.
		slog.Error("pool: cannot start a worker", "pool", p.opts.Name, "err", err)
		p.gone()
		return false
	}
	return true
}

// changedLocked is called after each change of what it looks at.
// The suffix Locked says that mu is held.
func (p *Pool) changedLocked() {
	set(&p.wanted, !p.waking && p.busy < p.limit && (p.top != nil || p.running < p.limit))
	set(&p.crowded, p.running > p.limit)
}

// set is a store that leaves the cache line alone if it can.
func set(b *atomic.Bool, v bool) {
	if b.Load() != v {
		b.Store(v)
	}
}

// gone takes the place of a worker that was busy.
func (p *Pool) gone() {
	p.mu.Lock()
	p.busy--
	p.endLocked()
	p.mu.Unlock()
}

// endLocked takes the place of a worker that is neither busy nor asleep any more.
func (p *Pool) endLocked() {
	p.running--
	p.changedLocked()
	p.finishLocked()
}

// work is one worker: it runs tasks until the pool is drained, there are too
// many workers, or it had nothing to do for IdleTimeout.
func (p *Pool) work() {
	if p.opts.Name != "" {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("pool", p.opts.Name)))
		defer pprof.SetGoroutineLabels(context.Background()) // the goroutine is only lent
	} else {
		pprof.SetGoroutineLabels(context.Background()) // a new one has those of who submitted
	}
	ended := false
	defer func() {
		if !ended { // a task called Goexit: this goroutine is lost, its place is not
			p.gone()
		}
		p.call()
	}()
	w := worker{token: park.NewToken()}
	for !p.surplus() { // also before its first task: Resize may have come since it was called
		if t, ok := p.tasks.TryPop(); ok {
			p.call()
			p.run(t)
		} else if !p.sleep(&w) {
			break
		}
	}
	ended = true
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
	p.endLocked()
	return true
}

// drainedLocked reports whether the pool is closed and no task is left, or can come:
// those that are being pushed count.
func (p *Pool) drainedLocked() bool { return p.closed && p.tasks.Len() == 0 }

// finishLocked ends the sleepers of a pool that is closed and drained, and says so
// when the last worker has ended.
func (p *Pool) finishLocked() {
	if !p.drainedLocked() {
		return
	}
	p.dismissLocked(&p.top, p.running)
	if p.running > 0 {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
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
			defer func() { _ = recover() }() // of the log's own
			slog.Error("pool: OnPanic panicked", "pool", p.opts.Name, "panic", again, "task", v)
		}
	}()
	p.opts.OnPanic(v, stack)
}
