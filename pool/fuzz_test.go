package pool_test

import (
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
)

// FuzzOptions: New and Resize never panic, the error names what is wrong, and a
// pool that New returns runs a task and shuts down.
func FuzzOptions(f *testing.F) {
	f.Add("", 0, 0, int64(0), 1)
	f.Add("a\x00\xff", 1, 1, int64(1), pool.MaxWorkers)
	f.Add("name", pool.MaxWorkers, 3, int64(math.MaxInt64), 0)
	f.Add("", -1, 0, int64(0), -1)
	f.Add("", pool.MaxWorkers+1, 0, int64(0), math.MaxInt)
	f.Add("", 0, -1, int64(0), math.MinInt)
	f.Add("", 0, queue.MaxCapacity+1, int64(0), pool.MaxWorkers+1)
	f.Add("", 0, 0, int64(-1), 2)
	f.Fuzz(func(t *testing.T, name string, workers, queueSize int, idle int64, resize int) {
		if queueSize > 1<<12 && queueSize <= queue.MaxCapacity {
			t.Skip("as much memory as was asked for")
		}
		wrong := map[string]bool{
			"Workers":     workers < 0 || workers > pool.MaxWorkers,
			"QueueSize":   queueSize < 0 || queueSize > queue.MaxCapacity,
			"IdleTimeout": idle < 0,
		}
		refused := false
		for _, w := range wrong {
			refused = refused || w
		}
		p, err := pool.New(pool.Options{Name: name, Workers: workers, QueueSize: queueSize, IdleTimeout: time.Duration(idle)})
		if refused {
			require.Nil(t, p)
			named := false
			for field, w := range wrong {
				named = named || w && strings.Contains(err.Error(), "Options."+field)
			}
			require.True(t, named, "%v, want one of %v", err, wrong)
			require.True(t, strings.HasPrefix(err.Error(), "pool: "), "%v", err)
			return
		}
		require.NoError(t, err)
		var ran sync.WaitGroup
		ran.Add(1)
		require.NoError(t, p.Submit(bg, pool.Func(ran.Done)))
		ran.Wait()
		err = p.Resize(resize)
		require.Equal(t, resize >= 1 && resize <= pool.MaxWorkers, err == nil, "Resize(%d): %v", resize, err)
		require.NoError(t, p.Shutdown(bg))
	})
}
