package server_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// staged is a handler that records its stages.
type staged struct {
	server.Funcs[int, int]
	events  []string // written by Start, the handler and Stop, which are serial
	token   context.Context
	stopCtx context.Context
	start   func() error
	stop    func() error
}

func newStaged(f handlerFunc) *staged {
	s := &staged{start: func() error { return nil }, stop: func() error { return nil }}
	s.Funcs = funcs(func(ctx context.Context, n int) (int, error) {
		s.events = append(s.events, "message")
		return f(ctx, n)
	})
	return s
}

func (s *staged) Start(token context.Context) error {
	s.events = append(s.events, "start")
	s.token = token
	return s.start()
}

func (s *staged) Stop(ctx context.Context) error {
	s.events = append(s.events, "stop")
	s.stopCtx = ctx
	return s.stop()
}

func TestStartMessagesStop(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		if !m.serial() {
			t.Skip("the handler is not safe for concurrent use")
		}
		h := newStaged(echo)
		s, d := newServer(t, h, m.opts, dispatcher.Options{})
		require.NoError(t, d.Send(context.Background(), 1)) // before Run: accepted, waits
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		_, err := d.Request(context.Background(), 2)
		require.NoError(t, err)
		require.NoError(t, h.token.Err())
		type key struct{}
		ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), key{}, "v"), patience)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.NoError(t, <-ran)
		require.Equal(t, []string{"start", "message", "message", "stop"}, h.events)
		require.Equal(t, h.token, s.Context())
		require.ErrorIs(t, context.Cause(h.token), server.ErrServerClosed)
		require.Equal(t, "v", h.stopCtx.Value(key{}))
		_, hasDeadline := h.stopCtx.Deadline()
		require.True(t, hasDeadline)
		require.NoError(t, s.Shutdown(context.Background())) // again
		require.NoError(t, s.Close())
	})
}

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

// A Stopper that is no Starter is stopped whenever the server ends.
func TestStopWithoutStart(t *testing.T) {
	stopped := false
	h := struct {
		server.Handler[int, int]
		server.Stopper
	}{funcs(echo), stopFunc(func(context.Context) error { stopped = true; return nil })}
	s, _ := newServer(t, h, server.Options{}, dispatcher.Options{})
	require.NoError(t, s.Shutdown(context.Background()))
	require.True(t, stopped)
}

type stopFunc func(context.Context) error

func (f stopFunc) Stop(ctx context.Context) error { return f(ctx) }

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

func TestStartFails(t *testing.T) {
	for name, tt := range map[string]struct {
		start func() error
		want  func(error) bool
	}{
		"error":  {func() error { return errTest }, func(err error) bool { return errors.Is(err, errTest) }},
		"panic":  {func() error { panic("boom") }, func(err error) bool { return errors.As(err, new(*server.PanicError)) }},
		"goexit": {func() error { runtime.Goexit(); return nil }, func(err error) bool { return errors.Is(err, server.ErrGoexit) }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newStaged(echo)
			h.start = tt.start
			s, d := newServer(t, h, server.Options{}, dispatcher.Options{})
			c, err := d.Go(context.Background(), 1)
			require.NoError(t, err)
			err = s.Run(context.Background())
			require.True(t, tt.want(err), "%v", err)
			_, err = c.Wait(context.Background())
			require.Equal(t, server.ErrServerClosed, err)
			require.Equal(t, []string{"start"}, h.events)
		})
	}
}

func TestStopFails(t *testing.T) {
	for name, tt := range map[string]struct {
		stop func() error
		want func(error) bool
	}{
		"error":  {func() error { return errTest }, func(err error) bool { return errors.Is(err, errTest) }},
		"panic":  {func() error { panic("boom") }, func(err error) bool { return errors.As(err, new(*server.PanicError)) }},
		"goexit": {func() error { runtime.Goexit(); return nil }, func(err error) bool { return errors.Is(err, server.ErrGoexit) }},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				h := newStaged(echo)
				h.stop = tt.stop
				s, _ := newServer(t, h, m.opts, dispatcher.Options{})
				ran := make(chan error, 1)
				go func() { ran <- s.Run(context.Background()) }()
				testx.Eventually(t, func() bool { return server.Started(s) }, "started")
				err := s.Shutdown(context.Background())
				require.True(t, tt.want(err), "%v", err)
				err = <-ran
				require.True(t, tt.want(err), "%v", err)
			})
		})
	}
}

// After Close, Stop has a ctx that has not ended: state is worth saving.
func TestStopAfterClose(t *testing.T) {
	h := newStaged(echo)
	s, d := newServer(t, h, server.Options{}, dispatcher.Options{})
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()
	_, err := d.Request(context.Background(), 1)
	require.NoError(t, err)
	var ctxErr error
	h.stop = func() error { ctxErr = h.stopCtx.Err(); return nil }
	s.Close()
	require.NoError(t, <-ran)
	require.NoError(t, ctxErr)
	require.Equal(t, []string{"start", "message", "stop"}, h.events)
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
