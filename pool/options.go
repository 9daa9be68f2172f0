package pool

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

const (
	// DefaultQueueSize is the QueueSize of a pool whose Options leave it 0.
	DefaultQueueSize = 1024
	// DefaultIdleTimeout is the IdleTimeout of a pool whose Options leave it 0.
	DefaultIdleTimeout = 10 * time.Second
	// MaxWorkers is the largest number of workers one can ask for.
	MaxWorkers = 1 << 20
)

// Options tunes a Pool. The zero value works.
type Options struct {
	// Name labels the pool's goroutines in profiles (the label is "pool") and
	// names it in logs. Empty: no label.
	Name string

	// Workers is how many tasks run at once at most; Resize changes it. 0 means
	// GOMAXPROCS at the time of New; negative or above MaxWorkers is an error.
	Workers int

	// QueueSize is how many tasks can wait, rounded up to a power of two and
	// at least 2. 0 means DefaultQueueSize; negative or above queue.MaxCapacity
	// is an error, and so is more than can be addressed.
	QueueSize int

	// IdleTimeout is how long a worker without work is kept, at least, and at most
	// twice as long. ants keeps the goroutine for a while longer, a second or more.
	// 0 means DefaultIdleTimeout; negative is an error.
	IdleTimeout time.Duration

	// OnPanic is called on the worker's goroutine with the value of a task's panic
	// and the stack where it happened, by several workers at once. nil: the panic
	// is logged with slog.Default. If OnPanic panics, that is logged with
	// slog.Default.
	OnPanic func(v any, stack []byte)
}

func (o Options) withDefaults() (Options, error) {
	if err := checkWorkers("Options.Workers", o.Workers, 0); err != nil {
		return o, err
	}
	if o.IdleTimeout < 0 {
		return o, fmt.Errorf("pool: Options.IdleTimeout: %v is negative", o.IdleTimeout)
	}
	if o.QueueSize < 0 {
		return o, fmt.Errorf("pool: Options.QueueSize: %d is negative", o.QueueSize)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.QueueSize == 0 {
		o.QueueSize = DefaultQueueSize
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	if o.OnPanic == nil {
		name := o.Name
		o.OnPanic = func(v any, stack []byte) {
			slog.Error("pool: task panicked", "pool", name, "panic", v, "stack", string(stack))
		}
	}
	return o, nil
}

func checkWorkers(field string, n, least int) error {
	switch {
	case n < least:
		return fmt.Errorf("pool: %s: %d is below %d", field, n, least)
	case n > MaxWorkers:
		return fmt.Errorf("pool: %s: %d is above %d", field, n, MaxWorkers)
	}
	return nil
}
