package queue_test

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/queue"
)

func TestFillAndDrain(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 4)
		for lap := 0; lap < 5; lap++ {
			_, ok := q.TryPop()
			require.False(t, ok)
			for i := 0; i < 4; i++ {
				require.Equal(t, i, q.Len())
				require.NoError(t, q.TryPush(i))
			}
			require.Equal(t, queue.ErrFull, q.TryPush(-1))
			require.Equal(t, 4, q.Len())
			for i := 0; i < 4; i++ {
				v, ok := q.TryPop()
				require.True(t, ok)
				require.Equal(t, i, v)
			}
			require.Zero(t, q.Len())
		}
	})
}

// What can be done at once is done at once, in each of the ways.
func TestPushWithRoom(t *testing.T) {
	eachPush(t, func(t *testing.T, b queue.Backend, push pushFunc) {
		q := open[int](t, b, 4)
		for i := 0; i < 4; i++ {
			require.NoError(t, push(bg, q, i))
		}
		assert.Equal(t, upTo(4), drain[int](q))
	})
}

func TestPopWithItems(t *testing.T) {
	eachPop(t, func(t *testing.T, b queue.Backend, pop popFunc) {
		q := filled(t, b, 4)
		for i := 0; i < 4; i++ {
			v, err := pop(bg, q)
			require.NoError(t, err)
			require.Equal(t, i, v)
		}
		assert.Zero(t, q.Len())
	})
}

func TestPushBatch(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 8)
		for _, vs := range [][]int{nil, {}, {0}, {1, 2, 3}, {4, 5, 6, 7}, nil} {
			n, err := q.PushBatch(bg, vs)
			require.NoError(t, err)
			require.Equal(t, len(vs), n)
		}
		assert.Equal(t, upTo(8), drain[int](q))
	})
}

func TestPopBatch(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := filled(t, b, 8)
		next := 0
		for _, tt := range []struct{ room, want int }{{0, 0}, {1, 1}, {3, 3}, {100, 4}, {0, 0}} {
			dst := make([]int, tt.room)
			for i := range dst {
				dst[i] = -1
			}
			n, err := q.PopBatch(bg, dst)
			require.NoError(t, err)
			require.Equal(t, tt.want, n)
			for i, v := range dst {
				if i < n {
					require.Equal(t, next, v)
					next++
				} else {
					require.Equal(t, -1, v, "the rest of dst is left alone")
				}
			}
		}
		assert.Zero(t, q.Len())
	})
}

// A queue behaves as a slice does, whatever is asked of it.
func TestAgainstSlice(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		rnd := rand.New(rand.NewSource(1))
		q := open[int](t, b, 4)
		var model []int
		next, popped := 0, 0
		for i := 0; i < 5000; i++ {
			switch room := q.Cap() - len(model); rnd.Intn(6) {
			case 0:
				if err := q.TryPush(next); room == 0 {
					require.Equal(t, queue.ErrFull, err)
					continue
				} else {
					require.NoError(t, err)
				}
				model = append(model, next)
				next++
			case 1:
				if room == 0 {
					continue
				}
				require.NoError(t, q.Push(bg, next))
				model = append(model, next)
				next++
			case 2:
				vs := make([]int, rnd.Intn(room+1))
				for k := range vs {
					vs[k] = next
					next++
				}
				n, err := q.PushBatch(bg, vs)
				require.NoError(t, err)
				require.Equal(t, len(vs), n)
				model = append(model, vs...)
			case 3:
				v, ok := q.TryPop()
				require.Equal(t, len(model) > 0, ok)
				if ok {
					require.Equal(t, model[0], v)
					model = model[1:]
					popped++
				}
			case 4:
				if len(model) == 0 {
					continue
				}
				v, err := q.Pop(bg)
				require.NoError(t, err)
				require.Equal(t, model[0], v)
				model = model[1:]
				popped++
			case 5:
				if len(model) == 0 {
					continue
				}
				dst := make([]int, rnd.Intn(q.Cap()+2))
				n, err := q.PopBatch(bg, dst)
				require.NoError(t, err)
				require.Equal(t, min(len(dst), len(model)), n)
				require.Equal(t, append([]int{}, model[:n]...), dst[:n])
				model = model[n:]
				popped += n
			}
			require.Equal(t, len(model), q.Len())
			require.Equal(t, queue.Stats{
				Pushed: uint64(next), Popped: uint64(popped), Len: len(model), Cap: 4,
			}, q.Stats())
		}
		q.Close()
		require.Equal(t, queue.Stats{
			Pushed: uint64(next), Popped: uint64(popped), Len: len(model), Cap: 4, Closed: true,
		}, q.Stats())
	})
}

// Pushing and popping cost no allocation.
func TestAllocations(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 8)
		batch := make([]int, 4)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			_ = q.TryPush(1)
			_ = q.Push(bg, 2)
			_, _ = q.TryPop()
			_, _ = q.Pop(bg)
			_, _ = q.PushBatch(bg, batch)
			_, _ = q.PopBatch(bg, batch)
			q.Stats()
		}))
	})
}
