package server_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// actor is a supervised handler: it adds up what it is sent and misbehaves as it
// is told.
type actor struct {
	sum   atomic.Int64
	token context.Context
	stops atomic.Int64
	fail  func() error // in Start
}

func (a *actor) HandleRequest(ctx context.Context, n int) (int, error) {
	n, err := misbehave(ctx, n)
	return int(a.sum.Add(int64(n))), err
}

func (a *actor) HandleCommand(ctx context.Context, n int) error {
	_, err := a.HandleRequest(ctx, n)
	return err
}

func (a *actor) Start(token context.Context) error {
	a.token = token
	if a.fail != nil {
		return a.fail()
	}
	return nil
}

func (a *actor) Stop(context.Context) error { a.stops.Add(1); return nil }

// troupe builds actors and keeps them all.
type troupe struct {
	mu     sync.Mutex
	actors []*actor
	fail   func(nth int) error // in build
	start  func(nth int) error // in Start
}

func (tr *troupe) build() (server.Handler[int, int], error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	a, n := new(actor), len(tr.actors)
	tr.actors = append(tr.actors, a)
	if tr.start != nil {
		a.fail = func() error { return tr.start(n) }
	}
	if tr.fail != nil {
		return a, tr.fail(n)
	}
	return a, nil
}

func (tr *troupe) all() []*actor {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return append([]*actor(nil), tr.actors...)
}

func (tr *troupe) supervise(t testing.TB, opts server.RestartOptions) server.Handler[int, int] {
	h, err := server.Supervise(tr.build, opts)
	require.NoError(t, err)
	return h
}

var eager = server.RestartOptions{Max: -1, Backoff: -1}

// After a failure the state is new, whoever's goroutine it was, and messages
// that come meanwhile wait.
func TestSupervise(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var tr troupe
		s, d := start(t, tr.supervise(t, server.RestartOptions{Max: -1, Backoff: time.Millisecond, MaxBackoff: time.Millisecond}), m.opts, dispatcher.Options{})
		ctx := context.Background()
		for i := 0; i < 20; i++ {
			if m.name == "auto" && i == 10 {
				prove(t, s, d, 0)
			}
			_, err := d.Request(ctx, 5)
			require.NoError(t, err)
			switch i % 3 {
			case 0:
				_, err = d.Request(ctx, doPanic)
				var p *server.PanicError
				require.ErrorAs(t, err, &p)
				require.Equal(t, "boom", p.Value)
				require.Contains(t, string(p.Stack), "misbehave")
			case 1:
				c, err := d.Go(ctx, doGoexit) // not on this goroutine
				require.NoError(t, err)
				_, err = c.Wait(ctx)
				require.Equal(t, server.ErrGoexit, err)
			case 2:
				require.NoError(t, d.Send(ctx, doPanic))
				testx.Eventually(t, func() bool { return s.Stats().Panicked == uint64(i)+1 }, "the command panics")
			}
			sum, err := d.Request(ctx, 3)
			require.NoError(t, err)
			require.Equal(t, 3, sum, "clean state")
		}
		require.NoError(t, s.Shutdown(ctx))
		require.EqualValues(t, 20, s.Stats().Restarts)
		actors := tr.all()
		require.Len(t, actors, 21)
		for i, a := range actors {
			require.Error(t, a.token.Err())
			require.Equal(t, i == 20, a.stops.Load() == 1, "only the last is stopped")
		}
	})
}

// An error is no failure.
func TestSuperviseErrors(t *testing.T) {
	var tr troupe
	s, d := start(t, tr.supervise(t, eager), server.Options{}, dispatcher.Options{})
	_, err := d.Request(context.Background(), doFail)
	require.Equal(t, errTest, err)
	require.Zero(t, s.Stats().Restarts)
}

// One failure too many ends the server, by name; what waits is refused.
func TestTooManyRestarts(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var tr troupe
		lost := make(chan error, 8)
		m.opts.OnCommandError = func(cmd any, err error) { lost <- err }
		s, d := newServer(t, tr.supervise(t, server.RestartOptions{Max: 2, Within: time.Hour, Backoff: -1}), m.opts, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		for i := 0; i < 3; i++ {
			_, err := d.Request(context.Background(), doPanicErr)
			require.ErrorIs(t, err, errTest, "the last one too")
		}
		err := testx.Recv(t, ran)
		require.ErrorIs(t, err, server.ErrTooManyRestarts)
		require.ErrorIs(t, err, errTest, "and the last failure")
		require.ErrorAs(t, err, new(*server.PanicError))
		require.Equal(t, server.ErrTooManyRestarts, context.Cause(s.Context()))
		require.NoError(t, s.Shutdown(context.Background()), "Run has told it")
		_, err = d.Request(context.Background(), 1)
		require.Equal(t, server.ErrServerClosed, err)
		require.Len(t, tr.all(), 3)
		for _, a := range tr.all() {
			require.Zero(t, a.stops.Load())
		}
		require.Empty(t, lost)
	})
}

// What waits when it is too much has an outcome; and without a Run, Shutdown
// tells why.
func TestTooManyRestartsWithBacklog(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var tr troupe
		var lost atomic.Int64
		m.opts.OnCommandError = func(_ any, err error) {
			if err == server.ErrServerClosed {
				lost.Add(1)
			}
		}
		s, d := newServer(t, tr.supervise(t, server.RestartOptions{Max: 1, Within: time.Hour, Backoff: -1}), m.opts, dispatcher.Options{})
		for i := 0; i < 20; i++ {
			require.NoError(t, d.Send(context.Background(), doPanic))
		}
		err := s.Shutdown(context.Background())
		require.ErrorIs(t, err, server.ErrTooManyRestarts)
		st := s.Stats()
		require.EqualValues(t, 20, st.Commands+st.Refused)
		require.EqualValues(t, st.Refused, lost.Load())
		if m.serial() {
			require.EqualValues(t, 2, st.Panicked)
		}
	})
}

