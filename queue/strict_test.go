package queue_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// As many goroutines as places, each pushes one value and pops one: a queue that
// ever says full or empty then means "somebody was quicker". (After the test
// "linearizable" of crossbeam's ArrayQueue.)
func TestFullAndEmptyAreStrict(t *testing.T) {
	for _, goroutines := range []int{2, 4, 16} {
		t.Run(fmt.Sprint(goroutines), func(t *testing.T) {
			each(t, func(t *testing.T, b queue.Backend) {
				q := open[int](t, b, goroutines)
				testx.Join(t, testx.Times(goroutines, func(v int) {
					for i := scaled(b, 80_000) / goroutines; i > 0; i-- {
						if err := q.TryPush(v); err != nil {
							t.Errorf("push: %v, with %d of %d", err, q.Len(), goroutines)
							return
						}
						if _, ok := q.TryPop(); !ok {
							t.Errorf("pop: empty, with %d of %d", q.Len(), goroutines)
							return
						}
					}
				})...)
				assert.Zero(t, q.Len())
			})
		})
	}
}

// With one consumer, values come in the order of their pushes, whoever pushed:
// here each push begins when the one before has ended.
func TestOrderAcrossProducers(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		const producers = 4
		perProducer := scaled(b, 5_000)
		q := open[int](t, b, 4)
		var turn sync.Mutex
		next := 0
		testx.Join(t, append(
			testx.Times(producers, func(int) {
				for i := 0; i < perProducer; i++ {
					turn.Lock()
					assert.NoError(t, q.Push(bg, next))
					next++
					turn.Unlock()
				}
			}),
			func() {
				for i := 0; i < producers*perProducer; i++ {
					if v, err := q.Pop(bg); err != nil || v != i {
						t.Errorf("%d (%v) in place of %d", v, err, i)
						return
					}
				}
			})...)
	})
}

// The ring claims a batch at once: as long as there is room for it, it stands in
// one piece among those of others, and is popped in one.
func TestRingBatchesStayTogether(t *testing.T) {
	const producers, size = 4, 5
	n := scaled(queue.BackendRing, 2000)
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

// Whatever goes on, Len is between 0 and Cap.
func TestLenIsPossible(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 2)
		n := scaled(b, 20_000)
		var working atomic.Int32
		working.Store(4)
		work := func(do func(i int) error) func() {
			return func() {
				defer working.Add(-1)
				for i := 0; i < n; i++ {
					assert.NoError(t, do(i))
				}
			}
		}
		push := func(i int) error { return q.Push(bg, i) }
		pop := func(int) error { _, err := q.Pop(bg); return err }
		testx.Join(t, work(push), work(push), work(pop), work(pop), func() {
			for ; working.Load() > 0; runtime.Gosched() {
				if k := q.Len(); k < 0 || k > q.Cap() {
					t.Errorf("Len is %d of %d", k, q.Cap())
					return
				}
				if s := q.Stats(); s.Len < 0 || s.Len > s.Cap || s.Pushed > uint64(2*n) || s.Popped > uint64(2*n) || s.Closed {
					t.Errorf("%+v", s)
					return
				}
			}
		})
		assert.Equal(t, queue.Stats{Pushed: uint64(2 * n), Popped: uint64(2 * n), Cap: 2}, q.Stats())
	})
}
