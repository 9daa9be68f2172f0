package dispatcher_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	envelope = dispatcher.Envelope[int, int]
	disp     = *dispatcher.Dispatcher[int, int]
	ring     = *queue.Ring[envelope]
)

var (
	bg      = context.Background()
	errTest = errors.New("errTest")
)

func newRing(t testing.TB, capacity int) ring {
	q, err := queue.NewRing[envelope](queue.Options{Capacity: capacity})
	require.NoError(t, err)
	return q
}

func newDispatcher(t testing.TB, to queue.Pusher[envelope], opts dispatcher.Options) disp {
	t.Helper()
	d, err := dispatcher.New[int, int](to, opts)
	require.NoError(t, err)
	return d
}

// serve answers what is in q with its negative, until the end of the test.
func serve(t testing.TB, q ring) {
	drain(t, q, func(e envelope) {
		if !e.Abandoned() {
			answer(e)
		}
	})
}

// drain has each do something with what is in q, until the end of the test.
func drain(t testing.TB, q ring, each func(envelope)) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			e, err := q.Pop(bg)
			if err != nil {
				return
			}
			each(e)
		}
	}()
	t.Cleanup(func() { q.Close(); wg.Wait() })
}

func answer(e envelope) bool {
	if e.Message() == 13 {
		return e.Reply(0, errTest)
	}
	return e.Reply(-e.Message(), nil)
}

// served is a dispatcher over a ring that is served.
func served(t testing.TB, opts dispatcher.Options) disp {
	q := newRing(t, 16)
	serve(t, q)
	return newDispatcher(t, q, opts)
}

// plain hides everything but the Pusher.
type plain struct{ queue.Pusher[envelope] }

// inline is a Pusher that runs every request on its caller.
type inline struct {
	ring
	run func(n int) (int, error)
}

func (i inline) TryInline(_ context.Context, n int) (int, error, bool) {
	resp, err := i.run(n)
	return resp, err, true
}

// result is what a request returned.
type result struct {
	n   int
	err error
}

// async runs f on a goroutine of its own.
func async(f func() (int, error)) chan result {
	c := make(chan result, 1)
	go func() {
		n, err := f()
		c <- result{n, err}
	}()
	return c
}
