package queuetest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// ctxs are two that do not end during the test: one that cannot, and one that
// could, since queues tend to wait in another way for each.
func (c *trial[T]) ctxs() []context.Context {
	ctx, cancel := context.WithCancel(bg)
	c.Cleanup(cancel)
	return []context.Context{bg, ctx}
}

func pushBlocksWhileFull[T any](c *trial[T]) {
	c.eachPush(func(push pushWay[T]) {
		q := c.filled(2)
		next := q.Cap()
		for i, ctx := range c.ctxs() {
			pushed := c.parkPush(ctx, q, push, next+i)
			same(c, "Len while a push waits", q.Len(), q.Cap())
			same(c, "popped", c.pop(q), i)
			c.await(pushed, nil)
		}
		c.sameAll("what is there", c.drain(q), span(2, next+2))
	})
}

func popBlocksWhileEmpty[T any](c *trial[T]) {
	c.eachPop(func(pop popWay[T]) {
		q := c.open(2)
		for i, ctx := range c.ctxs() {
			got := c.parkPop(ctx, q, pop)
			c.push(q, i)
			c.awaitPop(got, i, nil)
		}
		same(c, "Len", q.Len(), 0)
	})
}

func tryNeverBlocks[T any](c *trial[T]) {
	c.eachPush(func(push pushWay[T]) {
		q := c.filled(2)
		pushed := c.parkPush(bg, q, push, q.Cap())
		c.join(func() {
			if err := q.TryPush(c.f.Value(0)); !errors.Is(err, queue.ErrFull) {
				c.Errorf("TryPush onto a full queue, behind a push that waits: %v, want ErrFull", err)
			}
		})
		c.pop(q)
		c.await(pushed, nil)
	})
	c.eachPop(func(pop popWay[T]) {
		q := c.open(2)
		got := c.parkPop(bg, q, pop)
		c.join(func() {
			if _, ok := q.TryPop(); ok {
				c.Errorf("TryPop of an empty queue has a value")
			}
		})
		c.push(q, 7)
		c.awaitPop(got, 7, nil)
	})
}

func pushBatchBlocksForTheRest[T any](c *trial[T]) {
	q := c.open(4)
	n := 2*q.Cap() + 3
	pushed := testx.Park(c, func() error {
		k, err := q.PushBatch(bg, c.values(0, n))
		if err == nil && k != n {
			err = errMismatch
		}
		return err
	})
	c.becomesFull(q)
	for i := 0; i < n; i++ {
		v, err := c.take(q)
		c.must(err == nil, "Pop: %v", err)
		same(c, "popped", v, i)
	}
	c.await(pushed, nil)
	same(c, "Len", q.Len(), 0)
}

// becomesFull waits for a PushBatch of more than there is room for.
func (c *trial[T]) becomesFull(q queue.Queue[T]) {
	c.TB.Helper()
	testx.Eventually(c, func() bool { return q.Len() == q.Cap() }, "as many as there is room for are there at once")
}

func popBatchWaitsForOne[T any](c *trial[T]) {
	q := c.open(4)
	for i := 0; i < 3; i++ {
		dst := make([]T, 4)
		got := testx.Park(c, func() popped {
			n, err := q.PopBatch(bg, dst)
			return popped{n, err}
		})
		c.push(q, i)
		c.awaitPop(got, 1, nil)
		same(c, "popped", c.f.Number(dst[0]), i)
	}
}

