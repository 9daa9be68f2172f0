//go:build !modelcheck

package ring

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func TestClose(t *testing.T) {
	each(t, func(t *testing.T, capacity int, start uint64) {
		for fill := 0; fill <= capacity; fill++ {
			r := New[int](capacity, start)
			for i := 0; i < fill; i++ {
				require.Equal(t, OK, r.TryPush(i))
			}
			require.Equal(t, Owner, r.Close())
			for i := 0; i < 2; i++ {
				require.Equal(t, Closed, r.Close())
				require.Equal(t, Closed, r.TryPush(-1), "with %d of %d", fill, capacity)
				n, s := r.PushBatch([]int{-1, -1})
				require.Zero(t, n)
				require.Equal(t, Closed, s)
			}
			popped, queued, isClosed := r.Progress()
			require.Equal(t, start%(1<<62), popped)
			require.Equal(t, fill, queued)
			require.True(t, isClosed)
			require.True(t, r.HasRoom(), "closed: a push would not answer Full")
			for i := 0; i < fill; i++ {
				v, s := r.TryPop()
				require.Equal(t, OK, s)
				require.Equal(t, i, v)
			}
			for i := 0; i < 2; i++ {
				require.True(t, r.HasItems(), "closed: a pop would not answer Empty")
				_, s := r.TryPop()
				require.Equal(t, Closed, s)
				n, s := r.PopBatch(make([]int, 2))
				require.Zero(t, n)
				require.Equal(t, Closed, s)
			}
		}
	})
}

func TestCloseThenPopBatch(t *testing.T) {
	r := New[int](4, 0)
	_, s := r.PushBatch([]int{1, 2, 3})
	require.Equal(t, OK, s)
	r.Close()
	dst := make([]int, 2)
	for _, want := range [][]int{{1, 2}, {3}} {
		n, s := r.PopBatch(dst)
		require.Equal(t, OK, s)
		require.Equal(t, want, dst[:n])
	}
	_, s = r.PopBatch(dst)
	require.Equal(t, Closed, s)
}

// A producer that was preempted between its claim and its hand-over: nobody may
// take the ring for empty, and what comes behind waits for it.
func TestClaimedNotPublished(t *testing.T) {
	for _, start := range starts {
		r := New[int](2, start)
		p := r.tail.Add(step) - step // the claim
		require.Equal(t, 1, r.Len())
		require.True(t, r.HasItems())
		for i := 0; i < 2; i++ {
			_, s := r.TryPop()
			require.Equal(t, Busy, s)
			n, s := r.PopBatch(make([]int, 2))
			require.Zero(t, n)
			require.Equal(t, Busy, s)
			if i == 0 {
				require.Equal(t, OK, r.TryPush(2), "others push behind it")
				require.Equal(t, Full, r.TryPush(3))
				r.Close() // and closing does not make it less claimed
			}
		}
		r.cell(p).val = 1
		r.cell(p).seq.Store(p + 1) // the hand-over
		dst := make([]int, 2)
		n, s := r.PopBatch(dst)
		require.Equal(t, OK, s)
		require.Equal(t, []int{1, 2}, dst[:n])
		_, s = r.TryPop()
		require.Equal(t, Closed, s)
	}
}

// A consumer that was preempted between its claim and its hand-over: the ring is
// not full any more, so a push may not say so; it waits for the cell.
func TestClaimedNotFreed(t *testing.T) {
	for _, start := range starts {
		for name, push := range map[string]func(r *Ring[int]) Status{
			"TryPush":   func(r *Ring[int]) Status { return r.TryPush(3) },
			"PushBatch": func(r *Ring[int]) Status { _, s := r.PushBatch([]int{3}); return s },
		} {
			r := New[int](2, start)
			require.Equal(t, OK, r.TryPush(1))
			require.Equal(t, OK, r.TryPush(2))
			require.Equal(t, Full, push(r))
			p := r.head.Add(step) - step // the claim
			require.True(t, r.HasRoom())
			require.Equal(t, 1, r.Len())

			var freed atomic.Bool
			testx.Join(t,
				func() {
					assert.Equal(t, OK, push(r), name)
					assert.True(t, freed.Load(), "%s filled a cell that was not free", name)
				},
				func() {
					for i := 0; i < 100; i++ {
						runtime.Gosched() // let the push run into it
					}
					freed.Store(true)
					var v int
					r.take(r.cell(p), p, &v) // the hand-over
					assert.Equal(t, 1, v)
				})
			for want := 2; want <= 3; want++ {
				v, s := r.TryPop()
				require.Equal(t, OK, s)
				require.Equal(t, want, v)
			}
		}
	}
}

// Nothing popped is kept alive.
func TestCellsAreCleared(t *testing.T) {
	const n = 8
	var garbage testx.Garbage
	r := New[*testx.Value](n, 1<<62-3)
	func() { // its frame must not keep anything alive either
		for i := 0; i < n; i++ {
			require.Equal(t, OK, r.TryPush(garbage.New()))
		}
		for i := 0; i < n/2; i++ {
			_, s := r.TryPop()
			require.Equal(t, OK, s)
		}
		k, _ := r.PopBatch(make([]*testx.Value, n))
		require.Equal(t, n/2, k)
	}()
	garbage.Collected(t)
	runtime.KeepAlive(r)
}
