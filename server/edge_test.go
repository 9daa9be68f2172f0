package server_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// Cases that a review found wrong.

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

// Requests that the server answers because it ends are not answered by a
// handler, and RequestAll says so.
func TestRequestAllTellsTheEnd(t *testing.T) {
	for name, want := range map[string]error{"ctx": context.Canceled, "close": server.ErrServerClosed} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				var s srv
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				m.opts.Concurrency = 0
				s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
					if n == 0 {
						if name == "ctx" {
							cancel()
						} else {
							s.Close()
						}
					}
					return n, nil
				}), m.opts, dispatcher.Options{})
				run(t, s)
				out := make([]dispatcher.Result[int], 10)
				require.Equal(t, want, d.RequestAll(ctx, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, out))
				require.Equal(t, want, out[9].Err)
			})
		})
	}
}

// A hook or a pool that calls Goexit, as a failed assertion in a test does, on
// the feeder's goroutine.
func TestGoexitInTheFeeder(t *testing.T) {
	p, release := stuckPool(t)
	seen := make(chan error, 100)
	s, d := start(t, offloading(echo), server.Options{Pool: p, OnCommandError: func(_ any, err error) {
		seen <- err
		runtime.Goexit()
	}}, dispatcher.Options{})
	var calls []*dispatcher.Call[int]
	for i := 0; i < 10; i++ {
		require.NoError(t, d.Send(context.Background(), 100))
		c, err := d.Go(context.Background(), 100)
		require.NoError(t, err)
		calls = append(calls, c)
	}
	testx.Eventually(t, func() bool { return s.Stats().Offloaded == 20 }, "all are offloaded")
	s.Close()
	for _, c := range calls {
		_, err := c.Wait(context.Background())
		require.Equal(t, server.ErrServerClosed, err)
	}
	release()
	<-s.Done()
	require.Len(t, seen, 10)
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

// More cells than can be addressed are an error, not a panic.
func TestTooLargeQueue(t *testing.T) {
	type big [1 << 20]byte
	_, err := server.New[big, int](server.Funcs[big, int]{}, server.Options{Queue: queue.Options{Capacity: 1 << 29}})
	require.ErrorContains(t, err, "Queue.Capacity")
}
