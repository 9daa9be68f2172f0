//go:build yieldhooks

package lincheck

import (
	"context"
	"runtime"
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/queue"
)

// The tests of this file show that what is not linearizable is found.

// textbook is the bounded queue of Vyukov as it stands in the textbooks: full or
// empty is said when the cell at hand is not ready, and closed is a flag that a
// push looks at first. Blocking is trying again.
type textbook struct {
	queue.Queue[int] // nil: what is not here is not called

	head, tail atomic.Uint64
	closed     atomic.Uint32
	cells      []textbookCell

	strict bool // look at head and tail before saying full or empty
	bit    bool // close with the tail's highest bit
}

type textbookCell struct {
	seq atomic.Uint64
	v   int
}

const closedBit = 1 << 63

func newTextbook(capacity int) *textbook {
	q := &textbook{cells: make([]textbookCell, capacity)}
	for i := range q.cells {
		q.cells[i].seq.Store(uint64(i))
	}
	return q
}

func (q *textbook) TryPush(v int) error {
	if q.closed.Load() != 0 {
		return queue.ErrClosed
	}
	for {
		t := q.tail.Load()
		if t&closedBit != 0 {
			return queue.ErrClosed
		}
		c := &q.cells[t%uint64(len(q.cells))]
		switch seq := c.seq.Load(); {
		case seq == t:
			if q.tail.CompareAndSwap(t, t+1) {
				c.v = v
				c.seq.Store(t + 1)
				return nil
			}
		case seq < t && (!q.strict || t-q.head.Load() == uint64(len(q.cells))):
			return queue.ErrFull
		}
		runtime.Gosched()
	}
}

func (q *textbook) TryPop() (v int, ok bool) {
	for {
		h := q.head.Load()
		c := &q.cells[h%uint64(len(q.cells))]
		switch seq := c.seq.Load(); {
		case seq == h+1:
			if q.head.CompareAndSwap(h, h+1) {
				v = c.v
				c.seq.Store(h + uint64(len(q.cells)))
				return v, true
			}
		case seq < h+1 && (!q.strict || q.tail.Load()&^closedBit == h):
			return 0, false
		}
		runtime.Gosched()
	}
}

func (q *textbook) Push(_ context.Context, v int) error {
	for {
		if err := q.TryPush(v); err != queue.ErrFull {
			return err
		}
		runtime.Gosched()
	}
}

func (q *textbook) Pop(context.Context) (int, error) {
	for {
		closed := q.closed.Load() != 0 || q.tail.Load()&closedBit != 0 // before it looks
		if v, ok := q.TryPop(); ok {
			return v, nil
		}
		if closed {
			return 0, queue.ErrClosed
		}
		runtime.Gosched()
	}
}

func (q *textbook) PopBatch(ctx context.Context, dst []int) (int, error) {
	v, err := q.Pop(ctx)
	if err != nil {
		return 0, err
	}
	dst[0] = v
	return 1, nil
}

func (q *textbook) Close() {
	if !q.bit {
		q.closed.Store(1)
		return
	}
	for {
		if t := q.tail.Load(); q.tail.CompareAndSwap(t, t|closedBit) {
			return
		}
	}
}

func TestPlantedQueues(t *testing.T) {
	const capacity = 2
	for _, tt := range []struct {
		name        string
		strict, bit bool
		found       bool
	}{
		{"textbook", false, false, true},
		{"full and empty are guesses", false, true, true},
		{"closed is a flag", true, false, true},
		{"mended", true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n tally
			for seed := range *seeds {
				q := newTextbook(capacity)
				q.strict, q.bit = tt.strict, tt.bit
				n.check(queueModel(capacity, true), useQueue(t, seed, q))
			}
			t.Log(&n)
			if (n.illegal > 0) != tt.found || !n.decided() {
				t.Errorf("%d of %d rounds are illegal, %d unknown; want some: %v", n.illegal, n.rounds, n.unknown, tt.found)
			}
		})
	}
}
