package server_test

import (
	"context"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

func TestEndWithoutRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		queued bool
		end    func(s srv) error
		answer error
		events []string
	}{
		{"shutdown with a message", true, func(s srv) error { return s.Shutdown(context.Background()) }, nil, []string{"start", "message", "stop"}},
		{"shutdown with none", false, func(s srv) error { return s.Shutdown(context.Background()) }, nil, nil},
		{"close with a message", true, func(s srv) error { return s.Close() }, server.ErrServerClosed, nil},
		{"close with none", false, func(s srv) error { return s.Close() }, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newStaged(echo)
			s, d := newServer(t, h, server.Options{}, dispatcher.Options{})
			var call *dispatcher.Call[int]
			if tt.queued {
				var err error
				call, err = d.Go(context.Background(), 1)
				require.NoError(t, err)
			}
			require.NoError(t, tt.end(s))
			<-s.Done()
			if tt.queued {
				_, err := call.Wait(context.Background())
				require.Equal(t, tt.answer, err)
			}
			require.Equal(t, tt.events, h.events)
			require.NoError(t, s.Run(context.Background())) // a first Run after the end
			require.ErrorIs(t, s.Run(context.Background()), server.ErrRunTwice)
		})
	}
}

func TestRunTwice(t *testing.T) {
	s, d := start(t, funcs(echo), server.Options{}, dispatcher.Options{})
	_, err := d.Request(context.Background(), 1)
	require.NoError(t, err)
	require.ErrorIs(t, s.Run(context.Background()), server.ErrRunTwice)
}

func TestRunsCtxEnds(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		entered, release := make(chan int, 10), make(chan struct{})
		var failed atomic.Int64
		m.opts.OnCommandError = func(cmd any, err error) {
			if cmd == 7 && err == server.ErrServerClosed {
				failed.Add(1)
			}
		}
		s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
			entered <- n
			<-release
			return n, nil
		}), m.opts, dispatcher.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- s.Run(ctx) }()
		busy := max(1, m.opts.Concurrency)
		calls := make([]*dispatcher.Call[int], busy+2)
		for i := range calls {
			var err error
			calls[i], err = d.Go(context.Background(), i)
			require.NoError(t, err)
		}
		require.NoError(t, d.Send(context.Background(), 7))
		for i := 0; i < busy; i++ {
			<-entered
		}
		cancel()
		<-s.Context().Done()
		require.Empty(t, ran) // a handler call still runs
		close(release)
		require.Equal(t, context.Canceled, <-ran)
		for i, c := range calls {
			_, err := c.Wait(context.Background())
			if i < busy {
				require.NoError(t, err)
			} else {
				require.Equal(t, server.ErrServerClosed, err)
			}
		}
		require.EqualValues(t, 1, failed.Load())
		require.EqualValues(t, 3, s.Stats().Refused)
	})
}

func TestRunWithEndedCtx(t *testing.T) {
	h := newStaged(echo)
	s, d := newServer(t, h, server.Options{}, dispatcher.Options{})
	c, err := d.Go(context.Background(), 1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, context.Canceled, s.Run(ctx))
	_, err = c.Wait(context.Background())
	require.Equal(t, server.ErrServerClosed, err)
	require.Empty(t, h.events)
}

// When the server has ended, Run's ctx does not matter any more.
func TestRunAfterShutdownAndCancel(t *testing.T) {
	for round := 0; round < 500; round++ {
		s, _ := newServer(t, funcs(echo), server.Options{}, dispatcher.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- s.Run(ctx) }()
		require.NoError(t, s.Shutdown(context.Background()))
		cancel()
		require.NoError(t, <-ran)
	}
}

func TestShutdownRunsOutOfTime(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Name = "slow one"
		entered, release := make(chan struct{}), make(chan struct{})
		s, d := start(t, funcs(func(_ context.Context, n int) (int, error) {
			if n == 0 {
				close(entered)
				<-release
			}
			return n, nil
		}), m.opts, dispatcher.Options{})
		c, err := d.Go(context.Background(), 0)
		require.NoError(t, err)
		<-entered
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err = s.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "slow one")
		require.ErrorContains(t, err, "handler")
		require.ErrorIs(t, d.Send(context.Background(), 1), server.ErrServerClosed)
		require.NoError(t, s.Context().Err()) // graceful: the token goes with the last message
		close(release)
		require.NoError(t, s.Shutdown(context.Background()))
		require.Error(t, s.Context().Err())
		_, err = c.Wait(context.Background())
		require.NoError(t, err)
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, s.Shutdown(ended)) // all is done: ctx does not matter
	})
}

func TestCloseInAHandler(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var s srv
		s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) { return n, s.Close() }), m.opts, dispatcher.Options{})
		run(t, s)
		n, err := d.Request(context.Background(), 5)
		require.NoError(t, err)
		require.Equal(t, 5, n)
		<-s.Done()
	})
}

// Options.Name labels the goroutines that run the handler.
func TestLabel(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Name = "a name to find"
		_, d := start(t, funcs(func(context.Context, int) (int, error) {
			var b strings.Builder
			err := pprof.Lookup("goroutine").WriteTo(&b, 1)
			if !strings.Contains(b.String(), `"server":"a name to find"`) {
				return 0, errTest
			}
			return 0, err
		}), m.opts, dispatcher.Options{})
		c, err := d.Go(context.Background(), 1)
		require.NoError(t, err)
		_, err = c.Wait(context.Background())
		require.NoError(t, err)
	})
}
