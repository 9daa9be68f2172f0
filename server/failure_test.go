package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
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

const (
	doPanic = -1 - iota
	doPanicErr
	doGoexit
	doFail
)

// misbehave is a handler that fails as it is told.
func misbehave(_ context.Context, n int) (int, error) {
	switch n {
	case doPanic:
		panic("boom")
	case doPanicErr:
		panic(errTest)
	case doGoexit:
		runtime.Goexit()
	case doFail:
		return 0, errTest
	}
	return n, nil
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name  string
		n     int
		check func(t *testing.T, err error)
	}{
		{"error", doFail, func(t *testing.T, err error) { require.True(t, err == errTest) }},
		{"panic", doPanic, func(t *testing.T, err error) {
			var p *server.PanicError
			require.ErrorAs(t, err, &p)
			require.Equal(t, "boom", p.Value)
			require.Contains(t, string(p.Stack), "misbehave")
		}},
		{"panic with an error", doPanicErr, func(t *testing.T, err error) { require.ErrorIs(t, err, errTest) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				s, d := start(t, funcs(misbehave), m.opts, dispatcher.Options{})
				if m.name == "auto" {
					prove(t, s, d, 1)
				}
				for i := 0; i < 3; i++ {
					if m.opts.Concurrency == 0 && server.Idle(s) {
						idle(t, s)
					}
					_, err := d.Request(context.Background(), tt.n)
					tt.check(t, err)
					c, err := d.Go(context.Background(), tt.n) // on the server's goroutine
					require.NoError(t, err)
					_, err = c.Wait(context.Background())
					tt.check(t, err)
					n, err := d.Request(context.Background(), 8) // it goes on
					require.NoError(t, err)
					require.Equal(t, 8, n)
				}
			})
		})
	}
}

// Goexit of a queued request: the waiter has an outcome, the server goes on.
func TestGoexitOnTheServer(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		s, d := start(t, funcs(misbehave), m.opts, dispatcher.Options{})
		for i := 0; i < 20; i++ {
			c, err := d.Go(context.Background(), doGoexit)
			require.NoError(t, err)
			after, err := d.Go(context.Background(), i)
			require.NoError(t, err)
			_, err = c.Wait(context.Background())
			require.ErrorIs(t, err, server.ErrGoexit)
			n, err := after.Wait(context.Background())
			require.NoError(t, err)
			require.Equal(t, i, n)
		}
		require.NoError(t, s.Shutdown(context.Background()))
		require.EqualValues(t, 20, s.Stats().Panicked)
	})
}

// Goexit on the caller's own goroutine ends that goroutine, and no more.
func TestGoexitOnTheCaller(t *testing.T) {
	for _, m := range callerRuns[:2] {
		t.Run(m.name, func(t *testing.T) {
			// With limits, to see that nothing of them is lost.
			s, d := start(t, funcs(misbehave), m.opts, dispatcher.Options{MaxInFlight: 1})
			if m.name == "auto" {
				prove(t, s, d, 1)
			}
			for i := 0; i < 20; i++ {
				idle(t, s)
				var wg sync.WaitGroup
				wg.Add(1)
				returned := false
				go func() {
					defer wg.Done()
					d.Request(context.Background(), doGoexit)
					returned = true
				}()
				wg.Wait()
				require.False(t, returned)
				n, err := d.Request(context.Background(), i)
				require.NoError(t, err)
				require.Equal(t, i, n)
			}
		})
	}
}

func TestCommandFailures(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var mu sync.Mutex
		var buf bytes.Buffer
		m.opts.Logger = slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &buf}, nil))
		got := make(chan error, 10)
		m.opts.OnCommandError = func(cmd any, err error) {
			got <- err
			panic("a hook that panics")
		}
		s, d := start(t, funcs(misbehave), m.opts, dispatcher.Options{})
		for _, n := range []int{doFail, doPanic, doGoexit} {
			require.NoError(t, d.Send(context.Background(), n))
			err := <-got
			switch n {
			case doFail:
				require.True(t, err == errTest)
			case doPanic:
				require.ErrorAs(t, err, new(*server.PanicError))
			case doGoexit:
				require.ErrorIs(t, err, server.ErrGoexit)
			}
		}
		require.NoError(t, s.Shutdown(context.Background()))
		require.EqualValues(t, 3, s.Stats().Commands)
		mu.Lock()
		defer mu.Unlock()
		require.Contains(t, buf.String(), "command failed")
		require.Contains(t, buf.String(), "errTest")
		require.Contains(t, buf.String(), "OnCommandError panicked")
		require.Contains(t, buf.String(), "server_test.misbehave(", "where the handler panicked")
		require.Contains(t, buf.String(), "TestCommandFailures.func", "where the hook panicked")
	})
}

