package server_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// onLanes makes a server with a dispatcher for each of its lanes.
func onLanes(t testing.TB, h server.Handler[int, int], so server.Options, do dispatcher.Options) (srv, []disp) {
	t.Helper()
	s, err := server.New(h, so)
	require.NoError(t, err)
	ds := make([]disp, so.Lanes)
	for i := range ds {
		do.Lane = i
		ds[i], err = dispatcher.New(s, do)
		require.NoError(t, err)
	}
	return s, ds
}

// eachLanes runs f for some numbers of lanes, in each mode of CallerRuns.
func eachLanes(t *testing.T, f func(t *testing.T, o server.Options)) {
	for _, m := range callerRuns {
		for _, n := range []int{2, 3, server.MaxLanes} {
			m.opts.Lanes = n
			t.Run(m.name, func(t *testing.T) { f(t, m.opts) })
		}
	}
}

// What waits is handled by urgency, in the order of each lane, but for what the
// guard lets through.
func TestLanesUrgency(t *testing.T) {
	eachLanes(t, func(t *testing.T, o server.Options) {
		var got []int
		s, ds := onLanes(t, funcs(func(_ context.Context, n int) (int, error) {
			got = append(got, n)
			return n, nil
		}), o, dispatcher.Options{})
		const n = 20 // of each lane: fewer than the guard's, on lane 0
		for i := len(ds) - 1; i >= 0; i-- {
			for k := 0; k < n; k++ {
				require.NoError(t, ds[i].Send(context.Background(), i*1000+k))
			}
		}
		st := s.Stats()
		require.Len(t, st.Lanes, o.Lanes)
		for _, lane := range st.Lanes {
			require.Equal(t, queue.Stats{Pushed: n, Len: n, Cap: queue.DefaultCapacity}, lane.Queue)
		}
		require.Equal(t, queue.Stats{Pushed: uint64(n * o.Lanes), Len: n * o.Lanes, Cap: queue.DefaultCapacity * o.Lanes}, st.Queue)
		require.NoError(t, s.Shutdown(context.Background()))
		require.Len(t, got, n*o.Lanes)
		next := make([]int, o.Lanes)
		above, guarded := 0, 0
		for at, v := range got {
			lane, k := v/1000, v%1000
			require.Equal(t, next[lane], k, "the order of a lane")
			next[lane]++
			for i := 0; i < lane; i++ {
				if next[i] < n { // a more urgent one waits
					require.GreaterOrEqual(t, above, server.LaneGuard, "message %d of lane %d came too early", at, lane)
					guarded++
					above = -1
					break
				}
			}
			if lane < o.Lanes-1 || above == -1 {
				above++
			}
		}
		if o.Lanes > 2 {
			require.Positive(t, guarded)
		}
		for _, lane := range s.Stats().Lanes {
			require.Equal(t, queue.Stats{Pushed: n, Popped: n, Cap: queue.DefaultCapacity, Closed: true}, lane.Queue)
		}
	})
}

