package server_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// The table of CallerRuns, one test a row, one subtest a cell.

var callerRuns = []mode{
	{"auto", server.Options{CallerRuns: server.CallerRunsAuto}},
	{"always", server.Options{CallerRuns: server.CallerRunsAlways}},
	{"never", server.Options{CallerRuns: server.CallerRunsNever}},
}

func eachCallerRuns(t *testing.T, f func(t *testing.T, m mode)) {
	for _, m := range callerRuns {
		t.Run(m.name, func(t *testing.T) { f(t, m) })
	}
}

// idle waits until nobody has the role. A caller's next request can only then
// run on its goroutine: the server's may be between its answer and its release.
func idle(t testing.TB, s srv) {
	testx.Eventually(t, func() bool { return server.Idle(s) }, "the server is idle")
}

// whose asks the server once and returns whether the handler ran on this
// goroutine.
func whose(t *testing.T, s srv, d disp, ran *string) (caller bool) {
	idle(t, s)
	_, err := d.Request(context.Background(), 1)
	require.NoError(t, err)
	return *ran == goid()
}

func TestIdleServerFastHandler(t *testing.T) {
	eachCallerRuns(t, func(t *testing.T, m mode) {
		var ran string
		fast := func(_ context.Context, n int) (int, error) {
			if n == 1 {
				ran = goid()
			}
			return n, nil
		}
		s, d := start(t, funcs(fast), m.opts, dispatcher.Options{})
		if m.name == "auto" {
			prove(t, s, d, 0)
		}
		require.Equal(t, m.name != "never", whose(t, s, d, &ran))
	})
}

func TestIdleServerHandlerNotKnownAsFast(t *testing.T) {
	eachCallerRuns(t, func(t *testing.T, m mode) {
		var ran string
		slow := func(_ context.Context, n int) (int, error) {
			ran = goid()
			time.Sleep(time.Millisecond)
			return n, nil
		}
		s, d := start(t, funcs(slow), m.opts, dispatcher.Options{})
		for i := 0; i < 20; i++ { // the first, and after it has proved slow
			require.Equal(t, m.name == "always", whose(t, s, d, &ran))
		}
		require.False(t, s.Stats().Fast)
	})
}

// A handler that turns slow is found out.
func TestHandlerTurnsSlow(t *testing.T) {
	var slow atomic.Bool
	s, d := start(t, funcs(func(_ context.Context, n int) (int, error) {
		if slow.Load() {
			time.Sleep(100 * time.Microsecond)
		}
		return n, nil
	}), server.Options{}, dispatcher.Options{})
	prove(t, s, d, 0)
	slow.Store(true)
	for i := 0; i < 1000 && s.Stats().Fast; i++ {
		_, err := d.Request(context.Background(), 0)
		require.NoError(t, err)
	}
	require.False(t, s.Stats().Fast)
	slow.Store(false)
	prove(t, s, d, 0)
}

// held is a server whose handler has let a first request in and holds it, on
// its caller's goroutine unless the mode is never.
type held struct {
	s       srv
	d       disp
	entered chan struct{}
	release chan struct{}
	first   chan error
	mu      sync.Mutex
	ranOn   map[int]string
	firstID string
}

// hold starts a request 1000 that stays in the handler until release is closed.
func hold(t *testing.T, m mode) *held {
	h := &held{entered: make(chan struct{}), release: make(chan struct{}), first: make(chan error, 1), ranOn: map[int]string{}}
	h.s, h.d = start(t, funcs(func(_ context.Context, n int) (int, error) {
		if n > 0 {
			h.mu.Lock()
			h.ranOn[n] = goid()
			h.mu.Unlock()
		}
		if n == 1000 {
			close(h.entered)
			<-h.release
		}
		return n, nil
	}), m.opts, dispatcher.Options{})
	if m.name == "auto" {
		prove(t, h.s, h.d, 0)
	}
	idle(t, h.s)
	id := make(chan string, 1)
	go func() {
		id <- goid()
		_, err := h.d.Request(context.Background(), 1000)
		h.first <- err
	}()
	h.firstID = <-id
	<-h.entered
	require.Equal(t, m.name != "never", h.ranOn[1000] == h.firstID)
	return h
}

