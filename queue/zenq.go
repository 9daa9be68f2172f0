//go:build !go1.23

package queue

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/alphadose/zenq/v2"

	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// maxZenQ is ZenQ's own limit, beyond which it silently makes the queue smaller.
const maxZenQ = 1 << 16

// zenQ is a Queue over the real ZenQ, for those who come from it and for
// comparing. On its own ZenQ v2.8.4 crashes the process when several readers
// meet parked writers, leaves writers parked forever after Close, has no
// context, no try and no drain, and reorders the values of one writer. So this
// type never lets it come to that:
//
//   - A credit is taken before each Write, one per cell: a writer always finds
//     its cell free and never parks inside ZenQ.
//   - An item is counted after each Write and taken before each Read, one
//     reader at a time: a reader finds its cell filled, or waits for a Write that
//     is under way beside one that was quicker.
//   - Close is ours; ZenQ's is not called.
//
// What cannot be fixed from outside, with the promise of package queuetest that
// each breaks: New starts one goroutine that never ends (LeavesNoGoroutine), and
// that keeps the queue alive (DroppedQueueIsGarbage); a cell keeps its value
// until it is used again (PoppedIsNotKept). And the race detector crashes inside
// ZenQ.
type zenQ[T any] struct {
	z     *zenq.ZenQ[T]
	cap   uint64
	waits waits

	// claims counts the credits ever taken, times 2; bit 0 is closed. A push
	// is accepted by the CAS that counts it.
	claims atomic.Uint64
	// written counts the Writes that have returned.
	written atomic.Uint64

	reading sync.Mutex
	popped  atomic.Uint64 // written under reading
}

func newZenQ[T any](opts Options) (Queue[T], error) {
	n, err := capacity[T](opts)
	if err != nil {
		return nil, err
	}
	if n > maxZenQ {
		return nil, fmt.Errorf("queue: Options.Capacity: %d is above ZenQ's %d", opts.Capacity, maxZenQ)
	}
	var v T
	if size := unsafe.Sizeof(v); size > 1<<16-64 {
		return nil, fmt.Errorf("queue: Options.Backend: ZenQ cannot hold values of %d bytes", size)
	}
	q := &zenQ[T]{z: zenq.New[T](uint32(n)), cap: uint64(n)}
	q.waits.init()
	return q, nil
}

func (q *zenQ[T]) TryPush(v T) error {
	for {
		c := q.claims.Load()
		if c&1 != 0 {
			return ErrClosed
		}
		if n := c/2 - q.popped.Load(); n == q.cap {
			return ErrFull
		}
		if q.claims.CompareAndSwap(c, c+2) {
			q.z.Write(v)
			q.written.Add(1)
			q.waits.items.Wake()
			return nil
		}
	}
}

func (q *zenQ[T]) Push(ctx context.Context, v T) error { return q.PushTimed(ctx, v, nil) }

func (q *zenQ[T]) PushTimed(ctx context.Context, v T, expired <-chan time.Time) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if err := q.TryPush(v); err != ErrFull {
		return err
	}
	return sleepToPush[T](q, &q.waits, ctx, v, expired)
}

func (q *zenQ[T]) PushBatch(ctx context.Context, vs []T) (int, error) { return pushEach[T](q, ctx, vs) }

func (q *zenQ[T]) TryPop() (T, bool) {
	v, s := q.pop()
	return v, s == ring.OK
}

func (q *zenQ[T]) pop() (v T, s ring.Status) {
	for {
		q.reading.Lock()
		n := q.popped.Load()
		if n < q.written.Load() {
			v, _ = q.z.Read()
			q.popped.Store(n + 1)
			q.reading.Unlock()
			q.waits.space.Wake()
			return v, ring.OK
		}
		c := q.claims.Load()
		q.reading.Unlock()
		switch {
		case c == n<<1:
			return v, ring.Empty
		case c == n<<1|1:
			return v, ring.Closed
		}
		runtime.Gosched() // a Write is under way
	}
}

func (q *zenQ[T]) Pop(ctx context.Context) (T, error) { return q.PopTimed(ctx, nil) }

func (q *zenQ[T]) PopTimed(ctx context.Context, expired <-chan time.Time) (T, error) {
	if err := ended(ctx); err != nil {
		var zero T
		return zero, err
	}
	if v, s := q.pop(); s != ring.Empty {
		return v, popError(s)
	}
	return sleepToPop[T](q, &q.waits, ctx, expired)
}

func (q *zenQ[T]) PopBatch(ctx context.Context, dst []T) (int, error) { return popEach[T](q, ctx, dst) }

func (q *zenQ[T]) Close() {
	for {
		c := q.claims.Load()
		if c&1 != 0 || q.claims.CompareAndSwap(c, c|1) {
			break
		}
	}
	q.waits.wakeAll()
}

func (q *zenQ[T]) Len() int { return q.Stats().Len }
func (q *zenQ[T]) Cap() int { return int(q.cap) }

func (q *zenQ[T]) Stats() Stats {
	popped := q.popped.Load()
	c := q.claims.Load()
	n := min(c/2-popped, q.cap)
	return Stats{Pushed: popped + n, Popped: popped, Len: int(n), Cap: int(q.cap), Closed: c&1 != 0}
}

func (q *zenQ[T]) hasRoom() bool {
	c := q.claims.Load()
	return c&1 != 0 || c/2-q.popped.Load() != q.cap
}

func (q *zenQ[T]) hasItems() bool {
	n := q.popped.Load()
	c := q.claims.Load()
	return c&1 != 0 || c/2 != n
}
