package limit

import "time"

// line is those who wait, first come, first served, and the places that were
// taken for them: as many, and in order. They are apart, so that the place of one
// who leaves is for the next in line, and so on, and it is the last place that is
// given back: nothing is lost by it, and nobody passes before a token is there.
// Only the first of the line watches the clock. The limiter's lock is held for all
// of it.
type line struct {
	first, last *waiter
	places      []int64 // in the current bucket
}

type waiter struct {
	deadline   time.Duration
	wake       chan struct{} // something has changed: look; buffered, and never waited for
	next, prev *waiter
	out        bool    // not in the line any more
	outcome    Outcome // if out
}

// join adds a waiter who has taken a place.
func (q *line) join(place int64, deadline time.Duration) *waiter {
	w := &waiter{deadline: deadline, wake: make(chan struct{}, 1), prev: q.last}
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.places = append(q.places, place)
	return w
}

// pass lets the first of the line go, with its place.
func (q *line) pass() {
	q.places = q.places[1:]
	q.remove(q.first, Passed)
}

// leave lets w go without. Its place is for the next, and the last one is given
// back to b.
func (q *line) leave(w *waiter, b *bucket, outcome Outcome) {
	end := len(q.places) - 1
	b.giveBack(q.places[end])
	q.places = q.places[:end]
	q.remove(w, outcome)
}

func (q *line) remove(w *waiter, outcome Outcome) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
		q.first.look()
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.out, w.outcome = true, outcome
	w.look()
}

// look has w look at what has changed.
func (w *waiter) look() {
	if w == nil {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default: // it is about to
	}
}

// changed sees to the line when b is to be the bucket, and the places are those
// in it: without a limit all pass, with a slower one those leave whose time would
// be up.
func (q *line) changed(b *bucket) {
	if b.free {
		for q.first != nil {
			q.pass()
		}
		return
	}
	i := 0
	for w := q.first; w != nil; {
		next := w.next
		if b.due(q.places[i]) > w.deadline {
			q.leave(w, b, Hopeless)
		} else {
			i++
		}
		w = next
	}
	q.first.look()
}
