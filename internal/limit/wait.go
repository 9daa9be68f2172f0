package limit

import (
	"context"
	"time"
)

// Outcome says how a Wait ended.
type Outcome uint8

const (
	Passed   Outcome = iota // there is a token, and it was taken
	Hopeless                // there will not be one in time
	Ended                   // ctx has ended
	Expired                 // the timer has fired
	Gone                    // what the token is for is gone
)

// Wait takes a token and waits until it is there, first come, first served. It
// fails at once, or as soon as SetRate makes it so, if that would be after the
// deadline of ctx, or after longest, or decades away. When ctx ends or expired
// delivers first, those behind move up, and the limiter is as if this one had not
// waited; unless others have taken what came later, which means that its token
// was there, and is lost. It also ends, in the same way, when gone is closed. Nil
// channels never end it.
func (l *Limiter) Wait(ctx context.Context, longest time.Duration, expired <-chan time.Time, gone <-chan struct{}) Outcome {
	if at, ok := ctx.Deadline(); ok {
		longest = min(longest, time.Until(at))
	}
	ended := ctx.Done() // before it is in the line: it may panic
	w, outcome := l.join(longest)
	if w == nil {
		if outcome == Hopeless && ctx.Err() != nil {
			return Ended
		}
		return outcome
	}
	defer l.free(w)
	for {
		left, out := l.look(w)
		if out {
			return w.outcome
		}
		var tick <-chan time.Time
		if left >= 0 {
			tick = w.tickIn(left)
		}
		select {
		case <-tick:
		case <-w.wake:
		case <-gone:
			return l.leave(w, Gone)
		case <-ended:
			return l.leave(w, Ended)
		case <-expired:
			return l.leave(w, Expired)
		}
	}
}

// join takes a place that is due in time and lines up; nil: it passed at once, or
// it is hopeless.
func (l *Limiter) join(longest time.Duration) (*waiter, Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, now := l.current.Load(), l.now()
	if now >= b.end {
		l.replace(b, b.perSecond, b.tokens)
		b = l.current.Load()
	}
	if b.free {
		return nil, Passed
	}
	deadline := never
	if longest < never-now {
		deadline = now + longest
	}
	v := b.level(now)
	place := b.take(v, b.most(deadline))
	switch {
	case place == refused: // nothing is frozen under the lock
		return nil, Hopeless
	case l.line.first == nil && place <= v+b.burst:
		return nil, Passed
	}
	w, _ := l.waiters.Get().(*waiter)
	if w == nil {
		w = &waiter{wake: make(chan struct{}, 1)}
	}
	l.line.join(w, place, deadline)
	return w, 0
}

// free recycles a waiter that is out of the line.
func (l *Limiter) free(w *waiter) {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.out = false
	l.waiters.Put(w)
}

// look reports whether w is out of the line, or how long until it may pass if it
// is the first; negative: it is not, or nobody knows. If its time has come, it
// passes.
func (l *Limiter) look(w *waiter) (left time.Duration, out bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.out || w != l.line.first {
		return -1, w.out
	}
	if left = l.current.Load().due(l.line.taken()[0]) - l.now(); left <= 0 {
		l.line.pass()
		return 0, true
	}
	return left, false
}

// leave takes w out of the line, and returns its outcome, unless it has one. Who was
// let through and whose time is over has lost its token: the tick of expired was
// received, and whoever waits under the same timer next would wait forever.
func (l *Limiter) leave(w *waiter, outcome Outcome) Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.out && w.outcome == Passed && outcome != Expired {
		return Passed // it has the token
	}
	if !w.out {
		l.line.leave(w, l.current.Load(), outcome)
	}
	return outcome
}
