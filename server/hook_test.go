package server_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
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
