package pprof_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/pprof"
	"github.com/sparkpipe/sparkpipe/server"
)

// Wherever a handler call runs, its stack is among those that are kept, and the
// others are not.
func TestHandlerStacks(t *testing.T) {
	require.Empty(t, pprof.HandlerStacks())
	workers, err := pool.New(pool.Options{Workers: 1})
	require.NoError(t, err)
	for name, opts := range map[string]server.Options{
		"the server's goroutine": {CallerRuns: server.CallerRunsNever},
		"loops":                  {Concurrency: 2},
		"a caller's":             {CallerRuns: server.CallerRunsAlways},
		"a worker's":             {Pool: workers},
	} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			release := sync.OnceFunc(func() { close(stop) })
			defer release()
			h := server.Funcs[int, int]{Request: func(_ context.Context, n int) (int, error) {
				if n == 1 {
					standing(stop)
				}
				return n, nil
			}}
			h.Offload = func(int) bool { return opts.Pool != nil }
			s, err := server.New[int, int](h, opts)
			require.NoError(t, err)
			d, err := dispatcher.New(s, dispatcher.Options{})
			require.NoError(t, err)
			go s.Run(context.Background())
			_, err = d.Request(context.Background(), 2)
			require.NoError(t, err)
			answered := make(chan error, 1)
			go func() { _, err := d.Request(context.Background(), 1); answered <- err }()
			testx.Eventually(t, func() bool {
				// One that has answered the first request may be about to return.
				stacks := string(pprof.HandlerStacks())
				return strings.Count(stacks, "pprof_test.standing(") == 1 && strings.Count(stacks, "]:\n") == 1
			}, "the handler's stack is there, and no other")
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
			stacks := string(pprof.HandlerStacks())
			require.Regexp(t, `^goroutine \d+ \[chan receive`, stacks)
			require.Equal(t, 1, strings.Count(stacks, "]:\n"), "and no other:\n%s", stacks)
			require.NotContains(t, stacks, "TestHandlerStacks(")
			page := get(t, newHandler(t), "/debug/stacks?handlers").Body.String()
			require.Contains(t, page, "pprof_test.standing(")
			require.NotContains(t, page, "TestHandlerStacks(")
			release()
			require.NoError(t, testx.Recv(t, answered))
			require.NoError(t, s.Shutdown(context.Background()))
		})
	}
	require.NoError(t, workers.Shutdown(context.Background()))
	require.Empty(t, pprof.HandlerStacks())
}
