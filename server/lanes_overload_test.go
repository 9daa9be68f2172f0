package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
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

// A full lane pushes back on its own senders only, and an urgent message
// overtakes what waits there.
func TestLanesDoNotFillEachOther(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var got []int
	s, ds := onLanes(t, funcs(func(_ context.Context, n int) (int, error) {
		if n == 0 {
			close(entered)
			<-release
		}
		got = append(got, n)
		return n, nil
	}), server.Options{Lanes: 2, Queue: queue.Options{Capacity: 2}}, dispatcher.Options{})
	run(t, s)
	require.NoError(t, ds[1].Send(context.Background(), 0))
	<-entered
	require.NoError(t, ds[1].TrySend(10))
	require.NoError(t, ds[1].TrySend(11))
	require.Equal(t, dispatcher.ErrQueueFull, ds[1].TrySend(12))
	short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	require.Equal(t, context.DeadlineExceeded, ds[1].Send(short, 12))
	timed, err := dispatcher.New(s, dispatcher.Options{Lane: 1, Timeout: time.Millisecond})
	require.NoError(t, err)
	_, err = timed.Request(context.Background(), 12)
	require.Equal(t, dispatcher.ErrTimeout, err)
	blocked := make(chan error, 1)
	go func() { n, err := ds[1].SendAll(context.Background(), []int{12, 13, 14}); _ = n; blocked <- err }()
	require.NoError(t, ds[0].TrySend(1))
	close(release)
	require.NoError(t, <-blocked)
	require.NoError(t, s.Shutdown(context.Background()))
	require.Equal(t, []int{0, 1, 10, 11, 12, 13, 14}, got)
}

// Close and Shutdown refuse at once those who wait for room, on any lane, though
// the handler has not returned.
func TestLanesEndWhileFull(t *testing.T) {
	eachLanes(t, func(t *testing.T, o server.Options) {
		entered, release := make(chan struct{}), make(chan struct{})
		o.Queue.Capacity = 2
		s, ds := onLanes(t, funcs(func(_ context.Context, n int) (int, error) {
			if n == 1 {
				close(entered)
				<-release
			}
			return n, nil
		}), o, dispatcher.Options{})
		run(t, s)
		require.NoError(t, ds[0].Send(context.Background(), 1))
		<-entered
		var waiting []<-chan error
		for _, d := range ds {
			for d.TrySend(0) == nil {
			}
			waiting = append(waiting, testx.Park(t, func() error { return d.Send(context.Background(), 0) }))
		}
		if o.Lanes == 2 {
			s.Close()
		} else {
			short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.Shutdown(short), context.DeadlineExceeded)
		}
		for _, w := range waiting {
			require.Equal(t, server.ErrServerClosed, testx.Recv(t, w))
		}
		close(release)
		require.NoError(t, s.Shutdown(context.Background()))
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
