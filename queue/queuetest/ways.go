package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// pushWay and popWay are one of the ways to push or pop one value that block.
// Values are given and returned by number.
type (
	pushWay[T any] struct {
		name string
		do   func(ctx context.Context, q queue.Queue[T], n int) error
	}
	popWay[T any] struct {
		name string
		do   func(ctx context.Context, q queue.Queue[T]) (int, error)
	}
)

var errMismatch = errors.New("the length and the error do not match")

// pushes returns the ways to push onto a queue like q.
func (c *trial[T]) pushes(q queue.Queue[T]) []pushWay[T] {
	ways := []pushWay[T]{
		{"Push", func(ctx context.Context, q queue.Queue[T], n int) error { return q.Push(ctx, c.f.Value(n)) }},
		{"PushBatch", func(ctx context.Context, q queue.Queue[T], n int) error {
			k, err := q.PushBatch(ctx, c.values(n, n+1))
			if (k == 1) != (err == nil) {
				return errMismatch
			}
			return err
		}},
	}
	if _, ok := q.(queue.TimedPusher[T]); !ok {
		return ways
	}
	timed := func(expired <-chan time.Time) func(context.Context, queue.Queue[T], int) error {
		return func(ctx context.Context, q queue.Queue[T], n int) error {
			return q.(queue.TimedPusher[T]).PushTimed(ctx, c.f.Value(n), expired)
		}
	}
	return append(ways, pushWay[T]{"PushTimed", timed(make(chan time.Time))},
		pushWay[T]{"PushTimed without a timer", timed(nil)})
}

// pops returns the ways to pop from a queue like q.
func (c *trial[T]) pops(q queue.Queue[T]) []popWay[T] {
	number := func(v T, err error) (int, error) {
		if err != nil {
			return 0, err
		}
		return c.f.Number(v), nil
	}
	ways := []popWay[T]{
		{"Pop", func(ctx context.Context, q queue.Queue[T]) (int, error) { return number(q.Pop(ctx)) }},
		{"PopBatch", func(ctx context.Context, q queue.Queue[T]) (int, error) {
			dst := make([]T, 1)
			k, err := q.PopBatch(ctx, dst)
			if (k == 1) != (err == nil) {
				return 0, errMismatch
			}
			return number(dst[0], err)
		}},
	}
	if _, ok := q.(queue.TimedPopper[T]); !ok {
		return ways
	}
	timed := func(expired <-chan time.Time) func(context.Context, queue.Queue[T]) (int, error) {
		return func(ctx context.Context, q queue.Queue[T]) (int, error) {
			return number(q.(queue.TimedPopper[T]).PopTimed(ctx, expired))
		}
	}
	return append(ways, popWay[T]{"PopTimed", timed(make(chan time.Time))},
		popWay[T]{"PopTimed without a timer", timed(nil)})
}

// eachPush runs a test for every way to push.
func (c *trial[T]) eachPush(test func(push pushWay[T])) {
	for _, w := range c.pushes(c.open(1)) {
		c.name(w.name)
		test(w)
	}
	c.name("")
}

// eachPop runs a test for every way to pop.
func (c *trial[T]) eachPop(test func(pop popWay[T])) {
	for _, w := range c.pops(c.open(1)) {
		c.name(w.name)
		test(w)
	}
	c.name("")
}

func (c *trial[T]) name(way string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.way = way
}

// popped is what a pop returned.
type popped struct {
	n   int
	err error
}

// call is f, unless it hangs: then the test ends.
func call[V any, T any](c *trial[T], f func() V) V {
	c.TB.Helper()
	result := make(chan V, 1)
	go func() { result <- f() }()
	return testx.Recv(c, result)
}

// The operations that may block, on the test's own goroutine.

func (c *trial[T]) doPush(ctx context.Context, q queue.Queue[T], push pushWay[T], n int) error {
	c.TB.Helper()
	return call(c, func() error { return push.do(ctx, q, n) })
}

func (c *trial[T]) doPop(ctx context.Context, q queue.Queue[T], pop popWay[T]) (int, error) {
	c.TB.Helper()
	p := call(c, func() (p popped) { p.n, p.err = pop.do(ctx, q); return p })
	return p.n, p.err
}

func (c *trial[T]) pushBatch(ctx context.Context, q queue.Queue[T], vs []T) (int, error) {
	c.TB.Helper()
	p := call(c, func() (p popped) { p.n, p.err = q.PushBatch(ctx, vs); return p })
	return p.n, p.err
}

func (c *trial[T]) popBatch(ctx context.Context, q queue.Queue[T], dst []T) (int, error) {
	c.TB.Helper()
	p := call(c, func() (p popped) { p.n, p.err = q.PopBatch(ctx, dst); return p })
	return p.n, p.err
}

// close closes q, which must not wait for anybody.
func (c *trial[T]) close(q queue.Queue[T]) {
	c.TB.Helper()
	failed := call(c, func() (failed any) {
		defer func() { failed = recover() }()
		q.Close()
		return nil
	})
	c.must(failed == nil, "Close panics: %v", failed)
}

// take is Pop.
func (c *trial[T]) take(q queue.Queue[T]) (int, error) {
	c.TB.Helper()
	return c.doPop(bg, q, c.pops(q)[0])
}

// parkPush starts a push and returns when it sleeps.
func (c *trial[T]) parkPush(ctx context.Context, q queue.Queue[T], push pushWay[T], n int) <-chan error {
	c.TB.Helper()
	return testx.Park(c, func() error { return push.do(ctx, q, n) })
}

// parkPop starts a pop and returns when it sleeps.
func (c *trial[T]) parkPop(ctx context.Context, q queue.Queue[T], pop popWay[T]) <-chan popped {
	c.TB.Helper()
	return testx.Park(c, func() popped {
		n, err := pop.do(ctx, q)
		return popped{n, err}
	})
}

// await ends the test unless the push that was parked returns want.
func (c *trial[T]) await(pushed <-chan error, want error) {
	c.TB.Helper()
	err := testx.Recv(c, pushed)
	c.must(errors.Is(err, want), "the push returned %v, want %v", err, want)
}

// awaitPop ends the test unless the pop that was parked returns this.
func (c *trial[T]) awaitPop(got <-chan popped, n int, want error) {
	c.TB.Helper()
	p := testx.Recv(c, got)
	c.must(errors.Is(p.err, want), "the pop returned %v, want %v", p.err, want)
	c.must(want != nil || p.n == n, "the pop returned %d, want %d", p.n, n)
}

// wantClosed ends the test unless q is closed and drained.
func (c *trial[T]) wantClosed(q queue.Queue[T]) {
	c.TB.Helper()
	_, err := c.take(q)
	c.must(errors.Is(err, queue.ErrClosed), "Pop of a closed and drained queue: %v, want ErrClosed", err)
	_, ok := q.TryPop()
	c.must(!ok, "TryPop of a closed and drained queue has a value")
	same(c, "Len of a closed and drained queue", q.Len(), 0)
}
