//go:build go1.25

package dispatcher_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// The Timeout of RequestAll runs from its call, whatever its requests wait for.

func TestRequestAllClockRunsInline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		to := inline{newRing(t, 4), func(n int) (int, error) {
			handled++
			time.Sleep(20 * time.Millisecond)
			return n, nil
		}}
		d := newDispatcher(t, to, dispatcher.Options{Timeout: 50 * time.Millisecond})
		out := make([]dispatcher.Result[int], 20)
		require.Equal(t, dispatcher.ErrTimeout, d.RequestAll(bg, make([]int, 20), out))
		require.Equal(t, 3, handled, "the third begins in time")
		for i, r := range out {
			require.Equal(t, i >= 3, r.Err != nil, "out[%d]: %v", i, r.Err)
		}
	})
}

// A reply that comes together with the tick of the clock may end a wait that has
// received the tick. The requests behind it still have a Timeout.
func TestRequestAllClockTicksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = time.Millisecond
		q := newRing(t, 4)
		d := newDispatcher(t, q, dispatcher.Options{Timeout: timeout})
		for round := 0; round < 20_000; round++ {
			answered := make(chan bool)
			go func() {
				e, err := q.Pop(bg)
				require.NoError(t, err)
				time.Sleep(timeout)
				answered <- e.Reply(7, nil)
			}()
			out := make([]dispatcher.Result[int], 2)
			require.Equal(t, dispatcher.ErrTimeout, d.RequestAll(bg, []int{1, 2}, out))
			require.Equal(t, <-answered, out[0].Err == nil)
			_, ok := q.TryPop()
			require.True(t, ok)
		}
	})
}

func TestRequestAllIsRefusedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := inline{newRing(t, 4), func(n int) (int, error) { return n, nil }}
		d := newDispatcher(t, to, dispatcher.Options{Timeout: 750 * time.Millisecond, RateLimit: 2, Burst: 1})
		start := time.Now()
		out := make([]dispatcher.Result[int], 3)
		require.ErrorIs(t, d.RequestAll(bg, make([]int, 3), out), dispatcher.ErrRateLimited)
		require.NoError(t, out[1].Err)
		require.Equal(t, 500*time.Millisecond, time.Since(start), "the third would pass after a second")
	})
}

// A Pusher that knows contexts only, and is full, gets what is left of the time.
func TestTimeoutOfAPlainPusher(t *testing.T) {
	full := func(t *testing.T) plain {
		q := newRing(t, 2)
		require.NoError(t, q.TryPush(envelope{}))
		require.NoError(t, q.TryPush(envelope{}))
		return plain{q}
	}
	const timeout = 400 * time.Millisecond
	for name, f := range map[string]func(disp) error{
		"Request": func(d disp) error { _, err := d.Request(bg, 1); return err },
		"Go":      func(d disp) error { _, err := d.Go(bg, 1); return err },
		"RequestAll": func(d disp) error {
			return d.RequestAll(bg, make([]int, 3), make([]dispatcher.Result[int], 3))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDispatcher(t, full(t), dispatcher.Options{Timeout: timeout, RateLimit: 4, Burst: 1})
				require.Equal(t, dispatcher.ErrQueueFull, d.TrySend(0)) // takes the token
				start := time.Now()
				require.Equal(t, dispatcher.ErrTimeout, f(d))
				require.Equal(t, timeout, time.Since(start))
			})
		})
	}
}

// RequestAll does not wait for a place while it has places of its own, whose
// requests were answered: a request that needs one of them may be what it waits for.
func TestRequestAllGivesItsPlacesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newRing(t, 8)
		d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 2, RateLimit: 10, Burst: 1})
		drain(t, q, func(e envelope) {
			if e.Message() != 77 {
				answer(e)
				return
			}
			go func() {
				time.Sleep(200 * time.Millisecond)
				e.Reply(d.Request(bg, 5)) // of its own dispatcher
			}()
		})
		require.NoError(t, d.TrySend(0)) // takes the token
		all := async(func() (int, error) {
			return 0, d.RequestAll(bg, []int{1, 2}, make([]dispatcher.Result[int], 2))
		})
		time.Sleep(30 * time.Millisecond)
		nested := async(func() (int, error) { return d.Request(bg, 77) })
		require.NoError(t, (<-all).err)
		require.Equal(t, result{-5, nil}, <-nested)
	})
}

// A Call has its outcome when its ctx or time has ended, for whoever asks.
func TestCallIsReadyWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newRing(t, 4)
		d := newDispatcher(t, q, dispatcher.Options{Timeout: time.Second, MaxInFlight: 2, Overflow: dispatcher.Reject})
		timed, err := d.Go(bg, 1)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(bg)
		cancelled, err := d.Go(ctx, 2)
		require.NoError(t, err)
		require.False(t, timed.Ready() || cancelled.Ready())

		cancel()
		require.True(t, cancelled.Ready())
		time.Sleep(time.Second)
		require.True(t, timed.Ready())
		for call, want := range map[*dispatcher.Call[int]]error{timed: dispatcher.ErrTimeout, cancelled: context.Canceled} {
			_, err := call.Wait(bg)
			require.Equal(t, want, err)
			e, ok := q.TryPop()
			require.True(t, ok && e.Abandoned())
		}
		s := d.Stats()
		require.EqualValues(t, []any{0, uint64(1), uint64(1)}, []any{s.InFlight, s.Cancelled, s.TimedOut})
	})
}
