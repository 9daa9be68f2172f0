//go:build go1.25

package server_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
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
