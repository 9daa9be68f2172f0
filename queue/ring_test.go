package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// item names a value after who pushed it, and as which of its values.
type item struct{ producer, seq int }

// The ring claims a batch at once: as long as there is room for it, it stands in
// one piece among those of others, and is popped in one.
func TestRingBatchesStayTogether(t *testing.T) {
	const producers, size = 4, 5
	n := 2000
	if testx.Race {
		n /= 10
	}
	q, err := queue.NewRing[item](queue.Options{Capacity: producers * size * n})
	require.NoError(t, err)
	testx.AtOnce(t, testx.Times(producers, func(p int) {
		for i := 0; i < n; i++ {
			vs := make([]item, size)
			for k := range vs {
				vs[k] = item{p, i*size + k}
			}
			k, err := q.PushBatch(bg, vs)
			assert.Equal(t, size, k)
			assert.NoError(t, err)
		}
	})...)
	q.Close()
	dst := make([]item, size)
	for i := 0; i < producers*n; i++ {
		k, err := q.PopBatch(bg, dst)
		require.NoError(t, err)
		require.Equal(t, size, k)
		for k := range dst {
			require.Equal(t, item{dst[0].producer, dst[0].seq + k}, dst[k])
		}
	}
}
