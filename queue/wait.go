package queue

import (
	"context"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// waits is where the goroutines of one queue sleep.
type waits struct {
	items park.Gate // consumers, until HasItems
	space park.Gate // producers, until HasRoom
	pool  sync.Pool
}

func (w *waits) init() {
	w.items.Pool = &w.pool
	w.space.Pool = &w.pool
}

// wakeAll wakes everybody after a close: each sleeper that leaves wakes the next.
func (w *waits) wakeAll() {
	w.items.Wake()
	w.space.Wake()
}

// sleepy is what the slow paths need of a queue: its non-blocking half.
type sleepy[T any] interface {
	TryPush(v T) error
	pop() (T, ring.Status)
	hasRoom() bool  // or closed
	hasItems() bool // or closed
}

// sleepToPush sleeps at w.space until v is queued or the queue is closed.
func sleepToPush[T any](q sleepy[T], w *waits, ctx context.Context, v T, expired <-chan time.Time) error {
	var err error
	try := func() bool {
		err = q.TryPush(v)
		return err != ErrFull
	}
	if reason := w.space.Until(try, q.hasRoom, ctx.Done(), nil, expired); reason != park.Woken {
		return reason.Err(ctx)
	}
	return err
}

// sleepToPop sleeps at w.items until there is a value or none will come.
func sleepToPop[T any](q sleepy[T], w *waits, ctx context.Context, expired <-chan time.Time) (v T, err error) {
	try := func() bool {
		var s ring.Status
		v, s = q.pop()
		err = popError(s)
		return s != ring.Empty
	}
	if reason := w.items.Until(try, q.hasItems, ctx.Done(), nil, expired); reason != park.Woken {
		return v, reason.Err(ctx)
	}
	return v, err
}

// popError is the error of a pop that did not find the queue empty.
func popError(s ring.Status) error {
	if s == ring.Closed {
		return ErrClosed
	}
	return nil
}

// ended returns the error of a ctx that has ended, and panics if it is nil.
func ended(ctx context.Context) error {
	arg.Context(ctx, "queue")
	return ctx.Err()
}

// pushEach is PushBatch for a queue that has no cheaper way.
func pushEach[T any](q Pusher[T], ctx context.Context, vs []T) (int, error) {
	if err := ended(ctx); err != nil {
		return 0, err
	}
	for i, v := range vs {
		if err := q.Push(ctx, v); err != nil {
			return i, err
		}
	}
	return len(vs), nil
}

// popEach is PopBatch for a queue that has no cheaper way.
func popEach[T any](q Queue[T], ctx context.Context, dst []T) (int, error) {
	if err := ended(ctx); err != nil || len(dst) == 0 {
		return 0, err
	}
	v, err := q.Pop(ctx)
	if err != nil {
		return 0, err
	}
	dst[0] = v
	for n := 1; n < len(dst); n++ {
		v, ok := q.TryPop()
		if !ok {
			return n, nil
		}
		dst[n] = v
	}
	return len(dst), nil
}
