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

// saysAfter shuts s down and returns what the error says when d has passed.
func saysAfter(t *testing.T, s interface{ Shutdown(context.Context) error }, d time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	err := s.Shutdown(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	return err.Error()
}

// A message that is nil has a type like any other: it is named while it is handled,
// also as the first of all, and not after.
func TestNilIsNamed(t *testing.T) {
	for _, lanes := range []int{1, 2} {
		for _, nilIsStuck := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				h := server.Funcs[any, any]{
					Request: func(context.Context, any) (any, error) { time.Sleep(time.Hour); return nil, nil },
					Command: func(context.Context, any) error {
						if nilIsStuck {
							time.Sleep(time.Hour)
						}
						return nil
					},
				}
				s, err := server.New[any, any](h, server.Options{CallerRuns: server.CallerRunsAlways, Lanes: lanes})
				require.NoError(t, err)
				d, err := dispatcher.New(s, dispatcher.Options{})
				require.NoError(t, err)
				if !nilIsStuck {
					require.NoError(t, d.Send(context.Background(), "before"))
				}
				require.NoError(t, d.Send(context.Background(), nil))
				ran := make(chan error, 1)
				go func() { ran <- s.Run(context.Background()) }()
				synctest.Wait()
				want := "a handler call (<nil>) has not returned for"
				if !nilIsStuck {
					go d.Request(context.Background(), 7)
					synctest.Wait()
					want = "a handler call (a request on its caller's goroutine) has not returned for"
				}
				require.Contains(t, saysAfter(t, s, time.Minute), want)
				require.NoError(t, s.Shutdown(context.Background()))
				require.NoError(t, <-ran)
			})
		}
	}
}

// During a restart that is what a Shutdown out of time tells, whether a message waits
// for it with the owner or with a worker.
func TestShutdownDuringARestart(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ parks in its own way")
		}
		for what, want := range map[string]string{
			"owner":  "(the handler is being restarted, a handler call (int) waits for that, or has not returned for 1m0s or more, 0 messages wait, 0 are offloaded)",
			"worker": "(the handler is being restarted, 0 messages wait, 1 are offloaded, and the handler call of one (int) waits for that, or has not returned for 1m0s)",
		} {
			synctest.Test(t, func(t *testing.T) {
				p, err := pool.New(pool.Options{Workers: 1})
				require.NoError(t, err)
				h, err := server.Supervise(func() (server.Handler[int, int], error) {
					return server.Funcs[int, int]{
						Request: func(_ context.Context, n int) (int, error) {
							if n == 1 {
								panic(n)
							}
							return n, nil
						},
						Command: func(context.Context, int) error { return nil },
						Offload: func(n int) bool { return n == 3 },
					}, nil
				}, server.RestartOptions{Backoff: time.Hour})
				require.NoError(t, err)
				m.opts.Pool = p
				s, d := newServer(t, h, m.opts, dispatcher.Options{})
				ran := make(chan error, 1)
				go func() { ran <- s.Run(context.Background()) }()
				synctest.Wait()
				if what == "worker" { // it is there when the handler fails, but not yet called
					require.NoError(t, p.TrySubmit(pool.Func(func() { time.Sleep(time.Minute) })))
					require.NoError(t, d.Send(context.Background(), 3))
					synctest.Wait()
				}
				_, err = d.Request(context.Background(), 1)
				require.Error(t, err)
				if what == "owner" {
					require.NoError(t, d.Send(context.Background(), 2))
				}
				if what == "worker" {
					time.Sleep(time.Minute)
				}
				synctest.Wait()
				require.Contains(t, saysAfter(t, s, time.Minute), want)
				require.NoError(t, s.Shutdown(context.Background()))
				require.NoError(t, <-ran)
				require.NoError(t, p.Shutdown(context.Background()))
			})
		}
	})
}