func batchWakesAll[T any](c *trial[T]) {
	q := c.filled(4)
	n := q.Cap()
	ways := c.pushes(q)
	var pushed []<-chan error
	for i := 0; i < n; i++ {
		pushed = append(pushed, c.parkPush(bg, q, ways[i%len(ways)], n+i))
	}
	dst := make([]T, n)
	k, err := c.popBatch(bg, q, dst)
	c.must(err == nil && k > 0, "PopBatch from a full queue: %d, %v", k, err)
	for _, p := range pushed[:k] {
		c.await(p, nil)
	}
	// A queue that moves its values one at a time may have let sleepers fill the
	// room while it was made, so k can be less than n even so. The rest follows.
	got := c.numbers(dst[:k])
	for len(got) < 2*n {
		v, err := c.take(q)
		c.must(err == nil, "Pop: %v", err)
		got = append(got, v)
	}
	for _, p := range pushed[k:] {
		c.await(p, nil)
	}
	slices.Sort(got)
	c.sameAll("popped", got, span(0, 2*n))

	var waiting []<-chan popped
	for i, ways := 0, c.pops(q); i < n; i++ {
		waiting = append(waiting, c.parkPop(bg, q, ways[i%len(ways)]))
	}
	k, err = c.pushBatch(bg, q, c.values(0, n))
	c.must(err == nil && k == n, "PushBatch of %d onto an empty queue: %d, %v", n, k, err)
	got = nil
	for _, w := range waiting {
		p := testx.Recv(c, w)
		c.must(p.err == nil, "a pop that was woken: %v", p.err)
		got = append(got, p.n)
	}
	slices.Sort(got)
	c.sameAll("popped", got, span(0, n))
}

// lastValueIsPopped sends one value to and fro between two goroutines. Each time
// the other one sleeps, or is just about to, and nothing else will wake it.
func lastValueIsPopped[T any](c *trial[T]) {
	n := c.scaled(20_000)
	there, back := c.open(2), c.open(2)
	pass := func(from, to queue.Queue[T], first int) func() {
		ways := c.pops(from)
		return func() {
			for i := first; i < n; i += 2 {
				got, err := ways[i/2%len(ways)].do(bg, from)
				if err == nil && got != i {
					c.Errorf("got %d in place of %d", got, i)
				}
				if err == nil {
					err = to.TryPush(c.f.Value(i + 1))
				}
				if err != nil {
					c.Errorf("value %d: %v", i, err)
					from.Close()
					to.Close()
					return
				}
			}
		}
	}
	c.push(there, 0)
	c.join(pass(there, back, 0), pass(back, there, 1))
}

func blockedProducersFinish[T any](c *trial[T]) {
	const producers, each = 64, 50
	q := c.open(2)
	pushes, pops := c.pushes(q), c.pops(q)
	got := make([]int, producers)
	c.join(append(
		testx.Times(producers, func(p int) {
			for i := 0; i < each; i++ {
				if err := pushes[p%len(pushes)].do(bg, q, p); err != nil {
					c.Errorf("push: %v", err)
				}
			}
		}),
		func() {
			for i := 0; i < producers*each; i++ {
				n, err := pops[i%len(pops)].do(bg, q)
				if err != nil || n < 0 || n >= producers {
					c.Errorf("pop: %d, %v", n, err)
					q.Close()
					return
				}
				got[n]++
			}
		})...)
	for p, n := range got {
		c.must(n == each, "%d values of producer %d, want %d", n, p, each)
	}
	same(c, "Len", q.Len(), 0)
}

func sleepersUseNoCPU[T any](c *trial[T]) {
	if _, ok := testx.CPUTime(); !ok {
		c.Skipf("this system does not tell how much processor time was used")
	}
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	empty, full := c.open(2), c.filled(2)
	var got []<-chan popped
	var pushed []<-chan error
	for _, w := range c.pops(empty) {
		got = append(got, c.parkPop(ctx, empty, w))
	}
	for _, w := range c.pushes(full) {
		pushed = append(pushed, c.parkPush(ctx, full, w, 0))
	}
	runtime.GC() // so that the collector has had its turn

	testx.Rests(c, 200*time.Millisecond)
	cancel()
	for _, g := range got {
		c.awaitPop(g, 0, context.Canceled)
	}
	for _, p := range pushed {
		c.await(p, context.Canceled)
	}
}
