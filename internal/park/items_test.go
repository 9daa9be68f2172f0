package park

import "github.com/sparkpipe/sparkpipe/internal/atomic"

// items is a condition in one word, to wait for: how many there are to take.
type items struct {
	n    atomic.Uint64
	gate Gate
}

func (q *items) put(n uint64) {
	q.n.Add(n)
	q.gate.Wake()
}

func (q *items) any() bool { return q.n.Load() > 0 }

func (q *items) tryTake() bool {
	for {
		n := q.n.Load()
		if n == 0 {
			return false
		}
		if q.n.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
