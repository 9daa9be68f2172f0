package server_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

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

func newStaged(f handlerFunc) *staged {
	s := &staged{start: func() error { return nil }, stop: func() error { return nil }}
	s.Funcs = funcs(func(ctx context.Context, n int) (int, error) {
		s.events = append(s.events, "message")
		return f(ctx, n)
	})
	return s
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
