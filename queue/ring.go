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

// pausing is the least capacity at which it pays to pause before going to sleep.
// A smaller ring is filled or drained in less than a pause.
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
func (q *Ring[T]) TryPush(v T) error {
	switch q.ring.TryPush(v) {
	case ring.OK:
		q.waits.items.Wake()
		return nil
	case ring.Full:
		return ErrFull
	}
	return ErrClosed
}

// Push queues v and blocks while the ring is full, until ctx ends.
func (q *Ring[T]) Push(ctx context.Context, v T) error { return q.PushTimed(ctx, v, nil) }

// PushTimed is Push that also ends, with context.DeadlineExceeded, when expired
// delivers.
func (q *Ring[T]) PushTimed(ctx context.Context, v T, expired <-chan time.Time) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if err := q.TryPush(v); err != ErrFull {
		return err
	}
	return q.pushSlow(ctx, v, expired)
}

// pushSlow waits for room: awake for a moment if values flow, then asleep.
func (q *Ring[T]) pushSlow(ctx context.Context, v T, expired <-chan time.Time) error {
	if q.pauses(&q.full) {
		for i := 0; i < spin.RoomLooks; i++ {
			spin.Pause()
			if err := q.TryPush(v); err != ErrFull {
				return err
			}
		}
	}
	return pushSlow[T](q, &q.waits, ctx, v, expired)
}

func (q *Ring[T]) pauses(f *spin.Flow) bool {
	if q.Cap() < pausing {
		return false
	}
	popped, _, _ := q.ring.Progress()
	return f.Worth(popped)
}

// PushBatch queues the values of vs in their order and blocks while the ring
// is full, until ctx ends. As many as there is room for are claimed at once
// and stand in one piece.
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
		if err := q.pushSlow(ctx, vs[done], nil); err != nil {
			return done, err
		}
		done++
	}
}

// TryPop takes the oldest value without sleeping.
func (q *Ring[T]) TryPop() (T, bool) {
	v, s := q.pop()
	return v, s == ring.OK
}

// pop is TryPop that tells empty from closed.
func (q *Ring[T]) pop() (T, ring.Status) {
	for i := 0; ; i++ {
		v, s := q.ring.TryPop()
		if s == ring.OK {
			q.waits.space.Wake()
		}
		if s != ring.Busy {
			return v, s
		}
		atomic.Relax(i)
	}
}

// Pop takes the oldest value and blocks while there is none, until ctx ends.
func (q *Ring[T]) Pop(ctx context.Context) (T, error) { return q.PopTimed(ctx, nil) }

// PopTimed is Pop that also ends, with context.DeadlineExceeded, when expired
// delivers.
func (q *Ring[T]) PopTimed(ctx context.Context, expired <-chan time.Time) (T, error) {
	if err := ended(ctx); err != nil {
		var zero T
		return zero, err
	}
	if v, s := q.pop(); s != ring.Empty {
		return v, popError(s)
	}
	if q.pauses(&q.empty) {
		spin.Pause()
		if v, s := q.pop(); s != ring.Empty {
			return v, popError(s)
		}
	}
	return popSlow[T](q, &q.waits, ctx, expired)
}

// PopBatch waits for one value as Pop does and takes up to len(dst) that are
// there, claimed at once.
func (q *Ring[T]) PopBatch(ctx context.Context, dst []T) (int, error) {
	if err := ended(ctx); err != nil || len(dst) == 0 {
		return 0, err
	}
	n, s := q.popBatch(dst)
	if s == ring.Empty && q.pauses(&q.empty) {
		spin.Pause()
		n, s = q.popBatch(dst)
	}
	if s != ring.Empty {
		return n, popError(s)
	}
	v, err := popSlow[T](q, &q.waits, ctx, nil)
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

// Close refuses further pushes; what was accepted can still be popped.
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
