package queuetest

import (
	"context"
	"errors"
	"runtime"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// valuesAreWhole sends values through a small queue as fast as it can, so that
// cells are written again as soon as they can be, and looks at each one that
// comes out.
func valuesAreWhole[T any](c *trial[T]) {
	const producers, consumers = 2, 2
	n := c.scaled(100_000)
	q := c.open(2)
	work := testx.Times(producers, func(p int) {
		for i := 0; i < n; i++ {
			if err := q.Push(bg, c.f.Value(p*perProducer+i)); err != nil {
				c.Errorf("Push: %v", err)
				return
			}
		}
	})
	c.join(append(work, testx.Times(consumers, func(int) {
		for i := 0; i < producers*n/consumers; i++ {
			v, err := q.Pop(bg)
			if err != nil || c.f.Number(v) < 0 {
				c.Errorf("got %v (%v): torn, or not written yet", v, err)
				q.Close()
				return
			}
		}
	})...)...)
}

// watched returns a function that makes values that g watches, if T can.
func (c *trial[T]) watched(g *testx.Garbage) func() T {
	f, ok := any(func() Value {
		v := NewValue(0)
		v.garbage = g.New()
		return v
	}).(func() T)
	if !ok {
		var zero T
		c.Skipf("a %T does not show whether it is kept alive; use queuetest.Value", zero)
	}
	return f
}

func poppedIsNotKept[T any](c *trial[T]) {
	var g testx.Garbage
	value := c.watched(&g)
	q := c.open(8)
	func() { // its frame must not keep anything alive either
		for i := 0; i < q.Cap(); i++ {
			c.must(q.TryPush(value()) == nil, "TryPush with room fails")
		}
		c.must(q.TryPush(value()) != nil, "TryPush onto a full queue is accepted")
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		refused := testx.Park(c, func() error { return q.Push(ctx, value()) })
		cancel()
		c.await(refused, context.Canceled)

		_, ok := q.TryPop()
		c.must(ok, "TryPop of a full queue says empty")
		_, err := c.take(q)
		c.must(err == nil, "Pop: %v", err)
		for left := q.Cap() - 2; left > 0; {
			k, err := c.popBatch(bg, q, make([]T, left))
			c.must(err == nil && k > 0, "PopBatch: %d, %v", k, err)
			left -= k
		}

		// What a sleeper was woken for.
		done := testx.Park(c, func() error { _, err := q.Pop(bg); return err })
		c.must(q.TryPush(value()) == nil, "TryPush with room fails")
		c.await(done, nil)
	}()
	g.Collected(c)
	runtime.KeepAlive(q)
}

func droppedQueueIsGarbage[T any](c *trial[T]) {
	var g testx.Garbage
	value := c.watched(&g)
	func() {
		q := c.make(4)
		for i := 0; i < 2; i++ {
			c.must(q.TryPush(value()) == nil, "TryPush with room fails")
		}
		c.close(q)
	}()
	g.Collected(c)
}

func leavesNoGoroutine[T any](c *trial[T]) {
	const queues = 20
	before := testx.Goroutines()
	for i := 0; i < queues; i++ {
		q := c.make(2)
		got := c.parkPop(bg, q, c.pops(q)[0])
		c.push(q, 1)
		c.awaitPop(got, 1, nil)
		c.close(q)
		_, err := c.take(q)
		c.must(errors.Is(err, queue.ErrClosed), "Pop: %v, want ErrClosed", err)
	}
	// Goroutines of others may come and go meanwhile, but not one for each queue.
	testx.Eventually(c, func() bool {
		added := 0
		for id := range testx.Goroutines() {
			if !before[id] {
				added++
			}
		}
		return added < queues
	}, "the goroutines of the queues end")
}
