package queue

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/internal/spin"
)

// Ring is the lock-free queue. Its cells and their proof are in internal/ring;
// this type adds sleeping. Use NewRing. A Ring must not be copied.
type Ring[T any] struct {
	ring  *ring.Ring[T]
	waits waits

	// How the values flow, as seen by those who found the ring full or empty.
	full, empty spin.Flow
}

// pausing is the least capacity at which it pays to pause in the middle of batches:
// a smaller ring holds a few of them only.
const pausing = 256

var (
	_ Queue[int]       = (*Ring[int])(nil)
	_ TimedPusher[int] = (*Ring[int])(nil)
	_ TimedPopper[int] = (*Ring[int])(nil)
)

// NewRing returns an empty ring. It ignores opts.Backend.
func NewRing[T any](opts Options) (*Ring[T], error) {
	n, err := capacity[T](opts)
	if err != nil {
		return nil, err
	}
	q := &Ring[T]{ring: ring.New[T](n, 0)}
	q.waits.init()
	return q, nil
}

// TryPush queues v without blocking: nil, ErrFull or ErrClosed.
func (q *Ring[T]) TryPush(v T) error { return q.push(&v) }

// push is TryPush. Values are handed on by pointer, since one of 64 bytes takes
// 2 ns for each copy.
func (q *Ring[T]) push(v *T) error {
	switch q.ring.PushFrom(v) {
	case ring.OK:
		q.waits.items.Wake()
		return nil
	case ring.Full:
		return ErrFull
	}
	return ErrClosed
}

// Push queues v and blocks while the ring is full, until ctx ends. The error is
// ErrClosed or ctx.Err(), even if ctx had ended before the call; then v was not queued.
func (q *Ring[T]) Push(ctx context.Context, v T) error {
	if err := ended(ctx); err != nil {
		return err
	}
	switch q.ring.PushFrom(&v) { // as in push: one call less for each value
	case ring.OK:
		q.waits.items.Wake()
		return nil
	case ring.Closed:
		return ErrClosed
	}
	return q.pushSlow(ctx, v, nil)
}

// PushTimed is Push that also ends, with context.DeadlineExceeded, when expired
// delivers. A nil expired never does.
func (q *Ring[T]) PushTimed(ctx context.Context, v T, expired <-chan time.Time) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if err := q.push(&v); err != ErrFull {
		return err
	}
	return q.pushSlow(ctx, v, expired)
}

// pushSlow waits for room: awake for a moment if values flow, then asleep.
func (q *Ring[T]) pushSlow(ctx context.Context, v T, expired <-chan time.Time) (err error) {
	try := func() bool {
		err = q.TryPush(v)
		return err != ErrFull
	}
	if q.full.Room(q.ring.Popped, q.Cap(), try) {
		return err
	}
	return sleepToPush[T](q, &q.waits, ctx, v, expired)
}

// PushBatch queues the values of vs in their order and blocks while the ring is
// full, until ctx ends. As many as there is room for are queued at once, with no
// other producer's values between them. It returns how many were queued; the error,
// one of Push's, says why not all. vs is not kept.
func (q *Ring[T]) PushBatch(ctx context.Context, vs []T) (int, error) {
	if err := ended(ctx); err != nil {
		return 0, err
	}
	done := 0
	for {
		n, s := q.ring.PushBatch(vs[done:])
		if n > 0 {
			done += n
			q.waits.items.Wake()
		}
		switch {
		case done == len(vs):
			return done, nil
		case s == ring.Closed:
			return done, ErrClosed
		case n > 0:
			if err := ctx.Err(); err != nil {
				return done, err
			}
			continue
		}
		var err error
		if q.Cap() < pausing {
			err = sleepToPush[T](q, &q.waits, ctx, vs[done], nil)
		} else {
			err = q.pushSlow(ctx, vs[done], nil)
		}
		if err != nil {
			return done, err
		}
		done++
	}
}

// TryPop takes the oldest value; ok is false if the ring was empty. It never
// sleeps, but waits out a producer that is about to fill the next cell.
func (q *Ring[T]) TryPop() (v T, ok bool) {
	s := q.popInto(&v)
	return v, s == ring.OK
}

// pop is TryPop that tells empty from closed.
func (q *Ring[T]) pop() (v T, s ring.Status) {
	s = q.popInto(&v)
	return v, s
}

