package dispatcher_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// Go and Wait with one ctx: when that ends, the Call does not keep its place.
func TestCallOfAnEndedCtx(t *testing.T) {
	q := newRing(t, 128)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 1, Overflow: dispatcher.Reject})
	for i := 0; i < 100; i++ {
		ctx, cancel := context.WithCancel(bg)
		c, err := d.Go(ctx, i)
		require.NoError(t, err, "round %d", i)
		ask := func() error { _, err := c.Wait(ctx); return err }
		if i%2 == 0 {
			cancel()
			require.Equal(t, context.Canceled, ask())
		} else {
			asleep := testx.Park(t, ask)
			cancel()
			require.Equal(t, context.Canceled, testx.Recv(t, asleep))
		}
		require.Zero(t, d.Stats().InFlight)
	}
	require.EqualValues(t, 100, d.Stats().Cancelled)
}

// A Go that is refused costs nothing, whatever refuses it.
func TestRefusedGoAllocatesNothing(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	full := newRing(t, 2)
	require.NoError(t, full.TryPush(envelope{}))
	require.NoError(t, full.TryPush(envelope{}))
	closed := newRing(t, 2)
	closed.Close()
	for want, d := range map[error]disp{
		dispatcher.ErrQueueFull: newDispatcher(t, full, dispatcher.Options{Overflow: dispatcher.Reject}),
		dispatcher.ErrClosed:    newDispatcher(t, closed, dispatcher.Options{}),
	} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			c, err := d.Go(bg, 1)
			if c != nil || err != want {
				t.Errorf("%v, %v", c, err)
			}
		}), want)
	}
}

// An answer that says that something is closed does not end RequestAll: it may be
// another server that the handler has asked.
func TestRequestAllGoesOnAfterAnAnswer(t *testing.T) {
	respond := func(n int) (int, error) {
		if n == 3 {
			return 0, dispatcher.ErrClosed
		}
		return n, nil
	}
	q := newRing(t, 256)
	drain(t, q, func(e envelope) { e.Reply(respond(e.Message())) })
	reqs := make([]int, 200)
	for i := range reqs {
		reqs[i] = i
	}
	for name, d := range map[string]disp{
		"queued": newDispatcher(t, q, dispatcher.Options{}),
		"inline": newDispatcher(t, inline{newRing(t, 4), respond}, dispatcher.Options{}),
	} {
		out := make([]dispatcher.Result[int], len(reqs))
		require.Equal(t, dispatcher.ErrClosed, d.RequestAll(bg, reqs, out), name)
		for i, r := range out {
			n, err := respond(i)
			require.Equal(t, dispatcher.Result[int]{Value: n, Err: err}, r, "%s: out[%d]", name, i)
		}
	}
}

// What the server refuses after it was accepted is told, too.
func TestRequestAllTellsOfShedding(t *testing.T) {
	q := newRing(t, 16)
	drain(t, q, func(e envelope) { e.Reply(0, []error{errTest, dispatcher.ErrShed, nil}[e.Message()-1]) })
	out := make([]dispatcher.Result[int], 3)
	require.Equal(t, dispatcher.ErrShed, newDispatcher(t, q, dispatcher.Options{}).RequestAll(bg, []int{1, 2, 3}, out))
	require.Equal(t, []error{errTest, dispatcher.ErrShed, nil}, []error{out[0].Err, out[1].Err, out[2].Err})
}

// cancelling is a Pusher during whose first push ctx ends.
type cancelling struct {
	ring
	cancel func()
}

func (c cancelling) TryPush(e envelope) error {
	c.cancel()
	return c.ring.TryPush(e)
}

// SendAll looks at ctx before each command that it sends by itself.
func TestSendAllStopsWithCtx(t *testing.T) {
	ctx, cancel := context.WithCancel(bg)
	d := newDispatcher(t, cancelling{newRing(t, 256), cancel}, dispatcher.Options{Overflow: dispatcher.Reject})
	n, err := d.SendAll(ctx, make([]int, 200))
	require.Equal(t, context.Canceled, err)
	require.Equal(t, 1, n)
	require.EqualValues(t, 1, d.Stats().Commands)
}
