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
	type disp = dispatcher.Dispatcher[int, int]
	request := func(d *disp) error { _, err := d.Request(context.Background(), 1); return err }
	many := func(d *disp) error {
		return d.RequestAll(context.Background(), []int{1}, make([]dispatcher.Result[int], 1))
	}
	command := func(d *disp) error { return d.Send(context.Background(), 1) }
	never, always := server.CallerRunsNever, server.CallerRunsAlways
	for name, tt := range map[string]struct {
		opts server.Options
		send func(d *disp) error
	}{
		"the server's goroutine":            {server.Options{CallerRuns: never}, request},
		"the server's goroutine, a command": {server.Options{}, command},
		"lanes, a command":                  {server.Options{Lanes: 2}, command},
		"loops":                             {server.Options{Concurrency: 2}, request},
		"loops, a command":                  {server.Options{Concurrency: 2}, command},
		"a caller's":                        {server.Options{CallerRuns: always}, request},
		"a caller's, of many":               {server.Options{CallerRuns: always}, many},
		"a caller's, lanes":                 {server.Options{CallerRuns: always, Lanes: 2}, request},
		"a caller's, of many, lanes":        {server.Options{CallerRuns: always, Lanes: 2}, many},
		"a worker's":                        {server.Options{Pool: workers}, request},
		"a worker's, a command":             {server.Options{Pool: workers}, command},
	} {
		t.Run(name, func(t *testing.T) {
			opts := tt.opts
			stop := make(chan struct{})
			release := sync.OnceFunc(func() { close(stop) })
			defer release()
			h := server.Funcs[int, int]{}
			h.Request = func(_ context.Context, n int) (int, error) {
				if n == 1 {
					standing(stop)
				}
				return n, nil
			}
			h.Command = func(ctx context.Context, n int) error { _, err := h.Request(ctx, n); return err }
			h.Offload = func(int) bool { return opts.Pool != nil }
			s, err := server.New[int, int](h, opts)
			require.NoError(t, err)
			d, err := dispatcher.New(s, dispatcher.Options{Lane: max(opts.Lanes, 1) - 1})
			require.NoError(t, err)
			go s.Run(context.Background())
			_, err = d.Request(context.Background(), 2)
			require.NoError(t, err)
			answered := make(chan error, 1)
			go func() { answered <- tt.send(d) }()
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