// A command is handled although its sender's ctx has ended since; a request is
// not.
func TestCtxEndedInTheQueue(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		handled := make(chan int, 10)
		s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) { handled <- n; return n, nil }), m.opts, dispatcher.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		require.NoError(t, d.Send(ctx, 1))
		c, err := d.Go(ctx, 2)
		require.NoError(t, err)
		cancel()
		require.NoError(t, s.Shutdown(context.Background()))
		_, err = c.Wait(context.Background())
		require.Equal(t, context.Canceled, err)
		close(handled)
		var got []int
		for n := range handled {
			got = append(got, n)
		}
		require.Equal(t, []int{1}, got)
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestSlowHandlerIsLoggedOnce(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var mu sync.Mutex
		var buf bytes.Buffer
		m.opts.Logger = slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &buf}, nil))
		m.opts.SlowHandler = 5 * time.Millisecond
		m.opts.Name = "the slow one"
		logged := func() int {
			mu.Lock()
			defer mu.Unlock()
			return bytes.Count(buf.Bytes(), []byte("holds up the queue"))
		}
		entered := make(chan struct{}, 10)
		var s srv
		var d disp
		var before atomic.Int64
		// The handler waits for its own server: promise 1's exception.
		s, d = newServer(t, funcs(func(ctx context.Context, n int) (int, error) {
			if n > 0 {
				before.Store(int64(logged())) // that it was not called for long, perhaps
				entered <- struct{}{}
				return d.Request(ctx, 0)
			}
			return n, nil
		}), m.opts, dispatcher.Options{})
		run(t, s)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		busy := max(1, m.opts.Concurrency)
		answers := make(chan error, busy)
		for i := 0; i < busy; i++ {
			go func() {
				_, err := d.Request(ctx, 1)
				answers <- err
			}()
		}
		if m.opts.Concurrency > 1 {
			// Some of them may be answered by the others; if all are stuck it
			// is logged. Nothing to see here but that it ends.
			cancel()
		} else {
			testx.Recv(t, entered)
			once := int(before.Load()) + 1
			testx.Eventually(t, func() bool { return logged() >= once }, "it is logged")
			time.Sleep(25 * time.Millisecond)
			require.Equal(t, once, logged())
			cancel()
		}
		for i := 0; i < busy; i++ {
			if err := <-answers; err != nil {
				require.True(t, errors.Is(err, context.Canceled))
			}
		}
	})
}

// unspeakable is an error whose Error panics with one whose Error panics.
type unspeakable struct{}

func (u unspeakable) Error() string { panic(u) }

// A handler's panic is its message's outcome, whatever the value does when it is to be
// told to a log.
func TestUnspeakablePanic(t *testing.T) {
	h := funcs(func(context.Context, int) (int, error) { panic(unspeakable{}) })
	for name, build := range map[string]func() (server.Handler[int, int], error){
		"plain": func() (server.Handler[int, int], error) { return h, nil },
		"supervised": func() (server.Handler[int, int], error) {
			build := func() (server.Handler[int, int], error) { return h, nil }
			return server.Supervise(build, server.RestartOptions{Max: 2, Backoff: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			told := make(chan error, 3)
			h, err := build()
			require.NoError(t, err)
			s, d := newServer(t, h, server.Options{
				Logger:         slog.New(slog.NewTextHandler(io.Discard, nil)),
				OnCommandError: func(_ any, err error) { told <- err; panic(unspeakable{}) },
			}, dispatcher.Options{})
			for n := 0; n < 3; n++ {
				require.NoError(t, d.Send(context.Background(), n))
			}
			run(t, s)
			for n := 0; n < 3; n++ {
				var panicked *server.PanicError
				require.ErrorAs(t, testx.Recv(t, told), &panicked)
				require.Equal(t, "server: handler panicked with a server_test.unspeakable", panicked.Error())
			}
			require.NoError(t, s.Shutdown(context.Background()))
		})
	}
}