// Failures of build and Start, in whatever way, are failures; until one works.
func TestRestartFails(t *testing.T) {
	ways := []func() error{
		func() error { return errTest },
		func() error { panic(errTest) },
		func() error { runtime.Goexit(); return nil },
	}
	for name, set := range map[string]func(tr *troupe, f func(nth int) error){
		"build": func(tr *troupe, f func(int) error) { tr.fail = f },
		"Start": func(tr *troupe, f func(int) error) { tr.start = f },
	} {
		t.Run(name, func(t *testing.T) {
			var tr troupe
			set(&tr, func(nth int) error {
				if nth == 0 || nth > len(ways) {
					return nil
				}
				return ways[nth-1]()
			})
			s, d := start(t, tr.supervise(t, eager), server.Options{Name: "it"}, dispatcher.Options{})
			_, err := d.Request(context.Background(), doPanic)
			require.Error(t, err)
			sum, err := d.Request(context.Background(), 7)
			require.NoError(t, err)
			require.Equal(t, 7, sum)
			require.Len(t, tr.all(), 2+len(ways))
			require.EqualValues(t, 1, s.Stats().Restarts)

			tr = troupe{}
			set(&tr, func(nth int) error {
				if nth == 0 {
					return nil
				}
				return ways[nth%len(ways)]()
			})
			s, d = newServer(t, tr.supervise(t, server.RestartOptions{Max: 10, Within: time.Hour, Backoff: -1}), server.Options{}, dispatcher.Options{})
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background()) }()
			_, err = d.Request(context.Background(), doPanic)
			require.Error(t, err)
			require.ErrorIs(t, testx.Recv(t, ran), server.ErrTooManyRestarts)
			require.Len(t, tr.all(), 11)
			for _, a := range tr.all() {
				require.Zero(t, a.stops.Load())
				require.True(t, a.token == nil || a.token.Err() != nil)
			}
		})
	}
	// The first ones' are those of Supervise and Run, as without it.
	_, err := server.Supervise(func() (server.Handler[int, int], error) { return nil, errTest }, eager)
	require.ErrorIs(t, err, errTest)
	tr := troupe{start: func(int) error { return errTest }}
	s, _ := newServer(t, tr.supervise(t, eager), server.Options{}, dispatcher.Options{})
	require.ErrorIs(t, s.Run(context.Background()), errTest)
	require.Len(t, tr.all(), 1)
}

// During the pause nobody's goroutine waits but the server's: the caller whose
// request failed has its answer, others leave when their time is up, and Close
// does not wait; neither does Shutdown if there is nothing to handle.
func TestPause(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		for _, graceful := range []bool{true, false} {
			var tr troupe
			s, d := newServer(t, tr.supervise(t, server.RestartOptions{Backoff: time.Hour}), m.opts, dispatcher.Options{})
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background()) }()
			if m.name == "auto" {
				prove(t, s, d, 0)
			}
			within(t, "the pause", func() {
				_, err := d.Request(context.Background(), doPanic)
				require.ErrorAs(t, err, new(*server.PanicError))
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				defer cancel()
				for i := 0; i < 3; i++ {
					_, err = d.Request(ctx, 1)
					require.Equal(t, context.DeadlineExceeded, err)
				}
				if graceful {
					ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
					defer cancel()
					if s.Shutdown(ctx) != nil { // a message waits, though nobody waits for it
						s.Close()
					}
				} else {
					c, err := d.Go(context.Background(), 1)
					require.NoError(t, err)
					require.NoError(t, s.Close())
					_, err = c.Wait(context.Background())
					require.Equal(t, server.ErrServerClosed, err)
				}
				require.NoError(t, <-ran)
			})
			require.Len(t, tr.all(), 1)
			require.Zero(t, tr.all()[0].stops.Load(), "it is broken")
		}
		var tr troupe
		s, d := newServer(t, tr.supervise(t, server.RestartOptions{Backoff: time.Hour}), m.opts, dispatcher.Options{})
		go s.Run(context.Background())
		_, err := d.Request(context.Background(), doPanic)
		require.Error(t, err)
		within(t, "Shutdown with nothing to do", func() { require.NoError(t, s.Shutdown(context.Background())) })
	})
}

// Shutdown lets what waits be handled, by the next one.
func TestShutdownWaitsForTheRestart(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var tr troupe
		s, d := newServer(t, tr.supervise(t, server.RestartOptions{Backoff: 20 * time.Millisecond}), m.opts, dispatcher.Options{})
		require.NoError(t, d.Send(context.Background(), doPanic))
		var calls []*dispatcher.Call[int]
		go s.Run(context.Background())
		testx.Eventually(t, func() bool { return s.Stats().Panicked == 1 }, "it fails")
		for i := 0; i < 5; i++ {
			c, err := d.Go(context.Background(), 1)
			require.NoError(t, err)
			calls = append(calls, c)
		}
		require.NoError(t, s.Shutdown(context.Background()))
		for _, c := range calls {
			_, err := c.Wait(context.Background())
			require.NoError(t, err)
		}
		require.Len(t, tr.all(), 2)
		require.EqualValues(t, 5, tr.all()[1].sum.Load())
		require.EqualValues(t, 1, tr.all()[1].stops.Load())
	})
}
