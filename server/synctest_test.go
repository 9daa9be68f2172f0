//go:build go1.25

// A bubble needs the timers of Go 1.23, and go.mod says 1.22.
//go:debug asynctimerchan=0

package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// In virtual time every wait ends exactly when it should, nothing spins (the
// clock would stand still), nothing is shared between two bubbles, and nothing
// is left behind (Test would not return).
func TestVirtualTime(t *testing.T) {
	for bubble := 0; bubble < 2; bubble++ {
		each(t, func(t *testing.T, m mode) {
			if m.name == "zenq" {
				t.Skip("ZenQ parks in its own way")
			}
			synctest.Test(t, func(t *testing.T) {
				p, err := pool.New(pool.Options{Workers: 1})
				require.NoError(t, err)
				m.opts.Pool = p
				s, d := newServer(t, offloading(func(ctx context.Context, n int) (int, error) {
					time.Sleep(time.Duration(n) * time.Second)
					return n, nil
				}), m.opts, dispatcher.Options{})
				ran := make(chan error, 1)
				go func() { ran <- s.Run(context.Background()) }()
				busy := make(chan struct{})
				go func() { // holds the server, and its pool, for 200 s
					defer close(busy)
					for i := 0; i < max(1, m.opts.Concurrency); i++ {
						d.Send(context.Background(), 50)
					}
					d.Send(context.Background(), 150)
				}()
				<-busy
				timed, err := dispatcher.New(s, dispatcher.Options{Timeout: 7 * time.Second, MaxInFlight: 1})
				require.NoError(t, err)

				start := time.Now()
				_, err = timed.Request(context.Background(), 1)
				require.ErrorIs(t, err, dispatcher.ErrTimeout)
				require.Equal(t, 7*time.Second, time.Since(start))

				start = time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				defer cancel()
				_, err = timed.Request(ctx, 1)
				require.Equal(t, context.DeadlineExceeded, err)
				require.Equal(t, 3*time.Second, time.Since(start))

				start = time.Now()
				c, err := timed.Go(context.Background(), 1)
				require.NoError(t, err)
				_, err = c.Wait(context.Background())
				require.Equal(t, dispatcher.ErrTimeout, err)
				require.Equal(t, 7*time.Second, time.Since(start))

				require.NoError(t, s.Shutdown(context.Background()))
				require.NoError(t, <-ran)
				require.NoError(t, p.Shutdown(context.Background()))
			})
		})
	}
}

// The pauses between restarts double up to a limit, and failures are forgotten
// after Within.
func TestRestartsInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr troupe
		s, d := newServer(t, tr.supervise(t, server.RestartOptions{Max: 4, Within: time.Minute, Backoff: time.Second, MaxBackoff: 3 * time.Second}), server.Options{}, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		fail := func(pause time.Duration) {
			start := time.Now()
			_, err := d.Request(context.Background(), doPanic)
			require.Error(t, err)
			require.Equal(t, start, time.Now())
			_, err = d.Request(context.Background(), 1)
			require.NoError(t, err)
			require.Equal(t, pause, time.Since(start))
		}
		for round := 0; round < 3; round++ {
			fail(time.Second)
			fail(2 * time.Second)
			fail(3 * time.Second)
			fail(3 * time.Second)
			time.Sleep(time.Minute)
		}
		fail(time.Second)
		time.Sleep(50 * time.Second)
		for i := 0; i < 3; i++ {
			fail(time.Duration(min(2<<i, 3)) * time.Second)
		}
		_, err := d.Request(context.Background(), doPanic) // 58 s after the first
		require.Error(t, err)
		require.ErrorIs(t, <-ran, server.ErrTooManyRestarts)
	})
}

// No pause is longer than MaxBackoff, though it be shorter than the default of
// Backoff.
func TestMaxBackoffIsTheLongestPause(t *testing.T) {
	for _, longest := range []time.Duration{time.Millisecond, server.DefaultBackoff, 3 * server.DefaultBackoff} {
		synctest.Test(t, func(t *testing.T) {
			var tr troupe
			s, d := newServer(t, tr.supervise(t, server.RestartOptions{MaxBackoff: longest}), server.Options{}, dispatcher.Options{})
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background()) }()
			for _, pause := range []time.Duration{server.DefaultBackoff, 2 * server.DefaultBackoff, 4 * server.DefaultBackoff} {
				start := time.Now()
				_, err := d.Request(context.Background(), doPanic)
				require.Error(t, err)
				_, err = d.Request(context.Background(), 1)
				require.NoError(t, err)
				require.Equal(t, min(pause, longest), time.Since(start))
			}
			require.NoError(t, s.Shutdown(context.Background()))
			require.NoError(t, <-ran)
		})
	}
}

// A call that others wait behind for more than the limit is logged, whenever in
// the watch's rhythm it starts.
func TestSlowHandlerIsNotMissed(t *testing.T) {
	for first := range 40 { // ms; the watch starts with the first
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var buf bytes.Buffer
			s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
				time.Sleep(time.Duration(n) * time.Millisecond)
				return n, nil
			}), server.Options{
				SlowHandler: 40 * time.Millisecond,
				CallerRuns:  server.CallerRunsNever,
				Logger:      slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &buf}, nil)),
			}, dispatcher.Options{})
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background()) }()
			for _, n := range []int{first, 80, 0} {
				require.NoError(t, d.Send(context.Background(), n))
			}
			require.NoError(t, s.Shutdown(context.Background()))
			require.NoError(t, <-ran)
			require.Equal(t, 1, strings.Count(buf.String(), "holds up the queue"))
		})
	}
}

// The rate limit is exact over time.
func TestRateInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, funcs(echo), server.Options{}, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		d, err := dispatcher.New(s, dispatcher.Options{RateLimit: 100, Burst: 10})
		require.NoError(t, err)
		start := time.Now()
		for i := 0; i < 1010; i++ {
			_, err := d.Request(context.Background(), i)
			require.NoError(t, err)
		}
		require.InDelta(t, 10, time.Since(start).Seconds(), 0.01)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
	})
}
