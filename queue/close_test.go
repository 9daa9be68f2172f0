package queue_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Close refuses pushes, also on a full queue, and leaves what is there.
func TestClose(t *testing.T) {
	for name, fill := range map[string]int{"empty": 0, "half full": 2, "full": 4} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b queue.Backend) {
				q := open[int](t, b, 4)
				for i := 0; i < fill; i++ {
					require.NoError(t, q.TryPush(i))
				}
				for i := 0; i < 3; i++ {
					q.Close() // idempotent
					require.Equal(t, queue.ErrClosed, q.TryPush(-1))
					for _, p := range pushes {
						require.Equal(t, queue.ErrClosed, p.do(bg, q, -1), p.name)
					}
					n, err := q.PushBatch(bg, []int{-1, -1})
					require.Zero(t, n)
					require.Equal(t, queue.ErrClosed, err)
					require.Equal(t, queue.Stats{Pushed: uint64(fill), Len: fill, Cap: 4, Closed: true}, q.Stats())
				}
				require.Equal(t, upTo(fill), drain[int](q))
				for _, p := range pops {
					_, err := p.do(bg, q)
					require.Equal(t, queue.ErrClosed, err, p.name)
				}
				_, ok := q.TryPop()
				require.False(t, ok)
				require.Zero(t, q.Len())
			})
		})
	}
}

// What was accepted can be popped after Close in every way.
func TestDrainAfterClose(t *testing.T) {
	eachPop(t, func(t *testing.T, b queue.Backend, pop popFunc) {
		q := filled(t, b, 4)
		q.Close()
		for i := 0; i < 4; i++ {
			v, err := pop(bg, q)
			require.NoError(t, err)
			require.Equal(t, i, v)
		}
		_, err := pop(bg, q)
		require.Equal(t, queue.ErrClosed, err)
	})
	each(t, func(t *testing.T, b queue.Backend) {
		q := filled(t, b, 8)
		q.Close()
		dst := make([]int, 5)
		for _, want := range [][]int{{0, 1, 2, 3, 4}, {5, 6, 7}} {
			n, err := q.PopBatch(bg, dst)
			require.NoError(t, err)
			require.Equal(t, want, dst[:n])
		}
		n, err := q.PopBatch(bg, dst)
		require.Zero(t, n)
		require.Equal(t, queue.ErrClosed, err)
	})
}

func TestCloseWakesProducers(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		q := filled(t, b, 2)
		var pushed []<-chan error
		for i := 0; i < 8; i++ {
			pushed = append(pushed, parkPush(t, ctx, q, pushes[i%len(pushes)].do, -1))
		}
		q.Close()
		for _, p := range pushed {
			require.Equal(t, queue.ErrClosed, testx.Recv(t, p))
		}
		require.Equal(t, upTo(2), drain[int](q))
	})
}

func TestCloseWakesConsumers(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		q := open[int](t, b, 2)
		var got []<-chan popped
		for i := 0; i < 8; i++ {
			got = append(got, parkPop(t, ctx, q, pops[i%len(pops)].do))
		}
		q.Close()
		for _, g := range got {
			require.Equal(t, popped{err: queue.ErrClosed}, testx.Recv(t, g))
		}
	})
}

// A PushBatch that Close cuts short says how many it queued, and these are there.
func TestPushBatchWhileClosing(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 4)
		n := make(chan int, 1)
		pushed := testx.Park(t, func() error {
			k, err := q.PushBatch(bg, upTo(10))
			n <- k
			return err
		})
		v, err := q.Pop(bg)
		require.NoError(t, err)
		require.Zero(t, v)
		q.Close()
		require.Equal(t, queue.ErrClosed, testx.Recv(t, pushed))
		k := <-n // 4, or 5 if it was quicker than Close
		require.Contains(t, []int{4, 5}, k)
		require.Equal(t, upTo(k)[1:], drain[int](q))
	})
}

// A value that was there before Close is never taken for missing.
func TestPopWhileClosing(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		tryPop := func(_ context.Context, q full[int]) (int, error) {
			if v, ok := q.TryPop(); ok {
				return v, nil
			}
			return 0, queue.ErrClosed
		}
		ways := []popFunc{tryPop}
		for _, p := range pops {
			ways = append(ways, p.do)
		}
		for i, pop := range ways {
			for round := 0; round < rounds(b, 2000); round++ {
				q := open[int](t, b, 2)
				require.NoError(t, q.TryPush(7))
				var v int
				var err error
				testx.AtOnce(t, q.Close, func() { v, err = pop(bg, q) })
				require.NoError(t, err, "way %d", i)
				require.Equal(t, 7, v)
			}
		}
	})
}

// A push at the moment of Close is accepted and then popped, or refused and then
// not there.
func TestPushWhileClosing(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		accepted, n := 0, rounds(b, 5000)
		for round := 0; round < n; round++ {
			q := open[int](t, b, 2)
			var err error
			testx.AtOnce(t, q.Close, func() { err = q.TryPush(7) })
			want := []int{}
			if err == nil {
				want = []int{7}
				accepted++
			} else {
				require.Equal(t, queue.ErrClosed, err)
			}
			require.Equal(t, want, drain[int](q))
			_, popErr := q.Pop(bg)
			require.Equal(t, queue.ErrClosed, popErr)
		}
		t.Logf("%d of %d pushes were accepted", accepted, n)
	})
}

// Many closers at once are as good as one.
func TestCloseByMany(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		for round := 0; round < rounds(b, 500); round++ {
			q := filled(t, b, 2)
			testx.AtOnce(t, q.Close, q.Close, q.Close)
			require.True(t, q.Stats().Closed)
			require.Equal(t, upTo(2), drain[int](q))
			_, err := q.Pop(bg)
			require.Equal(t, queue.ErrClosed, err)
		}
	})
}
