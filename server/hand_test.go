package server_test

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// A handler that ends the server's goroutine takes nothing along that was popped
// with its message: the next goroutine goes on, in order.
func TestGoexitLeavesTheRestOfTheHand(t *testing.T) {
	const n = 2000
	var mu sync.Mutex
	var got []int
	s, d := newServer(t, server.Funcs[int, int]{Command: func(_ context.Context, cmd int) error {
		mu.Lock()
		got = append(got, cmd)
		mu.Unlock()
		if cmd%7 == 3 {
			runtime.Goexit()
		}
		return nil
	}}, server.Options{CallerRuns: server.CallerRunsNever, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, dispatcher.Options{})
	for i := 0; i < n/2; i++ { // before Run, so that they are popped many at a time
		require.NoError(t, d.TrySend(i))
	}
	run(t, s)
	for i := n / 2; i < n; i++ {
		require.NoError(t, d.Send(context.Background(), i))
	}
	require.NoError(t, s.Shutdown(context.Background()))
	require.Len(t, got, n)
	for i, v := range got {
		require.Equal(t, i, v)
	}
}

// What waits behind a handler that is not known to be quick is in the queue, and
// counts there.
func TestHandHoldsOneMessageAtFirst(t *testing.T) {
	const n = 100
	entered, leave := make(chan struct{}, n), make(chan struct{})
	s, d := newServer(t, server.Funcs[int, int]{Command: func(context.Context, int) error {
		entered <- struct{}{}
		<-leave
		return nil
	}}, server.Options{}, dispatcher.Options{})
	for i := 0; i < n; i++ {
		require.NoError(t, d.TrySend(i))
	}
	run(t, s)
	for i := 1; i <= 40; i++ { // more than what it takes to time one
		<-entered
		require.Equal(t, n-i, s.Stats().Queue.Len)
		time.Sleep(100 * time.Microsecond) // it is slow
		leave <- struct{}{}
	}
	close(leave)
	require.NoError(t, s.Shutdown(context.Background()))
}

// A message that was handled is not kept alive by the hand.
func TestHandIsEmptied(t *testing.T) {
	var garbage testx.Garbage
	srv, err := server.New[*testx.Value, int](server.Funcs[*testx.Value, int]{
		Command: func(context.Context, *testx.Value) error { return nil },
	}, server.Options{})
	require.NoError(t, err)
	d, err := dispatcher.New(srv, dispatcher.Options{})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(context.Background()) }()
	for i := 0; i < 500; i++ {
		require.NoError(t, d.Send(context.Background(), garbage.New()))
	}
	testx.Eventually(t, func() bool { return server.Idle(srv) }, "the server is idle")
	garbage.Collected(t)
	require.NoError(t, srv.Shutdown(context.Background()))
	require.NoError(t, <-ended)
}

// A hand that is as large as it could be says nothing of what is behind it, however
// few it holds: a handler that takes microseconds would wait after each eighth command.
func TestSmallHandIsNotTheEnd(t *testing.T) {
	for _, size := range []int{0, 1, 2, 8, 32} {
		most := max(size, 1) // 0 counts as 1
		require.False(t, server.Exhausted(size, most), "%d", size)
		if most > 1 {
			require.True(t, server.Exhausted(size, most-1), "%d", size)
		}
	}
}