// The most urgent lane always has something to do; the others are served all the
// same, and get the smaller part. (The exact bound is internal/ring's test.)
func TestLanesStarvation(t *testing.T) {
	eachLanes(t, func(t *testing.T, o server.Options) {
		s, ds := onLanes(t, funcs(echo), o, dispatcher.Options{})
		batch := make([]int, 64)
		var stop atomic.Bool
		busy := func() {
			for !stop.Load() {
				if _, err := ds[0].SendAll(context.Background(), batch); err != nil {
					t.Error(err)
				}
			}
		}
		patient := func() {
			for i := 0; i < 50; i++ {
				for _, d := range ds[1:] {
					if _, err := d.Request(context.Background(), i); err != nil {
						t.Error(err)
					}
				}
			}
			stop.Store(true)
		}
		run(t, s)
		testx.Join(t, busy, busy, patient)
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// A request on any lane runs on its caller if all lanes are idle, as CallerRuns
// says, and is queued if one is not.
func TestLanesCallerRuns(t *testing.T) {
	eachLanes(t, func(t *testing.T, o server.Options) {
		var ran string
		s, ds := onLanes(t, funcs(func(_ context.Context, n int) (int, error) {
			if n == 1 {
				ran = goid()
			}
			return n, nil
		}), o, dispatcher.Options{})
		run(t, s)
		for _, d := range ds {
			if o.CallerRuns == server.CallerRunsAuto {
				prove(t, s, ds[0], 0) // anew: to ask whose goroutine it is takes long
			}
			require.Equal(t, o.CallerRuns != server.CallerRunsNever, whose(t, s, d, &ran))
		}
		if o.CallerRuns == server.CallerRunsAuto {
			prove(t, s, ds[0], 0) // once more: the last call may have been slow, too
		}
		before := s.Stats().Inline
		out := make([]dispatcher.Result[int], 100)
		idle(t, s)
		require.NoError(t, ds[1].RequestAll(context.Background(), make([]int, 100), out))
		if o.CallerRuns != server.CallerRunsNever {
			require.Greater(t, s.Stats().Inline, before)
		} else {
			require.Zero(t, s.Stats().Inline)
		}
	})
}

func TestLanesRefuse(t *testing.T) {
	for _, tt := range []struct {
		opts  server.Options
		names string
	}{
		{server.Options{Lanes: -1}, "Options.Lanes: -1"},
		{server.Options{Lanes: server.MaxLanes + 1}, "Options.Lanes: 9"},
		{server.Options{Lanes: 2, Concurrency: 2}, "Options.Lanes: 2 with Options.Concurrency 2"},
		{server.Options{Lanes: 2, Queue: queue.Options{Backend: queue.BackendChan}}, "Options.Lanes: 2 with Options.Queue.Backend chan"},
		{server.Options{Lanes: 2, Queue: queue.Options{Capacity: -1}}, "Options.Queue.Capacity"},
	} {
		_, err := server.New[int, int](funcs(echo), tt.opts)
		require.ErrorContains(t, err, tt.names)
	}
	for _, o := range []server.Options{{}, {Lanes: 1}, {Concurrency: 2}, {Lanes: 1, Concurrency: 2}, {Lanes: 2}} {
		s, err := server.New[int, int](funcs(echo), o)
		require.NoError(t, err)
		_, err = dispatcher.New(s, dispatcher.Options{Lane: 2})
		require.ErrorContains(t, err, "dispatcher: Options.Lane: server: 2 is not one of its lanes")
		_, err = dispatcher.New(s, dispatcher.Options{Lane: -1})
		require.ErrorContains(t, err, "Options.Lane: -1 is negative")
		_, err = s.Lane(-1)
		require.Error(t, err)
		zero, err := s.Lane(0)
		require.NoError(t, err)
		d, err := dispatcher.New(zero, dispatcher.Options{})
		require.NoError(t, err)
		require.NoError(t, d.Send(context.Background(), 1))
		require.EqualValues(t, 1, s.Stats().Queue.Pushed)
		require.NoError(t, s.Shutdown(context.Background()))
		if o.Lanes < 2 {
			require.Nil(t, s.Stats().Lanes)
		}
	}
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
	require.NoError(t, err)
	_, err = dispatcher.New[int, int](q, dispatcher.Options{Lane: 1})
	require.ErrorContains(t, err, "Options.Lane: 1")
	require.ErrorContains(t, err, "has no lanes")
	_, err = dispatcher.New[int, int](nilLanes{q}, dispatcher.Options{Lane: 1})
	require.ErrorContains(t, err, "Options.Lane")
}

// nilLanes is a target whose lanes are nothing.
type nilLanes struct {
	*queue.Ring[dispatcher.Envelope[int, int]]
}

func (nilLanes) Lane(int) (queue.Pusher[dispatcher.Envelope[int, int]], error) { return nil, nil }
