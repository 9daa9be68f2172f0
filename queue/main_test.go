package queue_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/queue"
)

func TestMain(m *testing.M) {
	// On Go 1.22 each ZenQ has a goroutine that nobody can end: it sleeps until
	// somebody selects among ZenQs, which we never do.
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/alphadose/zenq/v2.(*ZenQ[...]).selectSender"))
}

// bg is the context of what is not to be cancelled.
var bg = context.Background()

// each runs a test for every backend that can be had.
func each(t *testing.T, test func(t *testing.T, b queue.Backend)) {
	backends := []queue.Backend{queue.BackendRing, queue.BackendChan}
	if haveZenQ {
		backends = append(backends, queue.BackendZenQ)
	}
	for _, b := range backends {
		t.Run(b.String(), func(t *testing.T) { test(t, b) })
	}
}

// open returns an empty queue.
func open[T any](tb testing.TB, b queue.Backend, capacity int) queue.Queue[T] {
	tb.Helper()
	q, err := queue.New[T](queue.Options{Capacity: capacity, Backend: b})
	require.NoError(tb, err)
	return q
}