func (q *Ring[T]) popInto(v *T) ring.Status {
	for i := 0; ; i++ {
		s := q.ring.PopInto(v)
		if s == ring.OK {
			q.waits.space.Wake()
		}
		if s != ring.Busy {
			return s
		}
		atomic.Relax(i)
	}
}

// Pop takes the oldest value and blocks while there is none, until ctx ends. The
// error is ErrClosed once the ring is closed and drained, or ctx.Err(), even if ctx
// had ended before the call; then no value was taken.
func (q *Ring[T]) Pop(ctx context.Context) (v T, err error) {
	if err := ended(ctx); err != nil {
		return v, err
	}
	if q.ring.PopInto(&v) == ring.OK { // as in popInto: one call less for each value
		q.waits.space.Wake()
		return v, nil
	}
	if s := q.popInto(&v); s != ring.Empty {
		return v, popError(s)
	}
	return q.popSlow(ctx, nil)
}

// PopTimed is Pop that also ends, with context.DeadlineExceeded, when expired
// delivers. A nil expired never does.
func (q *Ring[T]) PopTimed(ctx context.Context, expired <-chan time.Time) (v T, err error) {
	if err := ended(ctx); err != nil {
		return v, err
	}
	if s := q.popInto(&v); s != ring.Empty {
		return v, popError(s)
	}
	return q.popSlow(ctx, expired)
}

// popSlow waits for a value: awake for a moment if values flow, then asleep.
func (q *Ring[T]) popSlow(ctx context.Context, expired <-chan time.Time) (v T, err error) {
	var s ring.Status
	try := func() bool {
		v, s = q.pop()
		return s != ring.Empty
	}
	if q.empty.Items(q.ring.Popped, q.Cap(), try) {
		return v, popError(s)
	}
	return sleepToPop[T](q, &q.waits, ctx, expired)
}

// PopBatch waits for one value as Pop does and takes up to len(dst) that are there,
// claimed at once. After an error, which is one of Pop's, none was taken. With an
// empty dst it does not block and returns 0 and ctx.Err().
func (q *Ring[T]) PopBatch(ctx context.Context, dst []T) (int, error) {
	if err := ended(ctx); err != nil || len(dst) == 0 {
		return 0, err
	}
	n, s := q.popBatch(dst)
	if s == ring.Empty && q.Cap() >= pausing {
		n, s = q.pauseBatch(dst)
	}
	if s != ring.Empty {
		return n, popError(s)
	}
	v, err := sleepToPop[T](q, &q.waits, ctx, nil)
	if err != nil {
		return 0, err
	}
	dst[0] = v
	// Not popBatch: with one value in hand there is no reason to wait for a
	// producer in the middle of its turn.
	if n, _ = q.ring.PopBatch(dst[1:]); n > 0 {
		q.waits.space.Wake()
	}
	return 1 + n, nil
}

// pauseBatch is popBatch after a moment, if values flow.
func (q *Ring[T]) pauseBatch(dst []T) (n int, s ring.Status) {
	s = ring.Empty
	q.empty.Items(q.ring.Popped, q.Cap(), func() bool {
		n, s = q.popBatch(dst)
		return s != ring.Empty
	})
	return n, s
}

func (q *Ring[T]) popBatch(dst []T) (int, ring.Status) {
	for i := 0; ; i++ {
		n, s := q.ring.PopBatch(dst)
		if n > 0 {
			q.waits.space.Wake()
		}
		if s != ring.Busy {
			return n, s
		}
		atomic.Relax(i)
	}
}

// Close refuses further pushes; what was accepted can still be popped. It does not
// block, and may be called again.
func (q *Ring[T]) Close() {
	q.ring.Close()
	q.waits.wakeAll()
}

// Len returns how many values are queued.
func (q *Ring[T]) Len() int { return q.ring.Len() }

// Cap returns how many values fit.
func (q *Ring[T]) Cap() int { return q.ring.Cap() }

// Stats returns the ring's counters, which are its positions: counting costs
// nothing.
func (q *Ring[T]) Stats() Stats {
	popped, n, closed := q.ring.Progress()
	return Stats{Pushed: popped + uint64(n), Popped: popped, Len: n, Cap: q.Cap(), Closed: closed}
}

func (q *Ring[T]) hasRoom() bool  { return q.ring.HasRoom() }
func (q *Ring[T]) hasItems() bool { return q.ring.HasItems() }
