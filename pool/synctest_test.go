//go:build go1.25

// A bubble needs the timers of Go 1.23, and go.mod says 1.22.
//go:debug asynctimerchan=0

package pool_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/pool"
)

// Under a light load one worker does it all, and the others end after one to two times
// IdleTimeout; so does that one when nothing comes.
func TestIdleTimeoutUnderLightLoad(t *testing.T) {
	const idle, workers = 10 * time.Second, 4
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, pool.Options{Workers: workers, IdleTimeout: idle})
		running := func() int {
			synctest.Wait()
			return p.Stats().Running
		}
		var all sync.WaitGroup
		all.Add(workers)
		for i := 0; i < workers; i++ {
			require.NoError(t, p.Submit(bg, pool.Func(func() { all.Done(); all.Wait() })))
		}
		require.Equal(t, workers, running())
		begun := time.Now()
		for time.Since(begun) <= 5*idle/2 {
			n, since := running(), time.Since(begun)
			switch {
			case since < idle:
				require.Equal(t, workers, n, "%v", since)
			case since > 2*idle:
				require.Equal(t, 1, n, "%v", since)
			}
			require.NoError(t, p.Submit(bg, &task{}))
			time.Sleep(idle / 8)
		}
		require.Equal(t, 1, running())
		time.Sleep(3 * idle / 4) // and before this an eighth
		require.Equal(t, 1, running())
		time.Sleep(9 * idle / 8)
		require.Zero(t, running())
	})
}
