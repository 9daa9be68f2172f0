package queue

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
)

// Chan is a Queue over a plain Go channel: the ring's twin, to compare it with
// and to fall back on. Unlike a bare channel it can be closed while others
// send: they get ErrClosed instead of a panic, and nothing accepted is lost.
// Use NewChan. A Chan must not be copied. Methods are those of Queue: safe for
// many goroutines; a nil context panics.
type Chan[T any] struct {
	// The channel carries pointers to recycled boxes, since the elements of a
	// channel have at most 64 KiB and a T may have more. There is a box for
	// each place from the start; pushes that block hold further ones.
	ch     chan *T
	boxes  chan *T
	closed chan struct{} // ends the sends that block

	// pushers counts the pushes under way, times 2; bit 0 says that Close was
	// called. The channel itself is closed by whoever takes the count to 0
	// after that: Close, or the last push that was under way. A push that
	// comes later sees the bit and leaves without touching the channel.
	pushers atomic.Int64
	ending  atomic.Bool // the channel is being closed; so that it is so once

	pushed atomic.Uint64
	seen   atomic.Uint64 // the pops that Stats has told of
}

var (
	_ Queue[int]       = (*Chan[int])(nil)
	_ TimedPusher[int] = (*Chan[int])(nil)
	_ TimedPopper[int] = (*Chan[int])(nil)
)

// NewChan returns an empty Chan. It ignores opts.Backend.
func NewChan[T any](opts Options) (*Chan[T], error) {
	n, err := capacity[T](opts)
	if err != nil {
		return nil, err
	}
	q := &Chan[T]{ch: make(chan *T, n), boxes: make(chan *T, 2*n), closed: make(chan struct{})}
	slab := make([]T, n)
	for i := range slab {
		q.boxes <- &slab[i]
	}
	return q, nil
}

func (q *Chan[T]) box(v T) *T {
	var b *T
	select {
	case b = <-q.boxes:
	default:
		b = new(T)
	}
	*b = v
	return b
}

func (q *Chan[T]) unbox(b *T) T {
	v := *b
	var zero T
	*b = zero // nothing popped is kept alive
	select {
	case q.boxes <- b:
	default:
	}
	return v
}

// enter lets a push in; if the queue is closed it has already left again.
func (q *Chan[T]) enter() bool {
	if q.pushers.Add(2)&1 == 0 {
		return true
	}
	q.leave()
	return false
}

func (q *Chan[T]) leave() {
	if q.pushers.Add(-2) == 1 && q.ending.CompareAndSwap(false, true) {
		close(q.ch)
	}
}

// TryPush queues v without blocking: nil, ErrFull or ErrClosed.
func (q *Chan[T]) TryPush(v T) error {
	if !q.enter() {
		return ErrClosed
	}
	defer q.leave()
	b := q.box(v)
	select {
	case q.ch <- b:
		q.pushed.Add(1)
		return nil
	default:
		q.unbox(b)
		return ErrFull
	}
}

// Push queues v and blocks while the channel is full, until ctx ends. The error is
// ErrClosed or ctx.Err(), even if ctx had ended before the call; then v was not queued.
func (q *Chan[T]) Push(ctx context.Context, v T) error { return q.PushTimed(ctx, v, nil) }

// PushTimed is Push that also ends, with context.DeadlineExceeded, when expired
// delivers. A nil expired never does.
func (q *Chan[T]) PushTimed(ctx context.Context, v T, expired <-chan time.Time) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if !q.enter() {
		return ErrClosed
	}
	defer q.leave()
	b := q.box(v)
	var err error
	select {
	case q.ch <- b:
		q.pushed.Add(1)
		return nil
	case <-q.closed:
		err = ErrClosed
	case <-ctx.Done():
		err = arg.Ended(ctx)
	case <-expired:
		err = context.DeadlineExceeded
	}
	q.unbox(b)
	return err
}

// PushBatch queues the values of vs one after the other, as Push does, and returns
// how many were queued; the error, one of Push's, says why not all. vs is not kept.
func (q *Chan[T]) PushBatch(ctx context.Context, vs []T) (int, error) { return pushEach[T](q, ctx, vs) }

// TryPop takes the oldest value without blocking; ok is false if the channel was empty.
func (q *Chan[T]) TryPop() (v T, ok bool) {
	select {
	case b, ok := <-q.ch:
		if ok {
			return q.unbox(b), true
		}
	default:
	}
	return v, false
}

// Pop takes the oldest value and blocks while there is none, until ctx ends. The
// error is ErrClosed once the channel is closed and drained, or ctx.Err(), even if
// ctx had ended before the call; then no value was taken.
func (q *Chan[T]) Pop(ctx context.Context) (T, error) { return q.PopTimed(ctx, nil) }

// PopTimed is Pop that also ends, with context.DeadlineExceeded, when expired
// delivers. A nil expired never does.
func (q *Chan[T]) PopTimed(ctx context.Context, expired <-chan time.Time) (v T, err error) {
	if err := ended(ctx); err != nil {
		return v, err
	}
	select {
	case b, ok := <-q.ch:
		if !ok {
			return v, ErrClosed
		}
		return q.unbox(b), nil
	case <-ctx.Done():
		return v, arg.Ended(ctx)
	case <-expired:
		return v, context.DeadlineExceeded
	}
}

// PopBatch waits for one value as Pop does and takes up to len(dst) that are there.
// After an error, which is one of Pop's, none was taken. With an empty dst it does
// not block and returns 0 and ctx.Err().
func (q *Chan[T]) PopBatch(ctx context.Context, dst []T) (int, error) { return popEach[T](q, ctx, dst) }

// Close refuses further pushes; what was accepted can still be popped. It waits,
// for a moment, until the pushes that are under way have left, and may be called
// again.
func (q *Chan[T]) Close() {
	for {
		n := q.pushers.Load()
		if n&1 != 0 {
			break // another Close was first
		}
		if q.pushers.CompareAndSwap(n, n|1) {
			close(q.closed)
			// A push that starts and a push that leaves from here on see the
			// bit; entering and leaving once makes the case of none the same.
			q.pushers.Add(2)
			q.leave()
			break
		}
	}
	// Those that are under way are awake and about to leave, perhaps with
	// success; nothing is to be accepted once Close has returned.
	for !q.ending.Load() {
		runtime.Gosched()
	}
}

// Len returns how many values are queued.
func (q *Chan[T]) Len() int { return len(q.ch) }

// Cap returns how many values fit.
func (q *Chan[T]) Cap() int { return cap(q.ch) }

// Stats returns the queue's counters.
func (q *Chan[T]) Stats() Stats {
	pushed := q.pushed.Load() // before Len: pushes that come now must not look like pops
	n := q.Len()
	popped := q.popped(max(pushed, uint64(n)) - uint64(n))
	return Stats{
		Pushed: q.pushed.Load(), // again: another Stats may have told of more pops meanwhile
		Popped: popped, Len: n, Cap: q.Cap(), Closed: q.pushers.Load()&1 != 0,
	}
}

// popped returns how many values were popped, if n at least were. What is sent and not
// counted yet makes n too small, but a count does not go back.
func (q *Chan[T]) popped(n uint64) uint64 {
	for {
		seen := q.seen.Load()
		if n <= seen || q.seen.CompareAndSwap(seen, n) {
			return max(n, seen)
		}
	}
}
