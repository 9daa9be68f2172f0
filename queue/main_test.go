package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// The tests of this package are one suite that every backend has to pass: each
// runs a test for all of them.

func TestMain(m *testing.M) {
	// On Go 1.22 each ZenQ has a goroutine that nobody can end: it sleeps until
	// somebody selects among ZenQs, which we never do.
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/alphadose/zenq/v2.(*ZenQ[...]).selectSender"))
}

// bg is the context of what is not to be cancelled.
var bg = context.Background()

// full is what all backends are: a Queue whose waits can be timed.
type full[T any] interface {
	queue.Queue[T]
	queue.TimedPusher[T]
	queue.TimedPopper[T]
}

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
func open[T any](tb testing.TB, b queue.Backend, capacity int) full[T] {
	tb.Helper()
	q, err := queue.New[T](queue.Options{Capacity: capacity, Backend: b})
	require.NoError(tb, err)
	require.Implements(tb, (*full[T])(nil), q)
	return q.(full[T])
}

// filled returns a full queue of 0, 1, 2 and so on.
func filled(tb testing.TB, b queue.Backend, capacity int) full[int] {
	tb.Helper()
	q := open[int](tb, b, capacity)
	for i := 0; i < q.Cap(); i++ {
		require.NoError(tb, q.TryPush(i))
	}
	return q
}

// drain takes what is in q.
func drain[T any](q queue.Queue[T]) []T {
	vs := []T{}
	for {
		v, ok := q.TryPop()
		if !ok {
			return vs
		}
		vs = append(vs, v)
	}
}

// upTo returns 0 to n-1.
func upTo(n int) []int {
	vs := make([]int, n)
	for i := range vs {
		vs[i] = i
	}
	return vs
}

// pushFunc and popFunc are one of the ways to push or pop one value that block.
type (
	pushFunc func(ctx context.Context, q full[int], v int) error
	popFunc  func(ctx context.Context, q full[int]) (int, error)
)

var pushes = []struct {
	name string
	do   pushFunc
}{
	{"Push", func(ctx context.Context, q full[int], v int) error { return q.Push(ctx, v) }},
	{"PushTimed", func(ctx context.Context, q full[int], v int) error {
		return q.PushTimed(ctx, v, make(chan time.Time))
	}},
	{"PushTimed without a timer", func(ctx context.Context, q full[int], v int) error {
		return q.PushTimed(ctx, v, nil)
	}},
	{"PushBatch", func(ctx context.Context, q full[int], v int) error {
		n, err := q.PushBatch(ctx, []int{v})
		if (n == 1) != (err == nil) {
			return errors.New("PushBatch: length and error do not match")
		}
		return err
	}},
}

var pops = []struct {
	name string
	do   popFunc
}{
	{"Pop", func(ctx context.Context, q full[int]) (int, error) { return q.Pop(ctx) }},
	{"PopTimed", func(ctx context.Context, q full[int]) (int, error) {
		return q.PopTimed(ctx, make(chan time.Time))
	}},
	{"PopTimed without a timer", func(ctx context.Context, q full[int]) (int, error) {
		return q.PopTimed(ctx, nil)
	}},
	{"PopBatch", func(ctx context.Context, q full[int]) (int, error) {
		dst := make([]int, 1)
		n, err := q.PopBatch(ctx, dst)
		if (n == 1) != (err == nil) {
			return 0, errors.New("PopBatch: length and error do not match")
		}
		return dst[0], err
	}},
}

// eachPush runs a test for every way to push and every backend.
func eachPush(t *testing.T, test func(t *testing.T, b queue.Backend, push pushFunc)) {
	each(t, func(t *testing.T, b queue.Backend) {
		for _, p := range pushes {
			t.Run(p.name, func(t *testing.T) { test(t, b, p.do) })
		}
	})
}

// eachPop runs a test for every way to pop and every backend.
func eachPop(t *testing.T, test func(t *testing.T, b queue.Backend, pop popFunc)) {
	each(t, func(t *testing.T, b queue.Backend) {
		for _, p := range pops {
			t.Run(p.name, func(t *testing.T) { test(t, b, p.do) })
		}
	})
}

// scaled makes a stress test shorter under the race detector, and over ZenQ.
func scaled(b queue.Backend, n int) int {
	if testx.Race || b == queue.BackendZenQ {
		return n / 10
	}
	return n
}

// rounds is scaled for tests that open a queue in each round: every ZenQ costs a
// goroutine for ever.
func rounds(b queue.Backend, n int) int {
	if b == queue.BackendZenQ {
		return n / 100
	}
	return scaled(b, n)
}
