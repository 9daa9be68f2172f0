package dispatcher_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// The end of a ctx that has no error is an end all the same: it is no reply, no place
// in flight and no room in the queue.
func TestSilentCtx(t *testing.T) {
	ctx := testx.Silent()
	full := func() ring {
		q := newRing(t, 2)
		for q.TryPush(envelope{}) == nil {
		}
		return q
	}
	chans := func() queue.Pusher[envelope] {
		q, err := queue.NewChan[envelope](queue.Options{Capacity: 2})
		require.NoError(t, err)
		for q.TryPush(envelope{}) == nil {
		}
		return q
	}
	unanswered := newDispatcher(t, newRing(t, 16), dispatcher.Options{})
	slow := newDispatcher(t, newRing(t, 16), dispatcher.Options{RateLimit: 1e-3, Burst: 1})
	require.NoError(t, slow.Send(bg, 1))
	places := newDispatcher(t, newRing(t, 16), dispatcher.Options{MaxInFlight: 1})
	call, err := places.Go(bg, 1)
	require.NoError(t, err)

	for name, f := range map[string]func() error{
		"reply":   func() error { _, err := unanswered.Request(ctx, 1); return err },
		"replies": func() error { return unanswered.RequestAll(ctx, []int{1}, make([]dispatcher.Result[int], 1)) },
		"room":    func() error { return newDispatcher(t, full(), dispatcher.Options{}).Send(ctx, 1) },
		"channel": func() error { return newDispatcher(t, chans(), dispatcher.Options{}).Send(ctx, 1) },
		"rate":    func() error { return slow.Send(ctx, 1) },
		"place":   func() error { _, err := places.Go(ctx, 1); return err },
		"wait":    func() error { _, err := call.Wait(ctx); return err },
		"call": func() error {
			c, err := unanswered.Go(ctx, 1)
			require.NoError(t, err)
			_, err = c.Wait(bg)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, context.Canceled, testx.Recv(t, async(func() (int, error) { return 0, f() })).err)
		})
	}
	require.Equal(t, 1, places.Stats().InFlight)
}
