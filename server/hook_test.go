package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// closedPool refuses everything for good.
type closedPool struct{}

func (closedPool) TrySubmit(pool.Task) error               { return pool.ErrClosed }
func (closedPool) Submit(context.Context, pool.Task) error { return pool.ErrClosed }

// A hook that ends the goroutine it is called on is called once for each command
// all the same, whatever became of that: it failed, panicked or called Goexit, or
// could not be offloaded.
func TestGoexitInTheHook(t *testing.T) {
	const offloaded = 3
	each(t, func(t *testing.T, m mode) {
		for name, p := range map[string]server.Executor{"no pool": nil, "closed pool": closedPool{}} {
			t.Run(name, func(t *testing.T) {
				var mu sync.Mutex
				calls := map[int]int{}
				m.opts.Pool = p
				m.opts.OnCommandError = func(cmd any, _ error) {
					mu.Lock()
					calls[cmd.(int)]++
					mu.Unlock()
					runtime.Goexit()
				}
				h := funcs(misbehave)
				h.Offload = func(n int) bool { return n == offloaded }
				s, d := start(t, h, m.opts, dispatcher.Options{})
				want := map[int]int{}
				for i := 0; i < 20; i++ {
					for _, n := range []int{doFail, doPanic, doGoexit, offloaded} {
						require.NoError(t, d.Send(context.Background(), n))
						want[n]++
					}
				}
				require.NoError(t, s.Shutdown(context.Background()))
				mu.Lock()
				defer mu.Unlock()
				require.Equal(t, want, calls)
				require.EqualValues(t, 40, s.Stats().Panicked, "the handler's panics, and not the hook's")
			})
		}
	})
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

// What a command's handler returns is logged, though it be an error that this
// server has refusals of its own for: a handler that sends to another server
// returns what that one answers. The server's own refusals are not logged.
func TestErrorOfAnotherServerIsLogged(t *testing.T) {
	for _, err := range []error{server.ErrServerClosed, server.ErrPoolFull, dispatcher.ErrShed} {
		each(t, func(t *testing.T, m mode) {
			var mu sync.Mutex
			var buf bytes.Buffer
			m.opts.Logger = slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &buf}, nil))
			hooks, want := 0, err
			m.opts.OnCommandError = func(_ any, got error) {
				mu.Lock()
				defer mu.Unlock()
				if hooks++; got != want {
					t.Errorf("the hook was told %v", got)
				}
			}
			s, d := start(t, funcs(func(context.Context, int) (int, error) { return 0, err }), m.opts, dispatcher.Options{})
			require.NoError(t, d.Send(context.Background(), 1))
			require.NoError(t, s.Shutdown(context.Background()))
			mu.Lock()
			require.Equal(t, 1, strings.Count(buf.String(), "command failed"))
			require.Equal(t, 1, hooks)
			buf.Reset()
			hooks = 0
			mu.Unlock()

			want = server.ErrServerClosed
			s, d = newServer(t, funcs(echo), m.opts, dispatcher.Options{})
			require.NoError(t, d.Send(context.Background(), 1))
			require.NoError(t, s.Close())
			<-s.Done()
			require.Equal(t, 1, hooks)
			require.Empty(t, buf.String())
		})
	}
}
