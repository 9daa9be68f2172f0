package queuetest

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// fullAndEmptyAreStrict has as many goroutines as places, each of which pushes
// one value and pops one: a queue that ever says full or empty then means
// "somebody was quicker".
func fullAndEmptyAreStrict[T any](c *trial[T]) {
	for _, goroutines := range []int{2, 4, 16} {
		q := c.open(goroutines)
		c.join(testx.Times(q.Cap(), func(n int) {
			for i := c.scaled(80_000) / goroutines; i > 0; i-- {
				if err := q.TryPush(c.f.Value(n)); err != nil {
					c.Errorf("TryPush: %v, with at most %d of %d there", err, q.Cap()-1, q.Cap())
					return
				}
				if _, ok := q.TryPop(); !ok {
					c.Errorf("TryPop says empty, with at least 1 of %d there", q.Cap())
					return
				}
			}
		})...)
		same(c, "Len", q.Len(), 0)
	}
}

// poppableWhenNotEmpty: one consumer goes by Len; each producer, once it has
// pushed and nothing was popped since, must see its own value counted.
func poppableWhenNotEmpty[T any](c *trial[T]) {
	n := c.scaled(40_000)
	q := c.open(8)
	push := func(p int) {
		for i := 0; i < n; i++ {
			if err := q.Push(bg, c.f.Value(p<<20|i)); err != nil {
				c.Errorf("Push: %v", err)
				return
			}
		}
	}
	c.join(append(testx.Times(2, push), func() {
		for got := 0; got < 2*n; {
			if q.Len() == 0 {
				runtime.Gosched()
				continue
			}
			if _, ok := q.TryPop(); !ok {
				c.Errorf("Len is not 0, and TryPop of the only consumer says empty")
				q.Close()
				return
			}
			got++
		}
	})...)
	for i := 0; i < n; i++ {
		c.push(q, i)
		same(c, "Len after a push", q.Len(), 1)
		c.pop(q)
	}
}

func orderAcrossProducers[T any](c *trial[T]) {
	const producers = 4
	each := c.scaled(5_000)
	q := c.open(4)
	var turn sync.Mutex
	next := 0
	c.join(append(
		testx.Times(producers, func(int) {
			for i := 0; i < each; i++ {
				turn.Lock()
				err := q.Push(bg, c.f.Value(next))
				next++
				turn.Unlock()
				if err != nil {
					c.Errorf("Push: %v", err)
					return
				}
			}
		}),
		func() {
			for i := 0; i < producers*each; i++ {
				if v, err := q.Pop(bg); err != nil || c.f.Number(v) != i {
					c.Errorf("got %d (%v) in place of %d", c.f.Number(v), err, i)
					q.Close()
					return
				}
			}
		})...)
}

func lenIsPossible[T any](c *trial[T]) {
	q := c.open(2)
	n := c.scaled(20_000)
	var working atomic.Int32
	working.Store(4)
	work := func(do func(i int) error) func() {
		return func() {
			defer working.Add(-1)
			for i := 0; i < n; i++ {
				if err := do(i); err != nil {
					c.Errorf("%v", err)
					q.Close()
					return
				}
			}
		}
	}
	push := func(i int) error { return q.Push(bg, c.f.Value(i)) }
	pop := func(int) error { _, err := q.Pop(bg); return err }
	c.join(work(push), work(push), work(pop), work(pop), func() {
		for ; working.Load() > 0; runtime.Gosched() {
			if k := q.Len(); k < 0 || k > q.Cap() {
				c.Errorf("Len is %d of %d", k, q.Cap())
				return
			}
			if s := q.Stats(); s.Len < 0 || s.Len > s.Cap || s.Pushed > uint64(2*n) || s.Popped > uint64(2*n) || s.Closed {
				c.Errorf("%+v", s)
				return
			}
		}
	})
	same(c, "Stats", q.Stats(), queue.Stats{Pushed: uint64(2 * n), Popped: uint64(2 * n), Cap: q.Cap()})
}
