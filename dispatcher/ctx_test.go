package dispatcher_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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

// fickle is a ctx whose methods panic from the nth call on, all taken together. It has
// ended if its Done is closed.
type fickle struct {
	context.Context
	calls, n int
	done     chan struct{}
}

func (c *fickle) call() {
	if c.calls++; c.calls >= c.n {
		panic("a method of ctx")
	}
}

func (c *fickle) Err() error            { c.call(); return nil }
func (c *fickle) Done() <-chan struct{} { c.call(); return c.done }
func (c *fickle) Deadline() (time.Time, bool) {
	c.call()
	return time.Time{}, false
}

// A ctx whose methods panic, whenever that is, costs others nothing: no place in flight,
// and no place in the line of those who wait for the rate.
func TestCtxThatPanics(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	for name, f := range map[string]func(d disp, ctx context.Context){
		"Request":    func(d disp, ctx context.Context) { d.Request(ctx, 1) },
		"Go":         func(d disp, ctx context.Context) { d.Go(ctx, 1) },
		"RequestAll": func(d disp, ctx context.Context) { d.RequestAll(ctx, []int{1, 2}, make([]dispatcher.Result[int], 2)) },
		"Send":       func(d disp, ctx context.Context) { d.Send(ctx, 1) },
		"SendAll":    func(d disp, ctx context.Context) { d.SendAll(ctx, []int{1, 2}) },
	} {
		for n := 1; n < 16; n++ {
			for _, done := range []chan struct{}{nil, closed} {
				t.Run(fmt.Sprint(name, n, done != nil), func(t *testing.T) {
					d := served(t, dispatcher.Options{MaxInFlight: 2, RateLimit: 1e4, Burst: 1})
					for range 3 {
						func() {
							defer func() { _ = recover() }()
							f(d, &fickle{Context: bg, n: n, done: done})
						}()
					}
					testx.Join(t, testx.Times(4, func(int) {
						out := make([]dispatcher.Result[int], 4)
						assert.NoError(t, d.RequestAll(bg, []int{1, 2, 3, 4}, out))
						for i, r := range out {
							assert.Equal(t, dispatcher.Result[int]{Value: -1 - i}, r)
						}
					})...)
				})
			}
		}
	}
}
