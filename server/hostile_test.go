package server_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// The number of processors changes, and the garbage is collected, while requests
// are cancelled and servers shut down.
func TestHostileRuntime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				runtime.GOMAXPROCS(1 + i%8) // stops the world, and the processors it takes away
				runtime.GC()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	each(t, func(t *testing.T, m mode) {
		cancelStorm(t, m, scaled(20_000), new(testx.Progress))
		for i := 0; i < scaled(100); i++ {
			conservationRound(t, m, i)
		}
	})
}

// Very many callers wait at once, of a handler that keeps its thread; each gets
// its own reply.
func TestManyBlockedCallers(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		callers := scaled(20_000)
		release := make(chan struct{})
		s, d := start(t, funcs(func(_ context.Context, n int) (int, error) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			<-release
			return -n, nil
		}), m.opts, dispatcher.Options{})
		testx.Eventually(t, func() bool { return server.Started(s) }, "the server serves")
		var begun atomic.Int64
		work := testx.Times(callers, func(i int) {
			begun.Add(1)
			if got, err := d.Request(context.Background(), i+1); err != nil || got != -i-1 {
				t.Errorf("request %d: %d, %v", i+1, got, err)
			}
		})
		testx.Join(t, append(work, func() {
			testx.Eventually(t, func() bool { return begun.Load() == int64(callers) }, "all callers have begun")
			close(release)
		})...)
		require.NoError(t, s.Shutdown(context.Background()))
		st := audit(t, s, d)
		require.EqualValues(t, callers, st.Inline+st.Requests)
	})
}
