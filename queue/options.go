package queue

import (
	"fmt"

	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// Backend chooses the implementation behind a Queue.
type Backend uint8

const (
	BackendRing Backend = iota // the lock-free ring; the default
	BackendChan                // a plain Go channel

	// BackendZenQ is github.com/alphadose/zenq/v2, on Go 1.22 only. It keeps a
	// popped value until its cell is used again, and each queue forever, with
	// the one goroutine that ZenQ starts for it: of the promises that package
	// queuetest tests it breaks PoppedIsNotKept, DroppedQueueIsGarbage and
	// LeavesNoGoroutine. It crashes under the race detector.
	BackendZenQ
)

// String returns "ring", "chan" or "zenq", and "Backend(9)" for an unknown 9.
func (b Backend) String() string {
	switch b {
	case BackendRing:
		return "ring"
	case BackendChan:
		return "chan"
	case BackendZenQ:
		return "zenq"
	}
	return fmt.Sprintf("Backend(%d)", uint8(b))
}

// DefaultCapacity is the capacity of a queue whose Options leave it 0.
const DefaultCapacity = 1024

var _ = [1]struct{}{}[DefaultCapacity-ring.DefaultCapacity] // they are the same

// MaxCapacity is the largest capacity one can ask for. ZenQ's is 65536.
const MaxCapacity = 1 << 30

var _ = [1]struct{}{}[MaxCapacity-ring.MaxCapacity]

// Options says what queue to make. The zero value is a ring of
// DefaultCapacity.
type Options struct {
	// Capacity is how many values fit, rounded up to a power of two and at
	// least 2. 0 means DefaultCapacity; negative, above MaxCapacity, or more
	// than can be addressed is an error. All of them are allocated by New.
	Capacity int

	// Backend is the implementation; NewRing ignores it.
	Backend Backend
}

// capacity returns the rounded capacity for values of type T.
func capacity[T any](o Options) (int, error) {
	n, err := ring.Capacity[T](o.Capacity)
	if err != nil {
		return 0, fmt.Errorf("queue: Options.Capacity: %w", err)
	}
	return n, nil
}

// New returns an empty queue with the backend that opts names. The error names
// the field that is wrong; it is ErrUnavailable for ZenQ on Go 1.23 and later.
func New[T any](opts Options) (Queue[T], error) {
	var q Queue[T]
	var err error
	switch opts.Backend {
	case BackendChan:
		q, err = NewChan[T](opts)
	case BackendZenQ:
		q, err = newZenQ[T](opts)
	case BackendRing:
		q, err = NewRing[T](opts)
	default:
		err = fmt.Errorf("queue: Options.Backend: unknown backend %d", uint8(opts.Backend))
	}
	if err != nil {
		return nil, err // not an interface that holds a nil pointer
	}
	return q, nil
}
