//go:build go1.25

// A bubble needs the timers of Go 1.23, and go.mod says 1.22.
//go:debug asynctimerchan=0

package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/pool"
)

// Workers that are not needed end, and those that are stay, although tasks that
// come one at a time wake all of them in turn.
func TestIdleTimeoutUnderLightLoad(t *testing.T) {
	const (
		workers = 4
		timeout = 10 * time.Second
	)
	synctest.Test(t, func(t *testing.T) {
		p, err := pool.New(pool.Options{Workers: workers, IdleTimeout: timeout})
		require.NoError(t, err)
		sleep := func(d time.Duration) {
			require.NoError(t, p.Submit(bg, pool.Func(func() { time.Sleep(d) })))
		}
		for i := 0; i < workers; i++ {
			sleep(time.Second)
		}
		synctest.Wait()
		require.Equal(t, workers, p.Stats().Running)

		// One at a time: each worker has its turn within less than the time-out.
		for lasted := time.Duration(0); lasted < 3*timeout; lasted += timeout / 5 {
			if lasted < timeout {
				require.Equal(t, workers, p.Stats().Running, "after %v", lasted)
			}
			sleep(0)
			time.Sleep(timeout / 5)
		}
		require.Equal(t, 1, p.Stats().Running)

		// Nothing at all: no sooner than the time-out, no later than two of them.
		time.Sleep(4 * timeout / 5)
		require.Equal(t, 1, p.Stats().Running)
		time.Sleep(timeout + time.Second)
		require.Zero(t, p.Stats().Running)

		sleep(time.Second) // and it works as before
		require.NoError(t, p.Shutdown(bg))
		require.EqualValues(t, p.Stats().Submitted, p.Stats().Done)
	})
}