func (h *held) queued(n int) func() bool {
	return func() bool { return h.s.Stats().Queue.Len == n }
}

func TestOthersAreQueuedWhenTheCallEnds(t *testing.T) {
	eachCallerRuns(t, func(t *testing.T, m mode) {
		h := hold(t, m)
		const others = 5
		answered := make(chan error, others)
		for i := 1; i <= others; i++ {
			go func() {
				_, err := h.d.Request(context.Background(), i)
				answered <- err
			}()
		}
		testx.Eventually(t, h.queued(others), "others are queued")
		close(h.release)
		require.NoError(t, <-h.first)
		for i := 0; i < others; i++ {
			require.NoError(t, <-answered)
		}
		helped := 0
		for n, id := range h.ranOn {
			if n != 1000 && id == h.firstID {
				helped++
			}
		}
		if m.name == "always" {
			// At least one; how many is bounded by time too.
			require.Positive(t, helped)
		} else {
			require.Zero(t, helped)
		}
	})
}

func TestCtxEndsWhileQueued(t *testing.T) {
	eachCallerRuns(t, func(t *testing.T, m mode) {
		h := hold(t, m)
		ctx, cancel := context.WithCancel(context.Background())
		answer := make(chan error, 1)
		go func() {
			_, err := h.d.Request(ctx, 7)
			answer <- err
		}()
		testx.Eventually(t, h.queued(1), "it is queued")
		cancel()
		require.ErrorIs(t, <-answer, context.Canceled) // though the handler is still held
		close(h.release)
		require.NoError(t, <-h.first)
		require.NoError(t, h.s.Shutdown(context.Background()))
		require.NotContains(t, h.ranOn, 7)
		require.EqualValues(t, 1, h.s.Stats().Expired)
	})
}

func TestTimeoutEndsWhileQueued(t *testing.T) {
	eachCallerRuns(t, func(t *testing.T, m mode) {
		h := hold(t, m)
		d, err := dispatcher.New(h.s, dispatcher.Options{Timeout: 10 * time.Millisecond})
		require.NoError(t, err)
		_, err = d.Request(context.Background(), 7)
		require.ErrorIs(t, err, dispatcher.ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(h.release)
		require.NoError(t, <-h.first)
		require.NoError(t, h.s.Shutdown(context.Background()))
		require.NotContains(t, h.ranOn, 7)
	})
}

// While the caller runs the handler itself, neither ctx nor Timeout interrupts
// it; while the server does, the caller returns at once.
func TestEndsWhileTheHandlerRuns(t *testing.T) {
	for _, by := range []string{"ctx", "timeout"} {
		t.Run(by, func(t *testing.T) {
			eachCallerRuns(t, func(t *testing.T, m mode) {
				entered, release := make(chan struct{}), make(chan struct{})
				var begun atomic.Bool
				s, plain := start(t, funcs(func(_ context.Context, n int) (int, error) {
					if n == 1 && begun.CompareAndSwap(false, true) {
						close(entered)
						<-release
					}
					return n, nil
				}), m.opts, dispatcher.Options{})
				if m.name == "auto" {
					prove(t, s, plain, 0)
				}
				idle(t, s)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				do := dispatcher.Options{}
				if by == "timeout" {
					do.Timeout = 20 * time.Millisecond
				}
				d, err := dispatcher.New(s, do)
				require.NoError(t, err)
				answer := make(chan error, 1)
				go func() {
					n, err := d.Request(ctx, 1)
					for by == "timeout" && err != nil && !begun.Load() {
						n, err = d.Request(ctx, 1) // the time was over before its turn came
					}
					if err == nil {
						require.Equal(t, 1, n)
					}
					answer <- err
				}()
				testx.Recv(t, entered)
				if by == "ctx" {
					cancel()
				}
				if m.name == "never" {
					want := context.Canceled
					if by == "timeout" {
						want = dispatcher.ErrTimeout
					}
					require.ErrorIs(t, <-answer, want)
					close(release)
					return
				}
				time.Sleep(40 * time.Millisecond)
				require.Empty(t, answer)
				close(release)
				require.NoError(t, <-answer) // the result, late
			})
		})
	}
}
