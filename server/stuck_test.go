package server_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

type (
	quick struct{}
	stuck struct{}
	heavy struct{}
)

// holds is a handler of stuck and heavy messages that do not return until
// release is called, and tells of each that has begun.
func holds() (mux *server.Mux, begun chan any, release func()) {
	mux, begun = new(server.Mux), make(chan any, 64)
	released := make(chan struct{})
	wait := func(msg any) {
		begun <- msg
		<-released
	}
	server.RouteRequest(mux, func(context.Context, quick) (int, error) { return 1, nil })
	server.RouteCommand(mux, func(context.Context, quick) error { return nil })
	server.RouteRequest(mux, func(_ context.Context, m stuck) (int, error) { wait(m); return 1, nil })
	server.RouteCommand(mux, func(_ context.Context, m stuck) error { wait(m); return nil })
	server.RouteRequest(mux, func(_ context.Context, m heavy) (int, error) { wait(m); return 1, nil }, server.Offload())
	return mux, begun, sync.OnceFunc(func() { close(released) })
}

// outOfTime shuts s down in 50 ms and returns what the error says.
func outOfTime(t *testing.T, s interface{ Shutdown(context.Context) error }) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := s.Shutdown(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), patience)
	return err.Error()
}

// A call that does not return is named, and so is what waits behind it.
func TestStuckIsNamed(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		mux, begun, release := holds()
		defer release()
		s, err := server.New[any, any](mux, m.opts)
		require.NoError(t, err)
		d, err := dispatcher.New(s, dispatcher.Options{})
		require.NoError(t, err)
		go s.Run(context.Background())
		n := max(1, m.opts.Concurrency)
		for i := 0; i < n; i++ {
			require.NoError(t, d.Send(context.Background(), quick{}))
			require.NoError(t, d.Send(context.Background(), stuck{}))
		}
		for i := 0; i < n; i++ {
			testx.Recv(t, begun)
		}
		require.NoError(t, d.Send(context.Background(), quick{}))
		require.NoError(t, d.Send(context.Background(), quick{}))
		said := outOfTime(t, s)
		require.Regexp(t, `a handler call \(server_test\.stuck\) has not returned for [\d.]+m?s or more`, said)
		require.Contains(t, said, "2 messages wait, 0 are offloaded")
		if n > 3 {
			require.Contains(t, said, strconv.Itoa(n-3)+" more handler calls")
		}
		release()
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// The type of a request on its caller's goroutine is known if it is the server's.
func TestStuckOnItsCaller(t *testing.T) {
	always := server.Options{CallerRuns: server.CallerRunsAlways}
	t.Run("int", func(t *testing.T) {
		begun, released := make(chan struct{}), make(chan struct{})
		s, d := start(t, funcs(func(context.Context, int) (int, error) {
			close(begun)
			<-released
			return 0, nil
		}), always, dispatcher.Options{})
		testx.Eventually(t, func() bool { return server.Started(s) }, "the server serves")
		ended := make(chan struct{})
		go func() { defer close(ended); d.Request(context.Background(), 1) }()
		testx.Recv(t, begun)
		require.Regexp(t, `a handler call \(int\) has not returned for [\d.]+m?s or more, 0 messages wait`, outOfTime(t, s))
		close(released)
		testx.Recv(t, ended)
	})
	t.Run("any", func(t *testing.T) {
		mux, begun, release := holds()
		defer release()
		s, err := server.New[any, any](mux, always)
		require.NoError(t, err)
		d, err := dispatcher.New(s, dispatcher.Options{})
		require.NoError(t, err)
		go s.Run(context.Background())
		require.NoError(t, d.Send(context.Background(), quick{})) // whose type must not be told
		testx.Eventually(t, func() bool {
			_, err := d.Request(context.Background(), quick{})
			return err == nil && s.Stats().Inline > 0
		}, "requests run on their callers")
		ended := make(chan struct{})
		go func() { defer close(ended); d.Request(context.Background(), stuck{}) }()
		testx.Recv(t, begun)
		require.Contains(t, outOfTime(t, s), "a handler call (a request on its caller's goroutine) has not returned")
		release()
		testx.Recv(t, ended)
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// An offloaded call that does not return is named with its exact time.
func TestStuckInThePool(t *testing.T) {
	mux, begun, release := holds()
	defer release()
	s, err := server.New[any, any](mux, server.Options{Pool: newPool(t, pool.Options{Workers: 1})})
	require.NoError(t, err)
	d, err := dispatcher.New(s, dispatcher.Options{})
	require.NoError(t, err)
	go s.Run(context.Background())
	for i := 0; i < 3; i++ {
		_, err := d.Go(context.Background(), heavy{})
		require.NoError(t, err)
	}
	testx.Recv(t, begun)
	testx.Eventually(t, func() bool { return s.Stats().Offloaded == 3 }, "all are offloaded")
	said := outOfTime(t, s)
	require.Regexp(t, `0 messages wait, 3 are offloaded, and the handler call of one \(server_test\.heavy\) has not returned for [\d.]+m?s`, said)
	require.NotContains(t, said, "or more")
	release()
	require.NoError(t, s.Shutdown(context.Background()))
}

// A ctx that has ended tells what it can.
func TestShutdownWithEndedCtx(t *testing.T) {
	s, d := newServer(t, funcs(echo), server.Options{}, dispatcher.Options{})
	require.NoError(t, d.Send(context.Background(), 1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); err != nil { // or it was quick
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, s.Shutdown(context.Background()))
}

// With a ctx that has ended, Shutdown is how a handler ends its server and drops nothing.
func TestShutdownByTheHandler(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	each(t, func(t *testing.T, m mode) {
		var s srv
		var handled atomic.Int64
		s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
			handled.Add(1)
			if n == 1 {
				return 0, s.Shutdown(over)
			}
			return n, nil
		}), m.opts, dispatcher.Options{})
		var calls []*dispatcher.Call[int]
		for n := 1; n <= 3; n++ {
			c, err := d.Go(context.Background(), n)
			require.NoError(t, err)
			calls = append(calls, c)
		}
		run(t, s)
		_, err := calls[0].Wait(context.Background())
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, server.ErrServerClosed, d.Send(context.Background(), 4))
		for n, c := range calls[1:] {
			got, err := c.Wait(context.Background())
			require.NoError(t, err)
			require.Equal(t, n+2, got)
		}
		testx.Recv(t, s.Done())
		require.Equal(t, int64(3), handled.Load())
	})
}
