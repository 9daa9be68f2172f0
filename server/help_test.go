package server_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// With CallerRunsAlways the help is bounded by Batch.
func TestHelpIsBounded(t *testing.T) {
	m := mode{"always", server.Options{CallerRuns: server.CallerRunsAlways, Batch: 3}}
	h := hold(t, m)
	for i := 1; i <= 20; i++ {
		require.NoError(t, h.d.Send(context.Background(), i))
	}
	close(h.release)
	require.NoError(t, <-h.first)
	testx.Eventually(t, func() bool { return h.s.Stats().Commands == 20 }, "all handled")
	helped := 0
	for n, id := range h.ranOn {
		if n != 1000 && id == h.firstID {
			helped++
		}
	}
	require.LessOrEqual(t, helped, 3)
}

// Help is bounded in time, also for commands, whose pace is not sampled.
func TestHelpIsBoundedInTime(t *testing.T) {
	var mu sync.Mutex
	slow := map[string]int{} // slow commands by goroutine
	entered, release := make(chan struct{}), make(chan struct{})
	h := funcs(func(_ context.Context, n int) (int, error) {
		if n == 1000 {
			close(entered)
			<-release
		}
		return n, nil
	})
	h.Command = func(context.Context, int) error {
		mu.Lock()
		slow[goid()]++
		mu.Unlock()
		time.Sleep(time.Millisecond)
		return nil
	}
	s, d := start(t, h, server.Options{CallerRuns: server.CallerRunsAlways}, dispatcher.Options{})
	prove(t, s, d, 1)
	idle(t, s)
	caller := make(chan string, 1)
	go func() {
		d.Request(context.Background(), 1000)
		caller <- goid()
	}()
	<-entered
	for i := 0; i < 10; i++ {
		require.NoError(t, d.Send(context.Background(), i))
	}
	close(release)
	id := <-caller
	require.NoError(t, s.Shutdown(context.Background()))
	require.Equal(t, 1, slow[id])
}

// With CallerRunsAlways, a stranger's panic is the stranger's; and a stranger's
// Goexit ends the helper's goroutine, but the role goes on.
func TestStrangersFailure(t *testing.T) {
	for _, n := range []int{doPanic, doGoexit} {
		entered, release := make(chan struct{}), make(chan struct{})
		s, d := start(t, funcs(func(ctx context.Context, n int) (int, error) {
			if n == 1000 {
				close(entered)
				<-release
			}
			return misbehave(ctx, n)
		}), server.Options{CallerRuns: server.CallerRunsAlways}, dispatcher.Options{})
		idle(t, s)
		owner := make(chan error, 1)
		go func() {
			err := server.ErrGoexit
			defer func() { owner <- err }()
			_, err = d.Request(context.Background(), 1000)
		}()
		<-entered
		stranger, err := d.Go(context.Background(), n)
		require.NoError(t, err)
		next, err := d.Go(context.Background(), 3)
		require.NoError(t, err)
		close(release)
		_, err = stranger.Wait(context.Background())
		if n == doPanic {
			require.ErrorAs(t, err, new(*server.PanicError))
			require.NoError(t, <-owner)
		} else {
			require.ErrorIs(t, err, server.ErrGoexit)
			<-owner
		}
		got, err := next.Wait(context.Background())
		require.NoError(t, err)
		require.Equal(t, 3, got)
	}
}
