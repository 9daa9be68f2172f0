package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

func timersEndTheWait[T any](c *trial[T]) {
	q := c.filled(2)
	pusher, ok1 := q.(queue.TimedPusher[T])
	popper, ok2 := q.(queue.TimedPopper[T])
	if !ok1 && !ok2 {
		c.Skipf("%T has no PushTimed and no PopTimed, and need not", q)
	}
	expired := make(chan time.Time, 1)
	if ok1 {
		pushed := testx.Park(c, func() error { return pusher.PushTimed(bg, c.f.Value(9), expired) })
		expired <- time.Time{}
		c.await(pushed, context.DeadlineExceeded)
	}
	c.sameAll("what is there", c.drain(q), span(0, q.Cap()))
	if ok2 {
		got := testx.Park(c, func() popped {
			v, err := popper.PopTimed(bg, expired)
			return popped{c.f.Number(v), err}
		})
		expired <- time.Time{}
		c.awaitPop(got, 0, context.DeadlineExceeded)
	}

	// A timer that does not fire in time changes nothing.
	push, pop := q.Push, q.Pop
	if ok1 {
		push = func(ctx context.Context, v T) error { return pusher.PushTimed(ctx, v, expired) }
	}
	if ok2 {
		pop = func(ctx context.Context) (T, error) { return popper.PopTimed(ctx, expired) }
	}
	err := push(bg, c.f.Value(7))
	c.must(err == nil, "a push with room: %v", err)
	v, err := pop(bg)
	c.must(err == nil, "a pop with a value: %v", err)
	same(c, "popped", c.f.Number(v), 7)
}

// timerPassesTheWakeUpOn has the timer of the first of two consumers fire while the only
// value arrives. If that one gives up, the second one must get the value. Then the same
// for producers and room.
func timerPassesTheWakeUpOn[T any](c *trial[T]) {
	q := c.open(2)
	popper, pops := q.(queue.TimedPopper[T])
	pusher, pushes := q.(queue.TimedPusher[T])
	if !pops && !pushes {
		c.Skipf("%T has no PushTimed and no PopTimed, and need not", q)
	}
	rounds := max(20, c.scaled(100))
	for round := 0; pops && round < rounds; round++ {
		expired := make(chan time.Time, 1)
		first := testx.Park(c, func() popped {
			v, err := popper.PopTimed(bg, expired)
			return popped{c.f.Number(v), err}
		})
		second := c.parkPop(bg, q, c.pops(q)[0])
		c.fireBeside(round, expired, func() {
			if err := q.TryPush(c.f.Value(1)); err != nil {
				c.Errorf("TryPush: %v", err)
			}
		})
		if !c.gaveUp(testx.Recv(c, first).err) {
			c.push(q, 1)
		}
		c.awaitPop(second, 1, nil)
	}
	for i := 0; i < q.Cap(); i++ {
		c.push(q, i)
	}
	for round := 0; pushes && round < rounds; round++ {
		expired := make(chan time.Time, 1)
		first := testx.Park(c, func() error { return pusher.PushTimed(bg, c.f.Value(1), expired) })
		second := c.parkPush(bg, q, c.pushes(q)[0], 2)
		pop := func() {
			if _, ok := q.TryPop(); !ok {
				c.Errorf("TryPop says empty with %d", q.Len())
			}
		}
		c.fireBeside(round, expired, pop)
		if !c.gaveUp(testx.Recv(c, first)) {
			pop()
		}
		c.await(second, nil)
		same(c, "Len", q.Len(), q.Cap())
	}
}

// fireBeside has a timer fire before f in one round, and beside it in the next.
func (c *trial[T]) fireBeside(round int, timer chan<- time.Time, f func()) {
	c.TB.Helper()
	if round%2 == 0 {
		timer <- time.Time{}
		f()
		return
	}
	c.atOnce(func() { timer <- time.Time{} }, f)
}

// gaveUp reports whether err is that of a timer, and ends the test if it is another.
func (c *trial[T]) gaveUp(err error) bool {
	c.TB.Helper()
	c.must(err == nil || errors.Is(err, context.DeadlineExceeded), "as its timer fired: %v, want %v", err, context.DeadlineExceeded)
	return err != nil
}
