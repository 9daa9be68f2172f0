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

// ended returns contexts that have ended, by their errors.
func ended() map[error]context.Context {
	canceled, cancel := context.WithCancel(bg)
	cancel()
	late, cancel := context.WithDeadline(bg, time.Unix(0, 0))
	cancel()
	return map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: late}
}

// A ctx that has ended fails a push though there is room, and a pop though
// there are items; closed or not.
func TestPushWithEndedCtx(t *testing.T) {
	eachPush(t, func(t *testing.T, b queue.Backend, push pushFunc) {
		for want, ctx := range ended() {
			q := open[int](t, b, 2)
			require.Equal(t, want, push(ctx, q, 1))
			require.Zero(t, q.Len())
			require.Zero(t, q.Stats().Pushed)
			q.Close()
			require.Equal(t, want, push(ctx, q, 1))
			require.Equal(t, want, push(ctx, filled(t, b, 2), 1))
		}
	})
}

func TestPopWithEndedCtx(t *testing.T) {
	eachPop(t, func(t *testing.T, b queue.Backend, pop popFunc) {
		for want, ctx := range ended() {
			q := filled(t, b, 2)
			for i := 0; i < 2; i++ {
				_, err := pop(ctx, q)
				require.Equal(t, want, err)
				require.Equal(t, 2, q.Len(), "nothing was taken")
				q.Close()
			}
			require.Equal(t, upTo(2), drain[int](q))
			_, err := pop(ctx, q)
			require.Equal(t, want, err)
		}
	})
}

func TestBatchesWithEndedCtx(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		for want, ctx := range ended() {
			q := filled(t, b, 4)
			n, err := q.PopBatch(ctx, make([]int, 3))
			assert.Zero(t, n)
			assert.Equal(t, want, err)
			assert.Equal(t, upTo(4), drain[int](q))
			n, err = q.PushBatch(ctx, upTo(3))
			assert.Zero(t, n)
			assert.Equal(t, want, err)
			assert.Zero(t, q.Len())
		}
	})
}

func TestPushWhileCtxEnds(t *testing.T) {
	eachPush(t, func(t *testing.T, b queue.Backend, push pushFunc) {
		q := filled(t, b, 2)
		ctx, cancel := context.WithCancel(bg)
		pushed := parkPush(t, ctx, q, push, -1)
		cancel()
		require.Equal(t, context.Canceled, testx.Recv(t, pushed))
		require.Equal(t, upTo(2), drain[int](q), "the refused value is not there")
		require.EqualValues(t, 2, q.Stats().Pushed)
		require.NoError(t, q.TryPush(2), "and the queue goes on")
	})
}

func TestPopWhileCtxEnds(t *testing.T) {
	eachPop(t, func(t *testing.T, b queue.Backend, pop popFunc) {
		q := open[int](t, b, 2)
		ctx, cancel := context.WithCancel(bg)
		got := parkPop(t, ctx, q, pop)
		cancel()
		require.Equal(t, popped{err: context.Canceled}, testx.Recv(t, got))
		require.NoError(t, q.TryPush(5))
		require.Equal(t, []int{5}, drain[int](q), "who has left takes nothing")
	})
}

// A PushBatch that is cut short says how many it queued: a prefix.
func TestPushBatchWhileCtxEnds(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 4)
		require.NoError(t, q.TryPush(0))
		ctx, cancel := context.WithCancel(bg)
		type result struct {
			n   int
			err error
		}
		pushed := testx.Park(t, func() result {
			n, err := q.PushBatch(ctx, upTo(10)[1:])
			return result{n, err}
		})
		cancel()
		require.Equal(t, result{3, context.Canceled}, testx.Recv(t, pushed))
		require.Equal(t, upTo(4), drain[int](q))
	})
}

func TestNilCtxPanics(t *testing.T) {
	var none context.Context
	eachPush(t, func(t *testing.T, b queue.Backend, push pushFunc) {
		q := open[int](t, b, 2)
		assert.Panics(t, func() { _ = push(none, q, 1) })
		assert.Zero(t, q.Len())
	})
	eachPop(t, func(t *testing.T, b queue.Backend, pop popFunc) {
		q := filled(t, b, 2)
		assert.Panics(t, func() { _, _ = pop(none, q) })
		assert.Equal(t, 2, q.Len())
	})
}

// The first of two consumers gives up while the only value arrives. If it leaves
// the value, the second one must get it: its wake-up is passed on.
func TestCancelPassesTheValueOn(t *testing.T) {
	eachPop(t, func(t *testing.T, b queue.Backend, pop popFunc) {
		q := open[int](t, b, 2)
		for round := 0; round < scaled(b, 100); round++ {
			ctx, cancel := context.WithCancel(bg)
			first, second := parkPop(t, ctx, q, pop), parkPop(t, bg, q, pop)
			if round%2 == 0 {
				cancel()
				require.NoError(t, q.TryPush(1))
			} else {
				testx.AtOnce(t, cancel, func() { assert.NoError(t, q.TryPush(1)) })
			}
			if testx.Recv(t, first).err == nil {
				require.NoError(t, q.TryPush(1))
			}
			require.Equal(t, popped{v: 1}, testx.Recv(t, second))
		}
	})
}

// The same for producers and room.
func TestCancelPassesTheRoomOn(t *testing.T) {
	eachPush(t, func(t *testing.T, b queue.Backend, push pushFunc) {
		q := filled(t, b, 2)
		pop := func() { _, ok := q.TryPop(); assert.True(t, ok) }
		for round := 0; round < scaled(b, 100); round++ {
			ctx, cancel := context.WithCancel(bg)
			first, second := parkPush(t, ctx, q, push, 1), parkPush(t, bg, q, push, 2)
			if round%2 == 0 {
				cancel()
				pop()
			} else {
				testx.AtOnce(t, cancel, pop)
			}
			if testx.Recv(t, first) == nil {
				pop()
			}
			require.NoError(t, testx.Recv(t, second))
			require.Equal(t, 2, q.Len())
		}
	})
}
