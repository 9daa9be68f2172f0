package queue_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/queue"
)

// FuzzOptions: New never panics, and its error names the field that is wrong.
func FuzzOptions(f *testing.F) {
	for _, capacity := range []int{0, 1, 2, 3, 1000, 1 << 16, -1, math.MinInt, queue.MaxCapacity + 1, math.MaxInt} {
		for b := queue.BackendRing; b <= queue.BackendZenQ+1; b++ {
			f.Add(capacity, byte(b))
		}
	}
	f.Fuzz(func(t *testing.T, capacity int, backend byte) {
		if capacity > 1<<20 && capacity <= queue.MaxCapacity {
			t.Skip("as much memory as was asked for")
		}
		b := queue.Backend(backend)
		if b == queue.BackendZenQ && haveZenQ && capacity >= 0 {
			t.Skip("each ZenQ costs a goroutine forever")
		}
		q, err := queue.New[byte](queue.Options{Capacity: capacity, Backend: b})
		switch {
		case b > queue.BackendZenQ:
			require.ErrorContains(t, err, "Options.Backend")
		case capacity < 0 || capacity > queue.MaxCapacity:
			require.ErrorContains(t, err, "Options.Capacity")
		case b == queue.BackendZenQ:
			require.True(t, errors.Is(err, queue.ErrUnavailable), "%v", err)
		default:
			require.NoError(t, err)
			n := q.Cap()
			require.True(t, n >= max(2, capacity) && n&(n-1) == 0, "Cap is %d", n)
			require.True(t, capacity == 0 && n == queue.DefaultCapacity || n == 2 || n < 2*capacity, "Cap is %d", n)
			require.NoError(t, q.TryPush(1))
			v, ok := q.TryPop()
			require.True(t, ok && v == 1)
			return
		}
		require.True(t, q == nil)
		require.True(t, strings.HasPrefix(err.Error(), "queue: "), "%v", err)
	})
}
