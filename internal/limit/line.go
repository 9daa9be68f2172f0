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
	places      []int64 // in the current bucket; those before gone were passed
	gone        int
}

// waiter is one who waits. It is recycled when it is out of the line, as nobody else
// has it then; that something is left in wake, or of the timer, is only a look more.
type waiter struct {
	deadline   time.Duration
	wake       chan struct{} // something has changed: look; buffered, and never waited for
	timer      *time.Timer   // nil: never used
	next, prev *waiter
	out        bool    // not in the line any more
	outcome    Outcome // if out
}

// tickIn returns a channel that delivers after d, and perhaps before.
func (w *waiter) tickIn(d time.Duration) <-chan time.Time {
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	return w.timer.C
}

// taken returns the places of those who wait.
func (q *line) taken() []int64 { return q.places[q.gone:] }

// join adds a waiter who has taken a place.
func (q *line) join(w *waiter, place int64, deadline time.Duration) {
	w.deadline, w.next, w.prev = deadline, nil, q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.places = append(q.places, place)
}

// pass lets the first of the line go, with its place.
func (q *line) pass() {
	// Moved down when half of them have passed, so that one that is passed costs no
	// more than one that is moved, and the memory is used again.
	if q.gone++; 2*q.gone >= len(q.places) {
		q.places = q.places[:copy(q.places, q.places[q.gone:])]
		q.gone = 0
	}
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
		if b.due(q.taken()[i]) > w.deadline {
			q.leave(w, b, Hopeless)
		} else {
			i++
		}
		w = next
	}
	q.first.look()
}
