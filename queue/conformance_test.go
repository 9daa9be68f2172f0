package queue_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/queue/queuetest"
)

// The promises of package queue are tested by package queuetest, on every
// backend: with cells as large as a cache line, and with small ones that share
// it. The other tests of this package are about what one backend has of its own.

func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		t.Run("Value", func(t *testing.T) { queuetest.Run(t, factory[queuetest.Value](b)) })
		t.Run("int", func(t *testing.T) { queuetest.Run(t, factory[int](b)) })
	})
}

// All backends can end a wait with a timer, so that none of the promises about
// it is skipped.
func TestTimed(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 2)
		require.Implements(t, (*queue.TimedPusher[int])(nil), q)
		require.Implements(t, (*queue.TimedPopper[int])(nil), q)
	})
}

func factory[T any](b queue.Backend) queuetest.Factory[T] {
	f := queuetest.Factory[T]{New: func(capacity int) (queue.Queue[T], error) {
		return queue.New[T](queue.Options{Capacity: capacity, Backend: b})
	}}
	if b == queue.BackendZenQ {
		f.Breaks = zenqBreaks
		f.MaxQueues = 50 // each costs a goroutine forever
	}
	return f
}
