package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// popped is what a pop returned.
type popped struct {
	v   int
	err error
}

// parkPush starts a push and returns when it sleeps.
func parkPush(t *testing.T, ctx context.Context, q full[int], push pushFunc, v int) <-chan error {
	t.Helper()
	return testx.Park(t, func() error { return push(ctx, q, v) })
}

// parkPop starts a pop and returns when it sleeps.
func parkPop(t *testing.T, ctx context.Context, q full[int], pop popFunc) <-chan popped {
	t.Helper()
	return testx.Park(t, func() popped {
		v, err := pop(ctx, q)
		return popped{v, err}
	})
}

func TestPushBlocksWhileFull(t *testing.T) {
	eachPush(t, func(t *testing.T, b queue.Backend, push pushFunc) {
		q := filled(t, b, 2)
		cancellable, cancel := context.WithCancel(bg)
		defer cancel()
		for i, ctx := range []context.Context{bg, cancellable} {
			pushed := parkPush(t, ctx, q, push, 2+i)
			v, ok := q.TryPop()
			require.True(t, ok)
			require.Equal(t, i, v)
			require.NoError(t, testx.Recv(t, pushed))
		}
		assert.Equal(t, []int{2, 3}, drain[int](q))
	})
}

func TestPopBlocksWhileEmpty(t *testing.T) {
	eachPop(t, func(t *testing.T, b queue.Backend, pop popFunc) {
		q := open[int](t, b, 2)
		cancellable, cancel := context.WithCancel(bg)
		defer cancel()
		for i, ctx := range []context.Context{bg, cancellable} {
			got := parkPop(t, ctx, q, pop)
			require.NoError(t, q.TryPush(i))
			require.Equal(t, popped{v: i}, testx.Recv(t, got))
		}
		assert.Zero(t, q.Len())
	})
}

func TestPushBatchBlocks(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 4)
		pushed := testx.Park(t, func() error {
			n, err := q.PushBatch(bg, upTo(11))
			assert.Equal(t, 11, n)
			return err
		})
		require.Equal(t, 4, q.Len(), "as many as there is room for are there at once")
		for i := 0; i < 11; i++ {
			v, err := q.Pop(bg)
			require.NoError(t, err)
			require.Equal(t, i, v)
		}
		require.NoError(t, testx.Recv(t, pushed))
		require.Zero(t, q.Len())
	})
}

// PopBatch waits for the first value and not for the rest.
func TestPopBatchBlocks(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 4)
		for i := 0; i < 3; i++ {
			dst := make([]int, 4)
			n := testx.Park(t, func() int {
				n, err := q.PopBatch(bg, dst)
				assert.NoError(t, err)
				return n
			})
			require.NoError(t, q.TryPush(i))
			require.Equal(t, 1, testx.Recv(t, n))
			require.Equal(t, []int{i, 0, 0, 0}, dst)
		}
		n, err := q.PopBatch(bg, nil)
		require.NoError(t, err)
		require.Zero(t, n, "nothing to wait for with an empty dst")
	})
}

// One call that makes room for many, or brings many, wakes as many.
func TestBatchWakesAll(t *testing.T) {
	const n = 4
	each(t, func(t *testing.T, b queue.Backend) {
		q := filled(t, b, n)
		var pushed []<-chan error
		for i := 0; i < n; i++ {
			pushed = append(pushed, parkPush(t, bg, q, pushes[i].do, n+i))
		}
		dst := make([]int, n)
		k, err := q.PopBatch(bg, dst)
		require.NoError(t, err)
		for _, p := range pushed {
			require.NoError(t, testx.Recv(t, p))
		}
		// ZenQ and the channel move one value at a time, so sleepers may have
		// filled the room while it was made.
		assert.Equal(t, n, q.Len())
		assert.ElementsMatch(t, upTo(2*n), append(dst[:k], drain[int](q)...))

		var got []<-chan popped
		for i := 0; i < n; i++ {
			got = append(got, parkPop(t, bg, q, pops[i].do))
		}
		k, err = q.PushBatch(bg, upTo(n))
		require.NoError(t, err)
		require.Equal(t, n, k)
		var vs []int
		for _, g := range got {
			p := testx.Recv(t, g)
			require.NoError(t, p.err)
			vs = append(vs, p.v)
		}
		assert.ElementsMatch(t, upTo(n), vs)
	})
}

func TestTimers(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		expired := make(chan time.Time, 1)
		q := filled(t, b, 2)
		pushed := testx.Park(t, func() error { return q.PushTimed(bg, -1, expired) })
		expired <- time.Time{}
		require.Equal(t, context.DeadlineExceeded, testx.Recv(t, pushed))
		require.Equal(t, upTo(2), drain[int](q))

		got := testx.Park(t, func() popped {
			v, err := q.PopTimed(bg, expired)
			return popped{v, err}
		})
		expired <- time.Time{}
		require.Equal(t, popped{err: context.DeadlineExceeded}, testx.Recv(t, got))

		// A timer that does not fire in time changes nothing.
		require.NoError(t, q.PushTimed(bg, 7, expired))
		v, err := q.PopTimed(bg, expired)
		require.NoError(t, err)
		require.Equal(t, 7, v)
	})
}

// Many blocked producers on a small ring all get their turn.
func TestBlockedProducersFinish(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		const producers, perProducer = 64, 50
		q := open[int](t, b, 2)
		got := make([]int, producers)
		testx.Join(t, append(
			testx.Times(producers, func(p int) {
				for i := 0; i < perProducer; i++ {
					assert.NoError(t, pushes[p%len(pushes)].do(bg, q, p))
				}
			}),
			func() {
				for i := 0; i < producers*perProducer; i++ {
					v, err := pops[i%len(pops)].do(bg, q)
					assert.NoError(t, err)
					got[v]++
				}
			})...)
		for p, n := range got {
			require.Equal(t, perProducer, n, "of producer %d", p)
		}
		require.Zero(t, q.Len())
	})
}
