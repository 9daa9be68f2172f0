package pool

import (
	"time"

	"github.com/sparkpipe/sparkpipe/internal/park"
)

// worker is a loop that runs tasks. The fields but the token are protected by
// Pool.mu.
type worker struct {
	token park.Token // given to a worker that sleeps: there is work, or it is to end

	below *worker // the one that fell asleep before it and still sleeps
	since uint64  // Pool.period when it fell asleep
	ends  bool    // its place was taken from it: it is no longer one of the running
}

// sleep waits for work as one of the sleepers. awake is false when w's place is
// gone instead.
//
// Who fell asleep last is woken first, so that in a pool with more workers than it
// needs the same few work, and the others' IdleTimeout comes. There is no timer for
// each sleep: that was a seventh of the time of an offloaded request.
func (p *Pool) sleep(w *worker) (awake bool) {
	p.mu.Lock()
	p.busy--
	// Resize may have come since surplus looked, and found nobody asleep.
	if p.running > p.limit || p.drainedLocked() {
		p.endLocked()
		p.mu.Unlock()
		return false
	}
	w.below, p.top = p.top, w
	w.since = p.period
	if !p.ticking {
		// Its first period is a whole one, and need not be followed by another.
		p.ticking = true
		w.since--
		p.tickLocked()
	}
	p.changedLocked()
	p.mu.Unlock()

	p.call() // for what came before this worker was to be seen among the sleepers
	p.flow.Items(p.taken, p.tasks.Cap(), w.token.Given)
	w.token.Take()

	p.mu.Lock()
	defer p.mu.Unlock()
	if w.ends {
		return false
	}
	p.waking = false
	p.changedLocked()
	return true
}

// taken is how many tasks were taken so far.
func (p *Pool) taken() uint64 { return p.tasks.Stats().Popped }

// tickLocked starts the timer of a period, which runs while somebody sleeps.
func (p *Pool) tickLocked() {
	if p.timer == nil {
		p.timer = time.AfterFunc(p.opts.IdleTimeout, p.passed)
	} else {
		p.timer.Reset(p.opts.IdleTimeout)
	}
}

// passed is called when a period of IdleTimeout is over: those that slept all the
// time lose their place. They are below all the others.
func (p *Pool) passed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.period++
	last := &p.top
	for *last != nil && (*last).since+2 > p.period {
		last = &(*last).below
	}
	p.dismissLocked(last, p.running)
	if p.ticking = p.top != nil; p.ticking {
		p.tickLocked()
	}
}

// dismissLocked ends up to n sleepers, from the one that is at from.
func (p *Pool) dismissLocked(from **worker, n int) {
	for ; n > 0 && *from != nil; n-- {
		w := *from
		*from, w.below = w.below, nil
		w.ends = true
		p.running--
		w.token.Give()
	}
	p.changedLocked()
}
