package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// ended returns contexts that have ended, each with its error.
func ended() map[error]context.Context {
	canceled, cancel := context.WithCancel(bg)
	cancel()
	late, cancel := context.WithDeadline(bg, time.Unix(0, 0))
	cancel()
	return map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: late}
}

func endedCtxFails[T any](c *trial[T]) {
	is := func(what string, err, want error) {
		c.TB.Helper()
		c.must(errors.Is(err, want), "%s: %v, want %v", what, err, want)
	}
	for want, ctx := range ended() {
		c.eachPush(func(push pushWay[T]) {
			q := c.open(2)
			is("with room", c.doPush(ctx, q, push, 1), want)
			same(c, "Len", q.Len(), 0)
			same(c, "Stats.Pushed", q.Stats().Pushed, 0)
			is("on a full queue", c.doPush(ctx, c.filled(2), push, 1), want)
			c.close(q)
			is("after Close", c.doPush(ctx, q, push, 1), want)
		})
		c.eachPop(func(pop popWay[T]) {
			q := c.filled(2)
			for i := 0; i < 2; i++ {
				_, err := c.doPop(ctx, q, pop)
				is("with values there", err, want)
				same(c, "Len", q.Len(), q.Cap())
				c.close(q)
			}
			c.sameAll("what is there", c.drain(q), span(0, q.Cap()))
			_, err := c.doPop(ctx, q, pop)
			is("closed and drained", err, want)
		})
		q := c.filled(4)
		n, err := c.popBatch(ctx, q, make([]T, 3))
		is("PopBatch", err, want)
		same(c, "length that PopBatch returned", n, 0)
		c.sameAll("what is there", c.drain(q), span(0, q.Cap()))
		n, err = c.pushBatch(ctx, q, c.values(0, 3))
		is("PushBatch", err, want)
		same(c, "length that PushBatch returned", n, 0)
		same(c, "Len", q.Len(), 0)
	}
}

func ctxEndsPush[T any](c *trial[T]) {
	c.eachPush(func(push pushWay[T]) {
		q := c.filled(2)
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		pushed := c.parkPush(ctx, q, push, 1<<20)
		cancel()
		c.await(pushed, context.Canceled)
		same(c, "Stats.Pushed", q.Stats().Pushed, uint64(q.Cap()))
		c.sameAll("what is there", c.drain(q), span(0, q.Cap()))
		c.push(q, 3) // the queue goes on
		same(c, "popped", c.pop(q), 3)
	})
}

func ctxEndsPop[T any](c *trial[T]) {
	c.eachPop(func(pop popWay[T]) {
		q := c.open(2)
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		got := c.parkPop(ctx, q, pop)
		cancel()
		c.awaitPop(got, 0, context.Canceled)
		c.push(q, 5)
		c.sameAll("what is there after who waited for it has left", c.drain(q), []int{5})
	})
}

func ctxEndsPushBatch[T any](c *trial[T]) {
	q := c.open(4)
	c.push(q, 0)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	pushed := testx.Park(c, func() popped {
		n, err := q.PushBatch(ctx, c.values(1, q.Cap()+6))
		return popped{n, err}
	})
	c.becomesFull(q) // who sleeps may do so before
	cancel()
	p := testx.Recv(c, pushed)
	c.must(errors.Is(p.err, context.Canceled), "PushBatch: %v, want %v", p.err, context.Canceled)
	same(c, "length that PushBatch returned", p.n, q.Cap()-1)
	c.sameAll("what is there", c.drain(q), span(0, q.Cap()))
}

func nilCtxPanics[T any](c *trial[T]) {
	panics := func(f func()) {
		c.TB.Helper()
		defer func() {
			c.TB.Helper()
			c.must(recover() != nil, "no panic")
		}()
		f()
	}
	var none context.Context
	c.eachPush(func(push pushWay[T]) {
		q := c.open(2)
		panics(func() { _ = push.do(none, q, 1) })
		same(c, "Len", q.Len(), 0)
	})
	c.eachPop(func(pop popWay[T]) {
		q := c.filled(2)
		panics(func() { _, _ = pop.do(none, q) })
		same(c, "Len", q.Len(), q.Cap())
	})
}

// cancelPassesTheValueOn has the first of two consumers give up while the only
// value arrives. If it leaves the value, the second one must get it.
func cancelPassesTheValueOn[T any](c *trial[T]) {
	c.eachPop(func(pop popWay[T]) {
		q := c.open(2)
		for round := 0; round < max(20, c.scaled(100)); round++ {
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			first, second := c.parkPop(ctx, q, pop), c.parkPop(bg, q, pop)
			if round%2 == 0 {
				cancel()
				c.push(q, 1)
			} else {
				c.atOnce(cancel, func() {
					if err := q.TryPush(c.f.Value(1)); err != nil {
						c.Errorf("TryPush: %v", err)
					}
				})
			}
			if testx.Recv(c, first).err == nil {
				c.push(q, 1)
			}
			c.awaitPop(second, 1, nil)
		}
	})
}

// cancelPassesTheRoomOn is the same for producers and room.
func cancelPassesTheRoomOn[T any](c *trial[T]) {
	c.eachPush(func(push pushWay[T]) {
		q := c.filled(2)
		pop := func() {
			if _, ok := q.TryPop(); !ok {
				c.Errorf("TryPop says empty with %d", q.Len())
			}
		}
		for round := 0; round < max(20, c.scaled(100)); round++ {
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			first, second := c.parkPush(ctx, q, push, 1), c.parkPush(bg, q, push, 2)
			if round%2 == 0 {
				cancel()
				pop()
			} else {
				c.atOnce(cancel, pop)
			}
			if testx.Recv(c, first) == nil {
				pop()
			}
			c.await(second, nil)
			same(c, "Len", q.Len(), q.Cap())
		}
	})
}
