package queuetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/queue"
)

// torn writes a value in two steps, each of them under the lock.
type torn struct{ *plain[Value] }

func (q *torn) Push(ctx context.Context, v Value) error {
	half := v
	half.minus, half.word = 0, ""
	if err := q.plain.Push(ctx, half); err != nil {
		return err
	}
	runtime.Gosched()
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.items {
		if q.items[i].n == v.n {
			q.items[i] = v
		}
	}
	return nil
}

// oneToken is a queue whose sleepers share one wake-up: a channel with room for
// one. Who leaves does not pass it on, and many values are one wake-up.
type oneToken struct {
	*plain[Value]
	end         <-chan struct{}
	items, room chan struct{}
}

func newOneToken(q *plain[Value], end <-chan struct{}) *oneToken {
	return &oneToken{q, end, make(chan struct{}, 1), make(chan struct{}, 1)}
}

func give(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// take waits for a wake-up. One that comes shortly before ctx ends is lost.
func (q *oneToken) take(ctx context.Context, token chan struct{}) error {
	select {
	case <-token:
		time.Sleep(time.Millisecond)
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	case <-q.end:
		return queue.ErrClosed
	}
}

func (q *oneToken) TryPush(v Value) error {
	err := q.plain.TryPush(v)
	if err == nil {
		give(q.items)
	}
	return err
}

func (q *oneToken) Push(ctx context.Context, v Value) error {
	for {
		if err := q.TryPush(v); !errors.Is(err, queue.ErrFull) {
			return err
		}
		if err := q.take(ctx, q.room); err != nil {
			return err
		}
	}
}

func (q *oneToken) PushBatch(ctx context.Context, vs []Value) (int, error) {
	if len(vs) == 1 {
		if err := q.Push(ctx, vs[0]); err != nil {
			return 0, err
		}
		return 1, nil
	}
	n, err := q.plain.PushBatch(ctx, vs)
	give(q.items)
	return n, err
}

func (q *oneToken) TryPop() (Value, bool) {
	v, ok := q.plain.TryPop()
	if ok {
		give(q.room)
	}
	return v, ok
}

func (q *oneToken) Pop(ctx context.Context) (v Value, err error) {
	for {
		if v, ok := q.TryPop(); ok {
			return v, nil
		}
		if err := q.take(ctx, q.items); err != nil {
			return v, err
		}
	}
}

func (q *oneToken) PopBatch(ctx context.Context, dst []Value) (int, error) {
	if len(dst) == 1 {
		v, err := q.Pop(ctx)
		if err != nil {
			return 0, err
		}
		dst[0] = v
		return 1, nil
	}
	n, err := q.plain.PopBatch(ctx, dst)
	give(q.room)
	return n, err
}

// polite lets nobody push past those who wait, TryPush included.
type polite struct{ *plain[Value] }

func (q *polite) TryPush(v Value) error {
	if q.busy() {
		return q.plain.Push(bg, v)
	}
	return q.plain.TryPush(v)
}

func (q *polite) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting > 0
}

// deaf has the timed methods, and no ear for the timer.
type deaf struct{ *plain[Value] }

func (q deaf) PushTimed(ctx context.Context, v Value, _ <-chan time.Time) error {
	return q.Push(ctx, v)
}

func (q deaf) PopTimed(ctx context.Context, _ <-chan time.Time) (Value, error) { return q.Pop(ctx) }

var registry []*plain[Value]

// lender pops what is in the slices of PushBatch by then.
type lender struct {
	*plain[Value]
	lent sync.Map // *Value by number
}

func (q *lender) PushBatch(ctx context.Context, vs []Value) (int, error) {
	for i := range vs {
		q.lent.Store(vs[i].n, &vs[i])
	}
	return q.plain.PushBatch(ctx, vs)
}

func (q *lender) TryPop() (Value, bool) {
	v, ok := q.plain.TryPop()
	if lent, is := q.lent.Load(v.n); is {
		v = *lent.(*Value)
	}
	return v, ok
}

// timedToken is a oneToken with timers. A wake-up that comes shortly before the timer
// fires is lost.
type timedToken struct{ *oneToken }

func (q timedToken) takeTimed(ctx context.Context, token chan struct{}, expired <-chan time.Time) error {
	select {
	case <-expired:
		return context.DeadlineExceeded
	case <-token:
		time.Sleep(time.Millisecond)
		select {
		case <-expired:
			return context.DeadlineExceeded
		default:
			return ctx.Err()
		}
	case <-q.end:
		return queue.ErrClosed
	}
}

func (q timedToken) PushTimed(ctx context.Context, v Value, expired <-chan time.Time) error {
	for {
		if err := q.TryPush(v); !errors.Is(err, queue.ErrFull) {
			return err
		}
		if err := q.takeTimed(ctx, q.room, expired); err != nil {
			return err
		}
	}
}

func (q timedToken) PopTimed(ctx context.Context, expired <-chan time.Time) (v Value, err error) {
	for {
		if v, ok := q.TryPop(); ok {
			return v, nil
		}
		if err := q.takeTimed(ctx, q.items, expired); err != nil {
			return v, err
		}
	}
}

// unhurried is right, and sleeps for a moment before each step of a batch, as one would
// whose values go through another goroutine.
type unhurried struct{ *plain[Value] }

func (q unhurried) PushBatch(ctx context.Context, vs []Value) (int, error) {
	for i := range vs {
		time.Sleep(time.Millisecond)
		if err := q.Push(ctx, vs[i]); err != nil {
			return i, err
		}
	}
	return len(vs), ctx.Err()
}
