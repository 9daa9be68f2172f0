package queuetest

import (
	"context"
	"runtime"
	"sync"

	"github.com/sparkpipe/sparkpipe/queue"
)

// plain is a queue as a user may write one: a mutex, a slice, and a channel that
// is closed to tell all sleepers of a change. It keeps every promise, and with
// a bug it breaks one.
type plain[T any] struct {
	capacity int
	bug      bug
	end      <-chan struct{} // of the test: ends what the bug has left asleep

	mu      sync.Mutex
	items   []T
	closed  bool
	changed chan struct{}
	pushed  uint64
	popped  uint64
	kept    []T // by a bug
	waiting int
}

func newPlain[T any](capacity int, b bug, end <-chan struct{}) *plain[T] {
	q := &plain[T]{capacity: capacity, bug: b, end: end, changed: make(chan struct{})}
	if b == leaksGoroutine {
		go func() { <-end }()
	}
	return q
}

// wakeAll tells the sleepers. The lock is held.
func (q *plain[T]) wakeAll() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// wait gives up the lock until something has changed, or ctx ends. The lock is
// held again afterwards.
func (q *plain[T]) wait(ctx context.Context) error {
	if q.bug == spins {
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
		return ctx.Err()
	}
	changed, done := q.changed, ctx.Done()
	if q.bug == waitIgnoresCtx {
		done = nil
	}
	q.waiting++
	q.mu.Unlock()
	var err error
	select {
	case <-changed:
	case <-done:
		err = ctx.Err()
	case <-q.end:
		err = queue.ErrClosed
	}
	q.mu.Lock()
	q.waiting--
	return err
}

// add queues v, which there is room for. The lock is held.
func (q *plain[T]) add(v T) {
	q.pushed++
	n := len(q.items)
	switch {
	case q.bug == losesOne && q.pushed%100 == 0:
		return
	case q.bug == doublesOne && q.pushed%100 == 0 && n+1 < q.capacity:
		q.items = append(q.items, v, v)
	case q.bug == swapsTwo && q.pushed%10 == 0 && n > 0:
		q.items = append(q.items[:n-1:n-1], v, q.items[n-1])
	case q.bug == swapsLanes && n > 1 && q.pushed%10 == 0:
		q.items = append([]T{q.items[1], q.items[0]}, append(q.items[2:n:n], v)...)
	default:
		q.items = append(q.items, v)
	}
	if q.bug != pushWakesNobody {
		q.wakeAll()
	}
}

// remove takes the oldest value. The lock is held.
func (q *plain[T]) remove() T {
	v := q.items[0]
	if q.bug == keepsPopped {
		q.kept = append(q.kept, v)
	}
	q.items = append([]T(nil), q.items[1:]...)
	q.popped++
	if q.bug != popWakesNobody {
		q.wakeAll()
	}
	return v
}

func (q *plain[T]) full() bool {
	n := len(q.items)
	if q.bug == fullEarly {
		n++
	}
	if q.bug == oneTooMany {
		n--
	}
	return n >= q.capacity
}

// lock takes the lock, or with that bug gives up when another has it.
func (q *plain[T]) lock(b bug) bool {
	if q.bug != b {
		q.mu.Lock()
		return true
	}
	if !q.mu.TryLock() {
		return false
	}
	runtime.Gosched() // so that others find it taken
	return true
}

func (q *plain[T]) TryPush(v T) error {
	if !q.lock(fullWhenBusy) {
		return queue.ErrFull
	}
	defer q.mu.Unlock()
	return q.tryPush(v)
}

func (q *plain[T]) tryPush(v T) error {
	closed := q.closed
	if q.bug == flagNotBit { // looks, and then pushes
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
	}
	switch {
	case closed && q.bug == dropsAfterClose:
		return nil
	case closed:
		return queue.ErrClosed
	case q.full():
		if q.bug == keepsRefused {
			q.kept = append(q.kept, v)
		}
		return queue.ErrFull
	}
	q.add(v)
	return nil
}

func (q *plain[T]) Push(ctx context.Context, v T) error {
	if err := q.ended(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		err := q.tryPush(v)
		if err != queue.ErrFull {
			return err
		}
		if err = q.wait(ctx); err != nil {
			if q.bug == pushesAfterCancel {
				q.items = append(q.items, v)
			}
			return err
		}
	}
}

func (q *plain[T]) ended(ctx context.Context) error {
	if q.bug == nilCtxIsFine && ctx == nil {
		return nil
	}
	if err := ctx.Err(); q.bug != endedCtxIsFine {
		return err
	}
	return nil
}

func (q *plain[T]) PushBatch(ctx context.Context, vs []T) (int, error) {
	if err := q.ended(ctx); err != nil {
		return 0, err
	}
	for i, v := range vs {
		if err := q.Push(ctx, v); err != nil {
			if q.bug == batchForgets {
				return 0, err
			}
			return i, err
		}
		if q.bug == clearsBatch {
			var zero T
			vs[i] = zero
		}
	}
	return len(vs), nil
}

func (q *plain[T]) TryPop() (v T, ok bool) {
	if !q.lock(emptyWhenBusy) {
		return v, false
	}
	defer q.mu.Unlock()
	if q.nothing() {
		return v, false
	}
	return q.remove(), true
}

func (q *plain[T]) nothing() bool {
	return len(q.items) == 0 || q.bug == closeDiscards && q.closed || q.bug == emptyAtTimes && q.popped%1000 == 999
}

func (q *plain[T]) Pop(ctx context.Context) (v T, err error) {
	if err := q.ended(ctx); err != nil {
		return v, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.nothing() {
		if q.closed {
			return v, queue.ErrClosed
		}
		if err := q.wait(ctx); err != nil {
			if q.bug == takesAfterCancel && len(q.items) > 0 {
				q.remove()
			}
			return v, err
		}
	}
	return q.remove(), nil
}

func (q *plain[T]) PopBatch(ctx context.Context, dst []T) (int, error) {
	if err := q.ended(ctx); err != nil {
		return 0, err
	}
	if q.bug == emptyBatchWaits && len(dst) == 0 {
		_, err := q.Pop(ctx)
		return 0, err
	}
	for i := range dst {
		if i == 0 || q.bug == batchWaitsForAll {
			v, err := q.Pop(ctx)
			if err != nil {
				return i, err
			}
			dst[i] = v
			continue
		}
		v, ok := q.TryPop()
		if !ok {
			if q.bug == batchClearsTheRest {
				clear(dst[i:])
			}
			return i, nil
		}
		dst[i] = v
	}
	return len(dst), nil
}

func (q *plain[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.bug == closesOnce && q.closed:
		panic("close of a closed queue")
	case q.bug == secondCloseDiscards && q.closed:
		q.items = nil
	}
	q.closed = true
	if q.bug != closeWakesNobody {
		q.wakeAll()
	}
	for q.bug == closeWaits && len(q.items) > 0 && q.wait(bg) == nil {
	}
}

func (q *plain[T]) Len() int { return q.Stats().Len }
func (q *plain[T]) Cap() int { return q.capacity }

func (q *plain[T]) Stats() queue.Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := queue.Stats{Pushed: q.pushed, Popped: q.popped, Len: len(q.items), Cap: q.capacity, Closed: q.closed}
	switch q.bug {
	case lenCountsWaiters:
		s.Len += q.waiting
	case lenIsLate:
		s.Len = min(s.Len, 1)
	}
	return s
}
