//go:build go1.25

package server_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// answers requires that requests which can be handled at once are, though their
// deadlines are near.
func answers(t *testing.T, d disp, n int) {
	t.Helper()
	for i := 0; i < n; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		_, err := d.Request(ctx, 5)
		cancel()
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond)
	}
}

// The pause before a restart, which messages waited for, is not taken for the time
// of a handler call: who comes later has a deadline that is shorter than it.
func TestShedAfterARestart(t *testing.T) {
	for _, loops := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			h, err := server.Supervise(func() (server.Handler[int, int], error) {
				return funcs(func(ctx context.Context, n int) (int, error) {
					if n == 1 {
						time.Sleep(20 * time.Millisecond)
						panic(n)
					}
					return sleepy(ctx, n)
				}), nil
			}, server.RestartOptions{Backoff: 500 * time.Millisecond})
			require.NoError(t, err)
			s, d := newServer(t, h, server.Options{
				CallerRuns:  server.CallerRunsNever,
				Concurrency: loops,
				Shed:        server.ShedOptions{Target: 100 * time.Millisecond, Interval: time.Second},
			}, dispatcher.Options{})
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background()) }()
			for i := 1; i <= 1+2*loops; i++ {
				require.NoError(t, d.Send(context.Background(), i))
			}
			time.Sleep(600 * time.Millisecond)
			require.EqualValues(t, 1, s.Stats().Restarts)
			answers(t, d, 30)
			require.NoError(t, s.Shutdown(context.Background()))
			require.NoError(t, <-ran)
		})
	}
}

// The work of others who share the pool is not taken for the time of a handler
// call.
func TestShedOnASharedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := pool.New(pool.Options{Workers: 1})
		require.NoError(t, err)
		h := funcs(sleepy)
		h.Offload = func(int) bool { return true }
		s, d := newServer(t, h, server.Options{Pool: p, Shed: server.ShedOptions{Target: 100 * time.Millisecond, Interval: time.Second}}, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		other := func() { time.Sleep(500 * time.Millisecond) }
		require.NoError(t, p.TrySubmit(pool.Func(other)))
		require.NoError(t, d.Send(context.Background(), 1))
		time.Sleep(time.Millisecond)
		require.NoError(t, p.TrySubmit(pool.Func(other)))
		require.NoError(t, d.Send(context.Background(), 2))
		time.Sleep(1100 * time.Millisecond)
		answers(t, d, 5)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
		require.NoError(t, p.Shutdown(context.Background()))
	})
}

// Requests that take 1 ms are handled between commands that take 150, though each has
// less time left than those take: that they need less is seen when one is handled.
func TestShedQuickBesideSlow(t *testing.T) {
	inBubble(t, funcs(sleepy), server.Options{CallerRuns: server.CallerRunsNever, Shed: server.ShedOptions{Target: time.Second}},
		func(t *testing.T, s srv, d disp) {
			var answered atomic.Int64
			var wg sync.WaitGroup
			for i := 0; i < 7000; i++ {
				time.Sleep(5 * time.Millisecond)
				if s.Stats().InFlight < 3 { // there is always one that waits
					require.NoError(t, d.Send(context.Background(), 150))
				}
				if i%7 != 0 {
					continue
				}
				wg.Add(1)
				go func() {
					defer wg.Done()
					ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
					defer cancel()
					if _, err := d.Request(ctx, 1); err == nil {
						answered.Add(1)
					}
				}()
			}
			wg.Wait()
			t.Logf("%d answered", answered.Load())
			require.Greater(t, answered.Load(), int64(100))
		})
}

// What calls took before a time of rest is forgotten.
func TestShedForgets(t *testing.T) {
	inBubble(t, funcs(sleepy), server.Options{CallerRuns: server.CallerRunsNever, Shed: server.ShedOptions{Target: 100 * time.Millisecond, Interval: time.Second}},
		func(t *testing.T, s srv, d disp) {
			for i := 0; i < 3; i++ {
				require.NoError(t, d.Send(context.Background(), 500))
			}
			time.Sleep(time.Hour)
			answers(t, d, 5)
		})
}
