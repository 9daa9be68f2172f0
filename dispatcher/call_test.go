package dispatcher_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func TestCall(t *testing.T) {
	q := newRing(t, 4)
	d := newDispatcher(t, q, dispatcher.Options{})
	c, err := d.Go(bg, 5)
	require.NoError(t, err)
	require.False(t, c.Ready())
	ended, cancel := context.WithCancel(bg)
	cancel()
	_, err = c.Wait(ended) // abandons the wait and not the call
	require.Equal(t, context.Canceled, err)
	require.False(t, c.Ready())
	require.Equal(t, 1, d.Stats().InFlight)

	var waits []<-chan error
	for i := 0; i < 5; i++ {
		waits = append(waits, testx.Park(t, func() error {
			n, err := c.Wait(bg)
			if n != -5 {
				return errTest
			}
			return err
		}))
	}
	e, _ := q.TryPop()
	require.True(t, answer(e))
	require.False(t, e.Reply(9, nil))
	for _, w := range waits {
		require.NoError(t, <-w)
	}
	require.True(t, c.Ready())
	n, err := c.Wait(ended) // it is there: no wait, no end of it
	require.NoError(t, err)
	require.Equal(t, -5, n)
	require.Zero(t, d.Stats().InFlight)
}

// The call's own ctx and Timeout end the call.
func TestCallEnds(t *testing.T) {
	q := newRing(t, 4)
	ctx, cancel := context.WithCancel(bg)
	c, err := newDispatcher(t, q, dispatcher.Options{}).Go(ctx, 5)
	require.NoError(t, err)
	wait := testx.Park(t, func() error { _, err := c.Wait(bg); return err })
	cancel()
	require.Equal(t, context.Canceled, <-wait)
	e, _ := q.TryPop()
	require.True(t, e.Abandoned())
	require.False(t, answer(e))
	_, err = c.Wait(bg) // the same again
	require.Equal(t, context.Canceled, err)

	d := newDispatcher(t, q, dispatcher.Options{Timeout: 5 * time.Millisecond, MaxInFlight: 1})
	c, err = d.Go(bg, 5)
	require.NoError(t, err)
	_, err = c.Wait(bg)
	require.Equal(t, dispatcher.ErrTimeout, err)
	_, err = d.Go(bg, 6) // its place is free
	require.NoError(t, err)
	require.EqualValues(t, 1, d.Stats().TimedOut)
}

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

// Waits at the same call from everywhere, while it is resolved.
func TestCallStorm(t *testing.T) {
	q := newRing(t, 16)
	serve(t, q)
	d := newDispatcher(t, q, dispatcher.Options{Timeout: time.Hour})
	for i := 0; i < 500; i++ {
		c, err := d.Go(bg, i+100)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for k := 0; k < 4; k++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if n, err := c.Wait(bg); n != -i-100 || err != nil {
					t.Errorf("got %d, %v", n, err)
				}
			}()
		}
		wg.Wait()
	}
}
