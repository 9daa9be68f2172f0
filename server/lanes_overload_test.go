package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// An urgent message is next, though the handler is quick and a less urgent lane
// is long: nobody has popped more than one message.
func TestLanesUrgentIsNext(t *testing.T) {
	eachLanes(t, func(t *testing.T, o server.Options) {
		const n, urgent = 1000, -1
		var ds []disp
		var after []int // what came after each urgent one was sent
		asked := false
		h := funcs(func(_ context.Context, v int) (int, error) {
			if asked {
				after = append(after, v)
			}
			if asked = v != urgent && v%10 == 9; asked {
				if err := ds[0].TrySend(urgent); err != nil {
					t.Error(err)
				}
			}
			return v, nil
		})
		s, ds2 := onLanes(t, h, o, dispatcher.Options{})
		ds = ds2
		for i := 0; i < n; i++ {
			require.NoError(t, ds[len(ds)-1].TrySend(i))
		}
		run(t, s)
		_, err := ds[len(ds)-1].Request(context.Background(), n) // the last
		require.NoError(t, err)
		require.NoError(t, s.Shutdown(context.Background()))
		require.Len(t, after, n/10)
		for _, v := range after {
			require.Equal(t, urgent, v)
		}
	})
}

// A full lane evicts the oldest message of its own, and no other.
func TestLanesDropOldest(t *testing.T) {
	eachLanes(t, func(t *testing.T, o server.Options) {
		const capacity = 4
		var evicted, handled []int
		o.DropOldest = true
		o.Queue.Capacity = capacity
		o.OnCommandError = func(cmd any, err error) {
			require.Equal(t, dispatcher.ErrShed, err)
			evicted = append(evicted, cmd.(int))
		}
		s, ds := onLanes(t, funcs(func(_ context.Context, n int) (int, error) {
			handled = append(handled, n)
			return n, nil
		}), o, dispatcher.Options{Overflow: dispatcher.Reject})
		var lost, kept []int
		for lane, d := range ds {
			batch := make([]int, capacity+1+lane) // one more on each than on the one before
			for i := range batch {
				batch[i] = lane*100 + i
			}
			n, err := d.SendAll(context.Background(), batch)
			require.NoError(t, err)
			require.Equal(t, len(batch), n)
			lost = append(lost, batch[:1+lane]...)
			kept = append(kept, batch[1+lane:]...)
		}
		require.Equal(t, lost, evicted)
		require.NoError(t, s.Shutdown(context.Background()))
		if len(kept) < server.LaneGuard {
			require.Equal(t, kept, handled)
		}
		require.ElementsMatch(t, kept, handled)
		for lane, st := range s.Stats().Lanes {
			require.EqualValues(t, 1+lane, st.Evicted)
			require.Equal(t, queue.Stats{Pushed: uint64(capacity + 1 + lane), Popped: uint64(capacity + 1 + lane), Cap: capacity, Closed: true}, st.Queue)
		}
		audit(t, s, ds...)
	})
}

// Waits are measured by lane.
func TestLanesTiming(t *testing.T) {
	const call = 2 * time.Millisecond
	s, ds := onLanes(t, funcs(func(_ context.Context, n int) (int, error) { time.Sleep(call); return n, nil }),
		server.Options{Lanes: 2, Timing: true}, dispatcher.Options{})
	for _, d := range ds {
		for i := 0; i < 10; i++ {
			require.NoError(t, d.TrySend(i))
		}
	}
	require.NoError(t, s.Shutdown(context.Background()))
	requireAccounts(t, s)
	st := s.Stats()
	require.EqualValues(t, 20, st.Timing.Queued.Count)
	require.Equal(t, 20, st.Timing.Longest)
	for lane, l := range st.Lanes {
		require.EqualValues(t, 10, l.Queued.Count)
		require.GreaterOrEqual(t, l.Queued.P90, time.Duration(lane*10+8)*call*31/32)
	}
	require.Less(t, st.Lanes[0].Queued.P50, st.Lanes[1].Queued.P50)
}
