//go:build go1.25

package server_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// Busy is what the calls took that were not offloaded. What else a worker does
// with an offloaded message, hooks here, takes nothing from it.
func TestBusyIsOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := pool.New(pool.Options{Workers: 2})
		require.NoError(t, err)
		const own, offloaded = 100, 30
		s, d := newServer(t, server.Funcs[int, int]{
			Request: sleepy,
			Command: func(ctx context.Context, n int) error {
				sleepy(ctx, n)
				return errTest
			},
			Offload: func(n int) bool { return n == offloaded },
		}, server.Options{
			Pool:           p,
			Timing:         true,
			OnCommandError: func(any, error) { time.Sleep(time.Minute) },
		}, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		for i := 0; i < 3; i++ {
			_, err := d.Request(context.Background(), own)
			require.NoError(t, err)
		}
		synctest.Wait()
		require.Equal(t, 300*time.Millisecond, s.Stats().Timing.Busy)
		require.NoError(t, d.Send(context.Background(), offloaded))
		_, err = d.Request(context.Background(), offloaded)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		tm := s.Stats().Timing
		require.Equal(t, 300*time.Millisecond, tm.Busy)
		require.Equal(t, 360*time.Millisecond, tm.Handler.Sum)
		require.EqualValues(t, 5, tm.Handler.Count)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
		require.NoError(t, p.Shutdown(context.Background()))
	})
}
