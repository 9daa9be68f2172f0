package limit

import (
	"context"
	"slices"
	"time"
)

// Outcome says how a Wait ended.
type Outcome uint8

const (
	Passed   Outcome = iota // there is a token, and it was taken
	Hopeless                // there will not be one in time
	Ended                   // ctx has ended
	Expired                 // the timer has fired
)

// Wait takes a token and waits until it is there, first come, first served. It
// fails at once, or as soon as SetRate makes it so, if that would be after the
// deadline of ctx, or after longest, or decades away. When ctx ends or expired
// delivers first, the token is given back.
//
// A token that is given back can be taken by others as soon as nobody who came
// later waits for one or has got one: those keep their places, since an earlier
// one for them would be one more than the limit allows in the time between. Until
// then it is lost, and the time that it took with it; the limit is never exceeded.
func (l *Limiter) Wait(ctx context.Context, longest time.Duration, expired <-chan time.Time) Outcome {
	if at, ok := ctx.Deadline(); ok {
		longest = min(longest, time.Until(at))
	}
	now := l.now()
	deadline := never
	if longest < never-now {
		deadline = now + longest
	}
	b, place := l.reserve(now, deadline)
	if place == refused {
		if ctx.Err() != nil {
			return Ended
		}
		return Hopeless
	}
	var timer *time.Timer
	for !b.free {
		at := b.due(place)
		if at > deadline { // SetRate has moved it
			l.giveBack(b, place)
			return Hopeless
		}
		left := at - l.now()
		if left <= 0 {
			break
		}
		if timer == nil {
			timer = time.NewTimer(left)
			defer timer.Stop()
		} else {
			timer.Reset(left) // a tick that is left over is only a round more
		}
		select {
		case <-timer.C:
		case <-b.replaced:
			place, b = b.moved(place), b.next
		case <-ctx.Done():
			l.giveBack(b, place)
			return Ended
		case <-expired:
			l.giveBack(b, place)
			return Expired
		}
	}
	return Passed
}

// reserve takes a token that is there at the deadline at the latest, and returns
// its place, or refused.
func (l *Limiter) reserve(now, deadline time.Duration) (*bucket, int64) {
	for {
		b := l.current.Load()
		switch {
		case b.free:
			return b, 0
		case now >= b.end:
			l.renew(b)
			continue
		}
		place := b.take(b.level(now), b.most(deadline))
		if place != frozen {
			return b, place
		}
		<-b.replaced
	}
}

// giveBack undoes the taking of a place in b, if it is the last one; then, what
// comes is as if it had never been taken. Otherwise it is remembered until those
// after it were given back too.
func (l *Limiter) giveBack(b *bucket, place int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.current.Load()
	for ; b != current; b = b.next {
		place = b.moved(place)
	}
	if b.free {
		return
	}
	// What time has overtaken does not matter any more: take goes on from V.
	past := b.level(l.now())
	l.gaps = slices.DeleteFunc(l.gaps, func(n int64) bool { return n <= past })
	if place <= past {
		return
	}
	i, _ := slices.BinarySearch(l.gaps, place)
	l.gaps = slices.Insert(l.gaps, i, place)
	for i := len(l.gaps) - 1; i >= 0; i-- {
		// Words only grow, but here, and never below a gap that stays. So a gap
		// that is equal to the word is the last place that was taken.
		if n := l.gaps[i]; !b.word.CompareAndSwap(n, max(n-b.one, 0)) {
			return
		}
		l.gaps = l.gaps[:i]
	}
}
