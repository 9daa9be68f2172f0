package queue

import (
	"context"
	"errors"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/errs"
)

// Queue is a bounded FIFO queue. All methods may be called from many
// goroutines at once. A nil context is a programming error and panics.
type Queue[T any] interface {
	Pusher[T]

	// TryPop takes the oldest value. It never sleeps; if a producer has
	// claimed the next cell and not filled it yet, it waits that out. ok is
	// false if the queue was empty.
	TryPop() (v T, ok bool)

	// Pop takes the oldest value and blocks while there is none, until ctx ends.
	// The error is ErrClosed once the queue is closed and drained, or ctx.Err(),
	// even if ctx had ended before the call and there is a value; after an error no
	// value was taken.
	Pop(ctx context.Context) (T, error)

	// PopBatch takes up to len(dst) values: it waits for the first as Pop does and
	// takes what else is there. On an error it took none. With an empty dst it does
	// not block and returns 0 and ctx.Err(), even if the queue is closed.
	PopBatch(ctx context.Context, dst []T) (int, error)

	// Close refuses further pushes. What was accepted can still be popped.
	// It does not wait for room or for consumers, and calling it again does
	// nothing.
	Close()

	// Len returns how many values are queued, between 0 and Cap; it may have
	// changed when it returns.
	Len() int

	// Cap returns how many values fit.
	Cap() int

	// Stats returns the queue's counters.
	Stats() Stats
}

// Pusher is the producers' side of a Queue.
type Pusher[T any] interface {
	// TryPush queues v without blocking: nil, ErrFull only if the queue was
	// full, or ErrClosed.
	TryPush(v T) error

	// Push queues v and blocks while the queue is full, until ctx ends. The error
	// is ErrClosed, or ctx.Err(), even if ctx had ended before the call and there
	// is room; after an error v was not queued.
	Push(ctx context.Context, v T) error

	// PushBatch queues the values of vs in their order, blocking as Push does, and
	// returns how many: a prefix of that length was queued, and the error says why
	// it is shorter than vs. It neither changes vs nor keeps it: when it has
	// returned, the caller may use vs again. With an empty vs it does not block and
	// returns 0 and ctx.Err(), even if the queue is closed.
	PushBatch(ctx context.Context, vs []T) (int, error)
}

// TimedPusher is a Pusher that can also give up when a timer fires. The
// dispatcher uses it for its Timeout, because a context with a deadline would
// be an allocation for each request; the queues of this package and
// server.Server have it.
type TimedPusher[T any] interface {
	// PushTimed is Push that also ends when expired delivers, which it receives:
	// the error is then context.DeadlineExceeded. A nil expired never does.
	PushTimed(ctx context.Context, v T, expired <-chan time.Time) error
}

// TimedPopper is what TimedPusher is, for consumers: a Pop that can also give up
// when a timer fires. The queues of this package have it.
type TimedPopper[T any] interface {
	// PopTimed is Pop that also ends when expired delivers, which it receives: the
	// error is then context.DeadlineExceeded. A nil expired never does.
	PopTimed(ctx context.Context, expired <-chan time.Time) (T, error)
}

var (
	// ErrFull is TryPush's answer when the queue is full.
	ErrFull = errs.New("queue: full")

	// ErrClosed is the answer to a push on a closed queue, and to a pop on one
	// that is closed and drained.
	ErrClosed = errs.New("queue: closed")

	// ErrUnavailable says that the backend cannot be had in this program: ZenQ
	// does not link with Go 1.23 and later.
	ErrUnavailable = errors.New("queue: backend unavailable")
)

// Stats is what a queue counted since New. Its fields are read one after the other
// while the queue works; at rest they are exact, and Pushed - Popped is Len.
type Stats struct {
	Pushed uint64 // values accepted
	Popped uint64 // values taken out
	Len    int    // queued now
	Cap    int    // how many fit
	Closed bool   // Close was called
}
